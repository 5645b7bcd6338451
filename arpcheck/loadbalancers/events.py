"""Events about Services, in the form of core/v1 and of events.k8s.io/v1: what was said, and when it was said last.

Knows no load balancer: each reads its own messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from arpcheck.model import Need
from arpcheck.objects import Object, Objects, Service, instant, text

EVENTS = Need(
    resource="events",
    costs="the announcer is not known where only an event names it (MetalLB before 0.14.6, PureLB with old entries)",
    field_selector="involvedObject.kind=Service",
    fields=(
        *("reason", "message", "note", "firstTimestamp", "lastTimestamp", "eventTime", "deprecatedLastTimestamp"),
        *("series lastObservedTime", "involvedObject kind", "involvedObject namespace", "involvedObject name"),
        *("involvedObject uid", "regarding kind", "regarding namespace", "regarding name", "regarding uid"),
    ),
    record=True,
)

_COMBINED = "(combined from similar events): "
"""What client-go puts before the message of an aggregated event (tools/record/events_cache.go)."""

_TIMES = (
    ("series", "lastObservedTime"),
    ("lastTimestamp",),
    ("deprecatedLastTimestamp",),
    ("eventTime",),
    ("firstTimestamp",),
    ("metadata", "creationTimestamp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One message about one Service."""

    reason: str
    message: str
    """Without the prefix of an aggregated event."""
    seen: datetime | None
    """When it was written last, of all the times that it carries the latest."""
    first: datetime | None
    """When it was written for the first time, of all the times the earliest."""


def events_of(service: Service, objects: Objects) -> tuple[Event, ...]:
    """Events about this very Service; those of a former one of the same name are not."""
    uid = text(service.raw, "metadata", "uid")
    found = objects.by(EVENTS.resource, _service_of).get(service.full_name, ())
    return tuple(_read(obj) for obj in found if not uid or _about(obj, "uid") in ("", uid))


def _service_of(event: Object) -> str | None:
    if _about(event, "kind") != "Service":
        return None
    return f"{_about(event, 'namespace') or text(event, 'metadata', 'namespace')}/{_about(event, 'name')}"


def _about(event: Object, key: str) -> str:
    return text(event, "involvedObject", key) or text(event, "regarding", key)


def _read(event: Object) -> Event:
    times = [seen for path in _TIMES if (seen := instant(text(event, *path)))]
    message = text(event, "message") or text(event, "note")
    seen, first = max(times, default=None), min(times, default=None)
    return Event(reason=text(event, "reason"), message=message.removeprefix(_COMBINED), seen=seen, first=first)


def newest(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The latest; several where they were written in the same moment. One without a time is older than all others."""
    latest = max((event.seen for event in events if event.seen), default=None)
    return tuple(event for event in events if event.seen == latest)
