"""DELETE of one object or of many: grace, preconditions, and what becomes of what belongs to it.

What the garbage collector and the namespace controller do then is in `collect` and `finish_namespaces`: called by the control
plane in its own time, or at once where there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apiserver.store import Store
from arpcheck.lab.api_objects import Object, Resource, now
from arpcheck.lab.apiserver import not_found, refused
from arpcheck.objects import at, items, name, namespace, text

ORPHANING = {"jobs.batch"}
"""Whose pods stay unless the request says otherwise (pkg/registry/batch/job/strategy.go, DefaultGarbageCollectionPolicy)."""
FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    grace: int | None = None
    """Seconds; None: what the object says."""
    propagation: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False

    @classmethod
    def read(cls, body: bytes, query: Mapping[str, str]) -> Deletion:
        """From the body's DeleteOptions, else from the query."""
        try:
            options = json.loads(body) if body else {}
        except ValueError:
            raise refused(400, "the object provided is unrecognized (must be of type DeleteOptions)") from None
        found = at(options, "gracePeriodSeconds")
        asked = query.get("gracePeriodSeconds", "")
        propagation = text(options, "propagationPolicy") or query.get("propagationPolicy", "")
        if propagation not in ("", "Orphan", "Background", "Foreground"):
            raise refused(
                422, f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "{propagation}"'
            )
        return cls(
            grace=found if isinstance(found, int) else int(asked) if asked.isdecimal() else None,
            propagation=propagation,
            uid=text(options, "preconditions", "uid"),
            version=text(options, "preconditions", "resourceVersion"),
            dry_run=bool(at(options, "dryRun")) or "dryRun" in query,
        )


def delete(store: Store, resource: Resource, space: str, called: str, how: Deletion) -> Object:
    """The object as it was last: still there with a deletionTimestamp, or gone."""
    with store.lock:
        found = store.find(resource.full_name, space, called)
        if found is None:
            raise not_found(resource.plural, resource.group, called)
        metadata = found["metadata"]
        for what, wanted, has in (
            ("UID", how.uid, metadata["uid"]),
            ("ResourceVersion", how.version, metadata["resourceVersion"]),
        ):
            if wanted not in ("", has):
                message = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {has}"
                raise refused(409, message, name=called, group=resource.group, kind=resource.plural)
        if how.dry_run:
            return found
        propagation = how.propagation or ("Orphan" if resource.full_name in ORPHANING else "Background")
        if propagation == "Orphan":
            _orphan(store, metadata["uid"])
        left = _ended(store, resource, found, how.grace, propagation)
        if not store.is_controlled:
            finish_namespaces(store)
            collect(store)
        return left


def _ended(store: Store, resource: Resource, found: Object, grace: int | None, propagation: str) -> Object:
    metadata = found["metadata"]
    finalizers = [*items(found, "metadata", "finalizers")]
    if propagation == "Foreground" and FOREGROUND not in finalizers and store.is_controlled:
        finalizers.append(FOREGROUND)
        store.is_to_collect = True
    seconds = _grace(store, resource, found, grace)
    if resource.full_name == "namespaces":
        return _terminating(store, found)
    if not finalizers and not seconds:
        store.delete(resource.full_name, namespace(found), name(found))
        return found
    at_last = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if metadata.get("deletionTimestamp", "~") <= at_last and (
        not seconds or metadata.get("deletionGracePeriodSeconds", 0) <= seconds
    ):
        return found
    more: dict[str, Any] = {"deletionTimestamp": at_last, "deletionGracePeriodSeconds": seconds}
    return store.put({**found, "metadata": {**metadata, **more, **({"finalizers": finalizers} if finalizers else {})}})


def _grace(store: Store, resource: Resource, found: Object, asked: int | None) -> int:
    """Of a pod that a kubelet has to end first (pkg/registry/core/pod/strategy.go, CheckGracefulDelete)."""
    over = text(found, "status", "phase") in ("Succeeded", "Failed")
    if resource.full_name != "pods" or not store.is_controlled or over or not text(found, "spec", "nodeName"):
        return 0
    usual = at(found, "spec", "terminationGracePeriodSeconds")
    return asked if asked is not None else usual if isinstance(usual, int) else 30


def _terminating(store: Store, found: Object) -> Object:
    if at(found, "metadata", "deletionTimestamp"):
        return found
    return store.put(
        {**found, "metadata": {**found["metadata"], "deletionTimestamp": now()}, "status": {"phase": "Terminating"}}
    )


def _orphan(store: Store, uid: str) -> None:
    for _, obj in [*store.everything()]:
        owners = items(obj, "metadata", "ownerReferences")
        if left := [owner for owner in owners if text(owner, "uid") != uid]:
            if len(left) < len(owners):
                store.put({**obj, "metadata": {**obj["metadata"], "ownerReferences": left}})
        elif owners:
            store.put(
                {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}}
            )


# ------------------------------------------------------------------------------------------------------- What follows


def collect(store: Store) -> None:
    """Deletes what belongs to owners that are all gone, or that wait for it in the foreground; and those, once it is gone."""
    with store.lock:
        if not store.is_to_collect:
            return
        store.is_to_collect = False
        everything = [*store.everything()]
        present = {obj["metadata"]["uid"] for _, obj in everything}
        waiting = {obj["metadata"]["uid"] for _, obj in everything if FOREGROUND in items(obj, "metadata", "finalizers")}
        blocked = set()
        for resource, obj in everything:
            owners = {text(owner, "uid") for owner in items(obj, "metadata", "ownerReferences")}
            blocked |= owners & waiting
            if owners and (not owners & present or owners & waiting) and not at(obj, "metadata", "deletionTimestamp"):
                _ended(store, resource, obj, None, "Background")
        store.is_to_collect |= bool(waiting)
        for resource, obj in everything:
            if obj["metadata"]["uid"] in waiting - blocked:
                store.delete(resource.full_name, namespace(obj), name(obj))


def finish_namespaces(store: Store) -> None:
    """Deletes what is in namespaces that end, and those in which nothing is left."""
    with store.lock:
        for (_, space), stored in [*store.view("namespaces").items()]:
            if not at(stored.obj, "metadata", "deletionTimestamp"):
                continue
            for resource, obj in [*store.everything(space)]:
                if not at(obj, "metadata", "deletionTimestamp"):
                    _ended(store, resource, obj, None, "Background")
            left = sorted({resource.plural for resource, _ in store.everything(space)})
            if not left:
                store.delete("namespaces", "", space)
            elif not at(stored.obj, "status", "conditions"):
                message = f"Some resources are remaining: {', '.join(left)}"
                condition = {
                    "type": "NamespaceContentRemaining",
                    "status": "True",
                    "reason": "SomeResourcesRemain",
                    "message": message,
                }
                store.put({**stored.obj, "status": {"phase": "Terminating", "conditions": [condition]}})
