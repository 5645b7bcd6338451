"""Whether each node's kernel replies for Service addresses, as far as the wire shows.

The canary is a Service address that no load balancer announces, so only a kernel that holds Service addresses without
strict ARP replies for it (net/ipv4/arp.c, arp_process: any address in the local table, unless arp_ignore says no)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from arpcheck.judge.asked import Probe
from arpcheck.judge.observations import Observations
from arpcheck.model import Address, Arp, Mac, Nic, Owner, SourceRank
from arpcheck.model.constants import IPV4
from arpcheck.objects import Node

ENOUGH = 8
"""Questions for its own address, all answered, and for the canary, none answered, before a node is called quiet. Where half
of all frames are lost a node passes by chance once in a million runs."""

FEW, MANY_NODES = 3, 20
"""From so many nodes on, where none missed a question, fewer questions are enough: there is no loss to be mistaken for
silence."""

_ALIKE = "a node that holds no Service address (iptables or nftables mode, Cilium) looks the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    name: str
    arp: Arp
    reason: str
    ready: bool | None
    macs: tuple[Mac, ...]
    """Its MACs that are known, heard or not, sorted."""
    nics: tuple[Nic, ...] = ()
    """The same, each with its segment."""
    heard: bool = False
    """A NIC of it answered something, if only for other addresses than its own."""
    missed: bool = False
    """It answered some questions for its own address and not others: frames get lost on the way."""


def node_states(
    nodes: Iterable[Node],
    addresses: Mapping[str, tuple[Address, ...]],
    canary: Address | None,
    owners: Mapping[Nic, Owner],
    observations: Observations,
    blind: Collection[str],
    gateways: Mapping[str, tuple[Address, ...]],
    shared: Collection[Address] = (),
    networks: Collection[IPv4Network | IPv6Network] = (),
) -> tuple[NodeState, ...]:
    """One state for each node, by name. `addresses`: the nodes' own; `gateways`: their ends of the pod network, which
    tell a strict kernel from one that holds no Service address; `blind`: nodes that arpcheck ran on and that no other
    host heard; `shared`: addresses that are a Service's too, so that other nodes may answer for them; `networks`: those of
    the interfaces that asked."""
    by_node: dict[str, list[Nic]] = {}
    for nic, owner in owners.items():
        if owner.node is not None:
            by_node.setdefault(owner.node, []).append(nic)
    every = tuple(sorted(nodes, key=lambda node: node.name))
    looks = {
        node.name: _Look(
            node.name, addresses.get(node.name, ()), tuple(sorted(by_node.get(node.name, ()))), owners, observations
        )
        for node in every
    }
    listed = _listed_nodes(looks.keys(), owners)
    holders = _genuine(canary, owners, observations) if canary else frozenset()
    few = sum(bool(look.heard) for look in looks.values()) >= MANY_NODES and not any(look.missed for look in looks.values())
    states = []
    for node in every:
        look = looks[node.name]
        arp, reason = _judge(look, canary, holders, blind, FEW if few else ENOUGH, shared, listed, networks)
        if arp is Arp.QUIET:
            reason = f"{reason}; {_why_quiet(gateways.get(node.name, ()), look.nics, observations)}"
        macs = tuple(sorted({mac for _, mac in look.nics}))
        found = NodeState(
            name=node.name,
            arp=arp,
            reason=reason,
            ready=node.ready,
            macs=macs,
            nics=look.nics,
            heard=bool(look.heard),
            missed=look.missed,
        )
        states.append(found)
    return tuple(states)


def _genuine(ip: Address, owners: Mapping[Nic, Owner], observations: Observations) -> frozenset[Nic]:
    """The NICs that answered for an address, and not as a proxy."""
    return frozenset(
        nic
        for nic, replies in observations.by_nic(ip).items()
        if any(reply.sender not in owners[nic].proxied for reply in replies)
    )


class _Look:
    """What was heard of one node at its own addresses."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[Address],
        nics: tuple[Nic, ...],
        owners: Mapping[Nic, Owner],
        observations: Observations,
    ) -> None:
        self.name = name
        self.addresses = addresses
        self.nics = nics
        self.owners = owners
        self.observations = observations
        self.at_home = [(ip, nic) for ip in addresses for nic in observations.by_nic(ip) if self._may_be_its(ip, nic)]
        """Its own addresses that were answered, and by whom."""
        self.heard = [(ip, nic) for ip, nic in self.at_home if nic in nics]
        self.listed = [nic for nic in nics if owners[nic].identities and observations.interfaces(nic)]
        """Its NICs that answered anything."""
        if not self.at_home:  # a listed NIC that has no address of the node here shows by any answer that it hears
            self.heard = [(ip, nic) for nic in self.listed for ip in observations.answered(nic) if self.genuine(ip, nic)]
        self.own = {entry: self._own(*entry) for entry in self.heard}
        self.missed = any(not probe.answered for probes in self.own.values() for probe in probes)

    def genuine(self, ip: Address, nic: Nic) -> bool:
        """It answered, and not as a proxy."""
        return any(reply.sender not in self.owners[nic].proxied for reply in self.observations.by_nic(ip).get(nic, ()))

    def _may_be_its(self, ip: Address, nic: Nic) -> bool:
        """Not where another node's NIC answers for an address that this one has lost."""
        owner = self.owners[nic]
        return self.genuine(ip, nic) and (owner.node in (None, self.name) or owner.doubtful)

    def rival(self, canary: Address, shared: Collection[Address], listed: Collection[str]) -> Nic | None:
        """A NIC that answered the canary, is not known as this node's and may be: it answered for the node's own address
        too, or a weaker source says so, or it is nobody's, on a segment where this node has a NIC, and no list has all of
        the node's."""
        own = {
            nic for ip in self.addresses if ip not in shared for nic in self.observations.by_nic(ip) if self.genuine(ip, nic)
        }
        here = {segment for segment, _ in self.nics}
        for nic in self.observations.by_nic(canary):
            owner = self.owners[nic]
            nobodys = owner.node is None and nic[0] in here and not (self.name in listed or owner.outside or owner.apart)
            may_be = nic in own or nobodys or (owner.doubtful and any(i.node == self.name for i in owner.identities))
            if owner.node != self.name and self.genuine(canary, nic) and may_be:
                return nic
        return None

    def in_ipv6_alone(self, networks: Collection[IPv4Network | IPv6Network]) -> bool:
        """It was heard at its IPv6 addresses, and there was no IPv4 address at which it could have been."""
        links = [network for network in networks if network.version == IPV4]
        asked = (
            ip
            for ip in self.addresses
            if ip.version == IPV4
            and (self.observations.recorded or self.observations.asked(ip).broadcast)
            and (not links or any(ip in network for network in links))
        )
        homes = [ip for ip, nic in self.at_home if nic in self.nics]
        return bool(homes) and all(ip.version != IPV4 for ip in homes) and next(asked, None) is None

    def _own(self, ip: Address, nic: Nic) -> tuple[Probe, ...]:
        """The questions for an address of its own, in the ways in which it was answered at all: a node whose kernel drops
        0.0.0.0 as a sender misses nothing."""
        probes = [p for p in self.observations.probes(ip, nic) if p.ear[1] not in self.owners[nic].proxied]
        passing = {probe.ear for probe in probes if probe.answered}
        return tuple(probe for probe in probes if probe.ear in passing)

    def counted(self, canary: Address) -> tuple[int, int]:
        """How many questions for its own address it answered, none missed since, and how many for the canary it must have
        heard in that time: those of the NIC and address with the most."""
        best = 0, 0
        for (_, nic), own in self.own.items():
            since = max((probe.at for probe in own if not probe.answered), default=-1.0)
            ears = {probe.ear for probe in own}
            answered = sum(probe.at > since for probe in own)
            heard = sum(probe.at > since and probe.ear in ears for probe in self.observations.probes(canary, nic))
            best = max(best, (answered, heard), key=min)
        return best


