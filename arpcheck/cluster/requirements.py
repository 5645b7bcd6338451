"""Combines Needs into Wants: one request for each resource, namespace and selector.

Each object is cut down to the fields of the needs that take it: a ConfigMap of which one need reads a single key is not kept
complete because another need keeps others complete."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from typing import Any

from arpcheck.model import Gap, Need
from arpcheck.objects import Object, at, items, labels_of, name, namespace, selects, text

Mounts = frozenset[tuple[str, str]]
"""Namespace and name of ConfigMaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One API request: a list, or single objects by name."""

    resource: str
    verb: str
    namespace: str | None
    selector: str
    field_selector: str
    group: str = ""
    needs: tuple[Need, ...]
    """The needs that it serves."""
    undemanding: int = field(init=False, compare=False, repr=False)
    """The needs that take every object, as bits. Most needs do, and there may be 10,000 objects."""
    choosy: tuple[tuple[int, Need], ...] = field(init=False, compare=False, repr=False)
    """The other needs, each with its bit."""
    preparing: tuple[tuple[int, Need], ...] = field(init=False, compare=False, repr=False)
    """The needs that rewrite objects, each with its bit."""
    _trees: dict[int, Tree] = field(default_factory=dict, compare=False, repr=False)
    """Field trees by the needs that take an object, as bits."""

    def __post_init__(self) -> None:
        choosy = tuple((1 << bit, need) for bit, need in enumerate(self.needs) if need.names or need.mounted)
        object.__setattr__(self, "choosy", choosy)
        preparing = tuple((1 << bit, need) for bit, need in enumerate(self.needs) if need.prepare)
        object.__setattr__(self, "preparing", preparing)
        object.__setattr__(self, "undemanding", (1 << len(self.needs)) - 1 - sum(bit for bit, _ in choosy))

    @property
    def costs(self) -> str:
        return "; ".join(dict.fromkeys(need.costs for need in self.needs))

    @property
    def what(self) -> str:
        """What a gap is called where it can't be read."""
        return self.needs[0].what if all(need.apart for need in self.needs) else self.resource

    @property
    def names(self) -> tuple[str, ...]:
        """The names to get, in the order of the needs, without those that are read only if something mounts them."""
        return tuple(dict.fromkeys(name for need in self.needs if not need.mounted for name in need.names))

    @property
    def mounted(self) -> bool:
        return any(need.mounted for need in self.needs)

    def cut(self, obj: Object, mounts: Mounts | None = None) -> Object | None:
        """The fields of the needs that take this object; None if no need takes it. Without `mounts`, everything counts as
        mounted."""
        takers = self.undemanding
        if self.choosy:
            found, is_mounted = name(obj), mounts is None or (namespace(obj), name(obj)) in mounts
            takers = sum((b for b, need in self.choosy if (is_mounted or not need.mounted) and _fits(need, found)), takers)
        for bit, need in self.preparing:
            obj = need.prepare(obj) if takers & bit and need.prepare else obj
        return trim(obj, self._tree(takers)) if takers else None

    def _tree(self, takers: int) -> Tree:
        if takers not in self._trees:
            needs = (need for bit, need in enumerate(self.needs) if takers & 1 << bit)
            self._trees[takers] = compile_fields(path for need in needs for path in (*need.fields, *_selected_by(need)))
        return self._trees[takers]


def merge(needs: Iterable[Need]) -> tuple[Want, ...]:
    """Combines needs with the same request into one Want, the most urgent first."""
    groups: dict[tuple[str, str, str | None, str, str, str], list[Need]] = {}
    for need in needs:
        if need.resource == "secrets":
            raise ValueError("Secrets are never read")
        question = need.resource, need.verb, need.namespace, need.selector, need.field_selector, need.group
        groups.setdefault(question, []).append(need)
    wants = (
        Want(
            resource=resource,
            verb=verb,
            namespace=space,
            selector=selector,
            field_selector=where,
            group=group,
            needs=tuple(found),
        )
        for (resource, verb, space, selector, where, group), found in groups.items()
    )
    return tuple(sorted(wants, key=_urgency))


def _urgency(want: Want) -> int:
    """Requests the most important resources first, in case the time runs out."""
    return {"services": 0, "nodes": 1}.get(want.resource, 2)


