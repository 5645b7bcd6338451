"""MetalLB in layer-2 mode: one speaker, elected per Service, replies from the NIC that received the request.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record; the
loadBalancerClass of the speakers' flag `--lb-class`
Announcer read from: ServiceL2Status (0.14.4 and later), else the `nodeAssigned` events of an hour (0.8 and later)
Not known: the announcer before 0.14.6 after its event has expired; then the election is recomputed as a guess"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.common import (
    EVENTS,
    Event,
    annotations_of_services,
    events_of,
    has_ingress,
    is_current,
    not_in_file,
    refused,
    strongest_first,
)
from arpcheck.loadbalancers.metallb.advertisements import BGP, LAYER2, POOLS, Coverage, coverage
from arpcheck.loadbalancers.metallb.election import candidates, elected, why_nobody
from arpcheck.loadbalancers.metallb.records import (
    STATUSES,
    event_claims,
    event_notes,
    kept_for_others,
    of_bgp_only,
    status_claims,
    status_notes,
)
from arpcheck.model import Announcement, Claim, Need
from arpcheck.objects import Object, Objects, Service, full_name, items, labels_of, name, text, texts

NAME = "metallb"

_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")

STATES = Need(
    resource="configurationstates.metallb.io",
    costs="it is unknown whether MetalLB uses an older configuration because an object is invalid",
    fields=("metadata labels metallb.io/*", "status result", "status lastError", "status errorSummary"),
    optional=True,
)
SPEAKERS = Need(
    resource="daemonsets.apps",
    costs="a loadBalancerClass that MetalLB is configured to serve is not recognised",
    names=("speaker", "*metallb*speaker*"),
    fields=("spec template spec containers args",),
    group="metallb.io",
    optional=True,
)

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

_CLASS = "--lb-class"


def invalid(objects: Objects) -> tuple[str, ...]:
    """A sentence for each component that rejected the configuration and still uses the last valid one."""
    found = sorted(objects.of(STATES.resource), key=full_name)
    return tuple(_words(state) for state in found if text(state, "status", "result") == "Invalid")


def _words(state: Object) -> str:
    labels = labels_of(state)
    who = " of ".join(part for part in (labels.get("metallb.io/component-type"), labels.get("metallb.io/node-name")) if part)
    why = text(state, "status", "lastError") or text(state, "status", "errorSummary") or "no reason given"
    return f"ConfigurationState {full_name(state)}: the configuration is invalid{f' for the {who}' if who else ''}: {why}"


def serves_class(objects: Objects, wanted: str) -> bool:
    """Whether a speaker is configured to serve only Services of this class."""
    return wanted in objects.memo(serves_class, lambda: frozenset(_classes(objects)))


def _classes(objects: Objects) -> Iterator[str]:
    for daemonset in objects.of(SPEAKERS.resource):
        for container in items(daemonset, "spec", "template", "spec", "containers") if "speaker" in name(daemonset) else ():
            args = texts(container, "args")
            for this, following in zip(args, (*args[1:], ""), strict=True):
                flag, equals, value = this.partition("=")
                if flag == _CLASS:
                    yield value if equals else following


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
        notes=(*notes, *why, *invalid(objects)),
        unread=unread,
        announcer_not_in_file=_not_in_file(service, objects),
        silence_not_in_file=covered.not_in_file if _annotated_pool(service) else (),
    )


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
    if why := why_nobody(objects, covered.covering):
        return (), (why,)
    if kept_for_others(objects):
        return (), ("other Services have a ServiceL2Status and this one has none, so no node announces it now",)
    guess = (
        None
        if objects.gap(LAYER2.resource)
        else elected(service, candidates(objects, covered.covering), objects, covered.covering)
    )
    return ((guess,) if guess else ()), ("no ServiceL2Status and no event: events expire after an hour",)
