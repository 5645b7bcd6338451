"""Turns an Evidence into a Report: owners, nodes, verdicts, findings and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck import kubeproxy, loadbalancers, mac_owners
from arpcheck.evidence import Evidence, qualified, views
from arpcheck.gc_control import held_back
from arpcheck.judge import reasons, responders
from arpcheck.judge.acceptance import Acceptances, judged_with
from arpcheck.judge.case import Case, Hidden
from arpcheck.judge.judged import AskingHost, Judged, Judgement
from arpcheck.judge.nodes import node_states
from arpcheck.judge.observations import Doubling, Observations, subnet_router_anycast
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.reach import ReachContext, reach_rows
from arpcheck.judge.summary import also, report
from arpcheck.judge.wire_reasons import TWICE, wire_reasons
from arpcheck.model import (
    Address,
    Announcement,
    Arp,
    Gratuitous,
    Identity,
    Kind,
    Mac,
    Nic,
    Owner,
    Reason,
    ReasonId,
    Report,
    Responder,
    SourceRank,
    Target,
    Verdict,
)
from arpcheck.model.constants import IPV6
from arpcheck.pipeline import ages, planning, records
from arpcheck.pipeline.explaining import gaps, likely_causes, not_in_file, preflight, without_own_sender
from arpcheck.pipeline.planning import targets_of
from arpcheck.targets import JUDGED, Network, unfitting

ProbingHosts = tuple[tuple[str, Evidence], ...]
"""The probing hosts: name and own evidence. The name is empty if there is only one."""


@held_back()
def conclude(evidence: Evidence) -> Report:
    """Owners, nodes, verdicts, findings, exit code."""
    objects = evidence.objects
    addresses = planning.every_node_address(objects, planning.versions(evidence.options, evidence.host))
    targets = targets_of(evidence.options, objects, evidence.host, evidence.questions)
    observations = Observations(evidence, frozenset(planning.apart(targets)))
    hosts = views(evidence)
    own = {name: mac_owners.own_node(host_run) for name, host_run in hosts}
    canary = next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None)
    knowledge = replace(_knowledge(evidence, hosts, own, observations), canary=canary)
    weighed = owners(observations, knowledge, objects.nodes(), addresses)
    networks = planning.interface_networks(i for i in evidence.host.interfaces if i.name in evidence.options.interfaces)
    doubling = Doubling(observations, weighed.by_nic, addresses, canary, subnet_router_anycast(networks))
    if at_home := doubling.at_home(knowledge.shared):
        doubled = frozenset(nic for _, nic in at_home)
        weighed = owners(observations, replace(knowledge, doubled=doubled), objects.nodes(), addresses)
    owned = weighed.by_nic
    blind = _blind(hosts, own, addresses)
    gateways = mac_owners.pod_gateways(objects)
    states = node_states(objects.nodes(), addresses, canary, owned, observations, blind, gateways, knowledge.shared)
    labels = {mac: found for _, mac in owned if (found := mac_owners.label(mac, evidence.vendors))}
    read_at = ages.outdated(evidence)
    context = _CaseContext(
        observations=observations,
        owners=owned,
        labels=labels,
        non_strict=frozenset(state.name for state in states if state.arp is Arp.NON_STRICT),
        heard=_responding_nodes(owned, observations),
        heard_as=_heard_nodes_as(owned, observations),
        ready=frozenset(node.name for node in objects.nodes() if node.ready is not False),
        down=frozenset(node.name for node in objects.nodes() if node.ready is False),
        missed=frozenset(state.name for state in states if state.missed),
        doubling=doubling,
        networks=networks or _near(addresses, owned, observations),
        guessed=not networks,
        kin=responders.by_node(owned),
        blind=frozenset(blind),
        held=_held((name, host_run) for name, host_run in hosts if own[name] is None),
        holders={
            node: responders.held(host_run.host, host_run.options.interfaces)
            for name, host_run in hosts
            if (node := own[name]) is not None
        },
        probing_interfaces=_probing_interfaces(hosts, own, blind),
        read_at=read_at,
        time=ages.when(evidence),
        known_nics=knowledge.nics(),
    )
    accepted = Acceptances(entries=evidence.accepted, today=evidence.ended_at.astimezone(UTC).date())
    quiet = frozenset(state.name for state in states if state.arp is Arp.QUIET)
    judged_ones = (target for target in targets if target.kind in JUDGED)
    seen = _with_shadows(tuple(_without_routers(_case(target, evidence, context), context) for target in judged_ones))
    judgements = tuple(_judgement(case, accepted, quiet, _explained(evidence, context)) for case in seen)
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
        observations=observations,
        canary=canary,
        controls=tuple(t.ip for t in targets if t.kind is Kind.CONTROL and t.ip),
        host=evidence.host,
        interfaces=evidence.options.interfaces,
        blind=blind,
        gaps=(
            *objects.gaps, *gaps(evidence, canary, observations, targets), *not_in_file(judgements),
            *without_own_sender(judgements), *ages.gaps(evidence),
        ),
        losses=evidence.losses,
        overlays=mac_owners.overlays(objects),
        causes=(),
        cluster_version=objects.version,
        empty_selection=unfitting(objects, evidence.options, judges=any(t.kind in JUDGED for t in targets)),
        acceptances=accepted,
        reach=reach_rows(
            evidence, _reach_context(judgements, context, evidence, frozenset(name for name in own.values() if name))
        ),
        doubled=tuple(
            (j.ip, owned[nic].node or "", nic[1])
            for j in judgements if j.case.parties
            for nic in context.doubling.beside_speakers(
                j.ip, context.non_strict, once=_replies_once(j.case.announcements)
            )
        ),
    )  # fmt: skip
    judged = replace(judged, causes=likely_causes(judged, gateways, objects))
    return report(judged, evidence, preflight(judged, objects) if evidence.options.preflight else None)


def _judgement(
    case: Case, accepted: Acceptances, quiet: frozenset[str], explained: Callable[[Case, Verdict], tuple[Reason, ...]]
) -> Judgement:
    found = judged_with(case, accepted)
    return Judgement(
        case=case, verdict=found.verdict, reason=found.reason, accepted=found.accepted, first=found.first,
        also=also(case if found.first is None else found.rest, found.verdict, quiet), passed=found.passed,
        reasons=explained(case, found.verdict) if reasons.has_reasons(case, found.verdict) else (),
    )  # fmt: skip


def _explained(evidence: Evidence, context: _CaseContext) -> Callable[[Case, Verdict], tuple[Reason, ...]]:
    """Why an address has its verdict; asked only of those where a reader asks why."""

    def explained(case: Case, verdict: Verdict) -> tuple[Reason, ...]:
        wire, recorded = tuple(wire_reasons(case)), records.reasons(case.target, evidence, context.time)
        # That the announcer is mute says less than any reason of it.
        found = sorted((*wire, *recorded), key=lambda one: one.id is ReasonId.ANNOUNCER_MUTE)
        return reasons.explained(found, verdict, str(case.target.ip))

    return explained


def _reach_context(
    judgements: Iterable[Judgement], context: _CaseContext, evidence: Evidence, own: frozenset[str]
) -> ReachContext:
    by_mac: dict[Mac, list[Owner]] = {}
    for (_, mac), found in context.owners.items():
        by_mac.setdefault(mac, []).append(found)
    cases = {case.target.ip: case for judgement in judgements for case in (judgement.case,)}

    def owner(interface: str, mac: Mac) -> Owner | None:
        """A reply may come in by an interface that asked nothing: there the MAC address tells, if it is one owner's."""
        if here := context.owners.get((context.observations.segment(interface), mac)):
            return here
        anywhere = by_mac.get(mac, [])
        return anywhere[0] if len({one.node for one in anywhere}) == 1 else None

    def node_of(interface: str, mac: Mac) -> str | None:
        one = owner(interface, mac)
        return one.node if one and not one.doubtful else None

    def outside(interface: str, mac: Mac) -> bool:
        one = owner(interface, mac)
        return one is not None and one.outside

    networks = {one.ip: one.network for nic in evidence.host.interfaces for one in map(IPv4Interface, nic.addresses)}
    addresses = mac_owners.node_addresses(evidence.objects)

    def off_subnet(node: str, sender: IPv4Address) -> bool:
        known, network = addresses.get(node, ()), networks.get(sender)
        return bool(known) and network is not None and not any(ip in network for ip in known)

    return ReachContext(
        off_subnet=off_subnet,
        node_of=node_of,
        outside=outside,
        announcers=lambda ip: cases[ip].announcers if ip in cases else frozenset(),
        moved=frozenset(ip for ip, case in cases.items() if case.changed and isinstance(ip, IPv4Address)),
        own_nodes=own,
    )


