"""Encodes and decodes IPv6 neighbour discovery over Ethernet (RFC 4861): solicitations and advertisements. `packets` is the
same for ARP.

scapy builds one solicitation for each sender; destination, target and checksum are put in. Frames are decoded from bytes,
because one scapy dissection takes 1 ms. What a host must discard (RFC 4861) is ignored here too, each for its own reason."""

from __future__ import annotations

import struct
from functools import cache
from ipaddress import IPv6Address
from typing import NamedTuple

from arpcheck.model import Mac, Request
from arpcheck.model.constants import SOLICITED
from arpcheck.wire.packets import NO_SENDER, TRUNCATED, Ignored
from arpcheck.wire.scapy_library import load

ETHERTYPE_IPV6 = 0x86DD
SOLICITATION, ADVERTISEMENT = 135, 136
"""ICMPv6 types."""

ALL_NODES = IPv6Address("ff02::1")

_ICMPV6 = 58
_HOP_LIMIT = 255
"""A router would have lowered it, so the frame comes from this LAN."""

_HEADERS = struct.Struct("!6s6sHIHBB16s16s")
"""Ethernet destination, source, type; then version to flow label, payload length, next header, hop limit, source,
destination: 54 bytes."""
_MESSAGE = struct.Struct("!BBHI16s")
"""Type, code, checksum, flags or reserved, target: 24 bytes, followed by options."""
_CHECKSUM_AT, _DESTINATION_AT, _TARGET_AT, _OPTIONS_AT = 56, 38, 62, 78
_SOURCE_AT = 22
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
_NO_MAC = b"\0" * 6
UNSPECIFIED, _LOOPBACK = bytes(16), bytes(15) + b"\1"
"""IPv6 addresses that are nobody's on the LAN."""
_GROUP = 0xFF
"""The first byte of every multicast address."""
_SOLICITED_NODE = IPv6Address("ff02::1:ff00:0").packed[:13]


class Advertisement(NamedTuple):
    """A neighbour advertisement; addresses as 16 bytes, MAC addresses as 6."""

    ip: bytes
    """Target address: the address that the advertisement is for."""
    mac: bytes
    """Target link-layer address, which is what clients use; the Ethernet source where there is no such option."""
    target_ip: bytes
    """IPv6 destination."""
    target_mac: bytes
    """Ethernet destination."""
    source: bytes
    """Ethernet source."""
    source_ip: bytes
    """IPv6 source."""
    flags: int
    """`ROUTER`, `SOLICITED` and `OVERRIDE` of `model.constants`."""
    option: bool
    """Whether it has a target link-layer address option. Without it a host that has no entry yet ignores it (section
    7.2.5)."""


class Solicitation(NamedTuple):
    """A neighbour solicitation; addresses as 16 bytes, MAC addresses as 6."""

    ip: bytes
    """Target address: the requested address."""
    sender_ip: bytes
    """IPv6 source; unspecified in duplicate address detection."""
    sender_mac: bytes
    """Source link-layer address; zeros where there is no such option."""
    to: bytes
    """Ethernet destination."""
    source: bytes
    """Ethernet source."""
    destination: bytes
    """IPv6 destination."""


NOT_IPV6 = Ignored("not-ipv6")
NOT_ICMPV6 = Ignored("not-icmpv6")
"""Another protocol, or an extension header before ICMPv6: RFC 6980 forbids a fragment header, and no known responder sends
another one."""
NOT_AN_ADVERTISEMENT = Ignored("not-an-advertisement")
NOT_A_SOLICITATION = Ignored("not-a-solicitation")
HOP_LIMIT = Ignored("hop-limit")
CODE = Ignored("code")
CHECKSUM = Ignored("checksum")
SOURCE = Ignored("source")
"""A group or the loopback address, which a host never accepts; or a solicitation from the unspecified address that is not
for duplicate address detection (section 7.1.1)."""
TARGET = Ignored("target")
"""The target is a group."""
SOLICITED_GROUP = Ignored("solicited-group")
"""An advertisement to a group that says it was solicited (section 7.1.2)."""
OPTIONS = Ignored("options")
"""An option without length, one that ends after the packet, or a link-layer address that is not of Ethernet."""


