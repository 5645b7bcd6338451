"""Gathers what is known of each address that needs a verdict: the replies, the records, and what they say of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from arpcheck.evidence import Evidence
from arpcheck.judge import responders
from arpcheck.judge.case import Case, Hidden
from arpcheck.judge.doubling import Doubling
from arpcheck.judge.observations import Observations
from arpcheck.judge.responders import TWICE
from arpcheck.model import Address, Announcement, Gratuitous, Mac, Nic, Owner, Responder, Target
from arpcheck.model.constants import IPV6
from arpcheck.pipeline import ages, records
from arpcheck.targets import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContext:
    """What all cases have in common."""

    observations: Observations
    owners: Mapping[Nic, Owner]
    doubtful: frozenset[Nic]
    """The NICs of which it is not certain whose they are."""
    proxying: frozenset[Nic]
    """The NICs that answer for what they do not own."""
    kin: Mapping[str | None, Sequence[Nic]]
    """The NICs of each node."""
    labels: Mapping[Mac, str]
    non_strict: frozenset[str]
    heard: frozenset[str]
    """The nodes that replied."""
    heard_as: Mapping[tuple[str, Address], frozenset[str]]
    """By segment and sender, the nodes that answered that sender there."""
    ready: frozenset[str]
    down: frozenset[str]
    missed: frozenset[str]
    """The nodes that missed some requests for their own address."""
    doubling: Doubling
    networks: tuple[Network, ...]
    """Those of the interfaces that asked; where none has an address, what is near the nodes that were heard."""
    guessed: bool
    """None of the interfaces that asked has an address."""
    blind: frozenset[str]
    held: Mapping[Address, str]
    """The addresses of probing hosts that are not known to be nodes, with the interface."""
    holders: Mapping[str, Mapping[Address, str]]
    """For each node that ran a probe: its addresses on the probing interfaces, each with the interface."""
    probing_interfaces: Mapping[str, frozenset[str]]
    """For each node that ran a probe and that another host observed: its probing interfaces."""
    read_at: datetime | None
    """When the cluster was read, if that was too long before the probe."""
    time: ages.When
    known_nics: Mapping[str, Set[tuple[str | None, Mac]]]
    """The MAC addresses of each node with their segment; None: any."""


def cases(targets: Iterable[Target], evidence: Evidence, context: CaseContext) -> tuple[Case, ...]:
    """All that is known of each of these targets, which need a verdict."""
    seen = tuple(_without_routers(_case(target, evidence, context), context) for target in targets)
    return _with_shadows(seen) if any(case.strangers for case in seen) else seen


def _case(target: Target, evidence: Evidence, context: CaseContext) -> Case:
    ip = target.ip if not target.skipped else None
    six = ip is not None and ip.version == IPV6
    observations, owners, objects = context.observations, context.owners, evidence.objects
    record = records.record(target, evidence, context.heard, context.time)
    parties = responders.parties(ip, observations, owners, context.labels, record.announcers, record.named) if ip else ()
    once = replies_once(record.announcements)
    rounds = observations.rounds(ip) if ip else ()
    requested = observations.asked(ip) if ip else None
    ears = {(observations.segment(interface), sender) for interface, sender in requested.ears} if requested else ()
    responding = frozenset[str]().union(*(context.heard_as.get(ear, ()) for ear in ears))
    direct = tuple(observations.direct(ip)) if ip and not parties else ()
    segments = {observations.segment(interface) for interface in requested.interfaces()} if requested else set()
    return Case(
        target=target,
        rounds=rounds,
        turns=frozenset(turn for turn in requested.turns() if turn[1] in rounds) if requested else frozenset(),
        segments={interface: observations.segment(interface) for interface in requested.interfaces()} if requested else {},
        parties=parties,
        heard=observations.by_nic(ip) if ip and parties else {},
        owners=owners,
        doubtful=context.doubtful,
        proxying=context.proxying,
        named=record.named,
        named_unread=record.named_unread,
        unreachable=responders.unreachable(ip, parties, observations, context.kin, context.probing_interfaces) if ip else {},
        announcements=record.announcements,
        rivals=record.rivals,
        claims=record.claims,
        announcers=record.announcers,
        silence=record.silence,
        unread=record.unread,
        not_in_file=records.not_in_file(record.recorded, answered=bool(parties)),
        outdated=ages.read_time(evidence) if context.read_at or record.out_of_time or ip in evidence.outdated else None,
        lost=bool(ip) and observations.lost(ip),  # type: ignore[arg-type]
        excess=observations.excess(ip) if ip else 0,
        non_strict=frozenset() if six else context.non_strict,
        blind=context.blind,
        held_on=context.held.get(ip) if ip else None,
        held_by={node: interface for node, found in context.holders.items() if ip and (interface := found.get(ip))},
        nodes_read=bool(objects.nodes()),
        nodes_heard=responding,
        nodes_ready=context.ready,
        nodes_down=context.down,
        nodes_missed=context.missed & responding,
        often=requested.often() if requested else 0,
        complete=evidence.complete,
        recorded=observations.recorded,
        doubled=context.doubling.unexplained(ip, context.non_strict, once=once) if ip and parties else (),
        hidden=_hidden(ip, parties, record, context) if ip and six else (),
        gratuitous=_announced(ip, parties, context) if ip else (),
        passed_over=tuple(observations.passed_over.get(ip, ())) if ip else (),
        on_link=ip is None or context.guessed or any(ip in network for network in context.networks),
        own_sender=observations.recorded or ip is None or observations.by_own_sender(ip),
        conflict=record.conflict,
        changed=record.changed,
        clock_doubt=record.clock_doubt,
        nodes_announce=any(one.implementation for one in record.announcements) or bool(record.announcers),
        external=target.external or (record.external and not (record.or_inside and _by_nodes_alone(parties))),
        held_everywhere=record.held_everywhere,
        by_bgp=record.by_bgp,
        own_address_of=record.own_address_of,
        taken_by=_taken_by(requested.ears if requested else (), parties, context),
        left_behind=record.left_behind,
        direct=direct,
        further=tuple(observations.further(ip)) if ip and not parties else (),
        spoken_for=_spoken_for(ip, context) if ip and six and parties else frozenset(),
        faster=len(requested.rounds()) - len(rounds) if requested else 0,
        on_interface=bool(record.announcements) and all(one.on_interface for one in record.announcements),
        nics_of_nodes=_nics_of_nodes(segments, context.known_nics) if direct else {},
    )


def _hidden(
    ip: Address, parties: Sequence[Responder], record: records.AnnouncerRecord, context: CaseContext
) -> tuple[Hidden, ...]:
    """Who replied for an IPv6 address only when it was asked beyond multicast, and is no proxy."""
    observations, owners = context.observations, context.owners
    beyond = observations.beyond(ip)
    if not beyond:
        return ()
    known = set(observations.by_nic(ip))
    last = max((reply.at for replies in observations.by_nic(ip).values() for reply in replies), default=0.0)
    for nic, replies in beyond.items():
        if nic in known:
            last = max(last, *(reply.at for reply in replies))
    found = []
    for nic, replies in beyond.items():
        owner = owners[nic]
        if nic in known or any(nic[1] in party.macs for party in parties) or owner.proxied:
            continue
        if owner.node and any(party.node == owner.node for party in parties):
            continue
        expected = owner.node in record.announcers or nic[1] in record.named
        found.append(Hidden(nic=nic, owner=owner, expected=expected, beside=last > min(reply.at for reply in replies)))
    return tuple(found)


def _spoken_for(ip: Address, context: CaseContext) -> frozenset[Mac]:
    """MACs that replied to the group before and after requests to them alone, and to none of those; or whose replies to
    those came to requests to others as well."""
    found, from_a_table = context.observations.by_nic(ip), context.doubling.from_a_table(ip)
    return frozenset(
        one.nic[1]
        for one in context.observations.direct(ip)
        if one.nic in from_a_table
        or (one.asked >= TWICE and not one.answered and any(reply.at > one.last for reply in found.get(one.nic, ())))
    )


def _nics_of_nodes(segments: Set[str], known: Mapping[str, Set[tuple[str | None, Mac]]]) -> Mapping[str, frozenset[Mac]]:
    return {
        node: frozenset(mac for segment, mac in macs if segment is None or segment in segments)
        for node, macs in known.items()
    }


def _taken_by(ears: Iterable[tuple[str, Address]], parties: Sequence[Responder], context: CaseContext) -> tuple[str, ...]:
    """Who answers for the senders of a case, no proxies, and did not answer the case; nobody where one sender is free."""
    found: set[str] = set()
    for interface, sender in {*ears}:
        segment = context.observations.segment(interface)
        others = {
            owner.node or nic[1]
            for nic, replies in context.observations.by_nic(sender).items()
            for owner in (context.owners[nic],)
            if nic[0] == segment
            # In merged runs another host receives what the asking node replies for its own address.
            and interface not in context.probing_interfaces.get(owner.node or "", ())
            and any(reply.sender not in owner.proxied for reply in replies)
        }
        if not others:
            return ()
        found |= others
    return tuple(sorted(found.difference(party.node or mac for party in parties for mac in party.macs)))


def replies_once(announcements: Sequence[Announcement]) -> bool:
    """No speaker replies in addition to the kernel: every load balancer that may serve the address works without one."""
    return bool(announcements) and all(one.answers_once for one in announcements)


def _by_nodes_alone(parties: Sequence[Responder]) -> bool:
    return bool(parties) and all(party.node for party in parties)


def _with_shadows(seen: tuple[Case, ...]) -> tuple[Case, ...]:
    """Adds to each case the MAC addresses that replied for every address of its announcer, if there are several. A host that
    took over an address replies for that one; a second NIC of the announcer replies for all."""
    announced: dict[str, set[int]] = {}
    answered: dict[Mac, set[int]] = {}
    for number, case in enumerate(seen):
        for party in case.parties:
            if party.node and party.expected:
                announced.setdefault(party.node, set()).add(number)
            elif party.node is None:
                answered.setdefault(party.macs[0], set()).add(number)

    def shadows(case: Case) -> frozenset[Mac]:
        own = [announced[party.node] for party in case.parties if party.node and party.expected]
        return frozenset(
            party.macs[0] for party in case.strangers for of in own if len(of) > 1 and of <= answered[party.macs[0]]
        )

    return tuple(replace(case, shadows=found) if case.strangers and (found := shadows(case)) else case for case in seen)


def _without_routers(case: Case, context: CaseContext) -> Case:
    """A router that answers for what is not in this network does as it should, and hides nobody. Where no network is known
    it may be one."""
    if not case.parties or (case.on_link and not context.guessed):
        return case
    perhaps = context.guessed and not any(case.target.ip in network for network in context.networks)
    routers = case.proxies if perhaps or not case.on_link else ()
    return replace(case.without(routers), routed=routers if perhaps else ()) if routers else case


def _announced(ip: Address, parties: Iterable[Responder], context: CaseContext) -> tuple[Gratuitous, ...]:
    """The gratuitous ARP of MAC addresses that did not reply and do not belong to a node that did."""
    found = context.observations.gratuitous.get(ip, ())
    macs = {mac for party in parties for mac in party.macs} if found else set()
    nodes = {party.node for party in parties if party.node} if found else set()

    def node(one: Gratuitous) -> str | None:
        owner = context.owners.get((context.observations.segment(one.interface), one.mac))
        return owner.node if owner else None

    return tuple(one for one in found if one.mac not in macs and node(one) not in nodes)