def _knowledge(
    evidence: Evidence, hosts: ProbingHosts, own: Mapping[str, str | None], observations: Observations
) -> Knowledge:
    def segment(host: str, interface: str) -> str:
        return observations.segment(qualified(host, interface) if host else interface)

    def of(host: str, identity: Identity) -> str | None:
        """What was observed on one segment says nothing about another."""
        return segment(host, identity.interface) if identity.rank is SourceRank.WIRE and identity.interface else None

    objects = evidence.objects
    return Knowledge(
        identities=_once((of(name, identity), identity) for name, p in hosts for identity in mac_owners.all_identities(p)),
        proxies=frozenset(
            ((segment(name, interface), mac), sender)
            for name, host_run in hosts for interface, mac, sender in mac_owners.proxies(host_run)
        ),
        overlays=mac_owners.overlays(objects),
        label=lambda mac: mac_owners.label(mac, evidence.vendors),
        own={segment(n, i): own[n] for n, host_run in hosts for i in host_run.options.interfaces if own[n]},
        shared=mac_owners.service_addresses(objects)
        | mac_owners.platform_addresses(objects).keys()
        | loadbalancers.control_plane_addresses(objects).keys(),
        unread=mac_owners.unread(objects),
        aged=objects.read_at is None or ages.outdated(evidence) is not None,
    )  # fmt: skip


