"""Neighbour discovery: bytes to solicitations and advertisements and back, compared with scapy's dissector and builder."""

import ctypes
import random
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from discovery_frames import (
    ASKER,
    LINK_LOCAL,
    OURS,
    SOURCE_OPTION,
    TARGET_OPTION,
    THEIRS,
    VIP,
    advertisement,
    agrees_with_scapy,
    at_random,
    frame,
    solicitation,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

from arpcheck.model import Mac, Request
from arpcheck.wire.neighbour_discovery import (
    ALL_NODES,
    FILTER,
    Advertisement,
    Solicitation,
    decode,
    decode_request,
    encode,
    group_mac,
    solicited_node,
)  # fmt: skip
from arpcheck.wire.packet_socket import SO_ATTACH_FILTER
from arpcheck.wire.packets import Ignored

GROUP = solicited_node(IPv6Address(VIP)).packed
UNSPECIFIED, LOOPBACK = bytes(16), bytes(15) + b"\1"
NONCE = b"\x0e\1" + b"nonce!"
ME, NODE = Mac.from_bytes(OURS), Mac.from_bytes(THEIRS)


def test_an_advertisement_is_read_with_and_without_padding():
    expected = Advertisement(
        ip=VIP, mac=THEIRS, target_ip=ASKER, target_mac=OURS, source=THEIRS, source_ip=LINK_LOCAL, flags=0x40, option=True
    )
    assert decode(advertisement()) == expected
    assert decode(advertisement(padding=b"\2\0" + bytes(16))) == expected, "padding is no option"


def test_an_advertisement_is_by_its_option_and_else_by_its_frame():
    other = bytes.fromhex("020000000012")
    proxied = decode(advertisement(options=b"\2\1" + other))
    assert (proxied.mac, proxied.source, proxied.option) == (other, THEIRS, True)
    bare = decode(advertisement(options=b""))
    assert (bare.mac, bare.option) == (THEIRS, False)
    assert decode(advertisement(options=b"\1\1" + other)).option is False, "a source option says nothing of the target"
    assert decode(advertisement(options=NONCE + b"\2\1" + other + TARGET_OPTION)).mac == other, "the first, as Linux"


@pytest.mark.parametrize("flags", [0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0])
def test_flags_are_kept_and_reserved_bits_are_not(flags):
    assert decode(advertisement(flags=flags)).flags == flags
    assert decode(advertisement(flags=flags | 0x1F)).flags == flags


def test_an_unsolicited_advertisement_is_read():
    found = decode(advertisement(to=bytes.fromhex("333300000001"), destination=ALL_NODES.packed, flags=0x20))
    assert (found.target_ip, found.flags) == (ALL_NODES.packed, 0x20)


def test_a_solicitation_is_read():
    assert decode_request(solicitation()) == Solicitation(
        ip=VIP, sender_ip=ASKER, sender_mac=OURS, to=b"\x33\x33" + GROUP[12:], source=OURS, destination=GROUP
    )
    assert decode_request(solicitation(options=NONCE)).sender_mac == bytes(6)
    assert decode_request(solicitation(source_ip=UNSPECIFIED, options=NONCE)).sender_ip == UNSPECIFIED


BOTH = [
    pytest.param({"cut": 0}, "truncated", id="no message"),
    pytest.param({"cut": 23}, "truncated", id="half a target"),
    pytest.param({"length": 40}, "truncated", id="shorter than its header says"),
    pytest.param({"ethertype": 0x0800}, "not-ipv6", id="IPv4"),
    pytest.param({"ethertype": 0x8100}, "not-ipv6", id="a VLAN tag"),
    pytest.param({"version": 4}, "not-ipv6", id="version 4"),
    *(pytest.param({"following": number}, "not-icmpv6", id=f"next header {number}") for number in (0, 6, 43, 44, 60)),
    pytest.param({"hops": 64}, "hop-limit", id="hop limit 64"),
    pytest.param({"hops": 254}, "hop-limit", id="routed"),
    pytest.param({"code": 1}, "code", id="code 1"),
    pytest.param({"wrong": 1}, "checksum", id="wrong checksum"),
    pytest.param({"source_ip": ALL_NODES.packed}, "source", id="from a group"),
    pytest.param({"source_ip": LOOPBACK}, "source", id="from loopback"),
    pytest.param({"target": ALL_NODES.packed}, "target", id="for a group"),
    pytest.param({"options": b"\2\0" + THEIRS}, "options", id="an option of length 0"),
    pytest.param({"options": b"\xf0\0" + THEIRS + TARGET_OPTION}, "options", id="an unknown option of length 0"),
    pytest.param({"options": b"\1\2" + THEIRS}, "options", id="an option that ends after the packet"),
    pytest.param({"options": TARGET_OPTION + b"\1"}, "options", id="half an option"),
]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        *BOTH,
        pytest.param({"kind": 135}, "not-an-advertisement", id="a solicitation"),
        pytest.param({"kind": 129, "cut": 8}, "not-an-advertisement", id="a short echo reply"),
        pytest.param({"destination": ALL_NODES.packed}, "solicited-group", id="solicited by a group"),
        pytest.param({"options": b"\2\2" + THEIRS + bytes(8)}, "options", id="a long link-layer address"),
        pytest.param({"options": b"\2\1" + bytes(6)}, "no-sender", id="zero MAC"),
        pytest.param({"options": b"\2\1" + b"\xff" * 6}, "no-sender", id="broadcast MAC"),
        pytest.param({"options": b"\2\1" + b"\x33\x33" + bytes(4)}, "no-sender", id="a group's MAC"),
        pytest.param({"options": b"", "source": b"\1" + bytes(5)}, "no-sender", id="no option, from a group's MAC"),
    ],
)
def test_what_is_no_advertisement_is_ignored_by_its_reason(changed, why):
    assert decode(advertisement(**changed)) == Ignored(why)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        *BOTH,
        pytest.param({"kind": 136}, "not-a-solicitation", id="an advertisement"),
        pytest.param({"source_ip": UNSPECIFIED}, "source", id="unspecified with an option"),
        pytest.param({"source_ip": UNSPECIFIED, "options": b"", "destination": VIP}, "source", id="unspecified to one host"),
        pytest.param(
            {"source_ip": UNSPECIFIED, "options": b"", "destination": ALL_NODES.packed}, "source", id="unspecified to all"
        ),
        pytest.param({"options": b"\1\2" + OURS + bytes(8)}, "options", id="a long link-layer address"),
        pytest.param({"options": b"\1\1" + b"\xff" * 6}, "no-sender", id="broadcast MAC"),
    ],
)
def test_what_is_no_solicitation_is_ignored_by_its_reason(changed, why):
    assert decode_request(solicitation(**changed)) == Ignored(why)


