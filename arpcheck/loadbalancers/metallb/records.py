"""MetalLB's records of the announcer: ServiceL2Status, and the events of the speakers.
Source: metallb internal/k8s/controllers/layer2_status_controller.go, speaker/main.go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from arpcheck.loadbalancers.common import Event, demoted, event_trust, is_ahead, newest, was_read
from arpcheck.model import Claim, ClaimSource, Need, Trust
from arpcheck.objects import Object, Objects, Service, full_name, instant, items, labels_of, namespace, text

STATUSES = Need(
    resource="servicel2statuses.metallb.io",
    costs="MetalLB's announcer is known only from events, which expire after an hour",
    fields=(
        *("metadata labels metallb.io/*", "status node", "status serviceName", "status serviceNamespace"),
        "status interfaces name",
    ),
    record=True,
)

_CONFIGURED = ("ipaddresspools.metallb.io", "l2advertisements.metallb.io", "bgpadvertisements.metallb.io")


def kept_for_others(objects: Objects) -> bool:
    """Whether ServiceL2Status is in use here. Then a Service without one is not announced now."""
    return was_read(objects, STATUSES.resource) and bool(objects.of(STATUSES.resource))


def status_claims(service: Service, objects: Objects) -> tuple[Claim, ...]:
    """A claim for each node that a record names. Up to 0.15 a speaker could patch another's record (metallb#2712, #2938), so
    label and status may name two nodes; both are claimed."""
    return tuple(
        Claim(
            node=node,
            source=f"ServiceL2Status {full_name(status)}",
            kind=ClaimSource.SERVICE_L2_STATUS,
            trust=Trust.CURRENT,
            service=service.full_name,
            observed_at=(made := instant(text(status, "metadata", "creationTimestamp"))),
            since=made,
            tenure=text(status, "metadata", "uid") or text(status, "metadata", "creationTimestamp"),
        )
        for status in _advertisements_of(service, objects)
        for node in _status_nodes(status)
    )


def status_notes(service: Service, objects: Objects) -> tuple[str, ...]:
    """Notes on contradictory records, on interfaces that records name, and on records that are ignored."""
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    strange = (status for status in found if not _at_home(status, objects))
    names = (f"ServiceL2Status {full_name(status)} is not in MetalLB's namespace and is ignored" for status in strange)
    return (*(note for status in _advertisements_of(service, objects) for note in _notes(status)), *names)


def _notes(status: Object) -> Iterable[str]:
    nodes = _status_nodes(status)
    if len(nodes) > 1:
        yield f"ServiceL2Status {full_name(status)}: its label names {nodes[0]}, its status {nodes[-1]}"
    names = [name for entry in items(status, "status", "interfaces") if (name := text(entry, "name"))]
    if nodes and names:
        yield f"announced only on {', '.join(names)} of {' and '.join(nodes)}"


def _advertisements_of(service: Service, objects: Objects) -> tuple[Object, ...]:
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    return tuple(status for status in found if _at_home(status, objects))


def _at_home(status: Object, objects: Objects) -> bool:
    """Whether the record is in the namespace of MetalLB's configuration; if that is unknown, every record counts. The first
    version wrote records into the Service's namespace."""
    home = objects.memo(_at_home, lambda: frozenset(namespace(obj) for kind in _CONFIGURED for obj in objects.of(kind)))
    first_version = "metallb.io/service-name" not in labels_of(status)
    return not home or first_version or namespace(status) in home


def _service_of(status: Object) -> str:
    """By the labels, since the status is empty until the first patch. The first version had one label and wrote into the
    Service's namespace."""
    labels = labels_of(status)
    name = labels.get("metallb.io/service-name") or labels.get("metallb.io/service") or text(status, "status", "serviceName")
    space = labels.get("metallb.io/service-namespace") or text(status, "status", "serviceNamespace") or namespace(status)
    return f"{space}/{name}"


def _status_nodes(status: Object) -> tuple[str, ...]:
    named = (labels_of(status).get("metallb.io/node", ""), text(status, "status", "node"))
    return tuple(dict.fromkeys(node for node in named if node))


# ---------------------------------------------------------------------------------------------- Events of MetalLB's speakers

