"""What several Needs come to as questions: one for every resource, namespace and selector, whoever needs it. Pure.

Every object is cut down to what those needs name that take it: a ConfigMap that one need reads a single key of is not
kept whole because another need keeps others whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from arpcheck.cluster.trim import Tree, compile_fields, trim
from arpcheck.model import Need
from arpcheck.objects import Object, labels_of, name, namespace, selects, text

Mounts = frozenset[tuple[str, str]]
"""Namespace and name of ConfigMaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One question: a list, or single objects by name."""

    resource: str
    verb: str
    namespace: str | None
    selector: str
    field_selector: str
    group: str = ""
    needs: tuple[Need, ...]
    """Those that it serves."""
    undemanding: int = field(init=False, compare=False, repr=False)
    """Those that take every object, as bits: most do, and ten thousand objects come."""
    choosy: tuple[tuple[int, Need], ...] = field(init=False, compare=False, repr=False)
    """The others, each with its bit."""
    preparing: tuple[tuple[int, Need], ...] = field(init=False, compare=False, repr=False)
    """Those that rewrite what they take, each with its bit."""
    _trees: dict[int, Tree] = field(default_factory=dict, compare=False, repr=False)
    """By the needs that take an object, as bits."""

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
    def names(self) -> tuple[str, ...]:
        """The names to get, in the order of the needs, but for what is only got where it is mounted."""
        return tuple(dict.fromkeys(name for need in self.needs if not need.mounted for name in need.names))

    @property
    def mounted(self) -> bool:
        return any(need.mounted for need in self.needs)

    def cut(self, obj: Object, mounts: Mounts | None = None) -> Object | None:
        """What the needs name that take this object; None where none does. Without `mounts`, all may be mounted."""
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
    """Needs that ask the same question of the server share a Want; what is most urgent comes first."""
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
    """What nothing can be said without is asked first, in case that the time runs out."""
    return {"services": 0, "nodes": 1}.get(want.resource, 2)


def _fits(need: Need, found: str) -> bool:
    if need.verb == "get":
        return need.mounted or found in need.names
    return not need.names or any(fnmatchcase(found, pattern) for pattern in need.names)


def _selected_by(need: Need) -> tuple[str, ...]:
    """What the selectors look at is kept, so that a snapshot can be selected from again."""
    keys = re.findall(r"(?:^|,)\s*!?\s*([A-Za-z0-9./_-]+)", re.sub(r"\([^)]*\)", "", need.selector))
    paths = re.findall(r"(?:^|,)\s*([A-Za-z0-9.]+)", need.field_selector)
    return (*(f"metadata labels {key}" for key in keys), *(path.replace(".", " ") for path in paths))


# ------------------------------------------------------------------------------------- what a server would have selected


def selected(want: Want, obj: Object) -> bool:
    """By namespace and selectors. ValueError where a selector is none."""
    if want.namespace is not None and namespace(obj) != want.namespace:
        return False
    return selects(want.selector, labels_of(obj)) and selects_fields(want.field_selector, obj)


def selects_fields(selector: str, obj: Object) -> bool:
    """A field selector as servers read it: `a.b=c`, `a.b==c`, `a.b!=c`, joined by commas."""
    return all(_selects_field(term.strip(), obj) for term in selector.split(",") if term.strip())


def _selects_field(term: str, obj: Object) -> bool:
    path, operator, value = (*re.split(r"(!=|==|=)", term, maxsplit=1), "", "")[:3]
    if not operator:
        raise ValueError(f"not a field selector: {term!r}")
    return (text(obj, *path.strip().split(".")) == value.strip()) == (operator != "!=")
