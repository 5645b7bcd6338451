"""What is so in a world, from the world alone: what clients would get, and what each kernel would do.

For every address: the machines whose frames answer a broadcast question by a client on the segment, at every moment of the
run, beside the machine that the cluster itself chose. No rule of arpcheck is in here: no rank of a record, no count of
replies, no owner of a MAC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from world import ZERO, World, replies
from world_wire import Put, WorldWire


class State(StrEnum):
    FINE = "fine"
    """All the time the one machine answered that should, or nobody where nobody should."""
    MOVING = "moving"
    """At every moment as it should be, but not by the same machine."""
    PASSING = "passing"
    """For a part of the run somebody answered too many, too few, or another."""
    FAULT = "fault"
    """All the time."""
    ELSEWHERE = "elsewhere"
    """It is announced where the prober does not ask, and nobody answers here, as it should be."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A part of the run in which nothing changes, on one segment."""

    segment: str
    start: float
    end: float
    answer: frozenset[str]
    should: frozenset[str]

    @property
    def right(self) -> bool:
        return self.answer == self.should


@dataclass(frozen=True, slots=True)
class OfAddress:
    state: State
    spells: tuple[Spell, ...]
    why: str
    nodes: frozenset[str] = frozenset()
    """The Node whose own address it is as well."""

    @property
    def answerers(self) -> frozenset[str]:
        return frozenset().union(*(spell.answer for spell in self.spells))

    def at(self, moment: float, segment: str) -> Spell:
        """The spell of a moment on a segment."""
        own = [spell for spell in self.spells if spell.segment == segment]
        return next((spell for spell in own if spell.start <= moment < spell.end), own[-1])


@dataclass(frozen=True, slots=True)
class Truth:
    addresses: dict[IPv4Address, OfAddress]
    loud: frozenset[str]
    """Nodes whose kernel answers on a probed segment for a Service address that it holds and should not announce; the
    ClusterIP among them."""
    loud_for_some: frozenset[str]
    """The same for any such address, the ClusterIP or not."""
    conflicts: dict[str, frozenset[str]]
    """Nodes for whose own address more than their own machine answers, with all that do."""
    twins: frozenset[str]
    """MACs that two machines on one segment have."""
    shouters: frozenset[IPv4Address]
    """Addresses that a machine announced unasked in the run which is none of those that should answer."""
    strangers: frozenset[str]
    """What answers the canary, is no node and no proxy."""

    @property
    def faulty(self) -> bool:
        return bool(self.loud_for_some) or any(t.state is State.FAULT for t in self.addresses.values())

    @property
    def spotless(self) -> bool:
        """Nothing at all is wrong or moves."""
        fine = all(found.state is State.FINE for found in self.addresses.values())
        return fine and not (self.loud_for_some or self.conflicts or self.twins or self.shouters or self.strangers)


def truth(world: World, end: float) -> Truth:
    """`end`: when the last question was put."""
    return Truth(
        addresses={service.ip: _address(world, service.ip, end) for service in world.services},
        loud=frozenset(_loud(world, end, (world.canary,))),
        loud_for_some=frozenset(_loud(world, end, (world.canary, *_service_addresses(world)))),
        conflicts=dict(_conflicts(world, end)),
        twins=frozenset(_twins(world)),
        shouters=frozenset(_shouters(world, end)),
        strangers=frozenset(_strangers(world, end)),
    )


def answerers(world: World, ip: IPv4Address, segment: str, at: float) -> frozenset[str]:
    """The machines that a client on the segment hears, the prober's own included. A router that answers for what is not on
    the link does its work: a client asks for such an address only where it takes everything to be on the link."""
    client = _client(world, segment)
    on_link = ip in world.networks[segment]
    return frozenset(
        machine.name
        for machine in world.machines.values()
        for nic in machine.nics
        if nic.segment == segment and any(on_link or sent.by != "proxy" for sent in replies(machine, nic, ip, client, at))
    )


def should(world: World, ip: IPv4Address, segment: str, at: float) -> frozenset[str]:
    """The machine that the cluster chose, if it is on this segment by a NIC on which it announces."""
    service = world.service(ip)
    leader = service.leader(at)
    if leader is None or leader not in world.machines:
        return frozenset()
    nics = [
        nic
        for nic in world.machines[leader].nics
        if nic.segment == segment and (not service.nics or nic.name in service.nics)
    ]
    return frozenset({leader} if nics else ())


def _client(world: World, segment: str) -> IPv4Address:
    """An address of the segment that no machine has."""
    return world.networks[segment].broadcast_address - 3


def _moments(world: World, end: float) -> list[float]:
    """Where anything may change."""
    times = {0.0}
    for machine in world.machines.values():
        for thing in (*machine.held, *machine.speakers):
            times |= {thing.start, thing.end}
    for service in world.services:
        times |= {edge for lead in service.leads for edge in (lead.start, lead.end)}
    return sorted(time for time in times if 0 <= time <= end)