_ANNOUNCING = re.compile(r'announcing from node ("(?:[^"\\]|\\.)+")(?: with protocol "(layer2|bgp)")?')
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([abfnrtv"\\]))')
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Assigned:
    """The content of a `nodeAssigned` event."""

    node: str
    protocol: str
    """`layer2`, `bgp`, or empty for MetalLB before 0.13."""


def read_message(message: str) -> Assigned | None:
    """`announcing from node "worker-1" with protocol "layer2"`, the node quoted as by Go's %q; None: another message."""
    if not (match := _ANNOUNCING.fullmatch(message)) or not (node := _unquoted(match[1])):
        return None
    return Assigned(node, match[2] or "")


def _unquoted(quoted: str) -> str | None:
    """The text of a Go string literal (strconv.Quote); None if it is not valid text."""
    inner = quoted[1:-1]
    if "\\" in _ESCAPE.sub("", inner):
        return None
    try:
        found = _ESCAPE.sub(_character, inner)
        found.encode()
    except (ValueError, OverflowError):
        return None
    return found


def _character(escape: re.Match[str]) -> str:
    octet, four, eight, letter = escape.groups()
    if letter:
        return _LETTERS[letter]
    if octet and int(octet, 16) > 0x7F:
        raise ValueError("part of a character")
    return chr(int(octet or four or eight, 16))


def event_claims(service: Service, events: tuple[Event, ...], objects: Objects, at: datetime) -> tuple[Claim, ...]:
    """A claim for each node that a recent event names, without events of BGP: no event is written when an address moves back
    to a node that announced it before (metallb#2310). Without recent events, the newest counts.

    The claims are not current if several nodes are named without a protocol, if a newer ServiceL2Status names another node,
    or if other Services have a ServiceL2Status and this one has none."""
    if not (said := _of_arp(events)):
        return ()
    claims = tuple(
        Claim(
            node=said[event].node,
            source=f"Event {service.full_name} nodeAssigned",
            kind=ClaimSource.EVENT,
            trust=Trust.STALE if _superseded(said[event], event, service, objects) else event_trust(event.seen, at),
            service=service.full_name,
            rank=1,
            observed_at=event.seen,
            since=event.first,
            clock_doubt=is_ahead(event.seen, at),
        )
        for event in _last_of_each(said, at)
    )
    return demoted(claims) if _ambiguous(said, at) else claims


def _last_of_each(said: dict[Event, Assigned], at: datetime) -> tuple[Event, ...]:
    """The newest event of each node, if it is recent; else the newest of all."""
    last: dict[str, Event] = {}
    for event, assigned in said.items():
        kept = last.get(assigned.node)
        if event_trust(event.seen, at) is Trust.CURRENT and (kept is None or newest((kept, event))[0] is event):
            last[assigned.node] = event
    return tuple(last.values()) or newest(tuple(said))


def event_notes(events: tuple[Event, ...], at: datetime) -> tuple[str, ...]:
    """Notes on the events that no later event contradicts."""
    if not events:
        return ()
    said = _of_arp(events)
    last = newest((*said, *(event for event in events if event.reason == "announceFailed")))
    notes = {f"announceFailed: {event.message}" for event in last if event.reason == "announceFailed"}
    if not said and any(_assigned(event) for event in events):
        notes.add("its events are only about BGP, not about ARP")
    if nodes := _ambiguous(said, at):
        notes.add(f"its events name {' and '.join(nodes)} without a protocol: they all announce it by BGP, or one took over")
    return tuple(sorted(notes))


def of_bgp_only(events: tuple[Event, ...], at: datetime) -> bool:
    """Whether a recent event is about BGP, and all events are."""
    said = [(assigned.protocol, event) for event in events if (assigned := _assigned(event))]
    recent = any(event_trust(event.seen, at) is Trust.CURRENT for _, event in said)
    return recent and all(protocol == "bgp" for protocol, _ in said)


def _of_arp(events: tuple[Event, ...]) -> dict[Event, Assigned]:
    found = {event: assigned for event in events if (assigned := _assigned(event))}
    return {event: assigned for event, assigned in found.items() if assigned.protocol != "bgp"}


def _assigned(event: Event) -> Assigned | None:
    return read_message(event.message) if event.reason == "nodeAssigned" else None


def _ambiguous(said: dict[Event, Assigned], at: datetime) -> tuple[str, ...]:
    """The nodes that recent events name without a protocol, if there are several."""
    fresh = {a.node for event, a in said.items() if not a.protocol and event_trust(event.seen, at) is Trust.CURRENT}
    return tuple(sorted(fresh)) if len(fresh) > 1 else ()


def _superseded(assigned: Assigned, event: Event, service: Service, objects: Objects) -> bool:
    claims = status_claims(service, objects)
    if not claims:
        return kept_for_others(objects)
    if assigned.node in (claim.node for claim in claims):
        return False
    return any(not event.seen or not claim.observed_at or claim.observed_at >= event.seen for claim in claims)