def decode(frame: bytes) -> Advertisement | Ignored:
    """Decodes an Ethernet frame that should be an advertisement, solicited or not. Never raises."""
    found = _message(frame, ADVERTISEMENT, NOT_AN_ADVERTISEMENT)
    if isinstance(found, Ignored):
        return found
    if found.flags & SOLICITED and found.destination[0] == _GROUP:
        return SOLICITED_GROUP
    mac = _link_layer_address(found.options, _TARGET_OPTION)
    if isinstance(mac, Ignored):
        return mac
    responder = found.source if mac is None else mac
    if not _is_station(responder):
        return NO_SENDER
    return Advertisement(
        found.target, responder, found.destination, found.to, found.source, found.source_ip, found.flags, mac is not None
    )


def decode_request(frame: bytes) -> Solicitation | Ignored:
    """Decodes a solicitation from any host. Never raises."""
    found = _message(frame, SOLICITATION, NOT_A_SOLICITATION)
    if isinstance(found, Ignored):
        return found
    mac = _link_layer_address(found.options, _SOURCE_OPTION)
    if isinstance(mac, Ignored):
        return mac
    if found.source_ip == UNSPECIFIED and (mac is not None or found.destination[:13] != _SOLICITED_NODE):
        return SOURCE
    if mac is not None and not _is_station(mac):
        return NO_SENDER
    return Solicitation(found.target, found.source_ip, mac or _NO_MAC, found.to, found.source, found.destination)


class _Message(NamedTuple):
    to: bytes
    source: bytes
    source_ip: bytes
    destination: bytes
    flags: int
    target: bytes
    options: bytes


def _message(frame: bytes, wanted: int, other: Ignored) -> _Message | Ignored:
    """What section 7.1 says of both messages, except for options. What follows the payload is padding of Ethernet."""
    if len(frame) < _HEADERS.size:
        return TRUNCATED
    to, source, ethertype, version, length, following, hops, source_ip, destination = _HEADERS.unpack_from(frame)
    if ethertype != ETHERTYPE_IPV6 or version >> 28 != 6:
        return NOT_IPV6
    if following != _ICMPV6:
        return NOT_ICMPV6
    end = _HEADERS.size + length
    if len(frame) < end or not length:
        return TRUNCATED
    if frame[_HEADERS.size] != wanted:
        return other
    if length < _MESSAGE.size:
        return TRUNCATED
    _, code, _, flags, target = _MESSAGE.unpack_from(frame, _HEADERS.size)
    if hops != _HOP_LIMIT:
        return HOP_LIMIT
    if code:
        return CODE
    if _sum(frame[_SOURCE_AT:end], length):
        return CHECKSUM
    if source_ip[0] == _GROUP or source_ip == _LOOPBACK:
        return SOURCE
    if target[0] == _GROUP:
        return TARGET
    return _Message(to, source, source_ip, destination, flags >> 24 & 0xE0, target, frame[_OPTIONS_AT:end])


def _link_layer_address(options: bytes, kind: int) -> bytes | Ignored | None:
    """The first such option, as Linux takes it (net/ipv6/ndisc.c, ndisc_parse_options); all are checked."""
    found, at = None, 0
    while at < len(options):
        size = options[at + 1] * 8 if at + 1 < len(options) else 0
        if not size or at + size > len(options):
            return OPTIONS
        if options[at] == kind and found is None:
            if size != 8:
                return OPTIONS
            found = options[at + 2 : at + 8]
        at += size
    return found


def _is_station(mac: bytes) -> bool:
    return mac != _NO_MAC and not mac[0] & 1


