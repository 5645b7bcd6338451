"""Who should reply for an address, and who replied; and what the wire says of why nobody did: who replied to unicast
requests for it, and who to requests from another sender. Neither is what a client gets, so neither changes who replies.

The records of its load balancers say who should. The replies of one node are folded into one responder; when each could not
be received is kept beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from typing import TypeVar

from arpcheck.judge.asked import Asked, DirectRequests, FurtherRequests, Turn
from arpcheck.judge.case import Case, Key, counted, key
from arpcheck.judge.observations import Observations
from arpcheck.model import (
    Address,
    Announcement,
    Certainty,
    Claim,
    ClaimSource,
    Host,
    Mac,
    Nic,
    Owner,
    Reason,
    ReasonId,
    Reply,
    Responder,
    Trust,
)
from arpcheck.model.constants import IPV6

# ---------------------------------------------------------------------------------------------------------------- Who should


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Who should answer for an address, by what is recorded."""

    claims: tuple[Claim, ...]
    """All, the strongest first."""
    announcers: frozenset[str]
    """Any of these nodes is right, or, for an address of several Services, one for each of them."""
    silence: str | None
    """Why nobody should answer; None: somebody should, or nothing is known."""
    deciding: tuple[Announcement, ...]
    """Of each Service the announcements that its strongest current claims are from; where it has none, the first."""
    conflict: tuple[Claim, ...]
    """Two claims of the first rank about one Service that name different nodes."""


def expected(announcements: Iterable[Iterable[Announcement]], alive: Collection[str] | None = None) -> Expected:
    """`announcements`: a Service each, the deciding one first. `alive`: the nodes that are Ready or were heard, a claim on
    any other may be stale; None: the nodes are not known.

    Of each Service only its strongest current claims say who should answer: a lower rank never contradicts a higher, a
    node's own address says nothing where anything else is recorded, and of events any node that one names fits. Nobody
    should only where that is so for every Service that has the address."""
    claims: list[Claim] = []
    announcers: set[str] = set()
    silences: list[str | None] = []
    deciding: list[Announcement] = []
    conflicts: list[tuple[Claim, Claim]] = []
    leaders: list[Claim] = []
    for of_service in announcements:
        said = tuple(of_service)
        found = _strongest_first(said, alive)
        claims.extend(claim for _, claim in found)
        strongest = _strongest(found)
        announcers |= {claim.node for _, claim in strongest}
        places = {position for position, _ in strongest} or ({0} if said else set())
        deciding.extend(said[position] for position in sorted(places))
        first = [claim for _, claim in strongest if claim.kind.rank == 0]
        conflicts.extend((first[0], other) for other in first[1:] if other.node != first[0].node)
        leaders.extend(first[:1])
        silences.append(next((a.silence for a in said if a.silence), None))
    claims.sort(key=lambda claim: _TRUST[claim.trust])
    # Services that share an address have one announcer.
    conflicts.extend((leaders[0], other) for other in leaders[1:] if other.node != leaders[0].node)
    return Expected(
        claims=tuple(dict.fromkeys(claims)),
        announcers=frozenset(announcers),
        silence=silences[0] if silences and all(silences) and not announcers else None,
        deciding=tuple(deciding),
        conflict=conflicts[0] if conflicts else (),
    )


Placed = tuple[int, Claim]
"""A claim and the position of its announcement among those of the Service."""


def _strongest_first(said: Sequence[Announcement], alive: Collection[str] | None) -> list[Placed]:
    found = [(position, _if_alive(claim, alive)) for position, a in enumerate(said) for claim in a.claims]
    return sorted(
        found, key=lambda one: (_TRUST[one[1].trust], one[1].kind.rank, one[0], one[1].rank, one[1].node, one[1].source)
    )


def _if_alive(claim: Claim, alive: Collection[str] | None) -> Claim:
    """Nobody takes back what a node that is gone has recorded."""
    if alive is None or claim.trust is not Trust.CURRENT or claim.node in alive:
        return claim
    return replace(claim, trust=Trust.STALE, absent=True)


def _strongest(found: Sequence[Placed]) -> list[Placed]:
    """Those of the first rank that speak of the very Service, of every implementation; all others of the deciding one
    only: another's Lease for all Services need not be for this one."""
    every = [one for one in found if one[1].trust is Trust.CURRENT]
    recorded = [position for position, claim in every if claim.kind is not ClaimSource.NODE_ADDRESS]
    decides = min(recorded, default=0)
    current = [one for one in every if one[0] == decides or one[1].rank == 0]
    if not current:
        return []
    position, claim = current[0]
    if claim.kind is ClaimSource.NODE_ADDRESS and any(other.kind.rank < claim.kind.rank for _, other in found):
        return []
    best = [one for one in current if one[1].kind.rank == claim.kind.rank]
    own = [one for one in best if one[0] == position and one[1].rank == claim.rank]
    others = [one for one in best if one[0] != position and one[1].rank == 0] if claim.kind.rank == 0 else []
    return [*own, *others]


