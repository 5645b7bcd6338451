"""MetalLB in layer-2 mode: one speaker, elected per Service, answers ARP in user space from the NIC that was asked.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record; the
loadBalancerClass of the speakers' flag `--lb-class`
Announcer read from: ServiceL2Status (0.14.4 and later), else the `nodeAssigned` events of an hour (0.8 and later)
Not known: the announcer before 0.14.6 once its event has expired; then the election is recomputed as a guess"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.common import has_ingress, is_current, refused, strongest_first, untold
from arpcheck.loadbalancers.events import EVENTS, Event, events_of
from arpcheck.loadbalancers.metallb_election import candidates, elected, why_nobody
from arpcheck.loadbalancers.metallb_events import event_claims, event_notes, of_bgp_only
from arpcheck.loadbalancers.metallb_pools import BGP, LAYER2, POOLS, Coverage, coverage
from arpcheck.loadbalancers.metallb_state import SPEAKERS, STATES, invalid, serves_class
from arpcheck.loadbalancers.metallb_statuses import STATUSES, kept_for_others, status_claims, status_notes
from arpcheck.loadbalancers.needs import annotations_of_services
from arpcheck.model import Announcement, Claim, Need
from arpcheck.objects import Objects, Service

NAME = "metallb"

_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")

NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_POOL),
    STATUSES,
    EVENTS,
    POOLS,
    LAYER2,
    BGP,
    STATES,
    SPEAKERS,
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
        return Announcement(
            implementation=NAME, because=because, order=order, claims=claims, notes=notes, unread=unread
        )
    covered = coverage(service, ip, _pool(service), objects)
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
        notes=(*notes, *why, *invalid(objects)),
        unread=unread,
        unsaid_announcer=_unsaid(service, objects),
        unsaid_silence=covered.unsaid if _pool(service) else (),
    )


def _recognised(
    service: Service, claims: tuple[Claim, ...], notes: tuple[str, ...], objects: Objects
) -> tuple[str, int]:
    if service.load_balancer_class and serves_class(objects, service.load_balancer_class):
        return f"loadBalancerClass {service.load_balancer_class}", 3
    for key in _POOL:
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if claims:
        return claims[0].source, 5
    return (f"Event {service.full_name}", 5) if notes else ("", 0)


def _pool(service: Service) -> str:
    return next((service.annotations[key] for key in _POOL if service.annotations.get(key)), "")


def _silence(covered: Coverage, events: tuple[Event, ...], objects: Objects, at: datetime) -> str | None:
    """Why nobody should answer, by the advertisements; by the events where no advertisement says otherwise."""
    if covered.bgp_only:
        return f"{covered.of} is announced by BGP only"
    if covered.layer2 or covered.bgp is False or covered.unread or refused(objects, STATUSES.resource, EVENTS.resource):
        return None
    return "announced by BGP only, as its events say" if of_bgp_only(events, at) else None


def _unread(objects: Objects) -> tuple[str, ...]:
    return () if kept_for_others(objects) else refused(objects, STATUSES.resource, EVENTS.resource)


def _unsaid(service: Service, objects: Objects) -> tuple[str, ...]:
    """From 0.14.9 on, which the key of the annotation shows, every Service that is announced has a ServiceL2Status, so a
    file that has none was made without, whatever else of MetalLB's is in it: kubectl prints what it may read and leaves out
    the rest. Before that, events."""
    return untold(objects, STATUSES.resource if service.annotations.get(_POOL[0]) else EVENTS.resource)


def _unrecorded(service: Service, objects: Objects, covered: Coverage) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """A guess, or why nobody announces, where all was read and nothing is recorded."""
    if covered.layer2 is False:
        return (), (f"no L2Advertisement covers {covered.of}: MetalLB answers nothing",)
    if why := why_nobody(objects, covered.covering):
        return (), (why,)
    if kept_for_others(objects):
        return (), ("MetalLB keeps a ServiceL2Status for other Services and none for this one: no node announces it now",)
    guess = None if objects.gap(LAYER2.resource) else elected(
        service, candidates(objects, covered.covering), objects, covered.covering
    )
    return ((guess,) if guess else ()), ("no ServiceL2Status and no event: events expire after an hour",)
