"""From an Evidence to the Report: owners, nodes, verdicts, findings, exit code. Pure: the same evidence gives the same
report, anywhere, years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from itertools import chain

from arpcheck import kubeproxy, loadbalancers, mac_owners
from arpcheck import targets as targeting
from arpcheck.evidence import Evidence
from arpcheck.gc_control import held_back
from arpcheck.judge import responders
from arpcheck.judge.acceptance import Acceptances, judged_with
from arpcheck.judge.case import Case
from arpcheck.judge.judged import AskingHost, Judged, Judgement
from arpcheck.judge.nodes import node_states
from arpcheck.judge.observations import Doubling, Observations
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.summary import also, report
from arpcheck.model import (
    Announcement,
    Arp,
    Gratuitous,
    Identity,
    Kind,
    Mac,
    Nic,
    Owner,
    Report,
    Responder,
    SourceRank,
    Target,
)
from arpcheck.pipeline import ages, records
from arpcheck.pipeline import planning as asking
from arpcheck.pipeline.explaining import gaps, likely_causes, preflight, unsent, untold
from arpcheck.pipeline.planning import targets_of
from arpcheck.vantages import qualified, views

Places = tuple[tuple[str, Evidence], ...]
"""The hosts that asked: name and own evidence; the name is empty where there is only one."""

@held_back()
def conclude(evidence: Evidence) -> Report:
    """Owners, nodes, verdicts, findings, exit code."""
    objects, hearing = evidence.objects, Observations(evidence)
    addresses = mac_owners.node_addresses(objects)
    targets = targets_of(evidence.options, objects, evidence.host, evidence.questions)
    places = views(evidence)
    own = {name: mac_owners.own_node(place) for name, place in places}
    canary = next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None)
    knowledge = replace(_knowledge(evidence, places, own, hearing), canary=canary)
    weighed = owners(hearing, knowledge, objects.nodes(), addresses)
    doubling = Doubling(hearing, weighed.by_nic, addresses, canary)
    if at_home := doubling.at_home(knowledge.shared):
        doubled = frozenset(nic for _, nic in at_home)
        weighed = owners(hearing, replace(knowledge, doubled=doubled), objects.nodes(), addresses)
    owned = weighed.by_nic
    blind = _blind(places, own, addresses)
    gateways = mac_owners.pod_gateways(objects)
    states = node_states(objects.nodes(), addresses, canary, owned, hearing, blind, gateways, knowledge.shared)
    labels = {mac: found for _, mac in owned if (found := mac_owners.label(mac, evidence.vendors))}
    read_at = ages.outdated(evidence)
    networks = asking.interface_networks(i for i in evidence.host.interfaces if i.name in evidence.options.interfaces)
    ground = _CaseContext(
        hearing=hearing,
        owners=owned,
        labels=labels,
        non_strict=frozenset(state.name for state in states if state.arp is Arp.NON_STRICT),
        heard=_heard_nodes(owned, hearing),
        heard_as=_heard_nodes_as(owned, hearing),
        ready=frozenset(node.name for node in objects.nodes() if node.ready is not False),
        down=frozenset(node.name for node in objects.nodes() if node.ready is False),
        missed=frozenset(state.name for state in states if state.missed),
        doubling=doubling,
        networks=networks or _near(addresses, owned, hearing),
        guessed=not networks,
        kin=responders.by_node(owned),
        blind=frozenset(blind),
        held=_held((name, place) for name, place in places if own[name] is None),
        holders={
            node: responders.held(place.host, place.options.interfaces)
            for name, place in places if (node := own[name]) is not None
        },
        seats=_seats(places, own, blind),
        read_at=read_at,
    )
    accepted = Acceptances(entries=evidence.accepted, today=evidence.ended_at.astimezone(UTC).date())
    quiet = frozenset(state.name for state in states if state.arp is Arp.QUIET)
    judged_ones = (target for target in targets if target.kind in targeting.JUDGED)
    seen = _with_shadows(tuple(_without_routers(_case(target, evidence, ground), ground) for target in judged_ones))
    judgements = tuple(_judgement(case, accepted, quiet) for case in seen)
    proxies = kubeproxy.kube_proxies(objects)
    judged = Judged(
        targets=targets,
        judgements=judgements,
        nodes=states,
        addresses=addresses,
        labels=labels,
        kube_proxies=proxies,
        owners=owned,
        conflicts=weighed.conflicts,
        twins=weighed.twins,
        doubled_at_home=tuple((ip, owned[nic].node or "", nic[1]) for ip, nic in at_home),
        hearing=hearing,
        canary=canary,
        controls=tuple(t.ip for t in targets if t.kind is Kind.CONTROL and isinstance(t.ip, IPv4Address)),
        host=evidence.host,
        interfaces=evidence.options.interfaces,
        blind=blind,
        gaps=(
            *objects.gaps, *gaps(evidence, canary, hearing), *untold(judgements), *unsent(judgements), *ages.gaps(evidence)
        ),
        losses=evidence.losses,
        overlays=mac_owners.overlays(objects),
        causes=(),
        cluster_version=objects.version,
        in_vain=None if any(t.kind in targeting.JUDGED for t in targets) else targeting.selection(evidence.options),
        acceptances=accepted,
        doubled=tuple(
            (j.ip, owned[nic].node or "", nic[1])
            for j in judgements if j.case.parties
            for nic in ground.doubling.beside_speakers(
                j.ip, ground.non_strict, once=_answers_once(j.case.announcements)
            )
        ),
    )  # fmt: skip
    judged = replace(judged, causes=likely_causes(judged, gateways))
    return report(judged, evidence, preflight(judged, objects) if evidence.options.preflight else None)


def _judgement(case: Case, accepted: Acceptances, quiet: frozenset[str]) -> Judgement:
    found = judged_with(case, accepted)
    return Judgement(
        case=case, verdict=found.verdict, reason=found.reason, accepted=found.accepted, first=found.first,
        also=also(case if found.first is None else found.rest, found.verdict, quiet), passed=found.passed,
    )  # fmt: skip


def _knowledge(evidence: Evidence, places: Places, own: Mapping[str, str | None], hearing: Observations) -> Knowledge:
    def segment(place: str, interface: str) -> str:
        return hearing.segment(qualified(place, interface) if place else interface)

    def of(place: str, identity: Identity) -> str | None:
        """What was heard on one segment says nothing of another."""
        return segment(place, identity.interface) if identity.rank is SourceRank.WIRE and identity.interface else None

    objects = evidence.objects
    return Knowledge(
        identities=_once((of(name, identity), identity) for name, p in places for identity in mac_owners.all_identities(p)),
        proxies=frozenset(
            ((segment(name, interface), mac), sender)
            for name, place in places for interface, mac, sender in mac_owners.proxies(place)
        ),
        overlays=mac_owners.overlays(objects),
        label=lambda mac: mac_owners.label(mac, evidence.vendors),
        own={segment(n, i): own[n] for n, place in places for i in place.options.interfaces if own[n]},
        shared=mac_owners.service_addresses(objects) | loadbalancers.control_plane_addresses(objects).keys(),
        unread=mac_owners.unread(objects),
        aged=objects.read_at is None or ages.outdated(evidence) is not None,
    )  # fmt: skip


def _once(found: Iterable[tuple[str | None, Identity]]) -> tuple[tuple[str | None, Identity], ...]:
    """What several hosts learnt alike is said once."""
    return tuple({(segment, replace(i, observed_at=None)): (segment, i) for segment, i in found}.values())


def _heard_nodes(owned: Mapping[Nic, Owner], hearing: Observations) -> Mapping[str, frozenset[str]]:
    """By segment, the nodes that were heard there, whatever they answered for."""
    found: dict[str, set[str]] = {}
    for nic, owner in owned.items():
        if owner.node is not None and hearing.interfaces(nic):
            found.setdefault(nic[0], set()).add(owner.node)
    return {segment: frozenset(names) for segment, names in found.items()}


def _heard_nodes_as(
    owned: Mapping[Nic, Owner], hearing: Observations
) -> Mapping[tuple[str, IPv4Address], frozenset[str]]:
    """A kernel that has the sender's address itself answers it nothing, and 0.0.0.0 all the same (net/ipv4/arp.c: a
    martian), so that silence proves something only of who answered the same sender."""
    found: dict[tuple[str, IPv4Address], set[str]] = {}
    for (segment, mac), senders in hearing.senders().items():
        if (node := owned[segment, mac].node) is not None:
            for sender in senders:
                found.setdefault((segment, sender), set()).add(node)
    return {ear: frozenset(names) for ear, names in found.items()}


def _blind(
    places: Places, own: Mapping[str, str | None], addresses: Mapping[str, tuple[IPv4Address, ...]]
) -> Mapping[str, AskingHost]:
    """The nodes that are a prober, and that no other prober heard."""
    found: dict[str, AskingHost] = {}
    for name, place in places:
        node = own[name]
        if node and not any(_hears(other, addresses.get(node, ())) for n, other in places if own[n] != node):
            found[node] = AskingHost(host=place.host, interfaces=place.options.interfaces)
    return found


def _seats(
    places: Places, own: Mapping[str, str | None], blind: Mapping[str, AskingHost]
) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, place in places:
        if (node := own[name]) and node not in blind:
            found.setdefault(node, set()).update(qualified(name, i) if name else i for i in place.options.interfaces)
    return {node: frozenset(interfaces) for node, interfaces in found.items()}


def _hears(place: Evidence, addresses: tuple[IPv4Address, ...]) -> bool:
    proxies = mac_owners.proxies(place)
    heard = place.by_address()
    replies = (reply for ip in addresses for reply in heard.get(ip, ()))
    return any((reply.interface, reply.mac, reply.sender) not in proxies for reply in replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseContext:
    """What every case rests on alike."""

    hearing: Observations
    owners: Mapping[Nic, Owner]
    kin: Mapping[str | None, Sequence[Nic]]
    """The NICs of every node."""
    labels: Mapping[Mac, str]
    non_strict: frozenset[str]
    heard: Mapping[str, frozenset[str]]
    """By segment, the nodes that were heard there."""
    heard_as: Mapping[tuple[str, IPv4Address], frozenset[str]]
    """By segment and sender, the nodes that answered that sender there."""
    ready: frozenset[str]
    down: frozenset[str]
    missed: frozenset[str]
    """The nodes that missed some questions for their own address."""
    doubling: Doubling
    networks: tuple[IPv4Network, ...]
    """Those of the interfaces that asked; where none has an address, what is near the nodes that were heard."""
    guessed: bool
    """None of the interfaces that asked has an address."""
    blind: frozenset[str]
    held: Mapping[IPv4Address, str]
    """The addresses of the hosts that are not known to be a node, with the interface."""
    holders: Mapping[str, Mapping[IPv4Address, str]]
    """By node that arpcheck ran on, its addresses on the interfaces that were asked, each with the interface."""
    seats: Mapping[str, frozenset[str]]
    """By node that arpcheck ran on and that another host heard, the interfaces that it asked on."""
    read_at: datetime | None
    """When the cluster was read, where that was too long before."""


def _case(target: Target, evidence: Evidence, ground: _CaseContext) -> Case:
    ip = target.ip if isinstance(target.ip, IPv4Address) and not target.skipped else None
    hearing, owners, objects = ground.hearing, ground.owners, evidence.objects
    record = records.record(target, evidence, frozenset(chain.from_iterable(ground.heard.values())))
    parties = responders.parties(ip, hearing, owners, ground.labels, record.announcers, record.named) if ip else ()
    once = _answers_once(record.announcements)
    rounds = hearing.rounds(ip) if ip else ()
    asked = hearing.asked(ip) if ip else None
    ears = {(hearing.segment(interface), sender) for interface, sender in asked.ears} if asked else ()
    heard_here = frozenset(name for ear in ears for name in ground.heard_as.get(ear, ()))
    return Case(
        target=target,
        rounds=rounds,
        turns=frozenset(turn for turn in asked.turns() if turn[1] in rounds) if asked else frozenset(),
        segments={interface: hearing.segment(interface) for interface in asked.interfaces()} if asked else {},
        parties=parties,
        heard=responders.heard(ip, hearing) if ip and parties else {},
        owners=owners,
        named=record.named,
        named_unread=record.named_unread,
        deaf=responders.deaf(ip, parties, hearing, ground.kin, ground.seats) if ip else {},
        announcements=record.announcements,
        rivals=record.rivals,
        claims=record.claims,
        announcers=record.announcers,
        silence=record.silence,
        unread=record.unread,
        unsaid=records.unsaid(record.said, answered=bool(parties)),
        outdated=ages.words(evidence) if ground.read_at or record.out_of_time or ip in evidence.outdated else None,
        lost=bool(ip) and hearing.lost(ip),  # type: ignore[arg-type]
        excess=hearing.excess(ip) if ip else 0,
        non_strict=ground.non_strict,
        blind=ground.blind,
        held_on=ground.held.get(ip) if ip else None,
        held_by={node: interface for node, found in ground.holders.items() if ip and (interface := found.get(ip))},
        nodes_read=bool(objects.nodes()),
        nodes_heard=heard_here,
        nodes_ready=ground.ready,
        nodes_down=ground.down,
        nodes_missed=ground.missed & heard_here,
        often=asked.often() if asked else 0,
        complete=evidence.complete,
        recorded=hearing.recorded,
        doubled=ground.doubling.unexplained(ip, ground.non_strict, once=once) if ip and parties else (),
        gratuitous=_announced(ip, parties, ground) if ip else (),
        passed_over=tuple(hearing.passed_over.get(ip, ())) if ip else (),
        on_link=ip is None or ground.guessed or any(ip in network for network in ground.networks),
        own_sender=hearing.recorded or ip is None or hearing.by_own_sender(ip),
        conflict=record.conflict,
        changed=record.changed,
        clock_doubt=record.clock_doubt,
        nodes_announce=any(one.implementation for one in record.announcements) or bool(record.announcers),
        external=target.external or (record.external and not (record.or_inside and _by_nodes_alone(parties))),
        held_everywhere=record.held_everywhere,
        by_bgp=record.by_bgp,
        own_address_of=record.own_address_of,
        left_behind=record.left_behind,
    )


def _answers_once(announcements: Sequence[Announcement]) -> bool:
    """No speaker can be beside the kernel: every load balancer that may serve the address is of such a kind."""
    return bool(announcements) and all(one.answers_once for one in announcements)


def _by_nodes_alone(parties: Sequence[Responder]) -> bool:
    return bool(parties) and all(party.node for party in parties)


def _with_shadows(seen: tuple[Case, ...]) -> tuple[Case, ...]:
    """Each with the MACs that answered for all that its announcer did, where that is more than one address: a host that
    took an address has that one, a second NIC of the announcer answers for all."""
    announced: dict[str, set[int]] = {}
    answered: dict[Mac, set[int]] = {}
    for place, case in enumerate(seen):
        for party in case.parties:
            if party.node and party.expected:
                announced.setdefault(party.node, set()).add(place)
            elif party.node is None:
                answered.setdefault(party.macs[0], set()).add(place)

    def shadows(case: Case) -> frozenset[Mac]:
        own = [announced[party.node] for party in case.parties if party.node and party.expected]
        return frozenset(
            party.macs[0] for party in case.strangers for of in own if len(of) > 1 and of <= answered[party.macs[0]]
        )

    return tuple(replace(case, shadows=found) if case.strangers and (found := shadows(case)) else case for case in seen)


def _without_routers(case: Case, ground: _CaseContext) -> Case:
    """A router that answers for what is not in this network does as it should, and hides nobody. Where no network is known
    it may be one."""
    if not case.parties or (case.on_link and not ground.guessed):
        return case
    perhaps = ground.guessed and not any(case.target.ip in network for network in ground.networks)
    routers = tuple(party for party in case.parties if case.is_proxy(party)) if perhaps or not case.on_link else ()
    return replace(case.without(routers), routed=routers if perhaps else ()) if routers else case


def _near(
    addresses: Mapping[str, Sequence[IPv4Address]], owned: Mapping[Nic, Owner], hearing: Observations
) -> tuple[IPv4Network, ...]:
    """What shares the first 24 bits with a node's own address that was answered here, and not by a proxy alone."""
    heard = {
        ip
        for own in addresses.values() for ip in own
        if any(reply.sender not in owned[nic].proxied for nic, found in hearing.by_nic(ip).items() for reply in found)
    }  # fmt: skip
    return tuple(sorted({IPv4Network((ip, 24), strict=False) for ip in heard}))


def _announced(ip: IPv4Address, parties: Iterable[Responder], ground: _CaseContext) -> tuple[Gratuitous, ...]:
    """The gratuitous ARP of those who do not answer, and are no NIC of a node that does."""
    found = ground.hearing.gratuitous.get(ip, ())
    macs = {mac for party in parties for mac in party.macs} if found else set()
    nodes = {party.node for party in parties if party.node} if found else set()

    def node(one: Gratuitous) -> str | None:
        owner = ground.owners.get((ground.hearing.segment(one.interface), one.mac))
        return owner.node if owner else None

    return tuple(one for one in found if one.mac not in macs and node(one) not in nodes)


def _held(outside: Iterable[tuple[str, Evidence]]) -> Mapping[IPv4Address, str]:
    """The interface that has an address as its own, of the hosts that are not known to be a node: the first of them."""
    found: dict[IPv4Address, str] = {}
    for name, place in outside:
        for ip, interface in responders.held(place.host).items():
            found.setdefault(ip, qualified(name, interface) if name else interface)
    return found
