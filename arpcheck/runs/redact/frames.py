"""Redacts the IPv4 frames of `--reach`: TCP segments without data, and ICMP errors that quote one.

Addresses get pseudonyms, checksums are made anew, and TCP options and what follows the quoted part are cut, since
they may contain anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from arpcheck.model import Mac
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