def _listed_nodes(names: Set[str], owners: Mapping[Nic, Owner]) -> frozenset[str]:
    """The nodes whose NICs are all known: each told it itself, or the user's list has every node. One that lacks whole nodes
    may lack NICs of the others too."""
    every = [identity for owner in owners.values() for identity in owner.identities if identity.lists_all]
    live = frozenset(identity.node for identity in every if identity.rank is not SourceRank.OWN_FILE)
    known = frozenset(identity.node for identity in every)
    return known if names <= known else live


def _judge(
    look: _Look,
    canary: Address | None,
    holders: Set[Nic],
    blind: Collection[str],
    enough: int,
    shared: Collection[Address],
    listed: Collection[str],
    networks: Collection[IPv4Network | IPv6Network],
) -> tuple[Arp, str]:
    observations = look.observations
    if look.name in blind:
        return Arp.SELF, "arpcheck ran on it, and a host does not receive its own replies"
    answered = [nic for nic in look.nics if nic in holders]
    contested = {nic for _, nic in look.at_home if look.owners[nic].doubtful}
    sure = any(not look.owners[nic].doubtful for nic in answered)
    if answered and (sure or (len(contested) > 1 and contested <= holders)):  # whichever of them it is
        macs = ", ".join(sorted({mac for _, mac in answered}))
        return Arp.NON_STRICT, f"{macs} replied for {canary}, a ClusterIP that nobody announces"
    if answered:
        return Arp.UNKNOWN, f"{answered[0][1]} replied for {canary}, but may not be this node"
    if not look.at_home and not look.heard:  # what replied as a proxy, or for a silent address by unicast, is not heard
        if look.addresses and not any(observations.recorded or observations.asked(ip).interfaces() for ip in look.addresses):
            return Arp.UNREACHED, f"none of its addresses was requested here ({_listed(look.addresses)})"
        return Arp.UNREACHED, f"no reply for its addresses here ({_listed(look.addresses)})"
    if look.in_ipv6_alone(networks):
        return Arp.IPV6_ALONE, f"replied for {look.heard[0][0]}, and has no IPv4 address here, which strict ARP is about"
    if canary is None or not observations.asked(canary).broadcast:
        return Arp.UNKNOWN, "the canary was not probed"
    if observations.lost(canary) or observations.excess(canary):
        return Arp.UNKNOWN, "frames were lost while the canary was probed"
    if observations.recorded:
        return Arp.UNKNOWN, f"the capture has no reply for {canary} and may be incomplete"
    if not look.heard:
        return Arp.UNKNOWN, f"there was a reply for {look.at_home[0][0]}, but it may not be from this node"
    if rival := look.rival(canary, shared, listed):
        return Arp.UNKNOWN, f"{rival[1]} replied for {canary} and may be this node"
    own, asked = look.counted(canary)
    if min(own, asked) >= enough:
        its = "its own " if look.at_home else ""
        return Arp.QUIET, f"replied for {its}{look.heard[0][0]} and not for {canary}"
    if not look.at_home:
        return Arp.UNREACHED, f"{look.listed[0][1]} replied for other addresses, but too few times to judge its kernel"
    if look.missed:
        return Arp.UNKNOWN, "it missed requests for its own address, so it may have missed those for the canary"
    if not asked:
        return Arp.UNKNOWN, "its own address and the canary were not probed in the same way"
    return Arp.UNKNOWN, f"only {own} requests for its own address and {asked} for the canary reached it, {enough} are needed"


def _why_quiet(gateways: Iterable[Address], nics: Iterable[Nic], observations: Observations) -> str:
    asked = [ip for ip in gateways if observations.asked(ip).broadcast]
    if not asked:
        return _ALIKE
    answered = [ip for ip in asked if any(nic in observations.by_nic(ip) for nic in nics)]
    if answered:
        return f"it replied for its pod gateway {answered[0]}, so its kernel is not strict and holds no Service address"
    return f"nor for its pod gateway {_listed(asked)}: its kernel is strict"


def _listed(addresses: Iterable[Address]) -> str:
    return ", ".join(str(ip) for ip in addresses) or "it has none that is IPv4"
