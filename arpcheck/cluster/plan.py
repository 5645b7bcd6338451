"""What several Needs come to as questions: each resource asked once for all of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from arpcheck.cluster.trim import Tree, compile_fields
from arpcheck.model import Gap, Need
from arpcheck.objects import Object, at, items, labels_of, name, namespace, selects, text

MOUNTING = ("daemonsets.apps", "pods")
"""Whose volumes say which ConfigMaps are mounted."""

_VOLUMES = ("spec template spec volumes", "spec volumes")
_MOUNTED = tuple(f"{v} {s}" for v in _VOLUMES for s in ("configMap name", "projected sources configMap name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One question: a list, or single objects by name."""

    resource: str
    verb: str
    namespace: str | None
    selector: str
    field_selector: str
    needs: tuple[Need, ...]
    """Those that it serves."""
    tree: Tree
    """The fields that any need of the resource names: the same object read twice is the same."""

    @property
    def costs(self) -> str:
        return "; ".join(dict.fromkeys(need.costs for need in self.needs))

    @property
    def names(self) -> tuple[str, ...]:
        """The names to get, in the order of the needs."""
        return tuple(dict.fromkeys(name for need in self.needs for name in need.names))

    def fits(self, obj: Object) -> bool:
        """By its name: some need takes it, if it is mounted."""
        return any(_fits(need, name(obj)) for need in self.needs)

    def keeps(self, obj: Object, mounts: frozenset[tuple[str, str]]) -> bool:
        """By its name, and by whether it is mounted where the need asks for that."""
        mounted = (namespace(obj), name(obj)) in mounts
        return any(_fits(need, name(obj)) and (mounted or not need.mounted) for need in self.needs)


def merge(needs: Iterable[Need]) -> tuple[Want, ...]:
    """One Want for every resource, namespace, verb and selector; a list of everything takes the narrower ones in."""
    groups: dict[tuple[str, str | None, str, str, str], list[Need]] = {}
    fields: dict[str, list[str]] = {}
    for need in needs:
        if need.resource == "secrets":
            raise ValueError("Secrets are never read")
        groups.setdefault(_group(need), []).append(need)
        fields.setdefault(need.resource, []).extend((*need.fields, *_selected_fields(need)))
    _absorb(groups)
    if any(need.mounted for found in groups.values() for need in found):
        for resource in MOUNTING:
            fields.setdefault(resource, []).extend(_MOUNTED)
    trees = {resource: compile_fields(found) for resource, found in fields.items()}
    wants = (
        Want(resource=r, namespace=ns, verb=verb, selector=labels, field_selector=where, needs=tuple(found), tree=trees[r])
        for (r, ns, verb, labels, where), found in groups.items()
    )
    return tuple(sorted(wants, key=_urgency))


def _group(need: Need) -> tuple[str, str | None, str, str, str]:
    return need.resource, need.namespace, need.verb, need.selector, need.field_selector


def _absorb(groups: dict[tuple[str, str | None, str, str, str], list[Need]]) -> None:
    for resource, ns, verb, labels, where in list(groups):
        wider = groups.get((resource, ns, "list", "", ""), [])
        if verb == "list" and (labels or where) and any(not need.names and not need.mounted for need in wider):
            wider.extend(groups.pop((resource, ns, verb, labels, where)))


def _urgency(want: Want) -> int:
    """What nothing can be said without is asked first, in case that the time runs out."""
    return {"services": 0, "nodes": 1}.get(want.resource, 2)


def _fits(need: Need, found: str) -> bool:
    if need.verb == "get":
        return found in need.names
    return not need.names or any(fnmatchcase(found, pattern) for pattern in need.names)


# ---------------------------------------------------------------------------------------------------------- selection


def matches(want: Want, obj: Object) -> bool:
    """Namespace and selectors, for objects that no server has selected. ValueError where a selector is none."""
    if want.namespace is not None and namespace(obj) != want.namespace:
        return False
    return selects(want.selector, labels_of(obj)) and matches_fields(want.field_selector, obj)


def matches_fields(selector: str, obj: Object) -> bool:
    """A field selector as far as servers know it: `a.b=c`, `a.b==c`, `a.b!=c`, joined by commas."""
    return all(_matches_field(term.strip(), obj) for term in selector.split(",") if term.strip())


def _matches_field(term: str, obj: Object) -> bool:
    path, operator, value = (*re.split(r"(!=|==|=)", term, maxsplit=1), "", "")[:3]
    if not operator:
        raise ValueError(f"not a field selector: {term!r}")
    return (text(obj, *path.strip().split(".")) == value.strip()) == (operator != "!=")


def _selected_fields(need: Need) -> tuple[str, ...]:
    """What the selectors look at is kept, so that a snapshot can be selected from again."""
    keys = re.findall(r"(?:^|,)\s*!?\s*([A-Za-z0-9./_-]+)", re.sub(r"\([^)]*\)", "", need.selector))
    paths = re.findall(r"(?:^|,)\s*([A-Za-z0-9.]+)", need.field_selector)
    return (*(f"metadata labels {key}" for key in keys), *(path.replace(".", " ") for path in paths))


# ------------------------------------------------------------------------------------------------------------- mounts


def mounts_of(obj: Object) -> frozenset[tuple[str, str]]:
    """Namespace and name of every ConfigMap that a volume of this Pod or DaemonSet names."""
    volumes: Sequence[object] = (*items(obj, "spec", "volumes"), *items(obj, "spec", "template", "spec", "volumes"))
    sources = (source for volume in volumes for source in (volume, *items(at(volume, "projected"), "sources")))
    found = (text(source, "configMap", "name") for source in sources)
    return frozenset((namespace(obj), name) for name in found if name)


def unknown_mounts(wants: Iterable[Want], read: Collection[str], gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gap where mounted objects are asked for and nothing was read that could mount them."""
    told = {gap.what for gap in gaps}
    costs: dict[str, list[str]] = {}
    for want in wants:
        if want.resource in read and want.resource not in told and not any(resource in read for resource in MOUNTING):
            costs.setdefault(want.resource, []).extend(need.costs for need in want.needs if need.mounted)
    return tuple(
        Gap(what=resource, why="what mounts them could not be read", costs="; ".join(dict.fromkeys(lost)))
        for resource, lost in costs.items()
        if lost
    )
