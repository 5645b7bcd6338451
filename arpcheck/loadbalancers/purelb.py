"""PureLB: the elected node adds the address to its NIC in that subnet, and its kernel replies.
Source: purelb internal/local/announcer_local.go, pkg/apis/v1/annotations.go, pkg/apis/purelb/v2/announcing.go.

Recognised by: loadBalancerClass `purelb.io/…`; annotations `purelb.io/allocated-by`, `purelb.io/announcing-…`
Announcer read from: annotation `purelb.io/announcing-IPv4`, `…-IPv6` (to 0.4: `…/announcing-node`); if 0.15 or 0.16 left
several entries for an address, the newest `AnnouncingLocal` event
Not known: whether a pool is remote before 0.15; the announcer among several entries once the event has expired, when the
election is recomputed as a guess"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from arpcheck.loadbalancers.common import (
    EVENTS,
    Event,
    down,
    event_trust,
    events_of,
    has_ingress,
    is_ahead,
    is_current,
    lowest_hash,
    newest,
    recorded_on_services,
    refused,
    strongest_first,
    was_read,
)
from arpcheck.loadbalancers.leases import LEASES, Lease, leases_beginning
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.model.constants import IPV4
from arpcheck.objects import Objects, Service, address

NAME = "purelb"

_CLASSES = ("purelb.io/purelb", "purelb.io/purelbv2")
_ALLOCATED = "purelb.io/allocated-by"
_TYPE = "purelb.io/pool-type"
_IPV4, _IPV6 = "purelb.io/announcing-IPv4", "purelb.io/announcing-IPv6"
_NODE = "purelb.io/announcing-node"
_SUBNETS = "purelb.io/subnets"
_VOTER = "purelb-node-"

_ANNOUNCING = re.compile(r"Node (\S+) announcing (\S+) on interface .+")

NEEDS: tuple[Need, ...] = (
    recorded_on_services(_ALLOCATED, _TYPE, _IPV4, _IPV6, _NODE),
    EVENTS,
    LEASES,
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """A single entry is the announcer. Of several, the last one written is, but the annotation does not say which."""
    because, order = _recognised(service)
    if not because or not has_ingress(service, ip):
        return None
    if service.annotations.get(_TYPE) == "remote":
        silence = "the pool is remote: the address is routed to every node, and no node announces it here"
        said = f"annotation {_TYPE}: remote"
        return Announcement(
            implementation=NAME,
            because=because,
            order=order,
            silence=silence,
            held_everywhere=said,
            by_bgp=said,
            answers_once=True,
        )
    entries = tuple(dict.fromkeys(_annotation_entries(service, ip)))
    claims = strongest_first((*_written(service, ip, entries), *_said(service, ip, objects, at)))
    settled = is_current(claims)
    guess = () if settled or not entries or objects.gap(EVENTS.resource) else _elected(service, ip, objects, at)
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=(*claims, *guess),
        answers_once=True,
        on_interface=True,
        unread=() if settled else refused(objects, EVENTS.resource),
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """An agent withdraws an address that no node's subnet has (internal/local/announcer_local.go, noEligibleNodes)."""
    said = announcement(service, ip, objects, at)
    return tuple(_reasons(service, ip, said, objects, at)) if said else ()


def _reasons(service: Service, ip: Address, said: Announcement, objects: Objects, at: datetime) -> Iterator[Reason]:
    subject, likely = f"Service {service.full_name}", Certainty.LIKELY
    if service.annotations.get(_TYPE) == "remote":
        evidence = f"annotation {_TYPE} is remote: it is routed, and no node replies for it"
        yield Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=subject, evidence=evidence, certainty=Certainty.SURE)
        return
    voters = leases_beginning(objects, _VOTER)
    alive = [lease for lease in voters if lease.trust(at) is Trust.CURRENT]
    known = bool(alive) and was_read(objects, LEASES.resource) and all(lease.annotations.get(_SUBNETS) for lease in alive)
    if known and not any(_may_win(lease, ip, at) for lease in alive):
        sure = service.annotations.get(_TYPE) == "local" and not is_current(said.claims)
        yield Reason(
            id=ReasonId.NO_NODE_MAY_ANNOUNCE,
            subject=subject,
            evidence=f"no agent of PureLB has a subnet with {ip}",
            certainty=Certainty.SURE if sure else likely,
            nodes=tuple(sorted(lease.holder for lease in alive)),
        )
    named = tuple(claim for claim in said.claims if claim.trust is Trust.CURRENT)
    yield from down(named, objects)
    for claim in named:
        own = [lease for lease in voters if lease.holder == claim.node]
        if alive and own and not any(lease in alive for lease in own):
            evidence = f"the agent of {claim.node} does not renew Lease {own[0].full_name} any more"
            yield Reason(
                id=ReasonId.ANNOUNCER_NOT_RUNNING,
                subject=claim.source,
                evidence=evidence,
                certainty=likely,
                nodes=(claim.node,),
            )
    entries = tuple(dict.fromkeys(_annotation_entries(service, ip)))
    if len(entries) > 1:
        evidence = f"annotation {_key(ip)} has entries of {', '.join(entries)} for it"
        yield Reason(
            id=ReasonId.RECORD_BEHIND, subject=subject, evidence=evidence, certainty=Certainty.POSSIBLE, nodes=entries
        )
    elif not entries and was_read(objects, EVENTS.resource):
        evidence = "no node is recorded as its announcer"
        yield Reason(id=ReasonId.NO_RECORD, subject=subject, evidence=evidence, certainty=likely)


