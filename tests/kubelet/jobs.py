"""The controller of Jobs: a pod for each, what its end means, its time limits, and its removal afterwards.

Of pkg/controller/job: one pod at a time (`parallelism` and `completions` of 1), no indexes, no pod failure policy."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from apiserver import deletes
from apiserver.deletes import Deletion
from apiserver.store import Store

from arpcheck.lab.api_objects import Object, now
from arpcheck.lab.apiserver import RefusedError
from arpcheck.objects import at, items, name, namespace, text
from kubelet.deployments import owned_pod
from kubelet.events import condition, seconds_since, tell, with_condition, with_status

CONTROLLER = "job-controller"
FIRST_PAUSE = 10.0
"""Seconds before a pod that failed has a successor; twice that after each (pkg/controller/job, DefaultJobPodFailureBackOff)."""


@dataclass(slots=True)
class Jobs:
    store: Store
    default_level: str
    pause: float = 0.05
    """Seconds before a pod that was refused is tried again, doubled each time."""
    _again: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By uid of the Job: when, and the pause."""
    _made: dict[str, set[str]] = field(default_factory=dict)
    """By uid of the Job: the uids of all its pods. One that somebody deleted has failed (the finalizer of job tracking)."""

    def look(self) -> float | None:
        """One look at all Jobs; the seconds until one of them is due."""
        of: dict[str, list[Object]] = {}
        for stored in self.store.view("pods").values():
            for owner in items(stored.obj, "metadata", "ownerReferences"):
                of.setdefault(text(owner, "uid"), []).append(stored.obj)
        jobs = [stored.obj for stored in [*self.store.view("jobs.batch").values()]]
        due = [wait for job in jobs if (wait := self._look_at(job, of.get(job["metadata"]["uid"], []))) is not None]
        return min(due, default=None)

    def _look_at(self, job: Object, pods: list[Object]) -> float | None:
        spec = job["spec"]
        if not text(job, "status", "startTime"):
            job = with_status(self.store, job, startTime=now())
        if at(job, "metadata", "deletionTimestamp"):
            return None
        if condition(job, "Complete") == "True" or condition(job, "Failed") == "True":
            return self._after(job)
        failed = [pod for pod in pods if text(pod, "status", "phase") == "Failed"]
        succeeded = [pod for pod in pods if text(pod, "status", "phase") == "Succeeded"]
        active = [
            pod
            for pod in pods
            if pod not in failed and pod not in succeeded and not at(pod, "metadata", "deletionTimestamp")
        ]
        limit, ran = at(spec, "activeDeadlineSeconds"), seconds_since(text(job, "status", "startTime"))
        if isinstance(limit, int) and ran >= limit:
            self._end(job, active, "DeadlineExceeded", "Job was active longer than specified deadline")
            return None
        gone = self._made.get(job["metadata"]["uid"], set()) - {pod["metadata"]["uid"] for pod in pods}
        failures = len(failed) + len(gone)
        job = with_status(self.store, job, active=len(active), failed=failures, succeeded=len(succeeded))
        if succeeded:
            job = with_status(self.store, job, completionTime=now())
            with_condition(
                self.store, job, "Complete", "True", "CompletionsReached", "Reached expected number of succeeded pods"
            )
            tell(self.store, job, "Completed", "Job completed", component=CONTROLLER)
        elif failures > spec["backoffLimit"]:
            self._end(job, active, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif not active and len(failed) + len(succeeded) == len(pods):
            return self._start(job, failures)
        return limit - ran if isinstance(limit, int) else None

    def _end(self, job: Object, active: list[Object], reason: str, message: str) -> None:
        """Its pods that still run are deleted, with their logs."""
        for pod in active:
            self._delete("pods", pod)
        with_condition(self.store, job, "Failed", "True", reason, message)
        tell(self.store, job, reason, message, component=CONTROLLER, warning=True)

    def _after(self, job: Object) -> float | None:
        """Removed with its pods, once its time is over."""
        keep = at(job, "spec", "ttlSecondsAfterFinished")
        finished = next(one for one in items(job, "status", "conditions") if text(one, "type") in ("Complete", "Failed"))
        if not isinstance(keep, int):
            return None
        left = keep - seconds_since(text(finished, "lastTransitionTime"))
        if left <= 0:
            self._delete("jobs.batch", job)
        return max(left, 0.01)

    def _delete(self, resource: str, obj: Object) -> None:
        [found] = [one for one in self.store.resources if one.full_name == resource]
        deletes.delete(self.store, found, namespace(obj), name(obj), Deletion(propagation="Background"))

    def _start(self, job: Object, failures: int) -> float:
        """A pod of the template; refused by admission, it is tried again later."""
        uid, moment = job["metadata"]["uid"], time.monotonic()
        due, pause = self._again.get(uid, (0.0, self.pause))
        if failures and uid not in self._again:
            due = moment + FIRST_PAUSE * 2 ** (failures - 1)
            self._again[uid] = due, self.pause
        if moment < due:
            return due - moment
        try:
            pod = owned_pod(self.store, job, at(job, "spec", "template"), self.default_level)
        except RefusedError as refusal:
            self._again[uid] = moment + pause, min(2 * pause, 600.0)
            message = f"Error creating: {json.loads(refusal.answer.body)['message']}"
            tell(self.store, job, "FailedCreate", message, component=CONTROLLER, warning=True)
            return pause
        self._again.pop(uid, None)
        self._made.setdefault(uid, set()).add(pod["metadata"]["uid"])
        with_status(self.store, job, active=1)
        tell(self.store, job, "SuccessfulCreate", f"Created pod: {name(pod)}", component=CONTROLLER)
        return 0.0
