"""The base of `arpcheck pod --kustomize`: a folder that `kubectl apply -k` takes, with the alerts and the dashboard."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from arpcheck.docs import file
from arpcheck.errors import OutputError, UsageError
from arpcheck.vantages.manifests import NAME, Manifest, made, yaml_text

DASHBOARD = "dashboard.json"


def prometheus_rule(namespace: str) -> str:
    """YAML of the alerts for the operator of Prometheus: the file as it is, with its comments, as the `spec`."""
    head = yaml_text([made("monitoring.coreos.com/v1", "PrometheusRule", NAME, namespace)])
    return f"{head}spec:\n{textwrap.indent(file('alerts'), '  ')}"


def base(found: Sequence[Manifest], namespace: str) -> Mapping[str, str]:
    """File names and their texts. The objects of `found` stay in their order."""
    files = {"arpcheck.yaml": yaml_text(found), "rules.yaml": prometheus_rule(namespace)}
    dashboard = {
        "name": f"{NAME}-dashboard",
        "namespace": namespace,
        "files": [f"arpcheck.json={DASHBOARD}"],
        # the label that the sidecar of Grafana's chart looks for
        "options": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1", "app.kubernetes.io/name": NAME}},
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(files),
        "configMapGenerator": [dashboard],
    }
    return {"kustomization.yaml": yaml_text([kustomization]), **files, DASHBOARD: file("dashboard")}


def write_base(folder: Path, found: Sequence[Manifest], namespace: str) -> None:
    """The whole folder or nothing. Raises UsageError where there is something already."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"--kustomize {folder}: it is there already, and not an empty folder", "Name a new folder")
        made_in = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        try:
            for name, text in base(found, namespace).items():
                (made_in / name).write_text(text, encoding="utf-8")
            made_in.chmod(0o755)
            made_in.replace(folder)  # an empty folder may be replaced
        except BaseException:
            shutil.rmtree(made_in, ignore_errors=True)
            raise
    except OSError as error:
        raise OutputError(f"--kustomize {folder}: {error.strerror}") from None
