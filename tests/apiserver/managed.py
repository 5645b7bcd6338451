"""managedFields: which client wrote which field, and when (KEP-555, as far as reading it goes). Pure but for the time.

Lists count as one field; the server tells their entries apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]

_SERVERS = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "name", "namespace"}


def recorded(old: Mapping[str, Any], new: Mapping[str, Any], manager: str, at: str) -> list[dict[str, Any]]:
    """The entries of `old`, with what differs in `new` handed over to `manager` at the time `at`."""
    changed = set(_changed(_own(old), _own(new)))
    gone = {path for path in changed if _value(new, path) is None}
    entries = []
    mine: dict[str, Any] = {"manager": manager, "operation": "Update", "apiVersion": new["apiVersion"]}
    owned: set[Path] = set()
    for entry in old["metadata"].get("managedFields") or ():
        fields = set(_paths(entry.get("fieldsV1") or {}))
        if all(entry.get(key) == value for key, value in mine.items()) and not entry.get("subresource"):
            owned = fields
        elif left := fields - changed:
            entries.append({**entry, "fieldsV1": _tree(left)})
    return [*entries, {**mine, "time": at, "fieldsType": "FieldsV1", "fieldsV1": _tree((owned | changed) - gone)}]


def _own(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What a client can own."""
    fields = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "status")}
    return fields | {"metadata": {k: v for k, v in obj["metadata"].items() if k not in _SERVERS}}


def _changed(old: Any, new: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(old, dict) or isinstance(new, dict):
        before, after = (value if isinstance(value, dict) else {} for value in (old, new))
        for key in sorted(before.keys() | after.keys()):
            yield from _changed(before.get(key), after.get(key), (*path, key))
    elif old != new:
        yield path


def _value(obj: Any, path: Path) -> Any:
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj


def _paths(tree: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for key, below in tree.items():
        if key.startswith("f:"):
            inner = list(_paths(below, (*path, key[2:]))) if isinstance(below, dict) else []
            yield from inner or [(*path, key[2:])]


def _tree(paths: set[Path]) -> dict[str, Any]:
    top: dict[str, Any] = {}
    for path in sorted(paths):
        tree = top
        for key in path:
            tree = tree.setdefault(f"f:{key}", {})
    return top