def _once(found: Iterable[tuple[str | None, Identity]]) -> tuple[tuple[str | None, Identity], ...]:
    """Removes identities that several hosts learned alike."""
    return tuple({(segment, replace(i, observed_at=None)): (segment, i) for segment, i in found}.values())


def _responding_nodes(owned: Mapping[Nic, Owner], observations: Observations) -> frozenset[str]:
    """The nodes that replied, for any address."""
    return frozenset(owner.node for nic, owner in owned.items() if owner.node is not None and observations.interfaces(nic))


def _heard_nodes_as(owned: Mapping[Nic, Owner], observations: Observations) -> Mapping[tuple[str, Address], frozenset[str]]:
    """A kernel that has the sender's address itself answers it nothing, and 0.0.0.0 all the same (net/ipv4/arp.c: a
    martian), so that silence proves something only of who answered the same sender. A MAC address that may be another
    machine's does not show that the node answered: only what every one of them answered, the node answered too."""
    by_node: dict[tuple[str, str], list[tuple[Owner, Set[Address]]]] = {}
    for (segment, mac), senders in observations.senders().items():
        owner = owned[segment, mac]
        if owner.node is not None:
            by_node.setdefault((segment, owner.node), []).append((owner, senders))
    found: dict[tuple[str, Address], set[str]] = {}
    for (segment, node), answered in by_node.items():
        sure = [senders for owner, senders in answered if not owner.doubtful]
        for sender in frozenset().union(*sure) if sure else frozenset.intersection(*(frozenset(s) for _, s in answered)):
            found.setdefault((segment, sender), set()).add(node)
    return {ear: frozenset(names) for ear, names in found.items()}


def _blind(
    hosts: ProbingHosts, own: Mapping[str, str | None], addresses: Mapping[str, tuple[Address, ...]]
) -> Mapping[str, AskingHost]:
    """The nodes that ran a probe and that no other probing host observed."""
    found: dict[str, AskingHost] = {}
    for name, host_run in hosts:
        node = own[name]
        if node and not any(_observed(other, addresses.get(node, ())) for n, other in hosts if own[n] != node):
            found[node] = AskingHost(host=host_run.host, interfaces=host_run.options.interfaces)
    return found


def _probing_interfaces(
    hosts: ProbingHosts, own: Mapping[str, str | None], blind: Mapping[str, AskingHost]
) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, host_run in hosts:
        if (node := own[name]) and node not in blind:
            found.setdefault(node, set()).update(qualified(name, i) if name else i for i in host_run.options.interfaces)
    return {node: frozenset(interfaces) for node, interfaces in found.items()}


