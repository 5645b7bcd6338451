"""What the DaemonSet controller and the kubelets do when a pod template changes: a new pod in the place of every old one.

At once, and without a watch: it is called with each write (`ApiServer(on_write=…)`). Knows no network; who starts what
on a node is told by `started`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apiserver.store import Store
from arpcheck.lab.api_objects import Object
from arpcheck.objects import at, items, mapping, name, namespace, text

RESTARTED = "kubectl.kubernetes.io/restartedAt"


def roll_out(
    store: Store, old: Object, new: Object, *, reaches: Callable[[str], bool] = lambda _: True,
    started: Callable[[str, Object], None] = lambda _node, _pod: None,
) -> None:  # fmt: skip
    """`reaches`: the nodes on which a new pod comes. `started`: node and pod, for every one that has."""
    if new["kind"] != "DaemonSet" or at(old, "spec", "template") == at(new, "spec", "template"):
        return
    by_hand = text(new, "spec", "updateStrategy", "type") == "OnDelete"
    for pod in [stored.obj for stored in store.view("pods").values()]:
        node = text(pod, "spec", "nodeName")
        if not by_hand and _is_of(pod, new) and reaches(node):
            store.delete("pods", namespace(pod), name(pod))
            started(node, store.put(_successor(pod, new)))
    store.put(_counted(store, new))


def _counted(store: Store, daemon_set: Object) -> Object:
    """With the status that the controller writes when it has seen this generation."""
    wanted = mapping(daemon_set, "spec", "template", "metadata", "annotations").get(RESTARTED)
    pods = [stored.obj for stored in store.view("pods").values() if _is_of(stored.obj, daemon_set)]
    updated = sum(mapping(pod, "metadata", "annotations").get(RESTARTED) == wanted for pod in pods)
    counts = {"updatedNumberScheduled": updated, "numberAvailable": len(pods), "numberReady": len(pods)}
    seen = {"observedGeneration": at(daemon_set, "metadata", "generation") or 0}
    return {**daemon_set, "status": {**(at(daemon_set, "status") or {}), **counts, **seen}}


def _is_of(pod: Object, daemon_set: Object) -> bool:
    owners = [text(owner, "name") for owner in items(pod, "metadata", "ownerReferences")]
    return namespace(pod) == namespace(daemon_set) and name(daemon_set) in owners


def _successor(pod: Object, daemon_set: Object) -> Object:
    """Of the new template, made and started at the moment of the restart."""
    annotations = mapping(daemon_set, "spec", "template", "metadata", "annotations")
    moment = annotations.get(RESTARTED, text(pod, "metadata", "creationTimestamp"))
    made: dict[str, Any] = json.loads(json.dumps(pod))
    metadata = made["metadata"]
    metadata.pop("uid", None)
    metadata |= {"name": f"{name(pod)}-next", "creationTimestamp": moment, "annotations": dict(annotations)}
    made["spec"] |= at(daemon_set, "spec", "template", "spec")
    status = made["status"]
    status |= {"phase": "Running", "startTime": moment, "conditions": [{"type": "Ready", "status": "True"}]}
    for container in status["containerStatuses"]:
        container["state"] = {"running": {"startedAt": moment}}
    return made
