"""Between the probes: the same sockets, a light question for every address again and again, and an ear for the rest.

The tap sits between the wire and whoever asks, so that nothing that passes is missed while a probe runs: questions,
replies to us, gratuitous frames, and other hosts' questions. Knows no Service and no node."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Protocol

from arpcheck.model import Mac, Request
from arpcheck.wire import packets
from arpcheck.wire.packets import Arrival, LinkLostError, TakenFor, Wire

TICK = 0.1
"""Seconds after which the loop looks up at the latest."""

_BROADCAST = b"\xff" * 6
_ZERO = bytes(4)


class Ear(Protocol):
    """Is told what passes. Times are seconds on the wire's clock."""

    def asked(self, at: float, ip: IPv4Address) -> None: ...

    def answered(self, ip: IPv4Address, mac: Mac) -> None:
        """To the last question for it."""

    def announced(self, at: float, ip: IPv4Address, mac: Mac) -> None:
        """A gratuitous frame, request or reply (RFC 5944 section 4.6)."""

    def claimed(self, at: float, ip: IPv4Address, mac: Mac, wanted: IPv4Address) -> None:
        """Somebody asked for `wanted` with `ip` as the sender address."""

    def lost(self, at: float, frames: int) -> None: ...

    def tick(self, at: float) -> None:
        """Time passes."""


class Tap:
    """A `Wire` that tells an ear what passes, and keeps requests to itself, but for announcements."""

    def __init__(self, wire: Wire, macs: Mapping[str, Mac], ear: Ear) -> None:
        """`macs`: the interfaces' own."""
        self._wire = wire
        self._macs = {name: mac.to_bytes() for name, mac in macs.items()}
        self._ear = ear

    def now(self) -> float:
        return self._wire.now()

    def send(self, interface: str, frame: bytes) -> None:
        asking = packets.decode_request(frame)
        if isinstance(asking, packets.Asking) and asking.to == _BROADCAST:
            self._ear.asked(self._wire.now(), IPv4Address(asking.ip))
        self._wire.send(interface, frame)

    def receive(self, until: float) -> Sequence[Arrival]:
        return [arrival for arrival in self._wire.receive(until) if not self._overheard(arrival)]

    def lost(self) -> Mapping[str, int]:
        lost = self._wire.lost()
        if number := sum(lost.values()):
            self._ear.lost(self._wire.now(), number)
        return lost

    def _overheard(self, arrival: Arrival) -> bool:
        """Tells the ear; True for what says nothing of its sender's address to whoever probes."""
        asking = packets.decode_request(arrival.frame)
        if isinstance(asking, packets.Asking):
            if arrival.taken_for is TakenFor.US:
                self._heard_question(arrival, asking)
            return asking.sender_ip != asking.ip
        if arrival.taken_for is not TakenFor.US:
            return False
        answer = packets.decode(arrival.frame)
        if isinstance(answer, packets.ArpReply) and answer.mac != self._macs[arrival.interface]:
            ip, mac = IPv4Address(answer.ip), Mac.from_bytes(answer.mac)
            ours = self._macs[arrival.interface]
            if answer.target_mac == ours and packets.reaches(arrival.frame, ours) and answer.ip != answer.target_ip:
                self._ear.answered(ip, mac)
            elif answer.ip == answer.target_ip:
                self._ear.announced(arrival.at, ip, mac)
        return False

    def _heard_question(self, arrival: Arrival, asking: packets.Asking) -> None:
        if asking.sender_ip == _ZERO or asking.sender_mac in (self._macs[arrival.interface], *packets.NOBODY):
            return
        ip, mac = IPv4Address(asking.sender_ip), Mac.from_bytes(asking.sender_mac)
        if asking.sender_ip == asking.ip:
            self._ear.announced(arrival.at, ip, mac)
        else:
            self._ear.claimed(arrival.at, ip, mac, IPv4Address(asking.ip))


def ask_lightly(
    wire: Wire, asks: Sequence[Request], macs: Mapping[str, Mac], ear: Ear, *, every: float, rate: float,
    done: Callable[[], bool],
) -> tuple[LinkLostError, ...]:
    """Puts every question once in `every` seconds, evenly, and no faster than `rate` frames a second on each interface,
    until `done`. The interfaces that went away come back; when none is left it ends."""
    queues = {name: deque(ask for ask in asks if ask.interface == name) for name in macs}
    pause = {name: max(every / len(queue), 1 / rate) if queue else every for name, queue in queues.items()}
    due = dict.fromkeys(queues, wire.now())
    gone: list[LinkLostError] = []
    while due and not done():
        try:
            _step(wire, queues, due, pause, macs)
        except LinkLostError as error:
            gone.append(error)
            due.pop(error.interface, None)
        wire.lost()
        ear.tick(wire.now())
    return tuple(gone)


def _step(
    wire: Wire,
    queues: Mapping[str, deque[Request]],
    due: dict[str, float],
    pause: Mapping[str, float],
    macs: Mapping[str, Mac],
) -> None:
    now = wire.now()
    for name, at in due.items():
        if at <= now:
            due[name] = max(at + pause[name], now)
            if queues[name]:
                wire.send(name, packets.encode(queues[name][0], macs[name]))
                queues[name].rotate(-1)
    wire.receive(min((*due.values(), now + TICK)))


def period(asks: Sequence[Request], *, every: float, rate: float) -> float:
    """Seconds in which every address is really asked once."""
    interfaces = {ask.interface for ask in asks}
    return max((every, *(sum(ask.interface == name for ask in asks) / rate for name in interfaces)))
