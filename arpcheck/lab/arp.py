"""ARP over Ethernet, RFC 826: bytes and back.

The lab speaks ARP by itself, so that a mistake in `arpcheck.wire` can't hide behind the same mistake here. Knows no
rule of who answers what."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.model import Mac

ETHERTYPE = 0x0806
REQUEST, REPLY = 1, 2
BROADCAST = Mac("ff:ff:ff:ff:ff:ff")
ZERO_MAC = Mac("00:00:00:00:00:00")
ZERO_IP = IPv4Address("0.0.0.0")

_FIXED = struct.pack("!HHBB", 1, 0x0800, 6, 4)
_LAYOUT = struct.Struct("!6s6sH6sH6s4s6s4s")
SHORT, PADDED = _LAYOUT.size, 60
"""Lengths on a virtual link: what a kernel sends, and what mdlayher/ethernet (MetalLB) sends."""


class Packet(NamedTuple):
    """An Ethernet frame with an ARP packet for Ethernet and IPv4 in it."""

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
    """None for anything but ARP for Ethernet and IPv4."""
    if len(frame) < SHORT:
        return None
    destination, source, ethertype, fixed, operation, sha, spa, tha, tpa = _LAYOUT.unpack_from(frame)
    if ethertype != ETHERTYPE or fixed != _FIXED:
        return None
    mac, ip = Mac.from_bytes, IPv4Address
    return Packet(mac(destination), mac(source), operation, mac(sha), ip(spa), mac(tha), ip(tpa))


def question(source: Mac, sender: IPv4Address, target: IPv4Address, *, to: Mac = BROADCAST) -> Packet:
    """A who-has of `target`; with a sender of 0.0.0.0 it is RFC 5227's ARP Probe."""
    return Packet(to, source, REQUEST, source, sender, ZERO_MAC, target)


def answer(asked: Packet, mac: Mac) -> Packet:
    """The reply of the station with this MAC. The Ethernet destination is the request's ARP sender, as in the kernel
    (net/ipv4/arp.c) and in MetalLB (internal/layer2/arp.go), not its Ethernet source."""
    return Packet(asked.sender_mac, mac, REPLY, mac, asked.target_ip, asked.sender_mac, asked.sender_ip)
