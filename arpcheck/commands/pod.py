"""`arpcheck pod`: prints what runs arpcheck on a node, for `kubectl apply -f -`. Asks no API and needs no privilege."""

from __future__ import annotations

from arpcheck import pipeline
from arpcheck.commands.output import show
from arpcheck.manifests import Wanted, cluster_roles, manifests


def pod(wanted: Wanted) -> int:
    show(manifests(wanted, pipeline.NEEDS))
    return 0


def rbac(namespace: str, *, openshift: bool) -> int:
    show(cluster_roles(pipeline.NEEDS, namespace, openshift=openshift))
    return 0
