"""Encodes and decodes ARP over Ethernet (RFC 826), and defines the `Wire` that a scan runs on.

scapy builds the frame of a request once, and the target address is appended. Replies are decoded from bytes, because one
scapy dissection takes 300 µs and a cluster can send thousands of frames. The four methods of `Wire` are all that a scan
knows of a network: the lab simulates them, so the whole scan runs without a network in milliseconds."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol

from arpcheck.errors import WireError
from arpcheck.model import Mac, Request
from arpcheck.model.constants import ZERO
from arpcheck.wire.scapy_library import load

ARP_FRAME = struct.Struct("!6s6sHHHBBH6s4s6s4s")
"""Ethernet destination, source, type; then hrd, pro, hln, pln, op, sha, spa, tha, tpa: 42 bytes, followed by padding."""

ETHERTYPE_ARP = 0x0806
ETHERNET_IPV4 = (1, 0x0800, 6, 4)
REQUEST, REPLY = 1, 2
BROADCAST = Mac("ff:ff:ff:ff:ff:ff")
NOBODY = (b"\0" * 6, b"\xff" * 6)
TARGET_AT = 38


class ArpReply(NamedTuple):
    """An ARP reply; addresses as 4 bytes, MAC addresses as 6."""

    ip: bytes
    """ARP sender protocol address: the address that the reply is for."""
    mac: bytes
    """ARP sender hardware address: the responder."""
    target_ip: bytes
    target_mac: bytes
    source: bytes
    """Ethernet source."""


class ArpRequest(NamedTuple):
    """An ARP request; addresses as 4 bytes, MAC addresses as 6."""

    ip: bytes
    """ARP target protocol address: the requested address."""
    sender_ip: bytes
    sender_mac: bytes
    to: bytes
    """Ethernet destination."""
    source: bytes
    """Ethernet source."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that is not an ARP reply, or not a request, over Ethernet and IPv4."""

    why: str
    """The key of its counter: `truncated`, `not-arp`, `not-ethernet-ipv4`, `not-a-reply`, `not-a-request`, `no-sender`."""


TRUNCATED = Ignored("truncated")
NOT_ARP = Ignored("not-arp")
NOT_ETHERNET_IPV4 = Ignored("not-ethernet-ipv4")
NOT_A_REPLY = Ignored("not-a-reply")
NOT_A_REQUEST = Ignored("not-a-request")
NO_SENDER = Ignored("no-sender")


def decode(frame: bytes) -> ArpReply | Ignored:
    """Decodes an Ethernet frame that should be an ARP reply. Never raises."""
    if len(frame) < ARP_FRAME.size:
        return TRUNCATED
    _, source, ethertype, hrd, pro, hln, pln, op, sha, spa, tha, tpa = ARP_FRAME.unpack_from(frame)
    if ethertype != ETHERTYPE_ARP:
        return NOT_ARP
    if (hrd, pro, hln, pln) != ETHERNET_IPV4:
        return NOT_ETHERNET_IPV4
    if op != REPLY:
        return NOT_A_REPLY
    if sha in NOBODY:
        return NO_SENDER
    return ArpReply(spa, sha, tpa, tha, source)


def decode_request(frame: bytes) -> ArpRequest | Ignored:
    """Decodes an ARP request from any host. Never raises."""
    if len(frame) < ARP_FRAME.size:
        return TRUNCATED
    to, source, ethertype, hrd, pro, hln, pln, op, sha, spa, _, tpa = ARP_FRAME.unpack_from(frame)
    if ethertype != ETHERTYPE_ARP:
        return NOT_ARP
    if (hrd, pro, hln, pln) != ETHERNET_IPV4:
        return NOT_ETHERNET_IPV4
    return ArpRequest(tpa, spa, sha, to, source) if op == REQUEST else NOT_A_REQUEST


def reaches(frame: bytes, mac: bytes) -> bool:
    """Whether the frame is for this MAC address or a group; otherwise the kernel treats it as another host's
    (eth_type_trans)."""
    return frame[:6] == mac or to_a_group(frame)


def to_a_group(frame: bytes) -> bool:
    """Whether the destination is broadcast or multicast."""
    return frame[:1] > b"" and bool(frame[0] & 1)


def encode(request: Request, mac: Mac) -> bytes:
    """The frame of a request from the interface with this MAC address: 42 bytes, which the NIC pads."""
    return _until_target(mac, request.sender, request.to or BROADCAST) + request.ip.packed


@cache
def _until_target(mac: Mac, sender: IPv4Address, to: Mac) -> bytes:
    """A request without its last field, the target address. The target hardware address is ignored and SHOULD be zero (RFC
    5227 section 2.1.1)."""
    load()
    from scapy.layers.l2 import ARP, Ether

    who_has = Ether(src=str(mac), dst=str(to)) / ARP(
        op="who-has", hwsrc=str(mac), psrc=str(sender), hwdst="00:00:00:00:00:00", pdst=str(ZERO)
    )
    return bytes(who_has)[:TARGET_AT]


# --------------------------------------------------------------------------------- VLAN tags and tunnels of recorded frames

_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
MOST_TAGS = 4
_IPV4 = b"\x08\x00"
_VXLAN_PORTS = (4789, 8472)
"""The ports of IANA and of Linux, which flannel uses."""
_GENEVE_PORT = 6081
_ETHERNET = b"\x65\x58"
"""A bridged frame in Geneve or GRE (RFC 8926, RFC 7637)."""
_ERSPAN = b"\x88\xbe"
_CHECKSUM, _KEY, _SEQUENCE = 0x80, 0x20, 0x10