def _sum(octets: bytes, length: int) -> int:
    """The ones' complement sum of a pseudo-header and an ICMPv6 message (RFC 4443 section 2.3), 0 for 0xffff. `octets`: from
    the IPv6 source on, since the addresses lie just before the message."""
    padded = octets + b"\0" * (len(octets) % 2)
    return (int.from_bytes(padded, "big") + length + _ICMPV6) % 0xFFFF


# ------------------------------------------------------------------------------------------------------------- Solicitations


def solicited_node(ip: IPv6Address) -> IPv6Address:
    """The group to which the holder of this address listens (RFC 4291 section 2.7.1)."""
    return IPv6Address(_solicited_node(ip.packed))


def is_as_a_client(request: Solicitation) -> bool:
    """Whether it was sent to the group of the requested address alone."""
    destination = _solicited_node(request.ip)
    return request.destination == destination and request.to == _group_mac(destination)


def _solicited_node(target: bytes) -> bytes:
    return _SOLICITED_NODE + target[13:]


def group_mac(ip: IPv6Address) -> Mac:
    """The Ethernet address of a group (RFC 2464 section 7)."""
    return Mac.from_bytes(_group_mac(ip.packed))


def _group_mac(group: bytes) -> bytes:
    return b"\x33\x33" + group[12:]


def encode(request: Request, mac: Mac) -> bytes:
    """The frame of a solicitation from the interface with this MAC address: 86 bytes.

    Raises ValueError for addresses that are not IPv6, for the unspecified sender (such a question makes an address that a
    host is about to take `dadfailed` there, and its answer changes the caches of all hosts), and for a destination that is
    one host's where no MAC address is given."""
    target, sender = request.ip.packed, request.sender.packed
    if len(target) != 16 or len(sender) != 16:
        raise ValueError(f"neighbour discovery is of IPv6, not of {request.ip} and {request.sender}")
    if sender == UNSPECIFIED:
        raise ValueError("a solicitation from :: disturbs duplicate address detection")
    destination = _solicited_node(target) if request.destination is None else request.destination.packed
    if request.to is None and destination[0] != _GROUP:
        raise ValueError(f"{request.destination} is one host's, and its MAC address was not given")
    to = _group_mac(destination) if request.to is None else request.to.to_bytes()
    until_destination, kind, total, option = _parts(mac, sender)
    checksum = -(total + int.from_bytes(destination, "big") + int.from_bytes(target, "big")) % 0xFFFF
    return b"".join((to, until_destination, destination, kind, checksum.to_bytes(2, "big"), b"\0\0\0\0", target, option))


@cache
def _parts(mac: Mac, sender: bytes) -> tuple[bytes, bytes, int, bytes]:
    """A solicitation by this sender without destinations, checksum, reserved field and target: what lies between them, and
    the sum of the rest."""
    load()
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether

    headers = Ether(src=str(mac), dst=str(mac), type=ETHERTYPE_IPV6) / IPv6(
        src=str(IPv6Address(sender)), dst="::", hlim=_HOP_LIMIT
    )
    frame = bytes(headers / ICMPv6ND_NS(tgt="::", cksum=0) / ICMPv6NDOptSrcLLAddr(lladdr=str(mac)))
    total = _sum(frame[_SOURCE_AT:], len(frame) - _HEADERS.size)
    return frame[6:_DESTINATION_AT], frame[_HEADERS.size : _CHECKSUM_AT], total, frame[_OPTIONS_AT:]


# ------------------------------------------------------------------------------------------------------ The kernel's filters

# Classic BPF (linux/filter.h), offsets from the Ethernet header. Everything else about a frame is checked by `decode`, which
# counts what it ignores.
FILTER = (
    (0x28, 0, 0, 12), (0x15, 0, 5, ETHERTYPE_IPV6),
    (0x30, 0, 0, 20), (0x15, 0, 3, _ICMPV6),
    (0x30, 0, 0, 54), (0x15, 0, 1, ADVERTISEMENT),
    (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0),
)  # fmt: skip
"""Passes advertisements: in IPv6 a request says nothing about its sender that a probe could use."""
