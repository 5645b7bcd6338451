"""The three patch types, applied to a copy: RFC 7386 merge, RFC 6902 operations, and Kubernetes' strategic merge. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from arpcheck.lab.apiserver import refused

MERGE = "application/merge-patch+json"
OPERATIONS = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

_MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "imagePullSecrets": "name",
    "conditions": "type", "volumeMounts": "mountPath", "ownerReferences": "uid", "addresses": "type",
}  # fmt: skip
"""Lists that are merged by a key of their entries (patchMergeKey in kubernetes/api); all others are replaced."""


def apply(obj: Mapping[str, Any], patch: Any, content_type: str) -> Any:
    """Refuses a patch that does not fit the object as the server does."""
    found = copy.deepcopy(dict(obj))
    if content_type == OPERATIONS:
        return _operated(found, patch)
    if not isinstance(patch, dict):
        raise refused(400, "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    return _merged(found, patch) if content_type == MERGE else _strategic(found, patch)


def _merged(found: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value)
    return found


def _strategic(found: Any, patch: dict[str, Any]) -> dict[str, Any]:
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _strategic(merged.get(key), value)
        elif isinstance(value, list) and key in _MERGE_KEYS:
            merged[key] = _strategic_list(merged.get(key), value, _MERGE_KEYS[key])
        else:
            merged[key] = value
    return merged


def _strategic_list(found: Any, patch: list[Any], key: str) -> list[Any]:
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise refused(400, f"map: {change} does not contain declared merge key: {key}")
        at = next((i for i, entry in enumerate(entries) if entry.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            entries = [entry for entry in entries if entry.get(key) != change[key]]
        elif at is None:
            entries.append(_strategic({}, change))
        else:
            entries[at] = _strategic(entries[at], change)
    return entries


def _operated(found: Any, operations: Any) -> Any:
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise refused(400, "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    for operation in operations:
        try:
            _operate(found, operation)
        except (KeyError, IndexError, ValueError, TypeError):
            raise refused(422, "the server rejected our request due to an error in our request") from None
    return found


def _operate(found: Any, operation: Mapping[str, Any]) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    for part in parents:
        found = found[int(part)] if isinstance(found, list) else found[part]
    key: Any = last if isinstance(found, dict) else len(found) if last == "-" else int(last)
    match operation["op"]:
        case "add" if isinstance(found, list):
            found.insert(key, operation["value"])
        case "add":
            found[key] = operation["value"]
        case "replace" if found[key] is not Ellipsis:  # it must be there
            found[key] = operation["value"]
        case "remove":
            del found[key]
        case "test" if found[key] == operation["value"]:
            pass
        case _:
            raise ValueError(operation["op"])
