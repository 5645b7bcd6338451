"""The manifests of `arpcheck pod --watch` and `--cron`: arpcheck that stays in a cluster; and the base of `--kustomize`: a
folder that `kubectl apply -k` takes, with the alerts and the dashboard.

A node's kernel does not answer the node itself, so each segment is watched from two nodes: the second hears what the first
can't. Each is a Deployment of its own, since each has a state of its own."""

from __future__ import annotations

import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from arpcheck.docs import file
from arpcheck.errors import OutputError, UsageError
from arpcheck.vantages.manifests import LABELS, NAME, Manifest, binding, container, job, made, namespace, pod_spec, yaml_text

PORT = 9798

WATCH, CRON = "arpcheck-watch", "arpcheck-cron"
HOST_IP = "ARPCHECK_HOST_IP"
"""The environment variable with the node's own address, where the metrics are served and the kubelet asks for health."""

COMPONENT, INSTANCE, SET = "app.kubernetes.io/component", "app.kubernetes.io/instance", "app.kubernetes.io/part-of"
SEGMENT = "arpcheck.io/segment"
"""The label that keeps the two watches of a segment on different nodes."""

LETTERS = ("a", "b")
DEADLINE = 3600
"""Seconds of a run of the CronJob, including the pull of the image."""
LATE = 300
"""Seconds that a run of the CronJob may begin late."""
KEPT = 3
"""Finished Jobs that are kept, with their logs."""

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,30}[a-z0-9])?")
_INTERFACE = re.compile(r"[^\s/]{1,15}")
"""IFNAMSIZ of the kernel, and what dev_valid_name refuses."""
_LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_SCHEDULE = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Always:
    """What the user wants to stay in the cluster."""

    nodes: tuple[str, ...] = ()
    """Where to run; empty: on any two nodes that `selector` allows."""
    selector: tuple[str, ...] = ()
    """Labels `KEY=VALUE` of the nodes."""
    interfaces: tuple[str, ...] = ()
    """One for each segment; empty: the one that arpcheck finds."""
    name: str | None = None
    port: int = PORT
    cron: str | None = None
    """The schedule of a CronJob; None: Deployments that watch."""
    image: str
    namespace: str
    create_namespace: bool = False
    arguments: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """The account of all of them, and the beginning of their names."""
        return self.name or (WATCH if self.cron is None else CRON)

    @property
    def labels(self) -> dict[str, str]:
        """Of the nodes. A packet socket needs Linux."""
        chosen = (label.partition("=") for label in self.selector)
        return {"kubernetes.io/os": "linux"} | {key: value for key, _, value in chosen}

    @property
    def remarks(self) -> tuple[str, ...]:
        if len(self.nodes) == 1:
            return (f"{self.nodes[0]} can't hear itself: give a second --node of the same segment",)
        return ()

    def check(self) -> None:
        """Raises UsageError for what an API server would refuse."""
        if len(self.nodes) > len(LETTERS):
            raise UsageError(
                f"{len(self.nodes)} times --node", "Two nodes hear all of a segment; use --name for another one"
            )
        if self.nodes and self.selector:
            raise UsageError("--node and --node-selector can't be combined", "Give one or the other")
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise UsageError(
                f"--name {self.name[:80]!r} is not a valid name", f"At most 32 characters, such as {WATCH}-rack-2"
            )
        for interface in self.interfaces:
            if not _INTERFACE.fullmatch(interface) or not interface.isprintable():
                raise UsageError(f"--iface {interface[:80]!r} is not a valid interface name", "`ip link` lists them")
        for label in self.selector:
            key, equals, value = label.partition("=")
            if not equals or not _LABEL.fullmatch(key) or not _VALUE.fullmatch(value):
                hint = "`kubectl get nodes --show-labels` lists them"
                raise UsageError(f"--node-selector {label[:80]!r} is not KEY=VALUE", hint)
        last = self.port + max(len(self.interfaces), 1) - 1
        if not 1023 < self.port <= last < 1 << 16:
            raise UsageError(
                f"--port {self.port} is out of range", f"1024 to {(1 << 16) - 1}, with one port for each --iface"
            )
        if self.cron is not None and not _SCHEDULE.fullmatch(self.cron):
            raise UsageError(f"--cron {self.cron[:80]!r} is not a schedule", 'Use for example "*/15 * * * *", or @hourly')


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlace:
    """One place from which a segment is watched."""

    name: str
    segment: str
    interface: str | None
    node: str | None
    port: int


