"""What a recorded frame is wrapped in: VLAN tags, and tunnels that carry whole Ethernet frames. Pure.

A recording on a trunk, on a mirror or between nodes shows frames of other LANs beside those of its own."""

from __future__ import annotations

from typing import NamedTuple

_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
MOST_TAGS = 4
_IPV4 = b"\x08\x00"
_VXLAN_PORTS = (4789, 8472)
"""IANA's and Linux's own, which flannel takes."""
_GENEVE_PORT = 6081
_ETHERNET = b"\x65\x58"
"""A bridged frame within Geneve or GRE (RFC 8926, RFC 7637)."""
_ERSPAN = b"\x88\xbe"
_CHECKSUM, _KEY, _SEQUENCE = 0x80, 0x20, 0x10


class Unwrapped(NamedTuple):
    frame: bytes
    vlan: int | None
    """The outermost that is none of 0, which only carries a priority."""
    tunnelled: bool


def unwrapped(frame: bytes) -> Unwrapped:
    """Any octets give something."""
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
    """The Ethernet frame within an IPv4 packet; None where there is none, or only a fragment."""
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
