"""What a report says beside its verdicts: what was not read or requested, the likely causes, and the result of `arpcheck
preflight`: whether a layer-2 load balancer can be installed, in IPv4 and in IPv6."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv6Interface, IPv6Network

from arpcheck import loadbalancers, mac_owners, targets
from arpcheck.evidence import Capture, Evidence
from arpcheck.judge.findings.silences import silent_groups
from arpcheck.judge.judged import Judged, Judgement, ipv6_alone
from arpcheck.judge.nodes import NodeState
from arpcheck.judge.observations import Observations
from arpcheck.judge.reasons import best
from arpcheck.kubeproxy.causes import causes
from arpcheck.kubeproxy.modes import Configured, StrictArpAnswer
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.kubeproxy.remedy import cures
from arpcheck.kubeproxy.status import status
from arpcheck.model import Address, Arp, Cause, CauseId, Families, Gap, Outcome, Preflight, Target, Verdict
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Objects
from arpcheck.pipeline import interfaces, planning
from arpcheck.text import count

APART = timedelta(minutes=10)
"""Maximum time between a capture and the reading of the cluster before a gap is reported."""


def gaps(
    evidence: Evidence, canary: Address | None, observations: Observations, requested: Iterable[Target]
) -> Iterable[Gap]:
    """Gaps on the wire: what was not requested or not received."""
    if (canary is None or not observations.asked(canary).broadcast) and not ipv6_alone(requested, observations):
        why_missing = "the run ended before its request" if evidence.capture is None else "the capture has no request for it"
        named = targets.canary(evidence.objects) in evidence.options.ips
        unknown = "no IPv4 ClusterIP of a Service is known" + (" other than the one given with --ip" if named else "")
        why = unknown if canary is None else why_missing
        yield Gap(what="canary", why=why, costs="unknown whether the nodes' kernels reply for Service addresses")
    if evidence.capture is not None:
        yield from _not_recorded(evidence, evidence.capture)
    for trouble in evidence.trouble:
        yield Gap(what="wire", why=trouble, costs="later replies were not received")
    yield from mac_owners.unmatched_hosts(evidence)


def without_own_sender(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """Gap for addresses that were requested without an own sender address, to which a Linux proxy does not reply. Addresses
    of this node itself have another reason, unless they are fine: a node does not receive its own replies."""
    asked = (j for j in judgements if not j.case.own_sender)
    ips = [str(j.case.target.ip) for j in asked if not j.case.held_by or j.verdict.outcome is Outcome.FINE]
    if ips:
        more = f" and {len(ips) - 3} more" if len(ips) > 3 else ""
        why = f"this host has no sender address for {', '.join(ips[:3])}{more}"
        yield Gap(what="sender", why=why, costs="a proxy ARP device would not be detected")


def not_in_file(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """Gaps for resources that a file lacks and that a verdict depends on."""
    open_ones = (j.case for j in judgements if j.verdict is Verdict.INCONCLUSIVE)
    for name in sorted({name for case in open_ones for name in case.not_in_file}):
        costs = dict.fromkeys(need.costs for need in loadbalancers.NEEDS if need.resource == name)
        yield Gap(what=name, why="not in the file (use --file-has if it was read)", costs="; ".join(costs))


def _not_recorded(evidence: Evidence, capture: Capture) -> Iterable[Gap]:
    """Gaps that every capture has."""
    unseen = f" ({capture.unseen} replies without a recorded request)" if capture.unseen else ""
    yield Gap(what="capture", why=f"a capture does not show what it missed{unseen}", costs="a reply may be missing")
    asked = {question.ip for question in evidence.questions}
    if not asked.intersection(targets.CONTROLS):
        costs = "a proxy ARP device can't be distinguished from a node"
        yield Gap(what="control", why="the capture has no request for it", costs=costs)
    read_at = evidence.objects.read_at
    if read_at is not None and not evidence.started_at - APART <= read_at <= evidence.ended_at + APART:
        why = f"recorded {evidence.started_at:%Y-%m-%d %H:%M} UTC, the cluster was read {read_at:%Y-%m-%d %H:%M} UTC"
        yield Gap(what="capture", why=why, costs="another node may have been the announcer at that time")


def likely_causes(judged: Judged, gateways: Mapping[str, tuple[Address, ...]], objects: Objects) -> tuple[Cause, ...]:
    """The likely causes, from the observations and the configuration."""
    observations = judged.observations
    gateways_requested = any(observations.asked(ip).broadcast for found in gateways.values() for ip in found)
    heard = WireObservations(
        answered=_answered(judged),
        strangers=frozenset(str(j.ip) for j, party in judged.strangers() if j.case.is_foreign(party)),
        stranger_on_canary=any(judged.owners[nic].outside or judged.owners[nic].apart for nic in judged.canary_nics()),
        unknown=(
            any(not j.case.is_foreign(party) and not j.case.external for j, party in judged.strangers())
            or any(judged.owners[nic].node is None for nic in judged.canary_nics())
        ),
        holders=frozenset(
            party.node
            for j in judged.asked()
            if j.verdict is Verdict.NON_STRICT and not j.case.offenders
            for party in j.case.parties
            if party.node
        ),
        twice=frozenset(node for _, node, _ in judged.doubled),
        gateways=_answered_gateways(judged, gateways) if gateways_requested else None,
        node_addresses=_node_addresses(judged),
        prober=next(iter(judged.blind), None),
    )
    found = causes(
        judged.kube_proxies,
        frozenset(judged.named(Arp.NON_STRICT)),
        frozenset((*judged.named(Arp.NON_STRICT), *judged.named(Arp.QUIET))),
        frozenset(state.name for state in judged.nodes),
        heard,
        cures(objects),
    )
    return tuple(_with_reasons(found, judged))


MOST_NAMED = 3
"""Addresses that a cause names; it counts the others."""


def _with_reasons(found: Iterable[Cause], judged: Judged) -> Iterator[Cause]:
    """Where the cluster explains why nobody replies for an address, the cause says that instead of what it may be."""
    silent = [one for one in judged.judgements if one.verdict is Verdict.SILENT]
    explained = silent_groups(one for one in silent if best(one.reasons))
    for cause in found:
        if cause.id is not CauseId.NOBODY_ANNOUNCES or sum(len(group.ips) for group in explained) < len(silent):
            yield cause
        if cause.id is CauseId.NOBODY_ANNOUNCES:
            for group in explained:
                yield replace(cause, text=group.text(MOST_NAMED), do=group.do, nodes=group.nodes)


def _answered(judged: Judged) -> Mapping[str, frozenset[str]]:
    """The nodes that replied for each address. An empty set means that a node should have replied: not if the announcer is
    this host, if BGP announces the address, or if the owners of the responding MACs are unknown."""
    found, nobody = {}, _node_addresses(judged) is False
    for judgement in judged.asked():
        if judgement.verdict is Verdict.NON_STRICT and not judgement.case.offenders:
            continue  # every kernel holds it, by configuration
        if judgement.verdict is Verdict.MOVED:
            continue  # one after the other: a failover, not a split brain
        nodes = frozenset([party.node for party in judgement.case.parties if party.node])
        far = not judgement.case.parties and nobody
        if nodes or far or judgement.verdict is Verdict.SILENT:
            found[str(judgement.ip)] = nodes
    return found


def _answered_gateways(judged: Judged, gateways: Mapping[str, tuple[Address, ...]]) -> frozenset[str]:
    def answered(node: str, ip: Address) -> bool:
        return any(judged.owners[nic].node == node for nic in judged.observations.by_nic(ip))

    return frozenset(node for node, found in gateways.items() if any(answered(node, ip) for ip in found))


def _node_addresses(judged: Judged) -> bool | None:
    asked = [ip for found in judged.addresses.values() for ip in found if judged.observations.asked(ip).broadcast]
    return any(judged.observations.by_nic(ip) for ip in asked) if asked else None


# -------------------------------------------------------------------------------------- The result of `arpcheck preflight`

# In IPv4 a kernel may reply for whatever address it holds, which the canary shows. In IPv6 there is no such question: a
# kernel looks a requested address up on the interface that received the request alone (net/ipv6/ndisc.c, ndisc_recv_ns), so
# nothing on kube-ipvs0 is ever replied for. What is left to know is whether the nodes are heard there at all.

_WHY = "strict ARP is about IPv4 alone, since a kernel replies in IPv6 for addresses of the receiving interface alone"


def preflight(judged: Judged, evidence: Evidence) -> Preflight:
    """Safe requires that only proxies reply for the canary, that every node that is not switched off replied and is quiet,
    and that no configuration, including that of switched-off nodes, will change this. In IPv6 it requires that the nodes of
    this network reply."""
    objects = evidence.objects
    configured = status(objects, wire={state.name: state.arp for state in judged.nodes})
    six = _seen_in_ipv6(judged, evidence)
    alone = IPV4 not in planning.versions(evidence.options, evidence.host) or _has_ipv6_alone(objects)
    faulty = judged.named(Arp.NON_STRICT)
    open_ones = (*(() if alone else _open_questions(judged, objects)), *_open_in_ipv6(six, alone=alone))
    if faulty:
        safe, words = False, f"not safe: {', '.join(faulty)} would reply for every load-balancer address"
    elif open_ones:
        safe, words = None, f"not known: {'; '.join(open_ones)}"
    elif alone:
        safe, words = True, f"safe in IPv6: {six.replied} replied by neighbour discovery"
    else:
        safe, words = True, f"safe: {_quiet(judged)} do not reply for addresses that they do not announce"
    return Preflight(
        safe=safe, words=words, strict_arp=configured.answer.value, reason=configured.reason, ipv6=six.words or None
    )


def _has_ipv6_alone(objects: Objects) -> bool:
    """No node is known to have an IPv4 address, and some to have one of IPv6."""
    return not any(mac_owners.node_addresses(objects).values()) and any(mac_owners.node_ipv6(objects).values())


def _quiet(judged: Judged) -> str:
    in_question = [state for state in judged.nodes if state.arp is not Arp.IPV6_ALONE]
    quiet = sum(1 for state in in_question if state.arp.outcome is Outcome.FINE)
    away = f" (not Ready, no reply: {', '.join(off)})" if (off := judged.away()) else ""
    return f"{quiet} of {count(len(in_question), 'node')}{away}"


def _open_questions(judged: Judged, objects: Objects) -> Iterator[str]:
    """The reasons why the result is not known."""
    if judged.canary is None or not judged.observations.asked(judged.canary).broadcast:
        yield "no canary was requested, which shows whether kernels reply for Service addresses"
    strangers = sorted({mac for _, mac in judged.canary_nics()})
    if strangers:
        yield f"{', '.join(strangers)} (no known node) replied for the canary and may belong to a node"
    here = [state for state in judged.nodes if state.name not in judged.away() and state.arp is not Arp.IPV6_ALONE]
    if here and all(state.arp is Arp.UNREACHED for state in here):
        yield "no node replied here"
    elif not here or any(state.arp.outcome is not Outcome.FINE for state in here):
        yield f"only {_quiet(judged)} are known not to reply for addresses that they do not announce"
    # Without observations: this is about the configuration, even if the kernels are quiet now.
    configured_nodes = status(objects).nodes
    contrary = [
        one.name
        for one in configured_nodes
        if one.answer is StrictArpAnswer.NOT_SET or one.configured is Configured.NON_STRICT
    ]
    if contrary:
        nodes = ", ".join(contrary)
        yield f"kube-proxy is configured for IPVS without strictARP on {nodes}: the next restart makes it unsafe"


# --------------------------------------------------------------------------------------------------------------------- IPv6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ipv6:
    """What was seen of the nodes in IPv6."""

    words: str = ""
    """Empty if no node is known to have an IPv6 address."""
    replied: str = ""
    """`2 of 3 nodes`; empty if none was asked."""
    silent: tuple[str, ...] = ()
    """Nodes of this network that are not down and did not reply, each with an address."""
    others: bool = False
    """Further nodes did not reply, which are not down."""


def _seen_in_ipv6(judged: Judged, evidence: Evidence) -> _Ipv6:
    listed = mac_owners.node_ipv6(evidence.objects)
    if not any(listed.values()):
        return _Ipv6()
    if IPV6 not in planning.versions(evidence.options, evidence.host):
        by_name = evidence.options.families is Families.IPV4
        why = "--family ipv4" if by_name else "no interface that was used has a usable link-local address"
        return _Ipv6(words=f"IPv6: not requested ({why})")
    links = [
        IPv6Interface(text).network
        for interface in interfaces.used(evidence.options, evidence.host)
        for text in interface.ipv6
        if not IPv6Interface(text).is_link_local
    ]
    states = [state for state in judged.nodes if listed.get(state.name) and state.arp is not Arp.SELF]
    replied = [state for state in states if any(_replied(judged, state, ip) for ip in listed[state.name])]
    silent = tuple(
        f"{state.name} ({ip})"
        for state in states
        if state not in replied and state.ready is not False
        for ip in _here(judged, listed[state.name], links)[:1]
    )
    number = f"{len(replied)} of {count(len(states), 'node')}"
    missed = [state for state in states if state not in replied and state.ready is not False]
    return _Ipv6(
        words=f"IPv6: {number} replied by neighbour discovery; {_WHY}", replied=number, silent=silent, others=bool(missed)
    )


def _here(judged: Judged, addresses: tuple[Address, ...], links: Sequence[IPv6Network]) -> list[Address]:
    asked = (ip for ip in addresses if judged.observations.asked(ip).broadcast)
    return [ip for ip in asked if any(ip in network for network in links)]


def _replied(judged: Judged, state: NodeState, ip: Address) -> bool:
    found = judged.observations.by_nic(ip)
    return any(
        nic in state.nics and any(reply.sender not in judged.owners[nic].proxied for reply in replies)
        for nic, replies in found.items()
    )


def _open_in_ipv6(six: _Ipv6, *, alone: bool) -> Iterator[str]:
    """`alone`: nothing is asked of IPv4, so that all nodes should reply here. Else those of this network should."""
    if six.silent:
        where = "`ip -6 address` and its ICMPv6 filter show why, or MLD snooping on the switch"
        yield f"no reply in IPv6 from {', '.join(six.silent)}: {where}"
    elif alone and not six.replied:
        yield six.words or "no node is known to have an IPv6 address"
    elif alone and six.others:
        yield f"only {six.replied} replied by neighbour discovery"