def _fits(need: Need, found: str) -> bool:
    if need.verb == "get":
        return need.mounted or found in need.names
    return not need.names or any(fnmatchcase(found, pattern) for pattern in need.names)


def _selected_by(need: Need) -> tuple[str, ...]:
    """The fields of the selectors are kept too, so that a snapshot can be selected from again."""
    keys = re.findall(r"(?:^|,)\s*!?\s*([A-Za-z0-9./_-]+)", re.sub(r"\([^)]*\)", "", need.selector))
    paths = re.findall(r"(?:^|,)\s*([A-Za-z0-9.]+)", need.field_selector)
    return (*(f"metadata labels {key}" for key in keys), *(path.replace(".", " ") for path in paths))


# -------------------------------------------------------------------------------------------- Selection as a server does it


def selected(want: Want, obj: Object) -> bool:
    """Whether the want's namespace and selectors match. Raises ValueError for an invalid selector."""
    if want.namespace is not None and namespace(obj) != want.namespace:
        return False
    return selects(want.selector, labels_of(obj)) and selects_fields(want.field_selector, obj)


def selects_fields(selector: str, obj: Object) -> bool:
    """A field selector as servers read it: `a.b=c`, `a.b==c`, `a.b!=c`, separated by commas."""
    return all(_selects_field(term.strip(), obj) for term in selector.split(",") if term.strip())


def _selects_field(term: str, obj: Object) -> bool:
    path, operator, value = (*re.split(r"(!=|==|=)", term, maxsplit=1), "", "")[:3]
    if not operator:
        raise ValueError(f"invalid field selector: {term!r}")
    return (text(obj, *path.strip().split(".")) == value.strip()) == (operator != "!=")


# ------------------------------------------------------------------------------------------------------ Objects by resource

MOUNTING = ("daemonsets.apps", "pods")
"""Resources whose volumes show which ConfigMaps are mounted, if a need names those volumes."""

Found = Sequence[tuple[Want, Sequence[Object]]]
"""The objects of each Want that was read, cut down."""


def fold(found: Found) -> dict[str, tuple[Object, ...]]:
    """Objects by resource. A resource that was read and has no objects is included."""
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
    """The gap if mounted objects were read, but nothing that could mount them."""
    costs: dict[str, list[str]] = {}
    for want in wants:
        if want.resource in read and not any(resource in read for resource in MOUNTING):
            costs.setdefault(want.resource, []).extend(need.costs for need in want.needs if need.mounted)
    why = "the Pods and DaemonSets that mount them could not be read"
    return tuple(Gap(what=resource, why=why, costs=joined(lost)) for resource, lost in costs.items() if lost)


def joined(costs: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for cost in costs for part in cost.split("; ")))


def mounted(found: Found) -> Mounts:
    """Namespace and name of the ConfigMaps that pods mount."""
    pods = (obj for want, objects in found if want.resource in MOUNTING for obj in objects)
    return frozenset(mount for pod in pods for mount in _mounted_by(pod))


def _mounted_by(pod: Object) -> Iterable[tuple[str, str]]:
    """The mounts of a Pod, or of a DaemonSet's pod template."""
    for volume in (*items(pod, "spec", "volumes"), *items(pod, "spec", "template", "spec", "volumes")):
        for source in (volume, *items(at(volume, "projected"), "sources")):
            if found := text(source, "configMap", "name"):
                yield namespace(pod), found


# ------------------------------------------------------------------------------------- Cutting an object down to its fields

ALWAYS = (
    "apiVersion",
    "kind",
    "metadata name",
    "metadata namespace",
    "metadata uid",
    "metadata creationTimestamp",
)
"""Fields that every object keeps, so that it can be identified and written to a snapshot."""

DEPTH = 50
"""Maximum nesting within a kept field. No API type is deeper; deeper input was made to break a reader."""

_NOTHING: Any = object()
_CONTAINERS = (dict, list)


