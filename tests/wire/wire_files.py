"""Files of frames as tcpdump and Wireshark write them, and worse ones."""

import struct
from ipaddress import IPv4Address

from arpcheck.model import Mac
from arpcheck.wire.packets import ARP_FRAME

BROADCAST = Mac("ff:ff:ff:ff:ff:ff")
ZERO = Mac("00:00:00:00:00:00")


def mac(number):
    return Mac.from_bytes(bytes((2, 0, 0, 0, 0, number)))


def arp(op, sender_mac, sender, target_mac, target, *, to=None, source=None):
    return ARP_FRAME.pack(
        (to or target_mac).to_bytes(), (source or sender_mac).to_bytes(), 0x0806, 1, 0x0800, 6, 4, op,
        sender_mac.to_bytes(), IPv4Address(sender).packed, target_mac.to_bytes(), IPv4Address(target).packed,
    )  # fmt: skip


def who_has(target, asker, sender, *, to=BROADCAST):
    return arp(1, asker, sender, ZERO, target, to=to)


def is_at(ip, owner, asker, sender, **how):
    return arp(2, owner, ip, asker, sender, **how)


def pcap(*frames, order="<", magic=0xA1B2C3D4, link=1, version=2):
    """`frames`: (seconds, fraction, octets)."""
    head = struct.pack(f"{order}IHHiIII", magic, version, 4, 0, 0, 262144, link)
    return head + b"".join(struct.pack(f"{order}IIII", s, f, len(o), len(o)) + o for s, f, o in frames)


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order="<", link=1, options=b""):
    return block(1, struct.pack(f"{order}HHI", link, 0, 262144) + options, order)


def packet(units, octets, order="<", number=0):
    return block(
        6, struct.pack(f"{order}IIIII", number, units >> 32, units & 0xFFFFFFFF, len(octets), len(octets)) + octets, order
    )


def statistics(dropped, order="<"):
    return block(5, struct.pack(f"{order}III", 0, 0, 0) + option(5, struct.pack(f"{order}Q", dropped), order), order)