@pytest.mark.parametrize("cut", range(86))
def test_a_cut_frame_is_truncated(cut):
    assert decode(advertisement()[:cut]) == decode_request(solicitation()[:cut]) == Ignored("truncated")


@given(st.binary(max_size=128))
def test_any_bytes_give_an_answer_or_a_reason(octets):
    assert isinstance(decode(octets), Advertisement | Ignored)
    assert isinstance(decode_request(octets), Solicitation | Ignored)


@given(st.sampled_from((136, 135)), st.binary(max_size=64), st.integers(0, 255), st.integers(0, 24))
def test_any_message_with_its_checksum_gives_an_answer_or_a_reason(kind, options, flags, cut):
    """The checksum would hide what comes after it from bytes at random."""
    made = frame(
        kind=kind, to=OURS, source=THEIRS, source_ip=LINK_LOCAL, destination=ASKER, flags=flags, options=options,
        cut=24 + len(options) - cut,
    )  # fmt: skip
    why = {found.why for found in (decode(made), decode_request(made)) if isinstance(found, Ignored)}
    assert why & {"not-an-advertisement", "not-a-solicitation", "truncated"}
    assert why <= {"not-an-advertisement", "not-a-solicitation", "options", "no-sender", "truncated"}


def test_it_agrees_with_scapy_on_valid_frames():
    dice = random.Random(6)  # noqa: S311 - a draw, not a secret
    found = [agrees_with_scapy(at_random(dice)) for _ in range(400)]
    assert min(found.count("Advertisement"), found.count("Solicitation")) > 100


# ------------------------------------------------------------------------------------------------------------- Solicitations


def asked(ip, sender, to=None, destination=None):
    return Request(interface="eth0", ip=IPv6Address(ip), sender=IPv6Address(sender), to=to, destination=destination)