_TRUST = {Trust.CURRENT: 0, Trust.STALE: 1, Trust.GUESS: 2}


# --------------------------------------------------------------------------------------------------------------- Who replied


def parties(
    ip: Address,
    observations: Observations,
    owners: Mapping[Nic, Owner],
    vendors: Mapping[Mac, str],
    expected: Collection[str],
    named: Collection[Mac] = (),
) -> tuple[Responder, ...]:
    """Who replied for `ip`, sorted by the lowest MAC: the NICs of one node folded, a NIC without one for itself.

    `expected`: the nodes that should; `named`: MACs that should although they are not a node's; `vendors`: by MAC, for
    those that do not belong to a known node."""
    asked = observations.asked(ip)
    folded: dict[str | Nic, Sequence[Reply]] = {}
    for nic, replies in sorted(observations.by_nic(ip).items(), key=lambda item: item[0][1]):
        name = owners[nic].node or nic
        others = folded.setdefault(name, replies)
        if others is not replies:
            folded[name] = [*others, *replies]
    found: list[Responder] = []
    interface, number, alone = None, None, not asked.unicast
    for name, replies in folded.items():
        first = replies[0]
        node, vendor = (name, None) if isinstance(name, str) else (None, vendors.get(first.mac))
        should = node in expected or first.mac in named
        if len(replies) > 1 or not alone:
            found.append(_often(replies, asked, node, should, vendor))
            continue
        # What `_often` gives for one reply: nearly all are that where there are many, and most in the same turn.
        if number != first.round or interface != first.interface:
            interface, number = first.interface, first.round
            interfaces, rounds = (interface,), (number,)
            questions = asked.broadcast.get((interface, number), 0)
            often = round(1 / questions, 2) if questions else 0.0
        sources = () if first.source == first.mac else (first.source,)
        values = node, (first.mac,), interfaces, should, False, rounds, often, first.after, vendor, sources
        found.append(Responder._make(values))  # which is faster than the constructor
    return tuple(found)


def _often(replies: Sequence[Reply], asked: Asked, node: str | None, expected: bool, vendor: str | None) -> Responder:
    macs = _each([reply.mac for reply in replies])
    by_mac = [[reply for reply in replies if reply.mac == mac] for mac in macs] if len(macs) > 1 else [replies]
    questions = max(map(asked.heard_by, by_mac))
    return Responder(
        node=node,
        macs=macs,
        interfaces=_each([reply.interface for reply in replies]),
        expected=expected,
        flux=len(macs) > 1,
        rounds=_each([reply.round for reply in replies]),
        replies_per_probe=round(len(replies) / questions, 2) if questions else 0.0,
        first_reply_ms=min([reply.after for reply in replies]),
        vendor=vendor,
        sources=_each([reply.source for reply in replies if reply.source != reply.mac]),
    )


def unreachable(
    ip: Address,
    found: Iterable[Responder],
    observations: Observations,
    kin: Mapping[str | None, Sequence[Nic]],
    seats: Mapping[str, Collection[str]],
) -> Mapping[Key, frozenset[Turn]]:
    """When each party could not be received; nothing where one interface asked. `kin`: the NICs of every node; `seats`: the
    interfaces on which arpcheck ran on a node. A host may hear its second NIC, but only where it asks as 0.0.0.0."""
    if len(observations.asked(ip).interfaces()) < 2:
        return {}

    def own(party: Responder) -> Iterable[Nic]:
        if party.node is not None:
            return kin.get(party.node, ())
        return {(observations.segment(interface), mac) for interface in party.interfaces for mac in party.macs}

    def at_home(party: Responder) -> frozenset[Turn]:
        interfaces = seats.get(party.node, ()) if party.node else ()
        return frozenset(turn for turn in observations.asked(ip).turns() if turn[0] in interfaces)

    return {key(party): observations.unreachable(ip, own(party)) | at_home(party) for party in found}


def by_node(owners: Mapping[Nic, Owner]) -> Mapping[str | None, Sequence[Nic]]:
    """The NICs of every node."""
    found: dict[str | None, list[Nic]] = {}
    for nic, owner in owners.items():
        if owner.node is not None:
            found.setdefault(owner.node, []).append(nic)
    return found


def held(host: Host, on: Collection[str] | None = None) -> Mapping[Address, str]:
    """The prober's own addresses, each with the first interface that has it, of those whose names are in `on`."""
    found: dict[Address, str] = {}
    for interface in (one for one in host.interfaces if on is None or one.name in on):
        for address in (*interface.addresses, *interface.ipv6):
            found.setdefault(ip_interface(address).ip, interface.name)
    return found


