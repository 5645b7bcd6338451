"""The result of `arpcheck preflight`: whether a layer-2 load balancer can be installed, in IPv4 and in IPv6.

In IPv4 a kernel may reply for whatever address it holds, which the canary shows. In IPv6 there is no such question: a kernel
looks a requested address up on the interface that received the request alone (net/ipv6/ndisc.c, ndisc_recv_ns), so nothing
on kube-ipvs0 is ever replied for. What is left to know is whether the nodes are heard there at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Interface, IPv6Network

from arpcheck import mac_owners
from arpcheck.evidence import Evidence
from arpcheck.judge.judged import Judged
from arpcheck.judge.nodes import NodeState
from arpcheck.kubeproxy.modes import Configured, StrictArpAnswer
from arpcheck.kubeproxy.status import status
from arpcheck.model import Address, Arp, Families, Outcome, Preflight
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Objects
from arpcheck.pipeline import interfaces, planning
from arpcheck.text import count

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
