"""A world's LANs as a `Wire` in virtual time: a switch that forwards, loses and doubles frames as drawn, and a log."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from random import Random
from typing import NamedTuple

from world import ZERO, Machine, Nic, World, replies

from arpcheck.model import Mac
from arpcheck.wire.packets import Arrival

_HEAD = bytes.fromhex("0806000108000604")
_ALL = b"\xff" * 6


class Put(NamedTuple):
    """A question as it left the prober."""

    at: float
    segment: str
    ip: IPv4Address
    sender: IPv4Address
    to: Mac | None


class Came(NamedTuple):
    """A reply that reached the prober, and from whom it was in truth."""

    at: float
    """When its question was put."""
    segment: str
    ip: IPv4Address
    machine: str
    mac: Mac
    by: str


class WorldWire:
    """`arpcheck.wire.packets.Wire`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = Random(f"{world.seed} frames")  # noqa: S311 - a draw, not a secret
        self._now = 0.0
        self._arrivals: list[tuple[float, int, Arrival]] = []
        self._order = itertools.count()
        self._lost: Counter[str] = Counter()
        self._prober = world.machines[world.prober.machine]
        self._nics = {name: self._prober.nic(name) for name in world.prober.interfaces}
        self._by_address: dict[str, dict[IPv4Address, list[tuple[Machine, Nic]]]] = {}
        self._proxies: dict[str, list[tuple[Machine, Nic]]] = defaultdict(list)
        self._learnt: dict[tuple[str, Mac], str] = {}
        """The port of a MAC, as a switch remembers it: that of the last frame from it."""
        self.put: list[Put] = []
        self.came: list[Came] = []
        self._index()
        for frame in world.announced:
            self._gratuitous(frame.at, frame.segment, frame.mac, frame.ip)

    def now(self) -> float:
        return self._now

    def send(self, interface: str, frame: bytes) -> None:
        self._now += 10e-6
        asking = self._nics[interface]
        ip, sender = IPv4Address(frame[38:42]), IPv4Address(frame[28:32])
        to = None if frame[:6] == _ALL else Mac.from_bytes(frame[:6])
        self.put.append(Put(self._now, asking.segment, ip, sender, to))
        losses, dice = self._world.losses, self._dice
        for machine, nic in self._hearers(asking.segment, ip):
            if nic is asking or (to is not None and not self._reaches(machine, nic, to)):
                continue
            concerned = not losses.machine or losses.machine == machine.name
            if losses.requests and concerned and dice.random() < losses.requests:
                continue
            for sent in replies(machine, nic, ip, sender, self._now, broadcast=to is None):
                self._learnt[asking.segment, sent.mac] = machine.name
                if losses.replies and concerned and dice.random() < losses.replies:
                    continue
                if to is None and losses.slowest == machine.name:
                    self._lost[interface] += 1
                    continue
                at = self._now + sent.after + dice.random() * 1e-4
                self._reply(interface, asking, at, ip, sender, sent.mac, padded=sent.padded)
                if losses.doubled and concerned and dice.random() < losses.doubled:
                    self._reply(interface, asking, at + 2e-5, ip, sender, sent.mac, padded=sent.padded)
                self.came.append(Came(self._now, asking.segment, ip, machine.name, sent.mac, sent.by))

    def receive(self, until: float) -> Sequence[Arrival]:
        first = self._arrivals[0][0] if self._arrivals else until
        self._now = max(self._now, min(until, first))
        found = []
        while self._arrivals and self._arrivals[0][0] <= self._now:
            arrival = heapq.heappop(self._arrivals)[2]
            if self._world.losses.dropped and self._dice.random() < self._world.losses.dropped:
                self._lost[arrival.interface] += 1
            else:
                found.append(arrival)
        return found

    def lost(self) -> Mapping[str, int]:
        lost, self._lost = self._lost, Counter()
        return lost

    def _index(self) -> None:
        for machine in self._world.machines.values():
            for nic in machine.nics if machine.on else ():
                at_all = self._by_address.setdefault(nic.segment, {})
                for ip in machine.interesting():
                    at_all.setdefault(ip, []).append((machine, nic))
                if machine.proxy:
                    self._proxies[nic.segment].append((machine, nic))

    def _hearers(self, segment: str, ip: IPv4Address) -> Sequence[tuple[Machine, Nic]]:
        found = self._by_address.get(segment, {}).get(ip, [])
        more = self._proxies.get(segment)
        return [*found, *(pair for pair in more if pair not in found)] if more else found

    def _reaches(self, machine: Machine, nic: Nic, to: Mac) -> bool:
        own = nic.takes(to) or any(speaker.mac == to for speaker in machine.speakers)
        return own and self._learnt.get((nic.segment, to), machine.name) == machine.name

    def _reply(
        self, interface: str, asking: Nic, at: float, ip: IPv4Address, sender: IPv4Address, mac: Mac, *, padded: bool
    ) -> None:
        own, theirs = asking.mac.to_bytes(), mac.to_bytes()
        frame = own + theirs + _HEAD + b"\x00\x02" + theirs + ip.packed + own + sender.packed
        self._arrive(interface, at, frame.ljust(60, b"\0") if padded else frame)

    def _gratuitous(self, at: float, segment: str, mac: Mac, ip: IPv4Address) -> None:
        theirs = mac.to_bytes()
        frame = _ALL + theirs + _HEAD + b"\x00\x02" + theirs + ip.packed + _ALL + ip.packed
        for name, nic in self._nics.items():
            if nic.segment == segment:
                self._arrive(name, at, frame.ljust(60, b"\0"))

    def _arrive(self, interface: str, at: float, frame: bytes) -> None:
        heapq.heappush(self._arrivals, (at, next(self._order), Arrival(interface, at, frame)))


__all__ = ["ZERO", "Came", "Put", "WorldWire"]