Ordered = TypeVar("Ordered", int, str, Mac)


def _each(values: Iterable[Ordered]) -> tuple[Ordered, ...]:
    """Sorted, each once."""
    unique = set(values)
    return tuple(sorted(unique)) if len(unique) > 1 else tuple(unique)


# ----------------------------------------------------------------------------------------- Why nobody replied, by the wire

TWICE = 2
"""Requests to one NIC from which a reply, or a missing one, means something."""


def replied_apart(case: Case) -> bool:
    """Nobody replied to a usual request, and somebody to one by unicast or from another sender."""
    apart = any(one.answered for one in case.direct) or any(one.answered for one in case.further) or case.hidden
    return bool(apart) and not case.parties


def only_by_unicast(case: Case) -> tuple[DirectRequests, ...]:
    """The NICs that replied to every unicast request for the address, while no broadcast from any sender got a reply."""
    if case.parties or any(one.answered for one in case.further):
        return ()
    return tuple(one for one in case.direct if one.asked >= TWICE and one.answered == one.asked and not _proxies(case, one))


def wire_reasons(case: Case) -> Iterable[Reason]:
    """In the order of how sure they are."""
    if case.parties:
        return
    for hidden in case.hidden:
        yield Reason(
            id=ReasonId.MULTICAST_FILTERED,
            subject=f"{hidden.words} ({hidden.nic[1]})" if hidden.owner.node else hidden.words,
            evidence="replied to requests to all nodes or to it alone, and to none to the address's own group",
            certainty=Certainty.LIKELY if case.recorded else Certainty.SURE,  # a file may lack the replies to its group
            implementation=case.announcements[0].implementation if case.announcements else None,
        )
    for one in only_by_unicast(case):
        yield Reason(
            id=ReasonId.BROADCAST_FILTERED,
            subject=named(case, one),
            evidence=f"replied to {counted(one.asked, 'unicast request')} and to no broadcast",
            certainty=Certainty.SURE,
        )
    for sender in case.further:
        if nodes := _nodes_that_replied(case, sender):
            yield Reason(
                id=ReasonId.SENDER_FILTERED,
                subject=" and ".join(nodes),
                evidence=f"replied to {sender.answered} of {counted(sender.asked, 'request')} from {sender.sender}, and to "
                f"none from the usual sender",
                certainty=Certainty.LIKELY,
            )
    if mute := _mute(case):
        own = "its own address" if len(mute) == 1 else "their own addresses"
        six = case.target.ip is not None and case.target.ip.version == IPV6
        usual = "multicast" if six else "broadcast"
        if six and case.on_interface:
            yield Reason(
                id=ReasonId.DADFAILED_LIKELY,
                subject=" and ".join(mute),
                evidence=f"replied for {own}, and to no request of any form for this one, which this load balancer puts on "
                "an interface",
                certainty=Certainty.LIKELY,
                nodes=mute,
                implementation=case.announcements[0].implementation,
            )
        yield Reason(
            id=ReasonId.ANNOUNCER_MUTE,
            subject=" and ".join(mute),
            evidence=f"replied for {own}, and to no {usual} and no unicast request for this one",
            certainty=Certainty.LIKELY,
        )


def named(case: Case, one: DirectRequests) -> str:
    """Whose NIC it is, with its MAC address."""
    nodes = sorted(node for node, macs in case.nics_of_nodes.items() if one.nic[1] in macs)
    return f"{' or '.join(nodes)} ({one.nic[1]})" if nodes else str(one.nic[1])


def _proxies(case: Case, one: DirectRequests) -> bool:
    owner = case.owners.get(one.nic)
    return owner is not None and bool(owner.proxied)


def _nodes_that_replied(case: Case, one: FurtherRequests) -> tuple[str, ...]:
    """Nodes that should reply, without proxies, which reply for everything to some senders."""
    owners = [owner for nic in one.nics if (owner := case.owners.get(nic)) and not owner.proxied and not owner.doubtful]
    return tuple(sorted({o.node for o in owners if o.node and (not case.announcers or o.node in case.announcers)}))


def _mute(case: Case) -> tuple[str, ...]:
    """The recorded announcers, if each was heard here and no known NIC of theirs replied."""
    if not case.announcers or not case.announcers <= case.nodes_heard or replied_apart(case):
        return ()
    enough = {one.nic[1] for one in case.direct if one.asked >= TWICE}
    known = [case.nics_of_nodes.get(node, frozenset()) for node in case.announcers]
    return tuple(sorted(case.announcers)) if all(macs and macs <= enough for macs in known) else ()
