"""PATCH and PUT of one object: what a real server refuses is refused, and a dry run is answered and not stored."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apiserver import managed, patches
from arpcheck.lab.api_objects import Object, Resource, Store, now
from arpcheck.lab.apiserver import RefusedError, not_found, qualified, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    method: str
    """PATCH or PUT."""
    resource: Resource
    namespace: str
    name: str
    body: bytes
    content_type: str
    query: Mapping[str, str]
    manager: str

    @property
    def is_dry_run(self) -> bool:
        if self.query.get("dryRun") not in (None, "All"):
            raise refused(422, f'dryRun: Unsupported value: "{self.query["dryRun"]}": supported values: "All"')
        return "dryRun" in self.query


def write(store: Store, what: Write) -> tuple[Object, Object, bool]:
    """The object before, after, and whether it was stored: a dry run is not, nor what changes nothing."""
    with store.lock:
        old = store.find(what.resource.full_name, what.namespace, what.name)
        if old is None:
            raise not_found(what.resource.plural, what.resource.group, what.name)
        new = _checked(what, old, _proposed(what, old))
        if _stripped(new) == _stripped(old):
            return old, old, False
        if "generation" in old["metadata"] and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        new["metadata"]["managedFields"] = managed.recorded(old, new, what.manager, now())
        return (old, new, False) if what.is_dry_run else (old, store.put(new), True)


def _proposed(what: Write, old: Object) -> Any:
    try:
        body = json.loads(what.body)
    except ValueError:
        raise refused(400, "error decoding patch: invalid character in the body") from None
    if what.method == "PUT":
        return body
    types = {patches.OPERATIONS, patches.MERGE, *([patches.STRATEGIC] if what.resource.is_typed else [])}
    if what.content_type not in types:
        accepted = ", ".join(sorted(types))
        message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        raise refused(415, message)
    return patches.apply(old, body, what.content_type)


def _checked(what: Write, old: Object, new: Any) -> Object:
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise refused(400, "the object provided is unrecognized (must be of type Object)")
    before, after = old["metadata"], new["metadata"]
    for key in ("name", "namespace"):
        if after.get(key, before.get(key)) != before.get(key):
            message = f"the {key} of the object ({after[key]}) does not match the {key} on the URL ({before.get(key)})"
            raise refused(400, message)
    if after.get("resourceVersion") not in (None, "", before["resourceVersion"]):
        raise conflict(what.resource.plural, what.resource.group, what.name)
    if after.get("uid", before["uid"]) != before["uid"]:
        raise conflict(what.resource.plural, what.resource.group, what.name)
    _check_config_map(what, old, new)
    kept = {key: before[key] for key in ("name", "namespace", "uid", "creationTimestamp", "generation") if key in before}
    found = {**new, "apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": {**after, **kept}}
    if "status" in old:
        found["status"] = old["status"]  # a subresource of its own
    return copy.deepcopy(found)


def _check_config_map(what: Write, old: Object, new: Object) -> None:
    if what.resource.full_name != "configmaps":
        return
    data = new.get("data") or {}
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        unfit = "json: cannot unmarshal into Go struct field ConfigMap.data of type string"
        raise refused(400, f'ConfigMap in version "v1" cannot be handled as a ConfigMap: {unfit}')
    if old.get("immutable") is True and data != old.get("data", {}):
        message = "data: Forbidden: field is immutable when `immutable` is set"
        raise refused(422, f'ConfigMap "{what.name}" is invalid: {message}')


def _stripped(obj: Object) -> Object:
    metadata = {key: v for key, v in obj["metadata"].items() if key not in ("resourceVersion", "managedFields")}
    return {**obj, "metadata": metadata}


def conflict(plural: str, group: str, name: str) -> RefusedError:
    message = (
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return refused(409, message, name=name, group=group, kind=plural)
