"""TCP SYN and RST frames, what comes back for them, and the kernel filter that lets only that through.

A reply is matched by numbers and never by its source address, because a SYN/ACK from a pod's address is a finding."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.model import Mac, ReachSignal

SNAPLEN = 256
"""Bytes of a frame that the filter passes on; TCP checksums are not verified, since a local veth leaves them unfinished."""

_ETHER = struct.Struct("!6s6sH")
_IP = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")
_IPV4 = 0x0800
_DONT_FRAGMENT = 0x4000
_TCP_NUMBER, _ICMP_NUMBER = 6, 1
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_MSS = b"\x02\x04\x05\xb4"
"""1460 bytes. A SYN without this option looks like a scanner's to some firewalls."""
_WINDOW = 64240
_TTL = 64
_SIGNALS = {
    3: ReachSignal.UNREACHABLE, 5: ReachSignal.REDIRECT,
    11: ReachSignal.TIME_EXCEEDED, 12: ReachSignal.PARAMETER_PROBLEM,
}  # fmt: skip


class Flow(NamedTuple):
    """The addresses of a try."""

    source_mac: Mac
    mac: Mac
    sender: IPv4Address
    sender_port: int
    ip: IPv4Address
    port: int


class Heard(NamedTuple):
    """A reply to some try of ours."""

    number: int
    """The initial sequence number of the try."""
    sender_port: int
    """Our port, in the reply or in its quotation."""
    signal: ReachSignal
    source: IPv4Address
    port: int | None
    code: int | None
    mac: Mac
    ttl: int


def syn(flow: Flow, number: int) -> bytes:
    """A SYN with this initial sequence number."""
    return _frame(flow, number, _SYN, _MSS)


def rst(flow: Flow, number: int) -> bytes:
    """The RST that ends the connection which a SYN with this number began."""
    return _frame(flow, (number + 1) & 0xFFFFFFFF, _RST, b"")


def _frame(flow: Flow, number: int, flags: int, options: bytes) -> bytes:
    sender, ip = flow.sender.packed, flow.ip.packed
    length = _TCP.size + len(options)
    window = _WINDOW if flags & _SYN else 0
    fields = [flow.sender_port, flow.port, number, 0, length // 4 << 4, flags, window, 0, 0]
    pseudo = sender + ip + struct.pack("!BBH", 0, _TCP_NUMBER, length)
    fields[7] = checksum(pseudo + _TCP.pack(*fields) + options)
    head = [0x45, 0, _IP.size + length, 0, _DONT_FRAGMENT, _TTL, _TCP_NUMBER, 0, sender, ip]
    head[7] = checksum(_IP.pack(*head))
    ether = _ETHER.pack(flow.mac.to_bytes(), flow.source_mac.to_bytes(), _IPV4)
    return ether + _IP.pack(*head) + _TCP.pack(*fields) + options


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def decode(frame: bytes) -> Heard | None:
    """None for what can't be a reply to a SYN. Never raises."""
    if len(frame) < _ETHER.size + _IP.size:
        return None
    _, source_mac, ethertype = _ETHER.unpack_from(frame)
    first, _, _, _, offset, ttl, protocol, _, source, _ = _IP.unpack_from(frame, _ETHER.size)
    at = _ETHER.size + (first & 0xF) * 4
    if ethertype != _IPV4 or first >> 4 != 4 or at < _ETHER.size + _IP.size or offset & 0x1FFF:
        return None
    match protocol:
        case 6 if len(frame) >= at + _TCP.size:
            found = _of_tcp(frame, at)
        case 1 if len(frame) >= at + 8 + _IP.size + 8:
            found = _of_icmp(frame, at)
        case _:
            found = None
    if found is None:
        return None
    number, sender_port, signal, port, code = found
    return Heard(number, sender_port, signal, IPv4Address(source), port, code, Mac.from_bytes(source_mac), ttl)


_Found = tuple[int, int, ReachSignal, int | None, int | None]


def _of_tcp(frame: bytes, at: int) -> _Found | None:
    """Only segments that acknowledge a SYN: anybody could send others."""
    port, sender_port, _, acknowledged, _, flags, _, _, _ = _TCP.unpack_from(frame, at)
    signal = ReachSignal.RST if flags & _RST else ReachSignal.SYN_ACK if flags & _SYN else None
    if signal is None or not flags & _ACK:
        return None
    return (acknowledged - 1) & 0xFFFFFFFF, sender_port, signal, port, None


def _of_icmp(frame: bytes, at: int) -> _Found | None:
    """An error quotes at least the IP header and eight bytes of ours (RFC 792), with NAT undone."""
    signal, code = _SIGNALS.get(frame[at]), frame[at + 1]
    quoted = at + 8
    inner = quoted + (frame[quoted] & 0xF) * 4
    if signal is None or frame[quoted] >> 4 != 4 or frame[quoted + 9] != _TCP_NUMBER or len(frame) < inner + 8:
        return None
    sender_port, _, number = struct.unpack_from("!HHI", frame, inner)
    return number, sender_port, signal, None, code


# ------------------------------------------------------------------------------------------------------ The kernel's filter

Program = tuple[tuple[int, int, int, int], ...]

NOTHING: Program = ((6, 0, 0, 0),)
"""Before the ports are known."""


def either(programs: Iterable[Program]) -> Program:
    """What one of them lets through. Each ends with its refusal, in whose place the next one stands."""
    *before, last = programs
    return (*(instruction for program in before for instruction in program[:-1]), *last)


def only_replies(own: IPv4Address, low: int, high: int) -> Program:
    """Classic BPF (linux/filter.h), offsets from the Ethernet header: IPv4 to this address, first fragment, and TCP to one
    of these ports or an ICMP error that quotes TCP from one of them."""
    us = int(own)
    return (
        (32, 0, 0, 30), (21, 0, 24, us),  # destination
        (40, 0, 0, 20), (69, 22, 0, 8191),  # fragment offset
        (177, 0, 0, 14), (48, 0, 0, 23), (21, 15, 0, 6), (21, 0, 18, 1),  # TCP, ICMP
        (80, 0, 0, 14), (21, 3, 0, 3), (21, 2, 0, 5), (21, 1, 0, 11), (21, 0, 13, 12),  # ICMP type
        (80, 0, 0, 22), (21, 0, 11, 69), (80, 0, 0, 31), (21, 0, 9, 6),  # quoted: no IP options, TCP
        (64, 0, 0, 34), (21, 0, 7, us), (72, 0, 0, 42), (53, 0, 5, low), (37, 4, 3, high),  # quoted: source, port
        (72, 0, 0, 16), (53, 0, 2, low), (37, 1, 0, high),  # TCP: destination port
        (6, 0, 0, SNAPLEN), (6, 0, 0, 0),
    )  # fmt: skip
