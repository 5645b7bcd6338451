"""MetalLB in layer-2 mode: one speaker, elected per Service, replies from the NIC that received the request.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record; the
loadBalancerClass of the speakers' flag `--lb-class`
Announcer read from: ServiceL2Status (0.14.4 and later), else the `nodeAssigned` events of an hour (0.8 and later)
Not known: the announcer before 0.14.6 after its event has expired; then the election is recomputed as a guess"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers import metallb_allocation, metallb_reasons
from arpcheck.loadbalancers.common import (
    EVENTS,
    Event,
    annotations_of_services,
    demoted,
    event_trust,
    events_of,
    has_ingress,
    is_ahead,
    is_current,
    newest,
    not_in_file,
    refused,
    strongest_first,
    was_read,
)
from arpcheck.loadbalancers.metallb_configuration import (
    BGP,
    LAYER2,
    POOLS,
    SPEAKERS,
    STATES,
    Coverage,
    barred_nodes,
    candidates,
    counted_reasons,
    coverage,
    elected,
    invalid,
    rejection,
    serves_class,
)
from arpcheck.model import Announcement, Claim, ClaimSource, Need, Reason, Trust
from arpcheck.objects import Object, Objects, Service, full_name, instant, items, labels_of, namespace, text

# ----------------------------------------------------------------------------------------------------------- ServiceL2Status

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
    names = _interfaces(status)
    if nodes and names:
        yield f"announced only on {', '.join(names)} of {' and '.join(nodes)}"


def _interfaces(status: Object) -> tuple[str, ...]:
    """Those that the configuration names, whether the node has them or not; none: all."""
    return tuple(name for entry in items(status, "status", "interfaces") if (name := text(entry, "name")))


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


# --------------------------------------------------------------------------------------------------- MetalLB in layer-2 mode

NAME = "metallb"

_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")

_NOT_ALLOCATED = ("AllocationFailed", "LoadBalancerFailed")

NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_POOL),
    STATUSES,
    EVENTS,
    POOLS,
    LAYER2,
    BGP,
    STATES,
    SPEAKERS,
    *metallb_allocation.NEEDS,
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """A current record settles it; the configuration is only looked at where there is none.

    An event stays a current claim where ServiceL2Status is refused, since a speaker that takes over writes a newer one.
    But one that merely stops writes nothing, so the refused resource is named beside the claim. Nothing is missed where
    the configuration alone says that nobody should answer."""
    if not has_ingress(service, ip):
        return None
    recorded, events = status_claims(service, objects), events_of(service, objects)
    claims = strongest_first((*recorded, *event_claims(service, events, objects, at)))
    notes = (*status_notes(service, objects), *event_notes(events, at))
    because, order = _recognised(service, claims, notes, objects)
    if not because:
        return None
    if is_current(claims):
        unread = () if recorded else refused(objects, STATUSES.resource)
        return Announcement(implementation=NAME, because=because, order=order, claims=claims, notes=notes, unread=unread)
    covered = coverage(service, ip, _annotated_pool(service), objects)
    silence = _silence(covered, events, objects, at)
    unread = () if silence else tuple(sorted({*_unread(objects), *covered.unread}))
    guesses, why = _unrecorded(service, objects, covered) if not claims and not silence and not unread else ((), ())
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=(*claims, *guesses),
        silence=silence,
        by_bgp=f"{covered.of} has a BGPAdvertisement alone" if covered.bgp_only else None,
        notes=(*notes, *why, *(f"ConfigurationState {full_name(one)}: {rejection(one)}" for one in invalid(objects))),
        unread=unread,
        announcer_not_in_file=_not_in_file(service, objects),
        silence_not_in_file=covered.not_in_file if _annotated_pool(service) else (),
    )


def reasons(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """What MetalLB's own rules exclude, in the order in which a speaker gives up; then what the records say."""
    failed = [event for event in newest(_said_of_arp(events_of(service, objects))) if event.reason == "announceFailed"]
    seen = metallb_reasons.AddressSeen(
        service=service,
        ip=ip,
        covered=coverage(service, ip, _annotated_pool(service), objects),
        records=tuple((claim.source, claim.node) for claim in status_claims(service, objects)),
        interfaces=tuple(dict.fromkeys(name for one in _advertisements_of(service, objects) for name in _interfaces(one))),
        kept_for_others=kept_for_others(objects),
        failures=tuple(event.message for event in failed if event_trust(event.seen, at) is Trust.CURRENT),
    )
    return metallb_reasons.reasons(seen, objects)


def unallocated(service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """In the order in which the controller gives up; then what its events say."""
    events = (event for event in events_of(service, objects) if event.reason in (*_NOT_ALLOCATED, "IPAllocated"))
    failed = (one for one in newest(tuple(events)) if one.reason in _NOT_ALLOCATED)
    recent = tuple(one for one in failed if event_trust(one.seen, at) is Trust.CURRENT)
    return metallb_allocation.reasons(service, objects, recent)


def _said_of_arp(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Those that say who announces it by ARP, or that a node could not."""
    return (*_of_arp(events), *(event for event in events if event.reason == "announceFailed"))


def _recognised(service: Service, claims: tuple[Claim, ...], notes: tuple[str, ...], objects: Objects) -> tuple[str, int]:
    if service.load_balancer_class and serves_class(objects, service.load_balancer_class):
        return f"loadBalancerClass {service.load_balancer_class}", 3
    for key in _POOL:
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if claims:
        return claims[0].source, 5
    return (f"Event {service.full_name}", 5) if notes else ("", 0)


def _annotated_pool(service: Service) -> str:
    return next((service.annotations[key] for key in _POOL if service.annotations.get(key)), "")


def _silence(covered: Coverage, events: tuple[Event, ...], objects: Objects, at: datetime) -> str | None:
    """Why no node should reply, by the advertisements, or by the events if no advertisement contradicts them."""
    if covered.bgp_only:
        return f"{covered.of} is announced only by BGP"
    if covered.layer2 or covered.bgp is False or covered.unread or refused(objects, STATUSES.resource, EVENTS.resource):
        return None
    return "announced only by BGP, according to its events" if of_bgp_only(events, at) else None


def _unread(objects: Objects) -> tuple[str, ...]:
    return () if kept_for_others(objects) else refused(objects, STATUSES.resource, EVENTS.resource)


def _not_in_file(service: Service, objects: Objects) -> tuple[str, ...]:
    """Since 0.14.9, which the key of the annotation shows, every announced Service has a ServiceL2Status. A file without any
    was made without them, even if it has other objects of MetalLB: kubectl leaves out what it may not read. Before that
    version, events."""
    return not_in_file(objects, STATUSES.resource if service.annotations.get(_POOL[0]) else EVENTS.resource)


def _unrecorded(service: Service, objects: Objects, covered: Coverage) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """A guess, or why no node announces it, if everything was read and nothing is recorded."""
    if covered.layer2 is False:
        return (), (f"no L2Advertisement selects {covered.of}, so MetalLB does not announce it",)
    barred = [why for _, why in barred_nodes(objects, covered.covering)]
    if barred and all(barred):
        return (), (f"no node may announce it: {counted_reasons(barred)}",)
    if kept_for_others(objects):
        return (), ("other Services have a ServiceL2Status and this one has none, so no node announces it now",)
    guess = (
        None
        if objects.gap(LAYER2.resource)
        else elected(service, candidates(objects, covered.covering), objects, covered.covering)
    )
    return ((guess,) if guess else ()), ("no ServiceL2Status and no event: events expire after an hour",)


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
    last = newest(_said_of_arp(events))
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
