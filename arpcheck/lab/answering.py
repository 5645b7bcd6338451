"""The replies of an announcer: those of MetalLB's speaker as measured, and variants; and the ARP packets for them.

It replies to requests sent to the broadcast address or to its own MAC address, whatever their sender address is. The
reply has 60 bytes, names the MAC address of the NIC that received the request, and goes to the request's ARP sender
(metallb internal/layer2/arp.go)."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from ipaddress import IPv4Address
from typing import NamedTuple, assert_never

from arpcheck.lab.scene import Announcer, Shape
from arpcheck.model import Address, Mac

_TARGET = slice(38, 42)
"""The target protocol address in a frame. Comparing it first is fast, since most frames are for other stations."""

TAG = b"\x81\x00\x00\x64"
"""IEEE 802.1Q, VLAN 100."""

SOMEBODY = Mac("02:0f:00:00:00:01")
"""The MAC address of a host that does not exist."""


class DueFrame(NamedTuple):
    """A frame to send at a time, in seconds on the clock of the request."""

    at: float
    frame: bytes


class Speaker:
    """One announcer on one NIC. It counts the requests, because a scene can set a failover by their number."""

    def __init__(self, announcer: Announcer, mac: Mac) -> None:
        """`mac`: the MAC address of the NIC."""
        self._announcer = announcer
        self._mac = announcer.mac or mac
        self._source = announcer.source or self._mac
        self._heeds = {mac, self._source} | ({BROADCAST} if announcer.broadcasts else set())
        self._wanted = frozenset(ip.packed for ip in announcer.ips4 or ())
        self._activity = Activity(announcer)

    def receive(self, frame: bytes, at: float) -> DueFrame | None:
        """The reply to a frame that was received at `at`, in seconds; None: no reply."""
        if self._wanted and frame[_TARGET] not in self._wanted:
            return None
        asked = decode(frame)
        if asked is None or asked.operation != REQUEST or asked.destination not in self._heeds:
            return None
        active = self._activity.asked(asked.target_ip, at, group=asked.destination == BROADCAST)
        if not active or (asked.sender_ip == ZERO_IP and not self._announcer.probes):
            return None
        reply = reply_to(asked, self._mac)._replace(source=self._source)
        return DueFrame(at + self._activity.delay(asked.target_ip), shaped(reply, self._announcer.shape))


class Activity:
    """When an announcer replies, by the number of requests for an address and the time since the first."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._asked: Counter[Address] = Counter()
        self._first: dict[Address, float] = {}

    def asked(self, ip: Address, at: float, *, group: bool) -> bool:
        """Whether it replies to this request. `group`: the request is for all, and counts."""
        self._asked[ip] += group
        said, number = self._announcer, max(1, self._asked[ip])
        elapsed = at - self._first.setdefault(ip, at)
        return (
            said.from_question <= number
            and (said.until_question is None or number <= said.until_question)
            and said.from_seconds <= elapsed
            and (said.until_seconds is None or elapsed < said.until_seconds)
        )

    def delay(self, ip: Address) -> float:
        """Seconds. A proxy replies after any time up to the delay, the same in every run."""
        if self._announcer.ips:
            return self._announcer.delay
        seed = ip.packed + self._asked[ip].to_bytes(4, "big")
        return self._announcer.delay * zlib.crc32(seed) / 0xFFFFFFFF


def shaped(reply: Packet, shape: Shape) -> bytes:
    """The frame of a reply, or of what the scene sends in its place."""
    match shape:
        case Shape.REPLY:
            return reply.encode(length=PADDED)
        case Shape.TO_BROADCAST:
            return reply._replace(destination=BROADCAST).encode(length=PADDED)
        case Shape.TRUNCATED:
            return reply.encode()[:30]
        case Shape.WRONG_OPERATION:
            return reply._replace(operation=4).encode(length=PADDED)
        case Shape.WRONG_HARDWARE:
            frame = reply.encode(length=PADDED)
            return frame[:14] + b"\x00\x06" + frame[16:]  # IEEE 802, RFC 1042
        case Shape.OTHER_ADDRESS:
            return reply._replace(sender_ip=reply.sender_ip + 1).encode(length=PADDED)
        case Shape.FOREIGN_TARGET:
            other = reply._replace(target_ip=reply.target_ip + 1, target_mac=SOMEBODY)
            return other.encode(length=PADDED)
        case Shape.TAGGED:
            frame = reply.encode(length=PADDED)
            return frame[:12] + TAG + frame[12:]
        case Shape.ANNOUNCEMENT:
            return (
                question(reply.source, reply.sender_ip, reply.sender_ip)
                ._replace(sender_mac=reply.sender_mac)
                .encode(length=PADDED)
            )
        case _:
            assert_never(shape)


# ------------------------------------------------------------------------------------------------ ARP over Ethernet, RFC 826

ETHERTYPE = 0x0806
REQUEST, REPLY = 1, 2
BROADCAST = Mac("ff:ff:ff:ff:ff:ff")
ZERO_MAC = Mac("00:00:00:00:00:00")
ZERO_IP = IPv4Address("0.0.0.0")

_FIXED = struct.pack("!HHBB", 1, 0x0800, 6, 4)
_LAYOUT = struct.Struct("!6s6sH6sH6s4s6s4s")
SHORT, PADDED = _LAYOUT.size, 60
"""Frame lengths on a virtual link: of the kernel, and of mdlayher/ethernet (MetalLB)."""


class Packet(NamedTuple):
    """An Ethernet frame with an ARP packet for Ethernet and IPv4."""

    destination: Mac
    source: Mac
    operation: int
    sender_mac: Mac
    sender_ip: IPv4Address
    target_mac: Mac
    target_ip: IPv4Address

    def encode(self, *, length: int = SHORT) -> bytes:
        """The frame, padded with zeros to `length`."""
        frame = _LAYOUT.pack(
            self.destination.to_bytes(), self.source.to_bytes(), ETHERTYPE, _FIXED, self.operation,
            self.sender_mac.to_bytes(), self.sender_ip.packed, self.target_mac.to_bytes(), self.target_ip.packed,
        )  # fmt: skip
        return frame.ljust(length, b"\0")


def decode(frame: bytes) -> Packet | None:
    """The packet in a frame; None if it is not ARP for Ethernet and IPv4."""
    if len(frame) < SHORT:
        return None
    destination, source, ethertype, fixed, operation, sha, spa, tha, tpa = _LAYOUT.unpack_from(frame)
    if ethertype != ETHERTYPE or fixed != _FIXED:
        return None
    mac, ip = Mac.from_bytes, IPv4Address
    return Packet(mac(destination), mac(source), operation, mac(sha), ip(spa), mac(tha), ip(tpa))


def question(source: Mac, sender: IPv4Address, target: IPv4Address, *, to: Mac = BROADCAST) -> Packet:
    """A request for `target`; with the sender 0.0.0.0 an ARP Probe (RFC 5227)."""
    return Packet(to, source, REQUEST, source, sender, ZERO_MAC, target)


def reply_to(asked: Packet, mac: Mac) -> Packet:
    """The reply of the station with this MAC address. Its Ethernet destination is the request's ARP sender and not its
    Ethernet source, as in the kernel (net/ipv4/arp.c) and in MetalLB (internal/layer2/arp.go)."""
    return Packet(asked.sender_mac, mac, REPLY, mac, asked.target_ip, asked.sender_mac, asked.sender_ip)
