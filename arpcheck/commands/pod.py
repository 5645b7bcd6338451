"""`arpcheck pod`: prints what runs arpcheck on a node, for `kubectl apply -f -`. Asks no API and needs no privilege."""

from __future__ import annotations

from collections.abc import Collection

from arpcheck import pipeline
from arpcheck.commands.manifests import Wanted, cluster_roles, manifests
from arpcheck.commands.output import show
from arpcheck.commands.terminal import notice
from arpcheck.errors import UsageError
from arpcheck.model import Need


def pod(wanted: Wanted, chosen: Collection[str], config_maps: tuple[str, ...]) -> int:
    text = manifests(wanted, _needs(chosen, config_maps))
    if not wanted.create_namespace:
        notice(
            f"the namespace {wanted.namespace} has to be there and to allow the pod security level privileged; "
            "--create-namespace prints it too"
        )
    show(text)
    return 0


def rbac(namespace: str, chosen: Collection[str], config_maps: tuple[str, ...], *, openshift: bool) -> int:
    show(cluster_roles(_needs(chosen, config_maps), namespace, openshift=openshift))
    return 0


def _needs(chosen: Collection[str], config_maps: tuple[str, ...]) -> tuple[Need, ...]:
    for name in chosen:
        if name not in pipeline.CHOICES:
            raise UsageError(f"--with {name[:80]!r} is not known", f"One of {', '.join(pipeline.CHOICES)}")
    return pipeline.rights(chosen, config_maps)
