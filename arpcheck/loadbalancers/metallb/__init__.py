"""MetalLB in layer-2 mode: one speaker, elected per Service, replies from the NIC that received the request.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record; the
loadBalancerClass of the speakers' flag `--lb-class`
Announcer read from: ServiceL2Status (0.14.4 and later), else the `nodeAssigned` events of an hour (0.8 and later)
Not known: the announcer before 0.14.6 after its event has expired; then the election is recomputed as a guess"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

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
from arpcheck.loadbalancers.metallb import address_reasons, allocation
from arpcheck.loadbalancers.metallb.configuration import (
    BGP,
    LAYER2,
    POOLS,
    SPEAKERS,
    STATES,
    Coverage,
    coverage,
    serves_class,
)
from arpcheck.loadbalancers.metallb.nodes import PODS, candidates, elected
from arpcheck.model import Address, Announcement, Claim, ClaimSource, Need, Reason, Trust
from arpcheck.objects import Object, Objects, Service, full_name, instant, labels_of, namespace, text

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


def _elsewhere(service: Service, objects: Objects) -> tuple[str, ...]:
    """The records that are ignored, since their namespace is not MetalLB's."""
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    return tuple(full_name(status) for status in found if not _at_home(status, objects))


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
    PODS,
    *allocation.NEEDS,
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """A current record settles it; the configuration is only looked at where there is none.

    An event stays a current claim where ServiceL2Status is refused, since a speaker that takes over writes a newer one.
    But one that merely stops writes nothing, so the refused resource is named beside the claim. Nothing is missed where
    the configuration alone says that nobody should answer."""
    if not has_ingress(service, ip):
        return None
    recorded, events = status_claims(service, objects), events_of(service, objects)
    claims = strongest_first((*recorded, *event_claims(service, events, objects, at)))
    because, order = _recognised(service, claims, events, objects)
    if not because:
        return None
    if is_current(claims):
        unread = () if recorded else refused(objects, STATUSES.resource)
        return Announcement(implementation=NAME, because=because, order=order, claims=claims, unread=unread)
    covered = coverage(service, ip, _annotated_pool(service), objects)
    silence = _silence(covered, events, objects, at)
    unread = () if silence else tuple(sorted({*_unread(objects), *covered.unread}))
    guess = _guess(service, objects, covered) if not claims and not silence and not unread else None
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=(*claims, *((guess,) if guess else ())),
        silence=silence,
        by_bgp=f"{covered.of} has a BGPAdvertisement alone" if covered.bgp_only else None,
        unread=unread,
        announcer_not_in_file=_not_in_file(service, objects),
        silence_not_in_file=covered.not_in_file if _annotated_pool(service) else (),
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """What MetalLB's own rules exclude, in the order in which a speaker gives up; then what the records say."""
    events = events_of(service, objects)
    failed = [event for event in newest(_said_of_arp(events)) if event.reason == "announceFailed"]
    seen = address_reasons.AddressSeen(
        service=service,
        ip=ip,
        covered=coverage(service, ip, _annotated_pool(service), objects),
        records=status_claims(service, objects),
        assigned=tuple(one for one in event_claims(service, events, objects, at) if one.trust is Trust.CURRENT),
        elsewhere=_elsewhere(service, objects),
        announced_by_bgp=_nodes_by_bgp(events, at),
        kept_for_others=kept_for_others(objects),
        failures=tuple(sorted({event.message for event in failed if event_trust(event.seen, at) is Trust.CURRENT})),
    )
    return address_reasons.reasons(seen, objects)


def unallocated(service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """In the order in which the controller gives up; then what its events say."""
    events = (event for event in events_of(service, objects) if event.reason in (*_NOT_ALLOCATED, "IPAllocated"))
    failed = (one for one in newest(tuple(events)) if one.reason in _NOT_ALLOCATED)
    recent = tuple(one for one in failed if event_trust(one.seen, at) is Trust.CURRENT)
    return allocation.reasons(service, objects, recent)


def _said_of_arp(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Those that say who announces it by ARP, or that a node could not."""
    return (*_of_arp(events), *(event for event in events if event.reason == "announceFailed"))


def _recognised(service: Service, claims: tuple[Claim, ...], events: tuple[Event, ...], objects: Objects) -> tuple[str, int]:
    if service.load_balancer_class and serves_class(objects, service.load_balancer_class):
        return f"loadBalancerClass {service.load_balancer_class}", 3
    for key in _POOL:
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if claims:
        return claims[0].source, 5
    said = any(event.reason == "announceFailed" or _assigned(event) for event in events)
    return (f"Event {service.full_name}", 5) if said or _elsewhere(service, objects) else ("", 0)


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


def _guess(service: Service, objects: Objects, covered: Coverage) -> Claim | None:
    """If everything was read and nothing is recorded, though the configuration does not exclude it."""
    if covered.layer2 is False or kept_for_others(objects) or objects.gap(LAYER2.resource):
        return None
    return elected(service, candidates(objects, covered.covering), objects, covered.covering)


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


def _nodes_by_bgp(events: tuple[Event, ...], at: datetime) -> tuple[str, ...]:
    """The nodes of recent events if all are about BGP, or several if none says the protocol: they all announce it by BGP, or
    one took over."""
    if of_bgp_only(events, at):
        return tuple(sorted({assigned.node for event in events if (assigned := _assigned(event))}))
    return _ambiguous(_of_arp(events), at)


def _superseded(assigned: Assigned, event: Event, service: Service, objects: Objects) -> bool:
    claims = status_claims(service, objects)
    if not claims:
        return kept_for_others(objects)
    if assigned.node in (claim.node for claim in claims):
        return False
    return any(not event.seen or not claim.observed_at or claim.observed_at >= event.seen for claim in claims)
