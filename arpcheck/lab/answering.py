"""What an announcer answers: MetalLB's speaker as it was measured, and its variants.

Requests only, by broadcast or to its own MAC, whatever their sender address, with the MAC of the NIC that was asked, 60
bytes, to the request's ARP sender (metallb internal/layer2/arp.go). Pure: bytes and a time in, bytes and times out."""

from __future__ import annotations

import zlib
from collections import Counter
from ipaddress import IPv4Address
from typing import NamedTuple, assert_never

from arpcheck.lab import arp
from arpcheck.lab.scene import Announcer, Shape
from arpcheck.model import Mac

_TARGET = slice(38, 42)
"""The target protocol address in a frame: most frames are for others, and this tells at once."""

TAG = b"\x81\x00\x00\x64"
"""IEEE 802.1Q, VLAN 100."""

SOMEBODY = Mac("02:0f:00:00:00:01")
"""A host that is not there."""


class Due(NamedTuple):
    """A frame to be sent at a time, seconds on the clock of the question."""

    at: float
    frame: bytes


class Responder:
    """One announcer on one NIC. It counts the questions that it hears, since a failover can be set by their number."""

    def __init__(self, announcer: Announcer, mac: Mac) -> None:
        """`mac`: the NIC's own."""
        self._announcer = announcer
        self._mac = announcer.mac or mac
        self._source = announcer.source or self._mac
        self._heeds = {arp.BROADCAST, mac, self._source}
        self._wanted = frozenset(ip.packed for ip in announcer.ips)
        self._asked: Counter[IPv4Address] = Counter()
        self._first: dict[IPv4Address, float] = {}

    def hear(self, frame: bytes, at: float) -> Due | None:
        """The answer to a frame that came in at `at`; None: it gives none."""
        if self._wanted and frame[_TARGET] not in self._wanted:
            return None
        asked = arp.decode(frame)
        if asked is None or asked.operation != arp.REQUEST or asked.destination not in self._heeds:
            return None
        self._asked[asked.target_ip] += asked.destination == arp.BROADCAST
        first = self._first.setdefault(asked.target_ip, at)
        if not self._active(asked, at - first):
            return None
        reply = arp.answer(asked, self._mac)._replace(source=self._source)
        return Due(at + self._delay(asked), shaped(reply, self._announcer.shape))

    def _active(self, asked: arp.Packet, elapsed: float) -> bool:
        said = self._announcer
        number = max(1, self._asked[asked.target_ip])
        return (
            (said.probes or asked.sender_ip != arp.ZERO_IP)
            and said.from_question <= number
            and (said.until_question is None or number <= said.until_question)
            and said.from_seconds <= elapsed
            and (said.until_seconds is None or elapsed < said.until_seconds)
        )

    def _delay(self, asked: arp.Packet) -> float:
        """One that answers for everything takes any time up to its delay, the same in every run."""
        if self._wanted:
            return self._announcer.delay
        seed = asked.target_ip.packed + self._asked[asked.target_ip].to_bytes(4, "big")
        return self._announcer.delay * zlib.crc32(seed) / 0xFFFFFFFF


def shaped(reply: arp.Packet, shape: Shape) -> bytes:
    """The frame of a reply, or of what is sent in its place."""
    match shape:
        case Shape.REPLY:
            return reply.encode(length=arp.PADDED)
        case Shape.TO_BROADCAST:
            return reply._replace(destination=arp.BROADCAST).encode(length=arp.PADDED)
        case Shape.TRUNCATED:
            return reply.encode()[:30]
        case Shape.WRONG_OPERATION:
            return reply._replace(operation=4).encode(length=arp.PADDED)
        case Shape.WRONG_HARDWARE:
            frame = reply.encode(length=arp.PADDED)
            return frame[:14] + b"\x00\x06" + frame[16:]  # IEEE 802, RFC 1042
        case Shape.OTHER_ADDRESS:
            return reply._replace(sender_ip=reply.sender_ip + 1).encode(length=arp.PADDED)
        case Shape.FOREIGN_TARGET:
            other = reply._replace(target_ip=reply.target_ip + 1, target_mac=SOMEBODY)
            return other.encode(length=arp.PADDED)
        case Shape.TAGGED:
            frame = reply.encode(length=arp.PADDED)
            return frame[:12] + TAG + frame[12:]
        case Shape.ANNOUNCEMENT:
            return arp.question(reply.source, reply.sender_ip, reply.sender_ip)._replace(
                sender_mac=reply.sender_mac
            ).encode(length=arp.PADDED)
        case _:
            assert_never(shape)
