"""Which nodes share a network: the segments of the cluster, from what every node says of its interfaces. And which nodes
ask for which addresses: two of every segment, since a node does not hear itself, and the fewest that do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface

from arpcheck.errors import UsageError, did_you_mean
from arpcheck.mac_owners.addresses import is_inside
from arpcheck.model import Address, Interface, order
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


# ------------------------------------------------------------------------------------- Which nodes ask for which addresses

EACH = 2
"""Nodes that probe a segment: what one can't hear of itself, the other hears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A Ready node, on which a Job may run."""

    name: str
    tainted: bool = False
    """The Job tolerates every taint, but others are taken first."""
    addresses: tuple[Address, ...] = ()
    """The node's own, in the API."""
    busy: int = 0
    """Asked addresses that it announces by a record, or holds: it does not hear its own replies for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VantagePoint:
    """A node that probes, and where."""

    node: str
    interfaces: tuple[str, ...]
    segments: tuple[str, ...]
    """Their names, in the order of the interfaces."""


# ------------------------------------------------------------------------------------ The addresses that belong to a segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where addresses are asked for."""

    by_segment: Mapping[str, tuple[Address, ...]]
    """By the name of the segment; each that has any."""
    everywhere: tuple[Address, ...]
    """In no segment's network, and no record names a node: they are asked for in every segment of `by_segment`."""


def placed(
    segments: Sequence[Segment],
    asked: Iterable[Address],
    announcers: Mapping[Address, Collection[str]],
    nodes: Mapping[str, Collection[Address]],
    chosen: Collection[str] | None = None,
) -> Placed:
    """`asked`: the addresses that get a verdict; `announcers`: the nodes that records name for them; `nodes`: the nodes' own
    addresses. An address belongs to the segments with the smallest network that has it; of several with equal networks to
    those that have an announcer, if any has. Where no network has it, to all segments of its announcers.

    The segments with the own addresses of their nodes are probed too, or, if no address belongs anywhere, those of all
    nodes. `chosen`: the names of the only segments that are probed; what belongs to another, or to none, is not asked."""
    found: dict[str, list[Address]] = {}
    everywhere: list[Address] = []
    for ip in sorted(asked, key=order):
        homes = _homes(ip, segments, announcers.get(ip, ()))
        for home in homes:
            found.setdefault(home.name, []).append(ip)
        everywhere += [] if homes else [ip]
    if not found:
        own = {ip for addresses in nodes.values() for ip in addresses}
        found = {one.name: [] for one in segments if any(one.longest(ip) >= 0 for ip in own)}
    if chosen is not None:
        found, everywhere = {one.name: found.get(one.name, []) for one in segments if one.name in chosen}, []
    else:
        for home in _node_homes([one for one in segments if one.name in found], segments, nodes):
            found.setdefault(home.name, [])
    return Placed(by_segment={name: tuple(ips) for name, ips in found.items()}, everywhere=tuple(everywhere))


def _node_homes(
    probed: Iterable[Segment], segments: Sequence[Segment], nodes: Mapping[str, Collection[Address]]
) -> Iterator[Segment]:
    """Where the own addresses of the nodes in these segments are: only there it shows whether a node hears."""
    for ip in sorted({ip for segment in probed for node in segment.nodes for ip in nodes.get(node, ())}, key=order):
        longest = max((one.longest(ip) for one in segments), default=-1)
        yield from (one for one in segments if one.longest(ip) == longest >= 0)


def _homes(ip: Address, segments: Sequence[Segment], announcers: Collection[str]) -> list[Segment]:
    lengths = [one.longest(ip) for one in segments]
    longest = max(lengths, default=-1)
    within = [one for one, length in zip(segments, lengths, strict=True) if length == longest >= 0]
    named = [one for one in within or segments if any(one.interface(node) for node in announcers)]
    return named or within


# ----------------------------------------------------------------------------------------------------------------- The nodes


def choose(
    segments: Sequence[Segment], candidates: Iterable[Candidate], *, every: bool = False, each: int = EACH
) -> tuple[VantagePoint, ...]:
    """The nodes that probe these segments, in the order in which they begin: `each` for each segment, or as many as it
    has; a node in several segments counts in each. Nodes with an own address in one of them come first, since nobody hears
    the others there. Of nodes that are as good, untainted ones and those that announce least are taken first. `every`: all
    candidates that are in a segment."""
    ranked = sorted(candidates, key=lambda one: (one.tainted, one.busy, one.name))
    member = {one.name: [segment for segment in segments if segment.interface(one.name)] for one in ranked}
    if every:
        return tuple(_point(node, found) for node, found in member.items() if found)
    at_home = {one.name for one in ranked if any(here.longest(ip) >= 0 for here in segments for ip in one.addresses)}
    missing = {segment.name: each for segment in segments}
    chosen: list[VantagePoint] = []
    while member:
        useful = {node: gain for node, found in member.items() if (gain := _gain(found, missing))}
        if not useful:
            break
        best = max(useful, key=lambda node: (node in at_home, useful[node]))  # the first of equal ones
        found = member.pop(best)
        for segment in found:
            missing[segment.name] -= 1
        chosen.append(_point(best, found))
    return tuple(chosen)


def _gain(member: Sequence[Segment], missing: Mapping[str, int]) -> int:
    return sum(missing[segment.name] > 0 for segment in member)


def _point(node: str, member: Sequence[Segment]) -> VantagePoint:
    interfaces = tuple(dict.fromkeys(interface for one in member if (interface := one.interface(node))))
    return VantagePoint(node=node, interfaces=interfaces, segments=tuple(one.name for one in member))


def startable(waiting: Sequence[VantagePoint], running: Iterable[VantagePoint]) -> tuple[VantagePoint, ...]:
    """Those that may begin now: no two of one segment at once."""
    busy = {segment for one in running for segment in one.segments}
    found = []
    for one in waiting:
        if busy.isdisjoint(one.segments):
            found.append(one)
        busy.update(one.segments)  # a later one of the same segment does not overtake it
    return tuple(found)


# ----------------------------------------------------------------------------------------------------------- What users name


def named_nodes(names: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The nodes of `--nodes`. Raises UsageError for one that the cluster does not have."""
    found = tuple(dict.fromkeys(part.strip() for words in names for part in words.split(",") if part.strip()))
    for one in found:
        if one not in known:
            hint = did_you_mean(one, known, "`kubectl get nodes` lists them")
            raise UsageError(f"--nodes {one[:80]!r}: the cluster has no such node", hint)
    return found


def named_segments(wanted: Sequence[Network], segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments of `--segment`: those that have a part of it. Raises UsageError where none has."""
    for network in wanted:
        if not any(_has(segment, network) for segment in segments):
            hint = f"Segments: {', '.join(one.name for one in segments) or 'none was found'}"
            raise UsageError(f"--segment {network}: no node has an interface in it", hint)
    return tuple(one for one in segments if any(_has(one, network) for network in wanted))


def _has(segment: Segment, wanted: Network) -> bool:
    return any(one.version == wanted.version and one.overlaps(wanted) for one in segment.networks)
