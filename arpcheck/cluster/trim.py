"""Cuts an object down to the fields that some Need names. Pure, and compiled once, since ten thousand objects pass it.

A field is keys from the top, separated by blanks, each a shell pattern; lists are looked through, and of `env@NAME` only
the entries of that name. What is not of the expected shape is dropped like a field that nobody named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any

from arpcheck.objects import Object

ALWAYS = (
    "apiVersion",
    "kind",
    "metadata name",
    "metadata namespace",
    "metadata uid",
    "metadata creationTimestamp",
)
"""What is kept of every object, so that it can be told from others and written into a snapshot."""

DEPTH = 50
"""Containers within a kept field. No API type is deeper; what is deeper was made to break a reader."""

_NOTHING: Any = object()
_CONTAINERS = (dict, list)


@dataclass(slots=True)
class Tree:
    """The fields as a tree of keys."""

    whole: bool = False
    """A field ends here: everything below is kept."""
    keys: dict[str, Tree] = field(default_factory=dict)
    patterns: dict[str, tuple[re.Pattern[str], Tree]] = field(default_factory=dict)
    entries: dict[str, Tree] = field(default_factory=dict)
    """Of a list, what is kept of the entries with that `name` beside what is kept of all."""
    _steps: dict[str, Tree | None] = field(default_factory=dict)

    def steps(self, keys: Iterable[str]) -> Iterator[tuple[str, Tree]]:
        """Those of `keys` below which anything is kept."""
        return ((key, below) for key in keys if (below := self.step(key)))

    def step(self, key: str) -> Tree | None:
        """What is kept below `key`; None: nothing."""
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
    """A new mapping with what `tree` keeps of `obj`; what is kept whole is shared with it."""
    kept = _trim(obj, tree)
    return {} if kept is _NOTHING else kept


def join(one: Object, other: Object) -> Object:
    """Two cuts of one object, with what either has."""
    return {**one, **{key: _join(one[key], value) if key in one else value for key, value in other.items()}}


def _join(one: Any, other: Any) -> Any:
    """Lists of two cuts have the same entries in the same order, but for those that only a list kept whole has."""
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
    for text in {text for tree in trees for text in tree.patterns}:
        found = [tree.patterns[text] for tree in trees if text in tree.patterns]
        both.patterns[text] = (found[0][0], _union([below for _, below in found]) or Tree())
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
    """Nothing but its braces for one that nobody named: two cuts of a list stay of one length. One that was chosen by its
    name keeps it, so that a cut can be cut again."""
    own = tree.entries.get(value["name"]) if tree.entries and isinstance(value.get("name"), str) else None
    if own is None:
        return _trim_mapping(value, tree)
    return {"name": value["name"], **_trim_mapping(value, _union([tree, own]) or tree)}


def _trim_mapping(value: dict[str, Any], tree: Tree) -> dict[str, Any]:
    kept = {}
    for key, below in tree.steps(value) if tree.patterns else tree.keys.items():
        if key in value:
            found = value[key]
            if not (isinstance(found, str) and below.whole):  # most are, and not worth a call
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
