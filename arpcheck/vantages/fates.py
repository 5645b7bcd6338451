"""What became of a Job, from its Pod, its conditions and its events: it goes on, it is done, or it failed and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from arpcheck.objects import Object, at, instant, items, mapping, name, text
from arpcheck.text import plain
from arpcheck.vantages.manifests import JOB

LONGEST = 400
"""Maximum number of characters of a message of the cluster."""


class Fate(StrEnum):
    """How far a Job is."""

    WAITING = "waiting"
    """Its container does not run yet."""
    RUNNING = "running"
    DONE = "done"
    """Its container ended with 0: its log has the result."""
    FAILED = "failed"
    """It will never be done. Its log may say more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A Job at one moment."""

    fate: Fate
    pod: str | None = None
    """The name of its Pod; None before there is one."""
    why: str = ""
    """Why it does not run yet, or why it failed: in the words of the cluster."""
    node: str | None = None
    """The node on which the Pod is."""


_HOPELESS = (
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
"""Reasons for which a container that waits never runs (kubernetes: pkg/kubelet/images, pkg/kubelet/container). An image that
can't be pulled is tried again, so that is only a failure when the time is over."""

_TRANSIENT = ("serviceaccount", "service account", "quota", "timeout", "connection refused", "try again")
"""What a message of FailedCreate may speak of that passes: a new namespace gets its account a moment later."""


def job_state(job: Object | None, pods: Iterable[Object], events: Sequence[Object]) -> JobState:
    """`job`: None if it does not exist any more. `pods`: those of the run; `events`: those of its namespace."""
    title = name(job) if job else ""
    mine = [pod for pod in pods if mapping(pod, "metadata", "labels").get(JOB) == title] if title else []
    pod = max(mine, key=lambda one: text(one, "metadata", "creationTimestamp"), default=None)
    said = events_of(events, {"Job": title} | ({"Pod": name(pod)} if pod else {}))
    if job is None:
        return JobState(fate=Fate.FAILED, why="its Job was deleted")
    if pod is not None:
        return _of_pod(pod, said, failed=_condition(job, "Failed"))
    if failed := _condition(job, "Failed"):
        return JobState(fate=Fate.FAILED, why=_told(failed, said))
    if _condition(job, "Complete"):
        return JobState(fate=Fate.FAILED, why="its Pod was deleted, and its log with it")
    if refused := next((event for event in said if _refuses(event)), None):
        return JobState(fate=Fate.FAILED, why=_event_words(refused))
    return JobState(fate=Fate.WAITING, why=_event_words(said[0]) if said else "no Pod was made for it")


def _of_pod(pod: Object, said: Sequence[Object], *, failed: Mapping[str, Any] | None) -> JobState:
    found, why = _how_far(pod, said, failed)
    return JobState(fate=found, pod=name(pod), why=why, node=text(pod, "spec", "nodeName") or None)


def _how_far(pod: Object, said: Sequence[Object], failed: Mapping[str, Any] | None) -> tuple[Fate, str]:
    phase, why = text(pod, "status", "phase"), _pod_words(pod)
    if phase == "Succeeded":
        return Fate.DONE, ""
    if phase == "Failed":
        return Fate.FAILED, why or _told(failed or {}, said)
    if failed is not None:
        return Fate.FAILED, _told(failed, said)
    if text(pod, "metadata", "deletionTimestamp"):
        return Fate.FAILED, why or (_event_words(said[0]) if said else "its Pod was deleted")
    if lost := _lost(pod, said):
        return Fate.FAILED, lost
    waiting = [text(one, "state", "waiting", "reason") for one in items(pod, "status", "containerStatuses")]
    if any(reason in _HOPELESS for reason in waiting):
        return Fate.FAILED, why
    if phase == "Running":
        return Fate.RUNNING, ""
    warned = next((event for event in said if text(event, "type") == "Warning"), None)
    return Fate.WAITING, _event_words(warned) if warned else why or "its container does not run"


def _lost(pod: Object, said: Sequence[Object]) -> str:
    """Why nothing will come any more of a Pod that ran: its node does not report. Empty if it does.

    The controller says so by an event and by the condition Ready alone, which then contradicts the containers' own states
    (kubernetes: pkg/controller/util/node, MarkPodsNotReady)."""
    if text(pod, "status", "phase") == "Unknown":
        return _joined("NodeLost", text(pod, "status", "message"))
    statuses = items(pod, "status", "containerStatuses")
    runs = bool(statuses) and all(at(one, "ready") is True and at(one, "state", "running") is not None for one in statuses)
    ready = next((one for one in items(pod, "status", "conditions") if text(one, "type") == "Ready"), None)
    if not runs or ready is None or text(ready, "status") == "True":
        return ""
    told = next((event for event in said if text(event, "reason") == "NodeNotReady"), None)
    return _event_words(told) if told else _joined("NodeNotReady", "its node does not report any more")


def _pod_words(pod: Object) -> str:
    """What the Pod itself says: an eviction, a container that waits, or how one ended."""
    if reason := text(pod, "status", "reason"):
        return _joined(reason, text(pod, "status", "message"))
    for status in items(pod, "status", "containerStatuses"):
        if reason := text(status, "state", "waiting", "reason"):
            return _joined(reason, text(status, "state", "waiting", "message"))
        if reason := text(status, "state", "terminated", "reason"):
            code = status["state"]["terminated"].get("exitCode")
            return _joined(f"{reason} (exit code {code})", text(status, "state", "terminated", "message"))
    for condition in items(pod, "status", "conditions"):
        if text(condition, "type") == "PodScheduled" and text(condition, "status") == "False":
            return _joined(text(condition, "reason"), text(condition, "message"))
    return ""


def _told(condition: Mapping[str, Any], said: Sequence[Object]) -> str:
    own = _joined(text(condition, "reason"), text(condition, "message"))
    warned = next((_event_words(event) for event in said if text(event, "type") == "Warning"), "")
    return "; ".join(part for part in (own, warned) if part) or "the cluster does not say why"


def _condition(job: Object, kind: str) -> Mapping[str, Any] | None:
    return next(
        (one for one in items(job, "status", "conditions") if text(one, "type") == kind and text(one, "status") == "True"),
        None,
    )


# ------------------------------------------------------------------------------------------------------------------- Events


def events_of(events: Iterable[Object], of: Mapping[str, str]) -> tuple[Object, ...]:
    """The events about these objects, by kind and name: warnings first, of each the newest first."""
    mine = [
        event for event in events if of.get(text(event, "involvedObject", "kind")) == text(event, "involvedObject", "name")
    ]
    return tuple(sorted(mine, key=lambda event: (text(event, "type") == "Warning", _when(event)), reverse=True))


def _when(event: Object) -> datetime | str:
    told = [text(event, *path) for path in (("lastTimestamp",), ("eventTime",), ("metadata", "creationTimestamp"))]
    found = next((moment for entry in told if entry and (moment := instant(entry))), None)
    return found.isoformat() if found else ""


def _refuses(event: Object) -> bool:
    """Whether an admission refused the Pod: the Job controller tries again, and is refused again."""
    message = text(event, "message").lower()
    refused = text(event, "reason") == "FailedCreate" and ("forbidden" in message or "denied" in message)
    return (refused and not any(word in message for word in _TRANSIENT)) or "violates podsecurity" in message


def _event_words(event: Object) -> str:
    return _joined(text(event, "reason"), text(event, "message"))


def _joined(reason: str, message: str) -> str:
    return plain(": ".join(part for part in (reason, " ".join(message.split())) if part), LONGEST)
