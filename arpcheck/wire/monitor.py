"""Sends a slow stream of requests between the probes of `watch`, and reports every frame of ARP and of neighbour discovery
that passes.

The tap wraps the wire, so that it also sees every frame while a probe runs: requests, replies, gratuitous frames and
requests from other hosts. What a probe requests of an IPv6 address beyond its group is not reported: a client does not send
it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Protocol

from arpcheck.model import Address, Mac, Request
from arpcheck.wire import families, packets
from arpcheck.wire.neighbour_discovery import Advertisement, Solicitation, is_as_a_client
from arpcheck.wire.packets import Arrival, LinkLostError, TakenFor, Wire

TICK = 0.1
"""Maximum seconds between two checks of `done`."""

_BROADCAST = b"\xff" * 6
_ZERO = bytes(4)


class WireListener(Protocol):
    """Receives what passes. Times are seconds on the wire's clock."""

    def requested(self, at: float, ip: Address) -> None: ...

    def replied(self, ip: Address, mac: Mac) -> None:
        """A reply to the last request for the address."""

    def announced(self, at: float, ip: Address, mac: Mac) -> None:
        """A gratuitous frame, request or reply (RFC 5944 section 4.6), or an advertisement to a group."""

    def claimed(self, at: float, ip: Address, mac: Mac, wanted: Address) -> None:
        """A host requested `wanted` with `ip` as its sender address."""

    def lost(self, at: float, frames: int) -> None: ...

    def tick(self, at: float) -> None:
        """Called regularly."""


class Tap:
    """A `Wire` that reports to a listener. It does not pass on other hosts' requests, except announcements."""

    def __init__(self, wire: Wire, macs: Mapping[str, Mac], listener: WireListener) -> None:
        """`macs`: this host's MAC address by interface."""
        self._wire = wire
        self._macs = {name: mac.to_bytes() for name, mac in macs.items()}
        self._listener = listener
        self._beyond: set[tuple[str, bytes]] = set()
        """By interface: IPv6 addresses whose last request was not a client's."""

    def now(self) -> float:
        return self._wire.now()

    def send(self, interface: str, frame: bytes) -> None:
        request = families.decode_request(frame)
        if isinstance(request, Solicitation):
            self._send_solicitation(interface, request)
        elif isinstance(request, packets.ArpRequest) and request.to == _BROADCAST:
            self._listener.requested(self._wire.now(), ip_address(request.ip))
        self._wire.send(interface, frame)

    def _send_solicitation(self, interface: str, request: Solicitation) -> None:
        if is_as_a_client(request):
            self._beyond.discard((interface, request.ip))
            self._listener.requested(self._wire.now(), ip_address(request.ip))
        else:
            self._beyond.add((interface, request.ip))

    def receive(self, until: float) -> Sequence[Arrival]:
        return [arrival for arrival in self._wire.receive(until) if not self._report(arrival)]

    def lost(self) -> Mapping[str, int]:
        lost = self._wire.lost()
        if number := sum(lost.values()):
            self._listener.lost(self._wire.now(), number)
        return lost

    def _report(self, arrival: Arrival) -> bool:
        """Reports the frame. True if the frame says nothing about its sender's address to a probe."""
        request = families.decode_request(arrival.frame)
        if isinstance(request, Solicitation):  # its sender is learned by the requested host alone
            return True
        if isinstance(request, packets.ArpRequest):
            if arrival.taken_for is TakenFor.US:
                self._report_request(arrival, request)
            return request.sender_ip != request.ip
        if arrival.taken_for is not TakenFor.US:
            return False
        reply = families.decode(arrival.frame)
        ours = self._macs[arrival.interface]
        if isinstance(reply, packets.Ignored) or reply.mac == ours:
            return False
        ip, mac = ip_address(reply.ip), Mac.from_bytes(reply.mac)
        if isinstance(reply, Advertisement):
            if packets.to_a_group(arrival.frame):
                self._listener.announced(arrival.at, ip, mac)
            elif reply.target_mac == ours and (arrival.interface, reply.ip) not in self._beyond:
                self._listener.replied(ip, mac)
        elif isinstance(reply, packets.ArpReply):
            if reply.target_mac == ours and packets.reaches(arrival.frame, ours) and reply.ip != reply.target_ip:
                self._listener.replied(ip, mac)
            elif reply.ip == reply.target_ip:
                self._listener.announced(arrival.at, ip, mac)
        return False

    def _report_request(self, arrival: Arrival, request: packets.ArpRequest) -> None:
        if request.sender_ip == _ZERO or request.sender_mac in (self._macs[arrival.interface], *packets.NOBODY):
            return
        ip, mac = ip_address(request.sender_ip), Mac.from_bytes(request.sender_mac)
        if request.sender_ip == request.ip:
            self._listener.announced(arrival.at, ip, mac)
        else:
            self._listener.claimed(arrival.at, ip, mac, ip_address(request.ip))


def request_periodically(
    wire: Wire,
    requests: Sequence[Request],
    macs: Mapping[str, Mac],
    listener: WireListener,
    *,
    every: float,
    rate: float,
    done: Callable[[], bool],
) -> tuple[LinkLostError, ...]:
    """Sends each request once in `every` seconds, evenly spaced and at no more than `rate` frames a second on each
    interface, until `done`. Returns the interfaces that were lost; ends when none is left."""
    queues = {name: deque(request for request in requests if request.interface == name) for name in macs}
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
        listener.tick(wire.now())
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
                wire.send(name, families.encode(queues[name][0], macs[name]))
                queues[name].rotate(-1)
    wire.receive(min((*due.values(), now + TICK)))


def period(requests: Sequence[Request], *, every: float, rate: float) -> float:
    """Seconds in which every address is actually requested once."""
    interfaces = {request.interface for request in requests}
    return max((every, *(sum(request.interface == name for request in requests) / rate for name in interfaces)))