def _address(world: World, ip: IPv4Address, end: float) -> OfAddress:
    moments = _moments(world, end)
    spells = tuple(
        Spell(segment, start, stop, answerers(world, ip, segment, start), should(world, ip, segment, start))
        for segment in _segments_of(world, ip)
        for start, stop in zip(moments, [*moments[1:], end + 1], strict=True)
    )
    right = [spell.right for spell in spells]
    leaders = {world.service(ip).leader(moment) for moment in moments} - {None}
    nodes = frozenset(name for name, node in world.nodes.items() if node.ip == ip)
    wanting = not world.service(ip).external and world.service(ip).kind not in SILENT
    if wanting and not any(spell.answer or spell.should for spell in spells):
        state = State.ELSEWHERE if leaders else State.FAULT
        return OfAddress(
            state, spells, "it is announced elsewhere" if leaders else "nobody answers, and nobody was chosen", nodes
        )
    if all(right):
        moved = any(len({spell.answer for spell in spells if spell.segment == segment}) > 1 for segment in world.segments)
        return OfAddress(State.MOVING if moved else State.FINE, spells, "as it should be", nodes)
    wrong = next(spell for spell in spells if not spell.right)
    why = f"{_names(wrong.answer)} answers, {_names(wrong.should)} should"
    faulty_throughout = any(not any(s.right for s in spells if s.segment == segment) for segment in _segments_of(world, ip))
    return OfAddress(State.FAULT if faulty_throughout else State.PASSING, spells, why, nodes)


SILENT = ("metallb-bgp", "purelb-remote")
"""Load balancers whose own configuration says that nobody should answer."""


def _names(machines: Iterable[str]) -> str:
    return ", ".join(sorted(machines)) or "nobody"


def _segments_of(world: World, ip: IPv4Address) -> tuple[str, ...]:
    """Where a client would ask: on the link that has the address's network, else wherever the prober is."""
    own = tuple(segment for segment in world.segments if ip in world.networks[segment])
    return own or world.segments


def _service_addresses(world: World) -> Iterator[IPv4Address]:
    for service in world.services:
        yield from (service.ip, service.cluster_ip)


def _loud(world: World, end: float, addresses: Iterable[IPv4Address]) -> Iterator[str]:
    for name in world.nodes:
        machine = world.machines[name]
        nics = [nic for nic in machine.nics if nic.segment in world.segments]
        for ip in addresses:
            held = [held for held in machine.held if held.ip == ip and held.on is None]
            mine = any(s.ip == ip and name in {lead.machine for lead in s.leads} for s in world.services)
            moments = _moments(world, end) if held and not mine else []
            if any(
                sent.by == "kernel"
                for at in moments
                for nic in nics
                for sent in replies(machine, nic, ip, _client(world, nic.segment), at)
            ):
                yield name


def _conflicts(world: World, end: float) -> Iterator[tuple[str, frozenset[str]]]:
    for name, node in world.nodes.items():
        for segment in world.segments:
            found = frozenset().union(*(answerers(world, node.ip, segment, at) for at in _moments(world, end)))
            found = frozenset(other for other in found if not world.machines[other].proxy or other == name)
            if node.ip in world.networks[segment] and found - {name}:
                yield name, found


def _twins(world: World) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for machine in world.machines.values():
        for nic in machine.nics if machine.on else ():
            for mac in {nic.mac, *nic.legs}:
                other = seen.setdefault((nic.segment, mac), machine.name)
                if other != machine.name and nic.segment in world.segments:
                    yield mac


def _shouters(world: World, end: float) -> Iterator[IPv4Address]:
    for frame in world.announced:
        # who answers as well, a new announcer a little too early, is judged by what it answers
        right = should(world, frame.ip, frame.segment, frame.at) | answerers(world, frame.ip, frame.segment, frame.at)
        found = frame.machine in right
        if 0 <= frame.at <= end and frame.segment in world.segments and not found:
            yield frame.ip


def _strangers(world: World, end: float) -> Iterator[str]:
    for segment in world.segments:
        for at in _moments(world, end):
            found = answerers(world, world.canary, segment, at) - world.nodes.keys()
            yield from (name for name in found if not world.machines[name].proxy)


# ------------------------------------------------------------------------------------------------- what reached whom


def shown(world: World, found: OfAddress, ip: IPv4Address, wire: WorldWire) -> bool:
    """What is wrong with an address was put to the prober: a frame of somebody who should not answer came, or nobody was
    there to answer when it was asked. What the network lost altogether, no prober can know; nor what a short silence means
    where it asks faster than a speaker is sure to read."""
    for came in wire.came:
        here = came.ip == ip and any(spell.segment == came.segment for spell in found.spells)
        if here and came.machine not in found.at(came.at, came.segment).should:
            return True
    if found.state is State.PASSING and float(str(world.options["rate"])) > SLOW:
        return False
    return any(
        not spell.answer and spell.should
        for put in wire.put
        if put.ip == ip and put.to is None and put.segment in {spell.segment for spell in found.spells}
        for spell in [found.at(put.at, put.segment)]
    )


SLOW = 100.0
"""Frames a second; the socket of a speaker holds 256 frames of any ARP on the segment."""


def asked(wire: WorldWire, ip: IPv4Address) -> list[Put]:
    return [put for put in wire.put if put.ip == ip]


__all__ = ["SLOW", "ZERO", "OfAddress", "Spell", "State", "Truth", "answerers", "asked", "should", "shown", "truth"]
