"""Which cluster a command reads, for the first line on stderr: context, server and kubeconfig, and whether sudo chose it."""

from __future__ import annotations

import os

from arpcheck.cluster import ClusterSource
from arpcheck.commands.output import notice
from arpcheck.objects import Objects


def cluster_words(objects: Objects, source: ClusterSource) -> str:
    """`context 'prod', https://10.0.0.1:6443, kubeconfig /home/ann/.kube/config`."""
    if source.cluster_file is None:
        context = "the pod's cluster" if objects.context == "in-cluster" else f"context {objects.context!r}"
        return ", ".join(word for word in (context, objects.server, objects.account) if word)
    file = "standard input" if source.cluster_file == "-" else f"file {source.cluster_file}"
    return f"{file}, context {objects.context!r}" if objects.read_at else file


def kubeconfig_note(source: ClusterSource) -> None:
    """Under sudo, which drops KUBECONFIG by default (sudoers, env_reset), another cluster than meant may be read."""
    if source.cluster_file is None and source.kubeconfig is None and not source.overrides.server and dropped(os.environ):
        notice(
            "sudo drops KUBECONFIG, so this is the default kubeconfig. To keep yours:"
            " sudo --preserve-env=KUBECONFIG arpcheck …, or --kubeconfig FILE"
        )


def dropped(environ: os._Environ[str]) -> bool:
    """Whether sudo may have dropped KUBECONFIG."""
    return "SUDO_UID" in environ and not environ.get("KUBECONFIG")