def always_manifests(wanted: Always, rights: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """In the order in which they can be made. `rights`: those of `wanted.account`."""
    found = tuple(places(wanted))
    account = made("v1", "ServiceAccount", wanted.account, wanted.namespace)
    first = (*((namespace(wanted.namespace),) if wanted.create_namespace else ()), account, *rights)
    if wanted.cron is not None:
        return (*first, *(_cron_job(one, wanted, wanted.cron) for one in found))
    states = [made("v1", "ConfigMap", one.name, wanted.namespace) for one in found]
    return (*first, *_own_state(wanted, found), *states, *(_deployment(one, wanted) for one in found), _pod_monitor(wanted))


def places(wanted: Always) -> Iterator[WatchPlace]:
    """Two for each segment; as many as there are nodes where they are named."""
    for number, interface in enumerate(wanted.interfaces or (None,)):
        segment = wanted.account if interface is None else f"{wanted.account}-{_word(interface)}"
        nodes: Sequence[str | None] = wanted.nodes or (None,) * (len(LETTERS) if wanted.cron is None else 1)
        for letter, node in zip(LETTERS, nodes, strict=False):
            yield WatchPlace(
                name=f"{segment}-{letter}", segment=segment, interface=interface, node=node, port=wanted.port + number
            )


def _word(interface: str) -> str:
    """The interface in a name. What had to be changed gets a hash, so that two interfaces never share a name."""
    word = re.sub(r"[^a-z0-9]+", "-", interface.lower()).strip("-")
    return word if word == interface else f"{word}-{sha256(interface.encode()).hexdigest()[:6]}".strip("-")


# -------------------------------------------------------------------------------------------------------------- --watch


def _deployment(one: WatchPlace, wanted: Always) -> Manifest:
    """Recreate: a second one on the node could not use the port."""
    labels = {**LABELS, COMPONENT: "watch", SET: wanted.account, INSTANCE: one.name, SEGMENT: one.segment}
    template = {"metadata": {"labels": labels, "annotations": _scraped(one)}, "spec": _watch_spec(one, wanted)}
    found = made("apps/v1", "Deployment", one.name, wanted.namespace)
    found["metadata"]["labels"] = labels
    return found | {
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {INSTANCE: one.name}},
            "template": template,
        }
    }


def _scraped(one: WatchPlace) -> dict[str, str]:
    """For a Prometheus without the operator, whose usual configuration looks for these."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(one.port), "prometheus.io/path": "/metrics"}


def _watch_spec(one: WatchPlace, wanted: Always) -> Manifest:
    arguments = ("watch", *_interface(one), "--on-link", "--state", f"configmap/{wanted.namespace}/{one.name}")
    watch = container(wanted.image, (*arguments, *wanted.arguments))
    watch["args"][1:1] = ["--serve", f"$({HOST_IP}):{one.port}"]
    watch["env"].append({"name": HOST_IP, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}})
    health = {"httpGet": {"path": "/healthz", "port": "metrics"}, "timeoutSeconds": 5}
    watch |= {
        "ports": [{"name": "metrics", "containerPort": one.port, "protocol": "TCP"}],
        "startupProbe": health | {"periodSeconds": 5, "failureThreshold": 60},
        "livenessProbe": health | {"periodSeconds": 30, "failureThreshold": 3},
        "readinessProbe": health | {"periodSeconds": 10, "failureThreshold": 3},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec = pod_spec(wanted.account, watch) | {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30}
    return spec | _where(one, wanted)


def _interface(one: WatchPlace) -> tuple[str, ...]:
    return ("--iface", one.interface) if one.interface else ()


def _where(one: WatchPlace, wanted: Always) -> Manifest:
    """On its node, chosen as the DaemonSet controller does it; else on any two nodes of the segment."""
    if one.node is not None:
        field = {"key": "metadata.name", "operator": "In", "values": [one.node]}
        terms = [{"matchFields": [field]}]
        return {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
        }
    other = {"labelSelector": {"matchLabels": {SEGMENT: one.segment}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [other]}}
    return {"nodeSelector": wanted.labels, "tolerations": []} | ({"affinity": apart} if wanted.cron is None else {})


def _own_state(wanted: Always, found: Iterable[WatchPlace]) -> tuple[Manifest, Manifest]:
    """The only right to write: to the ConfigMaps with what each watch knew."""
    name = f"{wanted.account}:state"
    rule = {
        "apiGroups": [""], "resources": ["configmaps"], "resourceNames": [one.name for one in found],
        "verbs": ["get", "patch"],
    }  # fmt: skip
    role = made("rbac.authorization.k8s.io/v1", "Role", name, wanted.namespace) | {"rules": [rule]}
    return role, binding("RoleBinding", name, wanted.namespace, ("Role", name), (wanted.account, wanted.namespace))


def _pod_monitor(wanted: Always) -> Manifest:
    """honorLabels: `namespace` and `service` are those of the address, not of the pod."""
    endpoint: dict[str, Any] = {"port": "metrics", "path": "/metrics", "interval": "30s", "honorLabels": True}
    chosen = {"matchLabels": {COMPONENT: "watch", SET: wanted.account}}
    found = made("monitoring.coreos.com/v1", "PodMonitor", wanted.account, wanted.namespace)
    return found | {"spec": {"selector": chosen, "podMetricsEndpoints": [endpoint]}}


# --------------------------------------------------------------------------------------------------------------- --cron


def _cron_job(one: WatchPlace, wanted: Always, schedule: str) -> Manifest:
    """A Job that fails is one whose probe did not end with 0; the last ones stay, with their logs."""
    probe = container(wanted.image, ("probe", *_interface(one), *wanted.arguments))
    spec = pod_spec(wanted.account, probe) | _where(one, wanted)
    template = job(one.name, wanted.namespace, spec, deadline=DEADLINE, kept=0)
    del template["spec"]["ttlSecondsAfterFinished"]
    template["spec"]["template"]["metadata"]["labels"] |= {COMPONENT: "cron"}
    return made("batch/v1", "CronJob", one.name, wanted.namespace) | {
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATE,
            "successfulJobsHistoryLimit": KEPT,
            "failedJobsHistoryLimit": KEPT,
            "jobTemplate": {"metadata": {"labels": dict(LABELS)}, "spec": template["spec"]},
        }
    }


# ---------------------------------------------------------------------------------------------------- --kustomize, --rules

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
