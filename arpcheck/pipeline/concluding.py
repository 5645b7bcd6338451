"""Turns an Evidence into a Report: owners, nodes, verdicts, findings and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck import kubeproxy, loadbalancers, mac_owners
from arpcheck.evidence import Evidence, qualified, views
from arpcheck.gc_control import held_back
from arpcheck.judge import reasons, responders
from arpcheck.judge.acceptance import Acceptances, judged_with
from arpcheck.judge.case import Case
from arpcheck.judge.doubling import Doubling, subnet_router_anycast
from arpcheck.judge.judged import AskingHost, Judged, Judgement
from arpcheck.judge.nodes import node_states
from arpcheck.judge.observations import Observations
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.reach import ReachContext, reach_rows
from arpcheck.judge.responders import wire_reasons
from arpcheck.judge.summary import also, report
from arpcheck.model import Address, Arp, Identity, Kind, Mac, Nic, Owner, Reason, ReasonId, Report, SourceRank, Verdict
from arpcheck.model.constants import IPV6
from arpcheck.pipeline import ages, interfaces, planning, records
from arpcheck.pipeline.cases import CaseContext, cases, replies_once
from arpcheck.pipeline.explaining import gaps, likely_causes, not_in_file, preflight, without_own_sender
from arpcheck.pipeline.planning import targets_of
from arpcheck.targets import JUDGED, unfitting

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
    networks = interfaces.interface_networks(i for i in evidence.host.interfaces if i.name in evidence.options.interfaces)
    doubling = Doubling(observations, weighed.by_nic, addresses, canary, subnet_router_anycast(networks))
    if at_home := doubling.at_home(knowledge.shared):
        doubled = frozenset(nic for _, nic in at_home)
        weighed = owners(observations, replace(knowledge, doubled=doubled), objects.nodes(), addresses)
    owned = weighed.by_nic
    blind = _blind(hosts, own, addresses)
    gateways = mac_owners.pod_gateways(objects)
    states = node_states(
        objects.nodes(), addresses, canary, owned, observations, blind, gateways, knowledge.shared, networks
    )
    labels = {mac: found for _, mac in owned if (found := mac_owners.label(mac, evidence.vendors))}
    read_at = ages.outdated(evidence)
    context = CaseContext(
        observations=observations,
        owners=owned,
        doubtful=frozenset(nic for nic, owner in owned.items() if owner.doubtful),
        proxying=frozenset(nic for nic, owner in owned.items() if owner.proxied),
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
    seen = cases((target for target in targets if target.kind in JUDGED), evidence, context)
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
                j.ip, context.non_strict, once=replies_once(j.case.announcements)
            )
        ),
    )  # fmt: skip
    judged = replace(judged, causes=likely_causes(judged, gateways, objects))
    return report(judged, evidence, preflight(judged, evidence) if evidence.options.preflight else None)


def _judgement(
    case: Case, accepted: Acceptances, quiet: frozenset[str], explained: Callable[[Case, Verdict], tuple[Reason, ...]]
) -> Judgement:
    found = judged_with(case, accepted)
    return Judgement(
        case=case, verdict=found.verdict, reason=found.reason, accepted=found.accepted, first=found.first,
        also=also(case if found.first is None else found.rest, found.verdict, quiet), passed=found.passed,
        reasons=explained(case, found.verdict) if reasons.has_reasons(case, found.verdict) else (),
    )  # fmt: skip


def _explained(evidence: Evidence, context: CaseContext) -> Callable[[Case, Verdict], tuple[Reason, ...]]:
    """Why an address has its verdict; asked only of those where a reader asks why."""

    def explained(case: Case, verdict: Verdict) -> tuple[Reason, ...]:
        wire, recorded = tuple(wire_reasons(case)), records.reasons(case.target, evidence, context.time)
        # That the announcer is mute says less than any reason of it.
        found = sorted((*wire, *recorded), key=lambda one: one.id is ReasonId.ANNOUNCER_MUTE)
        return reasons.explained(found, verdict, str(case.target.ip))

    return explained


def _reach_context(
    judgements: Iterable[Judgement], context: CaseContext, evidence: Evidence, own: frozenset[str]
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
