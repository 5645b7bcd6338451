"""Which nodes share a network: the segments of the cluster, from what every node says of its interfaces.

A segment is a set of nodes that have the same IP network on an interface, and the same VLAN where the interfaces tag their
frames. Whether frames really pass between them is what the run then shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface

from arpcheck.mac_owners.addresses import is_inside
from arpcheck.model import Address, Interface
from arpcheck.objects import Object, items, name, text

Network = IPv4Network | IPv6Network

SMALLEST = 2
"""Bits of the host in the smallest network that can contain other hosts: a Service's address on an interface has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An interface by which a node is in a network."""

    node: str
    interface: str
    addresses: tuple[Address, ...]
    networks: tuple[Network, ...]
    vlan: int | None = None
    """The VLAN with which the node itself tags the frames; None where the switch does, or nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Nodes that share a network. Equal names are equal segments."""

    name: str
    """`10.0.0.0/24`, `10.0.0.0/24 in VLAN 7`."""
    networks: tuple[Network, ...]
    """Sorted, IPv4 first."""
    links: tuple[Link, ...]
    """One for each node, sorted by node."""

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(link.node for link in self.links)

    def interface(self, node: str) -> str | None:
        """The node's interface in this segment; None if it is not in it."""
        return next((link.interface for link in self.links if link.node == node), None)

    def longest(self, ip: Address) -> int:
        """The prefix length of its smallest network with this address; -1 if none has it."""
        return max((network.prefixlen for network in self.networks if ip in network), default=-1)


def links_of(node: str, interfaces: Iterable[Interface], vlans: Mapping[str, int]) -> tuple[Link, ...]:
    """The links of a node by what it said: `interfaces` are those that may lead to the LAN, `vlans` the tags by name."""
    return tuple(
        link
        for one in interfaces
        if (link := _link(node, one.name, (*one.addresses, *one.ipv6), vlans.get(one.name))) is not None
    )


def links_in_state(state: Object) -> tuple[Link, ...]:
    """The links of a node by its NodeNetworkState (kubernetes-nmstate), which has the node's name. Pods' interfaces are left
    out."""
    found = []
    for nic in items(state, "status", "currentState", "interfaces"):
        title = text(nic, "name")
        written = [
            f"{text(entry, 'ip')}/{entry['prefix-length']}"
            for family in ("ipv4", "ipv6")
            for entry in items(nic, family, "address")
            if isinstance(entry, Mapping) and isinstance(entry.get("prefix-length"), int)
        ]
        tag = nic.get("vlan") if isinstance(nic, Mapping) else None
        vlan = tag.get("id") if isinstance(tag, Mapping) and isinstance(tag.get("id"), int) else None
        if (
            title
            and title != "lo"
            and text(nic, "mac-address")
            and text(nic, "state") in ("up", "")
            and not is_inside(title)
        ):
            found.append(_link(name(state), title, [one for one in written if _is_interface(one)], vlan))
    return tuple(link for link in found if link is not None)


def _is_interface(written: str) -> bool:
    try:
        ip_interface(written)
    except ValueError:
        return False
    return True


def _link(node: str, interface: str, written: Sequence[str], vlan: int | None) -> Link | None:
    found: list[IPv4Interface | IPv6Interface] = [ip_interface(one) for one in written]
    usable = [one for one in found if not (one.is_link_local or one.is_loopback)]
    networks = {one.network for one in usable if one.max_prefixlen - one.network.prefixlen >= SMALLEST}
    if not networks:
        return None
    addresses = tuple(one.ip for one in usable)
    return Link(node=node, interface=interface, addresses=addresses, networks=_sorted(networks), vlan=vlan)


def _sorted(networks: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(sorted(networks, key=lambda network: (network.version, int(network.network_address), network.prefixlen)))


# ----------------------------------------------------------------------------------------------------------------- Segments


def segments(links: Iterable[Link], homes: Mapping[str, frozenset[Address]]) -> tuple[Segment, ...]:
    """The segments, sorted by their networks. `homes`: the nodes' addresses in the API, by node: of two interfaces of a node
    in one segment, that with such an address is used."""
    every = sorted(links, key=lambda link: (link.node, link.interface))
    tags: dict[Network, set[int]] = defaultdict(set)
    for link in every:
        for network in link.networks:
            tags[network] |= {link.vlan} if link.vlan is not None else set()
    groups: dict[object, list[Link]] = {}
    for link in every:
        joined = [link]
        keys = [(network, _tag(link, tags[network])) for network in link.networks]
        for group in {id(groups[key]): groups[key] for key in keys if key in groups}.values():
            joined += group
        for one in joined:
            for network in one.networks:
                groups[network, _tag(one, tags[network])] = joined
    found = {id(group): group for group in groups.values()}.values()
    made = [_segment(group, homes, tags) for group in found]
    return tuple(sorted(made, key=lambda one: ([(n.version, int(n.network_address)) for n in one.networks], one.name)))


def _tag(link: Link, tags: set[int]) -> int | None:
    """The VLAN that tells this network from an equal one. A network that only one VLAN has is the same for nodes whose
    switch port tags it."""
    return link.vlan if len(tags) > 1 else None


def _segment(group: Sequence[Link], homes: Mapping[str, frozenset[Address]], tags: Mapping[Network, set[int]]) -> Segment:
    networks = _sorted({network for link in group for network in link.networks})
    chosen: dict[str, Link] = {}
    for link in sorted(
        group, key=lambda link: (homes.get(link.node, frozenset()).isdisjoint(link.addresses), link.interface)
    ):
        chosen.setdefault(link.node, link)
    vlans = {link.vlan for link in group if any(len(tags[network]) > 1 for network in link.networks)}
    tagged = sorted(vlan for vlan in vlans if vlan is not None)
    more = f" in VLAN {tagged[0]}" if tagged else " untagged" if vlans else ""
    links = tuple(chosen[node] for node in sorted(chosen))
    return Segment(name=f"{networks[0]}{more}", networks=networks, links=links)