class Unwrapped(NamedTuple):
    frame: bytes
    vlan: int | None
    """The outermost VLAN other than 0, which carries only a priority."""
    tunnelled: bool


def unwrapped(frame: bytes) -> Unwrapped:
    """Removes VLAN tags and one tunnel. Never raises."""
    bare, vlan = _untagged(frame)
    inner = _inner(bare) if bare[12:14] == _IPV4 else None
    if inner is None:
        return Unwrapped(bare, vlan, tunnelled=False)
    bare, vlan = _untagged(inner)
    return Unwrapped(bare, vlan, tunnelled=True)


def _untagged(frame: bytes) -> tuple[bytes, int | None]:
    vlan = None
    for _ in range(MOST_TAGS):
        if frame[12:14] not in _VLAN:
            break
        vlan = vlan or (int.from_bytes(frame[14:16], "big") & 0xFFF) or None
        frame = frame[:12] + frame[16:]
    return frame, vlan


def _inner(frame: bytes) -> bytes | None:
    """The Ethernet frame in an IPv4 packet; None if there is none, or only a fragment."""
    if len(frame) < 34 or int.from_bytes(frame[20:22], "big") & 0x3FFF:
        return None
    at = 14 + (frame[14] & 0xF) * 4
    match frame[23]:
        case 17 if len(frame) >= at + 16:  # UDP
            return _of_udp(frame, at)
        case 47 if len(frame) >= at + 4:  # GRE
            return _of_gre(frame, at)
        case _:
            return None


def _of_udp(frame: bytes, at: int) -> bytes | None:
    port = int.from_bytes(frame[at + 2 : at + 4], "big")
    if port in _VXLAN_PORTS:
        return frame[at + 16 :]
    if port == _GENEVE_PORT and frame[at + 10 : at + 12] == _ETHERNET:
        return frame[at + 16 + (frame[at + 8] & 0x3F) * 4 :]
    return None


def _of_gre(frame: bytes, at: int) -> bytes | None:
    flags, kind = frame[at], frame[at + 2 : at + 4]
    start = at + 4 + sum(4 for flag in (_CHECKSUM, _KEY, _SEQUENCE) if flags & flag)
    if kind == _ETHERNET:
        return frame[start:]
    return frame[start + (8 if flags & _SEQUENCE else 0) :] if kind == _ERSPAN else None


# ------------------------------------------------------------------------------------------ The network that a scan runs on


class LinkLostError(WireError):
    """An interface that was lost during use: down, renamed or removed."""

    def __init__(self, interface: str, why: str) -> None:
        super().__init__(f"{interface}: {why}")
        self.interface = interface


class TakenFor(Enum):
    """For whom this host's kernel received a frame (packet(7), sll_ifindex and sll_pkttype)."""

    US = auto()
    OTHER_INTERFACE = auto()
    """Another interface of this host. A socket receives what enters through its interface, including frames for a VLAN, a
    macvlan or a bond above it."""
    OTHER_HOST = auto()
    """Its destination is another host's MAC address, or it has a VLAN tag that no interface of this host handles. The kernel
    removes the tag before an ARP socket sees the frame, and only this remains of it (net/core/dev.c,
    __netif_receive_skb_core). A tag of VLAN 0 only carries a priority: that frame is for this host."""


class Arrival(NamedTuple):
    """A received frame, without its VLAN tag."""

    interface: str
    """The interface whose socket received it."""
    at: float
    """Seconds, on the clock of `Wire.now`."""
    frame: bytes
    taken_for: TakenFor = TakenFor.US


class Wire(Protocol):
    """One or more interfaces with one clock."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def send(self, interface: str, frame: bytes) -> None:
        """Sends one frame. Raises LinkLostError if the interface is down or was removed."""

    def receive(self, until: float) -> Sequence[Arrival]:
        """Returns received frames, waiting for a first one until `until` at the latest. May be empty.

        Raises LinkLostError once for each lost interface."""

    def lost(self) -> Mapping[str, int]:
        """Frames that this host's kernel dropped since the last call, by interface."""


Filter = Sequence[tuple[int, int, int, int]]
"""A program of classic BPF (linux/filter.h): code, jump if true, jump if false, operand."""

_LOAD_LENGTH, _LOAD_HALF, _LOAD_WORD, _TO_INDEX, _RETURN = 0x80, 0x28, 0x20, 0x07, 0x06
_IF_GREATER_EQUAL, _IF_EQUAL, _IF_EQUAL_INDEX = 0x35, 0x15, 0x1D
FILTER: Filter = (
    (_LOAD_LENGTH, 0, 0, 0),
    (_IF_GREATER_EQUAL, 0, 6, 42),  # shorter than ARP over Ethernet: pass
    (_LOAD_HALF, 0, 0, 20),
    (_IF_EQUAL, 0, 4, 1),  # not a request: pass
    (_LOAD_WORD, 0, 0, 28),
    (_TO_INDEX, 0, 0, 0),
    (_LOAD_WORD, 0, 0, 38),
    (_IF_EQUAL_INDEX, 0, 1, 0),  # for its own sender address: pass
    (_RETURN, 0, 0, 0xFFFFFFFF),
    (_RETURN, 0, 0, 0),
)
"""Drops complete ARP requests, except announcements. Nearly all ARP on a LAN is requests, and only announcements can be
evidence. Short frames pass, so that they are counted as truncated."""