def _recognised(service: Service) -> tuple[str, int]:
    if service.load_balancer_class in _CLASSES:
        return f"loadBalancerClass {service.load_balancer_class}", 3
    found = (key for key in (_ALLOCATED, _IPV4, _IPV6, _NODE) if service.annotations.get(key))
    return next(((f"annotation {key}", 4) for key in found), ("", 0))


def _annotation_entries(service: Service, ip: Address) -> Iterator[str]:
    """The nodes of this address in `NODE,INTERFACE,IP …`, in `NODE,INTERFACE` (0.5 to 0.14), or in the older annotation. The
    name of an interface may contain commas, so the node ends at the first one and the address begins after the last."""
    for entry in service.annotations.get(_key(ip), "").split():
        node, comma, rest = entry.partition(",")
        if node and comma and address(rest.rpartition(",")[2]) in (None, ip):
            yield node
    if _key(ip) not in service.annotations and service.annotations.get(_NODE):
        yield service.annotations[_NODE]


Network = IPv4Network | IPv6Network


def _key(ip: Address) -> str:
    """The annotation for this family."""
    return _IPV4 if ip.version == IPV4 else _IPV6


def _written(service: Service, ip: Address, nodes: tuple[str, ...]) -> Iterator[Claim]:
    source = f"annotation {_key(ip) if _key(ip) in service.annotations else _NODE}"
    trust = Trust.CURRENT if len(nodes) == 1 else Trust.STALE
    for node in nodes:
        yield Claim(node=node, source=source, kind=ClaimSource.ANNOTATION, trust=trust, service=service.full_name)


def _said(service: Service, ip: Address, objects: Objects, at: datetime) -> Iterator[Claim]:
    said = {event: node for event in events_of(service, objects) if (node := _announcer(event, ip))}
    for event in newest(tuple(said)):
        yield Claim(
            node=said[event],
            source=f"Event {service.full_name} AnnouncingLocal",
            kind=ClaimSource.EVENT,
            trust=event_trust(event.seen, at),
            service=service.full_name,
            rank=1,
            observed_at=event.seen,
            since=event.first,
            clock_doubt=is_ahead(event.seen, at),
        )


def _announcer(event: Event, ip: Address) -> str | None:
    match = _ANNOUNCING.fullmatch(event.message) if event.reason == "AnnouncingLocal" else None
    return match[1] if match and address(match[2]) == ip else None


def _elected(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Claim, ...]:
    """The election since 0.15: among the nodes with a current Lease that lists the subnet."""
    voters = (lease.holder for lease in leases_beginning(objects, _VOTER) if _may_win(lease, ip, at))
    winner = lowest_hash(voters, ip)
    source = "recomputed election (sha256 of node#address)"
    if not winner:
        return ()
    kind = ClaimSource.GUESS
    return (Claim(node=winner, source=source, kind=kind, trust=Trust.GUESS, service=service.full_name, rank=2),)


def _may_win(lease: Lease, ip: Address, at: datetime) -> bool:
    return lease.trust(at) is Trust.CURRENT and any(ip in net for net in _networks(lease.annotations.get(_SUBNETS, "")))


def _networks(written: str) -> Iterable[Network]:
    for part in written.split(","):
        try:
            yield ip_network(part.strip(), strict=False)
        except ValueError:
            continue
