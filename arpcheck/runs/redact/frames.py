"""Redacts frames that are not ARP: those of neighbour discovery, and the IPv4 frames of `--reach`, which are TCP segments
without data and ICMP errors that quote one.

Addresses get pseudonyms, checksums are made anew, and TCP options and what follows the quoted part are cut, since
they may contain anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from arpcheck.model import Mac
from arpcheck.wire.neighbour_discovery import solicited_node
from arpcheck.wire.reach_packets import checksum

IS_IPV4 = b"\x08\x00"

_ETHERNET, _TCP, _QUOTED = 14, 20, 8
_ICMP_NUMBER = 1


def ip_fields(frame: bytes) -> Iterator[int]:
    """Where the frame has IPv4 addresses; nothing of one that is too short."""
    if len(frame) >= _ETHERNET + 20:
        yield from (_ETHERNET + 12, _ETHERNET + 16)
        quoted = _quoted(frame)
        if quoted is not None:
            yield from (quoted + 12, quoted + 16)
            if frame[_after(frame, _ETHERNET)] == 5:  # a redirect names a gateway
                yield _after(frame, _ETHERNET) + 4


def _after(frame: bytes, header: int) -> int:
    return header + (frame[header] & 0xF) * 4


def _quoted(frame: bytes) -> int | None:
    """Where the quoted IP header of an ICMP error begins."""
    at = _after(frame, _ETHERNET) + 8
    return at if frame[23] == _ICMP_NUMBER and len(frame) >= at + 20 else None


def rewritten(frame: bytes, mac: Callable[[Mac], Mac], address: Callable[[IPv4Address], IPv4Address]) -> bytes:
    """The frame with replaced addresses, without what is not a header that is understood."""
    new = bytearray(frame)
    for at in (0, 6):
        new[at : at + 6] = mac(Mac.from_bytes(frame[at : at + 6])).to_bytes()
    for at in ip_fields(frame):
        new[at : at + 4] = address(IPv4Address(frame[at : at + 4])).packed
    if len(new) < _ETHERNET + 20:
        return bytes(new[:_ETHERNET])
    transport, quoted = _after(frame, _ETHERNET), _quoted(frame)
    end = transport + _TCP if quoted is None else _after(frame, quoted) + _QUOTED
    del new[end:]
    if quoted is None and len(new) >= transport + _TCP:
        new[transport + 12] = 5 << 4  # no TCP options are left
    new[16:18] = (len(new) - _ETHERNET).to_bytes(2, "big")
    _summed(new, _ETHERNET, transport, _ETHERNET + 10)
    if quoted is not None:
        _summed(new, quoted, _after(frame, quoted), quoted + 10)
        _summed(new, transport, len(new), transport + 2)
    elif len(new) >= transport + _TCP:
        pseudo = bytes(new[26:34]) + bytes((0, new[23])) + (len(new) - transport).to_bytes(2, "big")
        _summed(new, transport, len(new), transport + 16, pseudo)
    return bytes(new)


def _summed(frame: bytearray, start: int, end: int, at: int, pseudo: bytes = b"") -> None:
    """Writes the checksum of a part of the frame into it."""
    frame[at : at + 2] = bytes(2)
    frame[at : at + 2] = checksum(pseudo + bytes(frame[start:end])).to_bytes(2, "big")


# ------------------------------------------------------------------------------------------------------ Neighbour discovery

_HEADERS, _TARGET, _OPTION, _END = 54, 62, 78, 86
_LINK_LAYER = (1, 2)
"""Options with a MAC address (RFC 4861 section 4.6.1)."""


def ipv6_fields(frame: bytes) -> Iterator[int]:
    """Where a frame of neighbour discovery has IPv6 addresses; nothing of one that is too short."""
    if len(frame) >= _OPTION:
        yield from (22, 38, _TARGET)


def mac_fields(frame: bytes) -> Iterator[int]:
    """Where it has MAC addresses."""
    yield from (0, 6)
    if len(frame) >= _END and frame[_OPTION] in _LINK_LAYER and frame[_OPTION + 1] == 1:
        yield _OPTION + 2


def rewritten_ipv6(frame: bytes, mac: Callable[[Mac], Mac], address: Callable[[IPv6Address], IPv6Address]) -> bytes:
    """The frame with replaced addresses and its first option, if that is a MAC address. A solicited-node group is that of
    the replaced target."""
    fields = (*mac_fields(frame),)
    new = bytearray(frame[: _END if len(fields) > 2 else _OPTION])
    for at in fields:
        new[at : at + 6] = mac(Mac.from_bytes(frame[at : at + 6])).to_bytes()
    for at in ipv6_fields(frame):
        new[at : at + 16] = address(IPv6Address(frame[at : at + 16])).packed
    if len(new) < _OPTION:
        return bytes(new[:14])
    target, destination = IPv6Address(frame[_TARGET:_OPTION]), IPv6Address(frame[38:_HEADERS])
    if destination == solicited_node(target):
        new[38:_HEADERS] = solicited_node(IPv6Address(bytes(new[_TARGET:_OPTION]))).packed
    if frame[:2] == b"\x33\x33":
        new[:6] = b"\x33\x33" + new[50:_HEADERS]
    length = len(new) - _HEADERS
    new[18:20] = length.to_bytes(2, "big")
    pseudo = bytes(new[22:_HEADERS]) + length.to_bytes(4, "big") + bytes((0, 0, 0, new[20]))
    _summed(new, _HEADERS, len(new), _HEADERS + 2, pseudo)
    return bytes(new)