def _observed(host_run: Evidence, addresses: tuple[Address, ...]) -> bool:
    proxies = mac_owners.proxies(host_run)
    heard = host_run.by_address()
    replies = (reply for ip in addresses for reply in heard.get(ip, ()))
    return any((reply.interface, reply.mac, reply.sender) not in proxies for reply in replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseContext:
    """What all cases have in common."""

    observations: Observations
    owners: Mapping[Nic, Owner]
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


def _case(target: Target, evidence: Evidence, context: _CaseContext) -> Case:
    ip = target.ip if not target.skipped else None
    six = ip is not None and ip.version == IPV6
    observations, owners, objects = context.observations, context.owners, evidence.objects
    record = records.record(target, evidence, context.heard, context.time)
    parties = responders.parties(ip, observations, owners, context.labels, record.announcers, record.named) if ip else ()
    once = _replies_once(record.announcements)
    rounds = observations.rounds(ip) if ip else ()
    requested = observations.asked(ip) if ip else None
    ears = {(observations.segment(interface), sender) for interface, sender in requested.ears} if requested else ()
    responding = frozenset(name for ear in ears for name in context.heard_as.get(ear, ()))
    direct = tuple(observations.direct(ip)) if ip and not parties else ()
    segments = {observations.segment(interface) for interface in requested.interfaces()} if requested else set()
    return Case(
        target=target,
        rounds=rounds,
        turns=frozenset(turn for turn in requested.turns() if turn[1] in rounds) if requested else frozenset(),
        segments={interface: observations.segment(interface) for interface in requested.interfaces()} if requested else {},
        parties=parties,
        heard=responders.heard(ip, observations) if ip and parties else {},
        owners=owners,
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
        spoken_for=_spoken_for(ip, observations) if ip and six and parties else frozenset(),
        nics_of_nodes=_nics_of_nodes(segments, context.known_nics) if direct else {},
    )


def _hidden(
    ip: Address, parties: Sequence[Responder], record: records.AnnouncerRecord, context: _CaseContext
) -> tuple[Hidden, ...]:
    """Who replied for an IPv6 address only when it was asked beyond multicast, and is no proxy."""
    observations, owners = context.observations, context.owners
    known = set(observations.by_nic(ip))
    last = max((reply.at for replies in observations.by_nic(ip).values() for reply in replies), default=0.0)
    for nic, replies in observations.beyond(ip).items():
        if nic in known:
            last = max(last, *(reply.at for reply in replies))
    found = []
    for nic, replies in observations.beyond(ip).items():
        owner = owners[nic]
        if nic in known or any(nic[1] in party.macs for party in parties) or owner.proxied:
            continue
        if owner.node and any(party.node == owner.node for party in parties):
            continue
        expected = owner.node in record.announcers or nic[1] in record.named
        found.append(Hidden(nic=nic, owner=owner, expected=expected, beside=last > min(reply.at for reply in replies)))
    return tuple(found)


def _spoken_for(ip: Address, observations: Observations) -> frozenset[Mac]:
    """MACs that replied to the group before and after requests to them alone, and to none of those."""
    found = observations.by_nic(ip)
    return frozenset(
        one.nic[1]
        for one in observations.direct(ip)
        if one.asked >= TWICE and not one.answered and any(reply.at > one.last for reply in found.get(one.nic, ()))
    )


def _nics_of_nodes(segments: Set[str], known: Mapping[str, Set[tuple[str | None, Mac]]]) -> Mapping[str, frozenset[Mac]]:
    return {
        node: frozenset(mac for segment, mac in macs if segment is None or segment in segments)
        for node, macs in known.items()
    }


def _taken_by(ears: Iterable[tuple[str, Address]], parties: Sequence[Responder], context: _CaseContext) -> tuple[str, ...]:
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


def _replies_once(announcements: Sequence[Announcement]) -> bool:
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


def _without_routers(case: Case, context: _CaseContext) -> Case:
    """A router that answers for what is not in this network does as it should, and hides nobody. Where no network is known
    it may be one."""
    if not case.parties or (case.on_link and not context.guessed):
        return case
    perhaps = context.guessed and not any(case.target.ip in network for network in context.networks)
    routers = tuple(party for party in case.parties if case.is_proxy(party)) if perhaps or not case.on_link else ()
    return replace(case.without(routers), routed=routers if perhaps else ()) if routers else case


def _near(
    addresses: Mapping[str, Sequence[Address]], owned: Mapping[Nic, Owner], observations: Observations
) -> tuple[IPv4Network, ...]:
    """What shares the first 24 bits with a node's own address that was answered here, and not by a proxy alone."""
    heard = {
        ip
        for own in addresses.values() for ip in own
        if any(reply.sender not in owned[nic].proxied for nic, found in observations.by_nic(ip).items() for reply in found)
    }  # fmt: skip
    return tuple(sorted({IPv4Network((ip, 24), strict=False) for ip in heard if isinstance(ip, IPv4Address)}))


def _announced(ip: Address, parties: Iterable[Responder], context: _CaseContext) -> tuple[Gratuitous, ...]:
    """The gratuitous ARP of MAC addresses that did not reply and do not belong to a node that did."""
    found = context.observations.gratuitous.get(ip, ())
    macs = {mac for party in parties for mac in party.macs} if found else set()
    nodes = {party.node for party in parties if party.node} if found else set()

    def node(one: Gratuitous) -> str | None:
        owner = context.owners.get((context.observations.segment(one.interface), one.mac))
        return owner.node if owner else None

    return tuple(one for one in found if one.mac not in macs and node(one) not in nodes)


def _held(outside: Iterable[tuple[str, Evidence]]) -> Mapping[Address, str]:
    """The interface with each address, for probing hosts that are not known to be nodes; the first host wins. Of the IPv6
    addresses those on the interfaces that asked: a kernel does not reply there for those of its other interfaces."""
    found: dict[Address, str] = {}
    for name, host_run in outside:
        asking = responders.held(host_run.host, host_run.options.interfaces)
        for ip, interface in responders.held(host_run.host).items():
            if ip.version == IPV6 and ip not in asking:
                continue
            found.setdefault(ip, qualified(name, interface) if name else interface)
    return found