@dataclass(slots=True)
class Tree:
    """Field paths as a tree of keys."""

    whole: bool = False
    """A path ends here: everything below is kept."""
    keys: dict[str, Tree] = field(default_factory=dict)
    patterns: dict[str, tuple[re.Pattern[str], Tree]] = field(default_factory=dict)
    entries: dict[str, Tree] = field(default_factory=dict)
    """For list entries with this `name`: what is kept in addition to what every entry keeps."""
    _steps: dict[str, Tree | None] = field(default_factory=dict)

    def steps(self, keys: Iterable[str]) -> Iterator[tuple[str, Tree]]:
        """The keys below which anything is kept."""
        return ((key, below) for key in keys if (below := self.step(key)))

    def step(self, key: str) -> Tree | None:
        """The tree below `key`; None if nothing is kept."""
        if key not in self._steps:
            found = [self.keys[key]] if key in self.keys else []
            found += [below for pattern, below in self.patterns.values() if pattern.match(key)]
            self._steps[key] = _union(found)
        return self._steps[key]


def compile_fields(fields: Iterable[str]) -> Tree:
    top = Tree()
    for path in (*ALWAYS, *fields):
        tree = top
        for key in path.split():
            tree = _below(tree, key)
        tree.whole = True
    return top


def trim(obj: Object, tree: Tree) -> Object:
    """Returns a new mapping with the fields in `tree`; complete fields are shared with `obj`."""
    kept = _trim(obj, tree)
    return {} if kept is _NOTHING else kept


def join(one: Object, other: Object) -> Object:
    """Combines two cuts of one object."""
    return {**one, **{key: _join(one[key], value) if key in one else value for key, value in other.items()}}


def _join(one: Any, other: Any) -> Any:
    """Lists of two cuts have the same entries in the same order, unless one list was kept complete."""
    if isinstance(one, dict) and isinstance(other, dict):
        return join(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return [*map(_join, one, other)] if len(one) == len(other) else max(one, other, key=len)
    return one


def _below(tree: Tree, key: str) -> Tree:
    key, named, entry = key.partition("@")
    if named:
        return _below(tree, key).entries.setdefault(entry, Tree())
    if not any(sign in key for sign in "*?["):
        return tree.keys.setdefault(key, Tree())
    return tree.patterns.setdefault(key, (re.compile(translate(key)), Tree()))[1]


def _union(trees: list[Tree]) -> Tree | None:
    if len(trees) < 2:
        return trees[0] if trees else None
    both = Tree(whole=any(tree.whole for tree in trees))
    for key in {key for tree in trees for key in tree.keys}:
        both.keys[key] = _union([tree.keys[key] for tree in trees if key in tree.keys]) or Tree()
    for written in {written for tree in trees for written in tree.patterns}:
        found = [tree.patterns[written] for tree in trees if written in tree.patterns]
        both.patterns[written] = (found[0][0], _union([below for _, below in found]) or Tree())
    for entry in {entry for tree in trees for entry in tree.entries}:
        both.entries[entry] = _union([tree.entries[entry] for tree in trees if entry in tree.entries]) or Tree()
    return both


def _trim(value: Any, tree: Tree) -> Any:
    if isinstance(value, dict):
        return _whole(value) if tree.whole else _trim_mapping(value, tree) or _NOTHING
    if isinstance(value, list):
        return _whole(value) if tree.whole else [_trim_entry(entry, tree) for entry in value if isinstance(entry, dict)]
    return value if tree.whole else _NOTHING


def _trim_entry(value: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """An entry that no path names becomes an empty mapping, so that two cuts of a list have equal length. An entry that was
    chosen by name keeps its name, so that a cut can be cut again."""
    own = tree.entries.get(value["name"]) if tree.entries and isinstance(value.get("name"), str) else None
    if own is None:
        return _trim_mapping(value, tree)
    return {"name": value["name"], **_trim_mapping(value, _union([tree, own]) or tree)}


def _trim_mapping(value: dict[str, Any], tree: Tree) -> dict[str, Any]:
    kept = {}
    for key, below in tree.steps(value) if tree.patterns else tree.keys.items():
        if key in value:
            found = value[key]
            if not (isinstance(found, str) and below.whole):  # the usual case, which is not worth a call
                found = _trim(found, below)
            if found is not _NOTHING:
                kept[key] = found
    return kept


def _whole(value: dict[str, Any] | list[Any]) -> Any:
    return value if _is_shallow(value, DEPTH) else _NOTHING


def _is_shallow(value: dict[str, Any] | list[Any], depth: int) -> bool:
    for below in value.values() if isinstance(value, dict) else value:
        if isinstance(below, _CONTAINERS) and not (depth > 1 and _is_shallow(below, depth - 1)):
            return False
    return True
