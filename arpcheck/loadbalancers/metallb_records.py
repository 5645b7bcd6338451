"""What MetalLB's speakers write down: ServiceL2Status of both shapes, and events on the Service.

Knows records only: what a configuration means is in `metallb_pools`, what follows from both in `metallb`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from arpcheck.loadbalancers.events import Event, events_of, newest
from arpcheck.loadbalancers.records import event_trust, was_read
from arpcheck.model import Claim, Need, Trust
from arpcheck.objects import Object, Objects, Service, full_name, instant, items, labels_of, namespace, text

STATUSES = Need(
    resource="servicel2statuses.metallb.io",
    costs="MetalLB's announcer is known from events only, which expire after an hour",
    fields=(
        *("metadata labels metallb.io/*", "status node", "status serviceName", "status serviceNamespace"),
        "status interfaces name",
    ),
)

_ANNOUNCING = re.compile(r'announcing from node ("(?:[^"\\]|\\.)+")(?: with protocol "(layer2|bgp)")?')
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([abfnrtv"\\]))')
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


# ----------------------------------------------------------------------------------------------------- ServiceL2Status


def statuses_of(service: Service, objects: Objects) -> tuple[Object, ...]:
    """By the labels: the status is empty between the creation and the first patch."""
    return objects.by(STATUSES.resource, _service_of).get(service.full_name, ())


def _service_of(status: Object) -> str | None:
    """Labels of 0.14.6 and later; of 0.14.4 and 0.14.5, which lived in the Service's namespace; else the status."""
    labels = labels_of(status)
    name = labels.get("metallb.io/service-name") or labels.get("metallb.io/service") or text(status, "status", "serviceName")
    if not name:
        return None
    of_status = text(status, "status", "serviceNamespace")
    return f"{labels.get('metallb.io/service-namespace') or of_status or namespace(status)}/{name}"


def status_claims(service: Service, objects: Objects) -> tuple[Claim, ...]:
    """One for each node that a record names. Up to 0.15 a speaker could patch another's record (metallb#2712, #2938),
    so that label and status name two nodes: both are claimed."""
    return tuple(
        Claim(
            node=node,
            source=f"ServiceL2Status {full_name(status)}",
            trust=Trust.CURRENT,
            service=service.full_name,
            observed_at=instant(text(status, "metadata", "creationTimestamp")),
        )
        for status in statuses_of(service, objects)
        for node in _nodes_of(status)
    )


def _nodes_of(status: Object) -> tuple[str, ...]:
    named = (labels_of(status).get("metallb.io/node", ""), text(status, "status", "node"))
    return tuple(dict.fromkeys(node for node in named if node))


def status_notes(service: Service, objects: Objects) -> tuple[str, ...]:
    found = []
    for status in statuses_of(service, objects):
        if len(nodes := _nodes_of(status)) > 1:
            found.append(f"ServiceL2Status {full_name(status)}: its label says {nodes[0]}, its status {nodes[1]}")
        names = [text(entry, "name") for entry in items(status, "status", "interfaces")]
        if any(names):
            found.append(f"announced only on the interfaces {', '.join(filter(None, names))} of {' and '.join(nodes)}")
    return tuple(found)


# -------------------------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Announcing:
    """What a `nodeAssigned` event says."""

    node: str
    protocol: str
    """`layer2`, `bgp`, or empty: MetalLB before 0.13 doesn't say."""


def read_message(message: str) -> Announcing | None:
    """`announcing from node "worker-1" with protocol "layer2"`, the node quoted as Go's %q does; None: another message
    (metallb speaker/main.go)."""
    if not (match := _ANNOUNCING.fullmatch(message)) or not (node := _unquoted(match[1])):
        return None
    return Announcing(node, match[2] or "")


def _unquoted(quoted: str) -> str | None:
    """The text of a Go string literal (strconv.Quote); None for one that holds bytes that are no text."""
    inner = quoted[1:-1]
    if "\\" in _ESCAPE.sub("", inner):
        return None
    try:
        found = _ESCAPE.sub(_character, inner)
        found.encode()
    except ValueError:
        return None
    return found


def _character(escape: re.Match[str]) -> str:
    octet, four, eight, letter = escape.groups()
    if letter:
        return _LETTERS[letter]
    if octet and int(octet, 16) > 0x7F:
        raise ValueError(f"half a character: {escape[0]}")
    return chr(int(octet or four or eight, 16))


def event_claims(service: Service, objects: Objects, at: datetime) -> tuple[Claim, ...]:
    """The node of the newest layer-2 event; older ones are history, those of BGP say nothing of ARP.

    Nothing is written when a node stops, so the event is only possibly current where a newer ServiceL2Status names
    another node, or where MetalLB keeps a ServiceL2Status for other Services and none for this one."""
    said = {event: found for event in events_of(service, objects) if (found := _assigned(event))}
    spoken = tuple(event for event, found in said.items() if found.protocol != "bgp")
    return tuple(
        Claim(
            node=said[event].node,
            source=f"Event {service.full_name} nodeAssigned",
            trust=Trust.STALE if _superseded(said[event].node, event, service, objects) else event_trust(event.seen, at),
            service=service.full_name,
            rank=1,
            observed_at=event.seen,
        )
        for event in newest(spoken)
    )


def _assigned(event: Event) -> Announcing | None:
    return read_message(event.message) if event.reason == "nodeAssigned" else None


def _superseded(node: str, event: Event, service: Service, objects: Objects) -> bool:
    claims = status_claims(service, objects)
    if not claims:
        return was_read(objects, STATUSES.resource) and bool(objects.of(STATUSES.resource))
    if node in (claim.node for claim in claims):
        return False
    return any(not event.seen or not claim.observed_at or claim.observed_at >= event.seen for claim in claims)


def failures(service: Service, objects: Objects) -> tuple[str, ...]:
    """What the elected speaker says of why it does not announce, as long as it is the last word."""
    events = events_of(service, objects)
    last = newest(tuple(event for event in events if event.reason == "announceFailed" or _assigned(event)))
    return tuple(sorted({f"announceFailed: {event.message}" for event in last if event.reason == "announceFailed"}))
