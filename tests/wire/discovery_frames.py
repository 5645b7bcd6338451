"""Neighbour discovery frames for tests: built by hand with RFC 1071 as another module has it, and compared with scapy."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv6Address

from arpcheck.wire.neighbour_discovery import Advertisement, Solicitation, decode, decode_request, group_mac, solicited_node
from arpcheck.wire.reach_packets import checksum

OURS, THEIRS = bytes.fromhex("020000000005"), bytes.fromhex("020000000011")
VIP, LINK_LOCAL, ASKER = (IPv6Address(text).packed for text in ("2001:db8:10::50", "fe80::ff:fe00:11", "fe80::ff:fe00:5"))
TARGET_OPTION, SOURCE_OPTION = b"\2\1" + THEIRS, b"\1\1" + OURS


def frame(
    *, kind, to, source, source_ip, destination, target=VIP, flags=0, options=b"", hops=255, code=0, following=58,
    ethertype=0x86DD, version=6, length=None, wrong=0, cut=None, padding=b"",
):  # fmt: skip
    """`length`: said by the IPv6 header; `wrong`: added to the checksum; `cut`: octets of the message that remain."""
    message = struct.pack("!BBHI16s", kind, code, 0, flags << 24, target) + options
    message = message[:cut]
    pseudo = source_ip + destination + struct.pack("!II", len(message) if length is None else length, 58)
    total = (checksum(pseudo + message) + wrong) & 0xFFFF
    if len(message) >= 4:
        message = message[:2] + total.to_bytes(2, "big") + message[4:]
    said = len(message) if length is None else length
    head = struct.pack("!6s6sHIHBB", to, source, ethertype, version << 28, said, following, hops)
    return head + source_ip + destination + message + padding


def advertisement(**changed):
    usual = {
        "kind": 136, "to": OURS, "source": THEIRS, "source_ip": LINK_LOCAL, "destination": ASKER, "flags": 0x40,
        "options": TARGET_OPTION,
    }  # fmt: skip
    return frame(**{**usual, **changed})


def solicitation(**changed):
    group = solicited_node(IPv6Address(VIP))
    usual = {
        "kind": 135, "to": group_mac(group).to_bytes(), "source": OURS, "source_ip": ASKER, "destination": group.packed,
        "options": SOURCE_OPTION,
    }  # fmt: skip
    return frame(**{**usual, **changed})


def at_random(dice: random.Random) -> bytes:
    """A valid frame of either kind, with any flags, addresses, other options and padding."""

    def address(*first):
        return bytes((dice.choice(first),)) + dice.randbytes(15)

    def mac():
        return bytes((dice.choice((0, 2, 0x52, 0xFC)),)) + dice.randbytes(5)

    def options(kind):
        own = [bytes((kind, 1)) + mac()] * dice.choice((0, 1, 1, 1, 2))
        # Nonce, MTU, and what scapy does not know.
        others = [b"\x0e\1" + dice.randbytes(6), b"\5\1" + dice.randbytes(6), b"\xf0\2" + dice.randbytes(14)]
        found = own + dice.sample(others, dice.randint(0, 2))
        dice.shuffle(found)
        return b"".join(found)

    target, padding = address(0x20, 0xFD, 0xFE, 0x26), bytes(dice.choice((0, 0, 4, 18)))
    if dice.random() < 0.6:
        group = dice.random() < 0.2
        return advertisement(
            to=mac(), source=mac(), source_ip=address(0x20, 0xFE), destination=address(0xFF if group else 0xFE),
            target=target, flags=dice.choice((0, 0x20, 0x80, 0xA0)) | (0 if group else dice.choice((0, 0x40))),
            options=options(2), padding=padding,
        )  # fmt: skip
    return solicitation(
        to=mac(), source=mac(), source_ip=address(0x20, 0xFE), destination=address(0x20, 0xFE, 0xFF), target=target,
        options=options(1), padding=padding,
    )  # fmt: skip


def agrees_with_scapy(octets: bytes) -> str:
    """Raises AssertionError where scapy's dissector and ours differ about a valid frame; the name of what it is."""
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether

    theirs = Ether(octets)
    outer = (theirs.src, theirs[IPv6].src, theirs.dst, theirs[IPv6].dst)
    if ICMPv6ND_NA in theirs:
        ours = decode(octets)
        assert isinstance(ours, Advertisement), f"{ours} for {octets.hex()}"
        said, option = theirs[ICMPv6ND_NA], theirs.getlayer(ICMPv6NDOptDstLLAddr)
        assert ours.flags == said.R << 7 | said.S << 6 | said.O << 5, octets.hex()
        assert ours.mac.hex(":") == (option.lladdr if option else theirs.src), octets.hex()
        assert ours.option == (option is not None), octets.hex()
        read = (ours.source.hex(":"), text(ours.source_ip), ours.target_mac.hex(":"), text(ours.target_ip))
    else:
        ours = decode_request(octets)
        assert isinstance(ours, Solicitation), f"{ours} for {octets.hex()}"
        said, option = theirs[ICMPv6ND_NS], theirs.getlayer(ICMPv6NDOptSrcLLAddr)
        assert ours.sender_mac.hex(":") == (option.lladdr if option else "00:00:00:00:00:00"), octets.hex()
        read = (ours.source.hex(":"), text(ours.sender_ip), ours.to.hex(":"), text(ours.destination))
    assert text(ours.ip) == said.tgt, octets.hex()
    assert read == outer, octets.hex()
    return type(ours).__name__


def text(address: bytes) -> str:
    return str(IPv6Address(address))
