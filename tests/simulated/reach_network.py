"""A network for `--reach` in memory: nodes that answer a SYN as the rows of the fault table do."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.model import Mac
from arpcheck.wire.packets import LinkLostError
from arpcheck.wire.reach_packets import checksum
from arpcheck.wire.reach_socket import ReachArrival, SendFailedError

OWN_MAC, OWN = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5")
FIRST = 61000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A TCP segment that was sent."""

    at: float
    interface: str
    to: Mac
    sender: IPv4Address
    sender_port: int
    ip: IPv4Address
    port: int
    number: int
    flags: int

    @property
    def is_syn(self) -> bool:
        return self.flags == 0x02

    @property
    def is_rst(self) -> bool:
        return self.flags == 0x04


Answer = tuple[float, bytes]
"""Seconds until it arrives, and the frame."""
Behaviour = Callable[[Segment], Iterable[Answer]]


def segment(at: float, interface: str, frame: bytes) -> Segment:
    sport, dport, number = struct.unpack_from("!HHI", frame, 34)
    return Segment(
        at=at, interface=interface, to=Mac.from_bytes(frame[:6]), sender=IPv4Address(frame[26:30]), sender_port=sport,
        ip=IPv4Address(frame[30:34]), port=dport, number=number, flags=frame[47],
    )  # fmt: skip


def tcp(
    to: Segment, mac: Mac, flags: int, *, source: IPv4Address | None = None, port: int | None = None, ttl: int = 63
) -> bytes:
    fields = [port or to.port, to.sender_port, 7, (to.number + 1) & 0xFFFFFFFF, 0x50, flags, 1000, 0, 0]
    return ip_packet(to, mac, source or to.ip, 6, struct.pack("!HHIIBBHHH", *fields), ttl)


def syn_ack(to: Segment, mac: Mac, **more: object) -> bytes:
    return tcp(to, mac, 0x12, **more)  # type: ignore[arg-type]


def rst(to: Segment, mac: Mac, **more: object) -> bytes:
    return tcp(to, mac, 0x14, **more)  # type: ignore[arg-type]


def icmp(to: Segment, mac: Mac, kind: int, code: int, source: IPv4Address, ttl: int = 64) -> bytes:
    quote = ip_head(to.sender, to.ip, 6, 24, 63) + struct.pack("!HHI", to.sender_port, to.port, to.number)
    return ip_packet(to, mac, source, 1, struct.pack("!BBHI", kind, code, 0, 0) + quote, ttl)


def ip_head(source: IPv4Address, to: IPv4Address, protocol: int, length: int, ttl: int) -> bytes:
    fields = [0x45, 0, 20 + length, 0, 0, ttl, protocol, 0, source.packed, to.packed]
    fields[7] = checksum(struct.pack("!BBHHHBBH4s4s", *fields))
    return struct.pack("!BBHHHBBH4s4s", *fields)


def ip_packet(to: Segment, mac: Mac, source: IPv4Address, protocol: int, body: bytes, ttl: int) -> bytes:
    return OWN_MAC.to_bytes() + mac.to_bytes() + b"\x08\x00" + ip_head(source, to.sender, protocol, len(body), ttl) + body


@dataclass(slots=True, eq=False)
class Network:
    """Its clock moves only while somebody waits."""

    stations: dict[Mac, Behaviour]
    dead: set[str] = field(default_factory=set)
    """Interfaces that are down."""
    blocked: set[str] = field(default_factory=set)
    """Interfaces whose frames the kernel refuses."""
    free: int = 1000
    frames_lost: int = 0
    clock: float = 100.0
    sent: list[Segment] = field(default_factory=list)
    under_way: list[tuple[float, int, str, bytes]] = field(default_factory=list)
    reserved: dict[tuple[str, IPv4Address], range] = field(default_factory=dict)

    def now(self) -> float:
        return self.clock

    def ports(self, interface: str, own: IPv4Address, most: int) -> range:
        self.reserved[interface, own] = range(FIRST, FIRST + min(most, self.free))
        return self.reserved[interface, own]

    def send(self, interface: str, frame: bytes) -> None:
        if interface in self.dead:
            raise LinkLostError(interface, "the interface went down")
        if interface in self.blocked:
            raise SendFailedError("refused")
        found = segment(self.clock, interface, frame)
        self.sent.append(found)
        for after, answer in self.stations[found.to](found) if found.is_syn and found.to in self.stations else ():
            heapq.heappush(self.under_way, (self.clock + after, len(self.under_way) + len(self.sent), interface, answer))

    def receive(self, until: float) -> Sequence[ReachArrival]:
        at = self.under_way[0][0] if self.under_way else until
        self.clock = max(self.clock, min(at, until))
        found = []
        while self.under_way and self.under_way[0][0] <= self.clock:
            arrived, _, interface, frame = heapq.heappop(self.under_way)
            found.append(ReachArrival(interface, arrived, frame))
        return found

    def lost(self) -> int:
        lost, self.frames_lost = self.frames_lost, 0
        return lost

    def syns(self) -> list[Segment]:
        return [one for one in self.sent if one.is_syn]

    def resets(self) -> list[Segment]:
        return [one for one in self.sent if one.is_rst]
