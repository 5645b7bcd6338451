"""The controllers of Deployments and ReplicaSets, and what all controllers of pods share.

Of pkg/controller/deployment and replicaset: as many pods as wanted of the newest template, older ones first away (`Recreate`, whatever
the strategy), their number and readiness in the status."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, field
from hashlib import sha256

from apiserver import deletes
from apiserver.creates import Create, create, generated
from apiserver.deletes import Deletion
from apiserver.store import Store

from arpcheck.lab.api_objects import Object
from arpcheck.lab.apiserver import RefusedError
from arpcheck.objects import at, items, name, namespace, text
from kubelet.events import condition, tell, with_condition, with_status

CONTROLLER = "replicaset-controller"
PAUSE = 0.05
"""Seconds before a pod that was refused is tried again, doubled each time."""
HASH = "pod-template-hash"


def owned_pod(store: Store, owner: Object, template: Object, default_level: str, **labels: str) -> Object:
    """A new pod of a template, which belongs to its owner. RefusedError where admission refuses it."""
    reference = {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": owner["metadata"]["uid"], "controller": True,
        "blockOwnerDeletion": True,
    }  # fmt: skip
    metadata = copy.deepcopy(template.get("metadata") or {})
    metadata |= {
        "name": generated(f"{name(owner)[:57]}-"),
        "namespace": namespace(owner),
        "ownerReferences": [reference],
        "labels": {**(metadata.get("labels") or {}), **labels},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(template["spec"])}
    [pods] = [one for one in store.resources if one.full_name == "pods"]
    made, _ = create(
        store,
        Create(
            resource=pods, namespace=namespace(owner), body=json.dumps(pod).encode(), query={}, manager="kube-controller-manager",
            default_level=default_level,
        ),
    )  # fmt: skip
    return made


@dataclass(slots=True)
class Deployments:
    store: Store
    default_level: str
    _again: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By uid of the ReplicaSet whose pod was refused: when it is tried again, and the pause."""

    def look(self) -> float | None:
        """One look at all of them; the seconds until one is due."""
        found = [stored.obj for stored in [*self.store.view("deployments.apps").values()]]
        due = [
            wait
            for one in found
            if not at(one, "metadata", "deletionTimestamp") and (wait := self._look_at(one)) is not None
        ]
        return min(due, default=None)

    def _look_at(self, deployment: Object) -> float | None:
        current, older = self._sets(deployment)
        leaving = [pod for one in older for pod in self._pods(one)]
        for pod in leaving:
            self._delete(pod)
        pods, wanted = self._pods(current), at(deployment, "spec", "replicas")
        wanted = wanted if isinstance(wanted, int) else 1
        over = [
            pod
            for pod in pods
            if text(pod, "status", "phase") in ("Failed", "Succeeded") or at(pod, "metadata", "deletionTimestamp")
        ]
        alive = [pod for pod in pods if pod not in over]
        for pod in alive[wanted:]:
            self._delete(pod)
        due = None if leaving or len(alive) >= wanted else self._start(current)
        ready = sum(condition(pod, "Ready") == "True" for pod in alive)
        deployment = with_status(
            self.store, deployment, replicas=len(alive), updatedReplicas=len(alive), readyReplicas=ready, availableReplicas=ready,
            observedGeneration=at(deployment, "metadata", "generation") or 0,
        )  # fmt: skip
        with_condition(self.store, deployment, "Available", "True" if ready >= wanted else "False")
        return due

    def _sets(self, deployment: Object) -> tuple[Object, list[Object]]:
        """The ReplicaSet of its template, made where there is none, and those of earlier ones."""
        template, uid = at(deployment, "spec", "template"), deployment["metadata"]["uid"]
        digest = sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        called = f"{name(deployment)}-{digest}"
        mine = [
            stored.obj
            for (space, _), stored in self.store.view("replicasets.apps").items()
            if space == namespace(deployment)
            and any(text(o, "uid") == uid for o in items(stored.obj, "metadata", "ownerReferences"))
        ]
        current = next((one for one in mine if name(one) == called), None)
        if current is None:
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name(deployment), "uid": uid, "controller": True}
            metadata = {
                "name": called,
                "namespace": namespace(deployment),
                "ownerReferences": [owner],
                "labels": {HASH: digest},
            }
            spec = {"template": template, "replicas": at(deployment, "spec", "replicas")}
            current = self.store.put({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})
        return current, [one for one in mine if name(one) != called]

    def _pods(self, replica_set: Object) -> list[Object]:
        uid = replica_set["metadata"]["uid"]
        found = [stored.obj for stored in self.store.view("pods").values()]
        return [
            pod for pod in found if any(text(owner, "uid") == uid for owner in items(pod, "metadata", "ownerReferences"))
        ]

    def _delete(self, pod: Object) -> None:
        if not at(pod, "metadata", "deletionTimestamp"):
            [pods] = [one for one in self.store.resources if one.full_name == "pods"]
            deletes.delete(self.store, pods, namespace(pod), name(pod), Deletion())

    def _start(self, replica_set: Object) -> float:
        uid, moment = replica_set["metadata"]["uid"], time.monotonic()
        due, pause = self._again.get(uid, (0.0, PAUSE))
        if moment < due:
            return due - moment
        try:
            pod = owned_pod(
                self.store, replica_set, at(replica_set, "spec", "template"), self.default_level,
                **{HASH: text(replica_set, "metadata", "labels", HASH)},
            )  # fmt: skip
        except RefusedError as refusal:
            self._again[uid] = moment + pause, min(2 * pause, 600.0)
            message = f"Error creating: {json.loads(refusal.answer.body)['message']}"
            tell(self.store, replica_set, "FailedCreate", message, component=CONTROLLER, warning=True)
            return pause
        tell(self.store, replica_set, "SuccessfulCreate", f"Created pod: {name(pod)}", component=CONTROLLER)
        return 0.01
