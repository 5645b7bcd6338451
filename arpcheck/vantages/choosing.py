"""Which nodes ask for which addresses: two of every segment, since a node does not hear itself, and the fewest that do.

Segments are probed side by side, the nodes of one segment one after another: together they stay within the rate of a LAN."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arpcheck.errors import UsageError, did_you_mean
from arpcheck.model import Address, order
from arpcheck.vantages.segments import Network, Segment

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
