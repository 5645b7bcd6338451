"""What the Wants came to, folded into one set of objects: each once, sorted, and of ConfigMaps only what is mounted. Pure.

An API and a file end here alike, so that a snapshot reads back as it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from arpcheck.cluster.requirements import Mounts, Want
from arpcheck.cluster.trim import join
from arpcheck.model import Gap
from arpcheck.objects import Object, at, items, name, namespace, text

MOUNTING = ("daemonsets.apps", "pods")
"""Whose volumes say which ConfigMaps are mounted, as far as a need names those volumes."""

Found = Sequence[tuple[Want, Sequence[Object]]]
"""What was read for each Want, cut down. A Want that was not read is not in it."""


def fold(found: Found) -> dict[str, tuple[Object, ...]]:
    """By resource. One that was read and has no object is there too."""
    mounts = mounted(found)
    resources: dict[str, dict[tuple[str, str], Object]] = {}
    for want, objects in found:
        kept, is_mounted = resources.setdefault(want.resource, {}), want.mounted
        for obj in objects:
            cut = want.cut(obj, mounts) if is_mounted else obj
            if cut is not None:
                key = namespace(cut), name(cut)
                kept[key] = join(kept[key], cut) if key in kept else cut
    return {resource: tuple(obj for _, obj in sorted(kept.items())) for resource, kept in resources.items()}


def unknown_mounts(wants: Iterable[Want], read: Collection[str]) -> tuple[Gap, ...]:
    """The gap where mounted objects were read, but nothing that could mount them."""
    costs: dict[str, list[str]] = {}
    for want in wants:
        if want.resource in read and not any(resource in read for resource in MOUNTING):
            costs.setdefault(want.resource, []).extend(need.costs for need in want.needs if need.mounted)
    why = "what mounts them could not be read"
    return tuple(Gap(what=resource, why=why, costs=joined(lost)) for resource, lost in costs.items() if lost)


def joined(costs: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for cost in costs for part in cost.split("; ")))


def mounted(found: Found) -> Mounts:
    """Namespace and name of what the pods in it mount."""
    pods = (obj for want, objects in found if want.resource in MOUNTING for obj in objects)
    return frozenset(mount for pod in pods for mount in _mounted_by(pod))


def _mounted_by(pod: Object) -> Iterable[tuple[str, str]]:
    """By the volumes of a Pod, or of a DaemonSet's template."""
    for volume in (*items(pod, "spec", "volumes"), *items(pod, "spec", "template", "spec", "volumes")):
        for source in (volume, *items(at(volume, "projected"), "sources")):
            if found := text(source, "configMap", "name"):
                yield namespace(pod), found
