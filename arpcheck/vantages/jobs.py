"""What a Job leaves: what became of it, from its Pod, its conditions and its events (it goes on, it is done, or it failed
and why); and its document, as lines of its log.

The document is compressed, in lines that no runtime splits, each with a checksum. A log may lose its beginning (the kubelet
rotates at 10 MiB), its end (an eviction), or have lines of others in between. Each line says which Job wrote it and which
part it is, and the last line has the digest of all. What is not complete is an error with its cause, never a shorter
document.

    arpcheck/1 JOB 3/17 CHECKSUM DATA
    arpcheck/1 JOB end 17 DIGEST"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, assert_never

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
        return _phrase("NodeLost", text(pod, "status", "message"))
    statuses = items(pod, "status", "containerStatuses")
    runs = bool(statuses) and all(at(one, "ready") is True and at(one, "state", "running") is not None for one in statuses)
    ready = next((one for one in items(pod, "status", "conditions") if text(one, "type") == "Ready"), None)
    if not runs or ready is None or text(ready, "status") == "True":
        return ""
    told = next((event for event in said if text(event, "reason") == "NodeNotReady"), None)
    return _event_words(told) if told else _phrase("NodeNotReady", "its node does not report any more")


def _pod_words(pod: Object) -> str:
    """What the Pod itself says: an eviction, a container that waits, or how one ended."""
    if reason := text(pod, "status", "reason"):
        return _phrase(reason, text(pod, "status", "message"))
    for status in items(pod, "status", "containerStatuses"):
        if reason := text(status, "state", "waiting", "reason"):
            return _phrase(reason, text(status, "state", "waiting", "message"))
        if reason := text(status, "state", "terminated", "reason"):
            code = status["state"]["terminated"].get("exitCode")
            return _phrase(f"{reason} (exit code {code})", text(status, "state", "terminated", "message"))
    for condition in items(pod, "status", "conditions"):
        if text(condition, "type") == "PodScheduled" and text(condition, "status") == "False":
            return _phrase(text(condition, "reason"), text(condition, "message"))
    return ""


def _told(condition: Mapping[str, Any], said: Sequence[Object]) -> str:
    own = _phrase(text(condition, "reason"), text(condition, "message"))
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
    return _phrase(text(event, "reason"), text(event, "message"))


def _phrase(reason: str, message: str) -> str:
    return plain(": ".join(part for part in (reason, " ".join(message.split())) if part), LONGEST)


# ----------------------------------------------------------------------------------------------------- A document in a log

LINE = 8 << 10
"""Maximum bytes of a line. containerd and CRI-O split at 16 KiB (cri: internal/cri/io/logger.go, `maxLogLineSize`)."""
LOG = 5 << 20
"""Maximum bytes of all lines of a Job. The kubelet rotates at 10 MiB (containerLogMaxSize)."""
DOCUMENT = 256 << 20
"""Maximum bytes of a document before it is compressed: a log that unpacks to more is not one of ours."""

_MARK = "arpcheck/1"
_DATA = LINE - 200
_PART = re.compile(rf"{re.escape(_MARK)} (?P<job>[a-z0-9.-]{{1,100}}) (?P<rest>.*)", re.ASCII | re.DOTALL)
_CHUNK = re.compile(r"(?P<number>[0-9]{1,6})/(?P<total>[0-9]{1,6}) (?P<checksum>[0-9a-f]{8}) (?P<data>\S+)", re.ASCII)
_END = re.compile(r"end (?P<total>[0-9]{1,6}) (?P<digest>[0-9a-f]{64})", re.ASCII)


class LogFault(StrEnum):
    """Why a log does not hold its document."""

    NOTHING = "nothing"
    CUT = "cut"
    ROTATED = "rotated"
    PARTS_MISSING = "parts-missing"
    DAMAGED = "damaged"
    MIXED = "mixed"
    TOO_LARGE = "too-large"

    @property
    def words(self) -> str:
        match self:
            case LogFault.NOTHING:
                return "its log has no evidence"
            case LogFault.CUT:
                return "its log was cut: the end of the evidence is missing"
            case LogFault.ROTATED:
                return "its log was rotated: the beginning of the evidence is missing"
            case LogFault.PARTS_MISSING:
                return "parts of the evidence are missing in its log"
            case LogFault.DAMAGED:
                return "the evidence in its log is damaged: a checksum is wrong"
            case LogFault.MIXED:
                return "its log has evidence of another Job"
            case LogFault.TOO_LARGE:
                return f"its evidence is larger than {LOG >> 20} MiB"
            case _:
                assert_never(self)


class LogError(Exception):
    """The log does not hold its document."""

    def __init__(self, fault: LogFault) -> None:
        super().__init__(fault.words)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """A log taken apart."""

    document: Any
    """The JSON value that was written."""
    others: tuple[str, ...]
    """The lines that are not of the document, in their order: what the process said otherwise."""


def lines(document: Any, job: str) -> Iterator[str]:
    """The lines of a JSON value, each with its newline. `job`: lower-case letters, digits, dashes and dots. Raises LogError
    if it is too large."""
    packed = pack(document)
    parts = [packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES)]
    if len(parts) * LINE > LOG:
        raise LogError(LogFault.TOO_LARGE)
    for number, part in enumerate(parts, 1):
        data = base64.b85encode(part).decode()
        yield f"{_MARK} {job} {number}/{len(parts)} {zlib.crc32(data.encode()):08x} {data}\n"
    yield f"{_MARK} {job} end {len(parts)} {sha256(packed).hexdigest()}\n"


_BYTES = _DATA // 5 * 4
"""Bytes in a line: base85 makes five characters of four bytes, without a space, a quote or a backslash."""


def read_log(text: str, job: str) -> ReadLog:
    """The document of this Job. Raises LogError where any of it is missing, damaged or of another Job."""
    found, others, foreign = dict[int, bytes](), list[str](), False
    totals, digests = set[int](), set[str]()
    *whole, last = text.split("\n")
    for line in [*whole, *([] if last.startswith(_MARK) else [last])]:  # a line of ours without an end was cut
        part = _PART.fullmatch(line.rstrip("\r"))
        if part is None:
            others += [line] if line.strip() else []
        elif part["job"] != job:
            foreign = True
        elif end := _END.fullmatch(part["rest"]):
            totals.add(int(end["total"]))
            digests.add(end["digest"])
        else:
            number, total, data = _chunk(part["rest"])
            if found.setdefault(number, data) != data:
                raise LogError(LogFault.DAMAGED)
            totals.add(total)
    if foreign:
        raise LogError(LogFault.MIXED)
    if not found and not digests:
        raise LogError(LogFault.NOTHING)
    if len(totals) > 1 or len(digests) > 1:
        raise LogError(LogFault.DAMAGED)
    packed = _joined(found, totals.pop(), closed=bool(digests))
    if sha256(packed).hexdigest() not in digests:
        raise LogError(LogFault.DAMAGED)
    return ReadLog(document=unpack(packed), others=tuple(others))


def _chunk(rest: str) -> tuple[int, int, bytes]:
    chunk = _CHUNK.fullmatch(rest)
    if chunk is None or f"{zlib.crc32(chunk['data'].encode()):08x}" != chunk["checksum"]:
        raise LogError(LogFault.DAMAGED)
    try:
        return int(chunk["number"]), int(chunk["total"]), base64.b85decode(chunk["data"])
    except ValueError:
        raise LogError(LogFault.DAMAGED) from None


def _joined(found: dict[int, bytes], total: int, *, closed: bool) -> bytes:
    if missing := set(range(1, total + 1)) - found.keys():
        last = max(found, default=0)
        if not closed and min(missing) > last:
            raise LogError(LogFault.CUT)
        raise LogError(LogFault.ROTATED if found and max(missing) < min(found) else LogFault.PARTS_MISSING)
    if not closed:
        raise LogError(LogFault.CUT)
    return b"".join(found[number] for number in range(1, total + 1) if number in found)


# ------------------------------------------------------------------------------------------------------ Compressed documents


def pack(document: Any) -> bytes:
    """A JSON value, compressed. Evidence shrinks to a tenth."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpack(packed: bytes) -> Any:
    """The value that `pack` was given. Raises LogError for anything else, and for what unpacks to more than DOCUMENT."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, DOCUMENT)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise LogError(LogFault.DAMAGED)
        return json.loads(text)
    except (zlib.error, ValueError, RecursionError):
        raise LogError(LogFault.DAMAGED) from None
