"""Events as controllers and kubelets write them, and the small changes of objects that all of them make."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from apiserver.store import Store

from arpcheck.lab.api_objects import Object, now
from arpcheck.objects import items, name, namespace, text


def tell(store: Store, about: Object, reason: str, message: str, *, component: str, warning: bool = False) -> None:
    """An event about an object; the same again is counted in the one that is there. What is gone with its namespace has none."""
    space = namespace(about) or "default"
    within = store.find("namespaces", "", space)
    if within is None or within["metadata"].get("deletionTimestamp"):
        return
    subject = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": name(about),
        "uid": about["metadata"]["uid"],
    }
    if namespace(about):
        subject["namespace"] = namespace(about)
    mark = sha256("\0".join((subject["uid"], reason, message)).encode()).hexdigest()[:16]
    called = f"{name(about)[:200]}.{mark}"
    if same := store.find("events", space, called):
        store.put({**same, "count": same["count"] + 1, "lastTimestamp": now()})
        return
    store.put({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": called, "namespace": space}, "involvedObject": subject, "reason": reason,
        "message": message, "type": "Warning" if warning else "Normal", "source": {"component": component},
        "reportingComponent": component, "count": 1, "firstTimestamp": now(), "lastTimestamp": now(),
    })  # fmt: skip


def with_status(store: Store, obj: Object, **status: Any) -> Object:
    """The object with these fields of its status, stored where they are new."""
    found = {**obj, "status": {**(obj.get("status") or {}), **status}}
    return obj if found == obj else store.put(found)


def with_condition(store: Store, obj: Object, kind: str, value: str, reason: str = "", message: str = "") -> Object:
    """The object with this condition; its time changes with its value alone."""
    conditions = [*items(obj, "status", "conditions")]
    said = (
        {"type": kind, "status": value} | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
    )
    old = next((condition for condition in conditions if text(condition, "type") == kind), None)
    if old and {key: value for key, value in old.items() if not key.startswith("last")} == said:
        return obj
    at = old["lastTransitionTime"] if old and old.get("status") == value else now()
    said |= {"lastTransitionTime": at}
    kept = [condition for condition in conditions if condition is not old]
    return with_status(store, obj, conditions=[*kept, said])


def condition(obj: Object, kind: str) -> str:
    """True, False, Unknown, or empty where it is not there."""
    return next((text(one, "status") for one in items(obj, "status", "conditions") if text(one, "type") == kind), "")


def seconds_since(stamp: str) -> float:
    """Since a Time of the API, which has whole seconds; 0 where there is none."""
    if not stamp:
        return 0.0
    return (datetime.now(UTC) - datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)).total_seconds()
