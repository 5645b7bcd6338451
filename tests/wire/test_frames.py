"""frames: bytes to ARP and back, held against scapy's own dissector."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arpcheck.model import Mac, Request
from arpcheck.wire.packets import ARP_FRAME, ArpReply, Ignored, decode, encode

OURS = Mac("02:00:00:00:00:05")
THEIRS = Mac("02:00:00:00:00:11")


def reply(*, ethertype=0x0806, hrd=1, pro=0x0800, hln=6, pln=4, op=2, sha=THEIRS, padding=b""):
    return padding.join(
        (
            ARP_FRAME.pack(
                OURS.to_bytes(), THEIRS.to_bytes(), ethertype, hrd, pro, hln, pln, op, sha.to_bytes(),
                IPv4Address("10.0.0.50").packed, OURS.to_bytes(), IPv4Address("10.0.0.5").packed,
            ),
            b"",
        )
    )  # fmt: skip


def test_a_reply_is_read_with_and_without_padding():
    expected = ArpReply(
        ip=IPv4Address("10.0.0.50").packed,
        mac=THEIRS.to_bytes(),
        target_ip=IPv4Address("10.0.0.5").packed,
        target_mac=OURS.to_bytes(),
        source=THEIRS.to_bytes(),
    )
    assert decode(reply()) == expected
    assert decode(reply() + bytes(18)) == expected, "60 bytes, as a speaker sends them"


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        pytest.param(b"", "truncated", id="nothing"),
        pytest.param(reply()[:41], "truncated", id="one byte short"),
        pytest.param(reply(ethertype=0x0800), "not-arp", id="IPv4"),
        pytest.param(reply(ethertype=0x8100), "not-arp", id="a VLAN tag"),
        pytest.param(reply(hrd=6), "not-ethernet-ipv4", id="IEEE 802 hardware type"),
        pytest.param(reply(pro=0x86DD), "not-ethernet-ipv4", id="IPv6 as the protocol"),
        pytest.param(reply(hln=8), "not-ethernet-ipv4", id="long hardware address"),
        pytest.param(reply(pln=0), "not-ethernet-ipv4", id="no protocol address"),
        pytest.param(reply(op=1), "not-a-reply", id="a request"),
        pytest.param(reply(op=9), "not-a-reply", id="InARP"),
        pytest.param(reply(sha=Mac("00:00:00:00:00:00")), "no-sender", id="zero sender"),
        pytest.param(reply(sha=Mac("ff:ff:ff:ff:ff:ff")), "no-sender", id="broadcast sender"),
    ],
)
def test_what_is_no_reply_is_ignored_by_its_reason(frame, why):
    assert decode(frame) == Ignored(why)


@given(st.binary(max_size=128))
def test_any_bytes_give_an_answer_or_a_reason(frame):
    assert isinstance(decode(frame), ArpReply | Ignored)


@given(st.binary(min_size=28, max_size=64))
def test_it_agrees_with_scapy(payload):
    from scapy.layers.l2 import ARP, Ether

    frame = OURS.to_bytes() + THEIRS.to_bytes() + struct.pack("!H", 0x0806) + payload
    answer, theirs = decode(frame), Ether(frame)
    if isinstance(answer, ArpReply):
        arp = theirs[ARP]
        assert (arp.op, arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (2, 1, 0x0800, 6, 4)
        assert (arp.hwsrc, arp.psrc) == (answer.mac.hex(":"), str(IPv4Address(answer.ip)))
        assert (arp.hwdst, arp.pdst) == (answer.target_mac.hex(":"), str(IPv4Address(answer.target_ip)))
        assert theirs.src == answer.source.hex(":")


def test_a_question_is_what_rfc_826_and_5227_say():
    from scapy.layers.l2 import ARP, Ether

    frame = encode(Request(interface="eth0", ip=IPv4Address("10.0.0.50"), sender=IPv4Address(0)), OURS)
    assert len(frame) == 42
    read = Ether(frame)
    assert (read.dst, read.src, read.type) == ("ff:ff:ff:ff:ff:ff", OURS, 0x0806)
    assert (read[ARP].op, read[ARP].hwsrc, read[ARP].psrc) == (1, OURS, "0.0.0.0")
    assert (read[ARP].hwdst, read[ARP].pdst) == ("00:00:00:00:00:00", "10.0.0.50")


def test_a_unicast_question_goes_to_its_mac_alone():
    ask = Request(interface="eth0", ip=IPv4Address("10.96.0.1"), sender=IPv4Address("10.0.0.5"), to=THEIRS)
    assert encode(ask, OURS)[:6] == THEIRS.to_bytes()
