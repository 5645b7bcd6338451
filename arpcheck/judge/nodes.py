"""How every node's kernel treats Service addresses, as far as this wire shows. Pure.

The canary is a Service address that no load balancer announces, so only a kernel that holds Service addresses without
strict ARP answers it (net/ipv4/arp.c, arp_process: any address in the local table, unless arp_ignore says no)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from arpcheck.judge.hearing import Hearing
from arpcheck.model import Arp, Mac, Owner
from arpcheck.objects import Node

_ALIKE = "a node that holds no Service address (iptables or nftables mode, Cilium) looks the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    name: str
    arp: Arp
    reason: str
    ready: bool | None
    macs: tuple[Mac, ...]
    """Its MACs that are known, heard or not, sorted."""


def node_states(
    nodes: Iterable[Node],
    addresses: Mapping[str, tuple[IPv4Address, ...]],
    canary: IPv4Address | None,
    owners: Mapping[Mac, Owner],
    hearing: Hearing,
    blind: Collection[str],
    gateways: Mapping[str, tuple[IPv4Address, ...]],
) -> tuple[NodeState, ...]:
    """One state for each node, by name. `addresses`: the nodes' own; `gateways`: their ends of the pod network, which
    tell a strict kernel from one that holds no Service address; `blind`: nodes that arpcheck ran on and that no other
    host heard."""
    by_node: dict[str, list[Mac]] = {}
    for mac, owner in owners.items():
        if owner.node is not None:
            by_node.setdefault(owner.node, []).append(mac)
    states = []
    for node in nodes:
        macs = tuple(sorted(by_node.get(node.name, ())))
        arp, reason = _judge(node, addresses.get(node.name, ()), canary, macs, owners, hearing, blind)
        if arp is Arp.STRICT:
            reason = f"{reason}; {_why_quiet(gateways.get(node.name, ()), macs, hearing)}"
        states.append(NodeState(name=node.name, arp=arp, reason=reason, ready=node.ready, macs=macs))
    return tuple(sorted(states, key=lambda state: state.name))


def _judge(
    node: Node,
    addresses: tuple[IPv4Address, ...],
    canary: IPv4Address | None,
    macs: tuple[Mac, ...],
    owners: Mapping[Mac, Owner],
    hearing: Hearing,
    blind: Collection[str],
) -> tuple[Arp, str]:
    if node.name in blind:
        return Arp.SELF, "arpcheck ran on it, and a host does not hear itself"
    answered_canary = [mac for mac in macs if canary and mac in hearing.by_mac(canary)]
    if answered_canary:
        return Arp.NON_STRICT, f"{', '.join(answered_canary)} answered for {canary}, a ClusterIP that nobody announces"
    heard = [(ip, mac) for ip in addresses for mac in hearing.by_mac(ip) if not owners[mac].proxy]
    if not heard:
        return Arp.UNREACHED, f"none of its addresses was answered here ({_listed(addresses)})"
    if canary is None or not hearing.asked(canary).broadcast:
        return Arp.UNKNOWN, "the canary was not asked"
    if hearing.lost(canary) or hearing.excess(canary):
        return Arp.UNKNOWN, "frames were lost while the canary was asked"
    if hearing.recorded:
        return Arp.UNKNOWN, f"no answer for {canary} is in the capture, which does not say what it missed"
    own = [(ip, mac) for ip, mac in heard if mac in macs]
    if not own:
        return Arp.UNKNOWN, f"{heard[0][0]} was answered, but it is not known whether by this node"
    for ip, mac in own:
        if hearing.ears(ip, mac) & hearing.asked(canary).ears:
            return Arp.STRICT, f"answered for its own {ip} and not for {canary}"
    return Arp.UNKNOWN, "its own address and the canary were not asked in the same way"


def _why_quiet(gateways: Iterable[IPv4Address], macs: Iterable[Mac], hearing: Hearing) -> str:
    asked = [ip for ip in gateways if hearing.asked(ip).broadcast]
    if not asked:
        return _ALIKE
    answered = [ip for ip in asked if any(mac in hearing.by_mac(ip) for mac in macs)]
    if answered:
        return f"it answered for its pod gateway {answered[0]}, so its kernel is not strict and holds no Service address"
    return f"nor for its pod gateway {_listed(asked)}: its kernel is strict"


def _listed(addresses: Iterable[IPv4Address]) -> str:
    return ", ".join(str(ip) for ip in addresses) or "it has none that is IPv4"