def test_encoded_solicitations_are_those_of_scapy():
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6, in6_getnsma, in6_getnsmac
    from scapy.layers.l2 import Ether

    dice = random.Random(7)  # noqa: S311 - a draw, not a secret
    senders = [IPv6Address(b"\xfe\x80" + bytes(6) + dice.randbytes(8)) for _ in range(4)]
    for _ in range(300):
        ip, sender, mac = (
            IPv6Address(b"\x20" + dice.randbytes(15)),
            dice.choice(senders),
            Mac.from_bytes(b"\2" + dice.randbytes(5)),
        )
        to = dice.choice((None, NODE))
        destination = dice.choice((None, ALL_NODES, IPv6Address(LINK_LOCAL) if to else None))
        group = IPv6Address(in6_getnsma(ip.packed)) if destination is None else destination
        theirs = (
            Ether(src=mac, dst=to or in6_getnsmac(group.packed))
            / IPv6(src=str(sender), dst=str(group), hlim=255)
            / ICMPv6ND_NS(tgt=str(ip))
            / ICMPv6NDOptSrcLLAddr(lladdr=mac)
        )
        assert encode(asked(ip, sender, to, destination), mac) == bytes(theirs)


def test_a_solicitation_is_86_bytes_that_a_host_accepts():
    made = encode(asked("2001:db8:10::50", "fe80::5"), ME)
    assert len(made) == 86
    found = decode_request(made)
    assert (found.ip, found.sender_ip) == (VIP, IPv6Address("fe80::5").packed)
    assert (found.sender_mac, found.destination, found.to.hex(":")) == (OURS, GROUP, "33:33:ff:00:00:50")
    assert made[78:] == SOURCE_OPTION


def test_a_checksum_that_adds_up_to_zero_is_zero():
    """Of ICMPv6's two zeros every implementation writes the same (RFC 1071)."""
    for last in range(0x10000):
        made = encode(asked(IPv6Address((0x20010DB8 << 96) + (last << 32) + 1), "fe80::5"), ME)
        if made[56:58] in (b"\0\0", b"\xff\xff"):
            break
    assert made[56:58] == b"\0\0"
    assert isinstance(decode_request(made), Solicitation)
    assert isinstance(decode_request(made[:56] + b"\xff\xff" + made[58:]), Solicitation)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(asked(IPv6Address(VIP), "::"), id="unspecified sender"),
        pytest.param(asked(IPv6Address(VIP), "fe80::5", None, IPv6Address("fe80::11")), id="one host without its MAC"),
        pytest.param(Request(interface="eth0", ip=IPv4Address("10.0.0.50"), sender=IPv4Address("10.0.0.5")), id="IPv4"),
    ],
)
def test_what_must_not_be_sent_is_refused(wrong):
    with pytest.raises(ValueError, match=r"::|MAC|IPv6"):
        encode(wrong, ME)


def test_groups():
    assert solicited_node(IPv6Address("2001:db8::abcd:ef01:2345")) == IPv6Address("ff02::1:ff01:2345")
    assert group_mac(IPv6Address("ff02::1:ff01:2345")) == "33:33:ff:01:23:45"
    assert group_mac(ALL_NODES) == "33:33:00:00:00:01"


# --------------------------------------------------------------------------------------------------- the kernel's filter


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.c_void_p))


def passed(program, frames):
    """What the kernel lets through; a pair of sockets needs neither a network nor a right."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
        theirs.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(_Program(len(program), ctypes.addressof(code))))
        theirs.setblocking(False)
        kept = []
        for name, made in frames.items():
            try:
                ours.send(made)
                assert theirs.recv(4096) == made
                kept.append(name)
            except (PermissionError, BlockingIOError):  # the filter drops it; some kernels tell the sender
                continue
    return kept


def test_the_kernel_filters_pass_neighbour_discovery_alone():
    frames = {
        "advertisement": advertisement(),
        "invalid advertisement": advertisement(hops=64, wrong=1),
        "solicitation": solicitation(),
        "router advertisement": advertisement(kind=134),
        "echo": advertisement(kind=128),
        "TCP": advertisement(following=6),
        "IPv4": advertisement(ethertype=0x0800),
        "short": advertisement()[:54],
    }
    assert passed(FILTER, frames) == ["advertisement", "invalid advertisement"]
