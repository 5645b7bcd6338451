"""capture: whose question a recorded reply answers, and what stands for a question that was not recorded."""

from ipaddress import IPv4Address
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_files import BROADCAST, is_at, mac, who_has

from arpcheck.errors import InputError
from arpcheck.model import Gratuitous, Mac, Overflow
from arpcheck.wire.capture import captured
from arpcheck.wire.pcap import Cut, Dropped, Recorded
from arpcheck.wire.replies import MOST_MACS

VIP, NODE = "10.0.0.50", "10.0.0.11"
A, B = mac(1), mac(2)
CLIENT, OTHER = mac(21), mac(22)
START = 1_772_366_400 * 10**9
TAIL = (9_000, b"")
"""A frame at the end: what was asked long before it had its time to be answered."""


def heard(*frames):
    """`frames`: (milliseconds, octets)."""
    entries = [Recorded(START + round(at * 1e6), octets) for at, octets in (*frames, TAIL)]
    return captured(entries, [IPv4Address(VIP), IPv4Address(NODE)], "lan.pcap")


def replies(found):
    return [(reply.round, reply.mac, reply.sender, reply.to, round(reply.after, 3)) for reply in found.replies]


def questions(found):
    return [(q.round, str(q.ip), str(q.sender), q.to) for q in found.questions]


ASK = (0, who_has(VIP, CLIENT, "10.0.0.5"))
ANSWER = (1, is_at(VIP, A, CLIENT, "10.0.0.5"))
SENDER = IPv4Address("10.0.0.5")


def ipv4(protocol, payload):
    return bytes(12) + b"\x08\x00\x45" + bytes(8) + bytes([protocol]) + bytes(10) + payload


def udp(port, payload):
    return ipv4(17, bytes(2) + port.to_bytes(2, "big") + bytes(4) + payload)


def test_a_question_and_its_answers():
    found = heard(ASK, ANSWER, (3, is_at(VIP, B, CLIENT, "10.0.0.5")))
    assert questions(found) == [(1, VIP, "10.0.0.5", None)]
    assert replies(found) == [(1, A, SENDER, None, 1.0), (1, B, SENDER, None, 3.0)]
    assert (found.unseen, found.frames, found.ignored) == (0, 4, {"truncated": 1})


def test_the_order_in_the_file_changes_nothing():
    frames = [ASK, ANSWER, (3, is_at(VIP, B, CLIENT, "10.0.0.5"))]
    assert len({(heard(*order).questions, heard(*order).replies) for order in permutations(frames)}) == 1


def test_every_question_is_a_round_of_its_own():
    found = heard(ASK, ANSWER, (2000, ASK[1]), (2001, ANSWER[1]), (2500, who_has(VIP, OTHER, "10.0.0.6")))
    assert [number for number, *_ in questions(found)] == [1, 2, 3]
    assert [number for number, *_ in replies(found)] == [1, 2]


def test_two_hosts_that_ask_at_once_have_their_own_answers():
    found = heard(
        ASK,
        (0.1, who_has(VIP, OTHER, "10.0.0.6")),
        (1, is_at(VIP, A, OTHER, "10.0.0.6")),
        (1.1, is_at(VIP, A, CLIENT, "10.0.0.5")),
    )
    assert [(number, str(sender)) for number, _, sender, _, _ in replies(found)] == [(2, "10.0.0.6"), (1, "10.0.0.5")]


def test_two_hosts_that_ask_with_0_0_0_0_are_told_apart_by_their_mac():
    found = heard(
        (0, who_has(VIP, CLIENT, "0.0.0.0")), (0.1, who_has(VIP, OTHER, "0.0.0.0")),
        (1, is_at(VIP, A, CLIENT, "0.0.0.0")), (1.1, is_at(VIP, B, OTHER, "0.0.0.0")),
    )  # fmt: skip
    assert [(number, by) for number, by, *_ in replies(found)] == [(1, A), (2, B)]


def test_a_question_to_one_mac_is_answered_by_that_one():
    found = heard((0, who_has(VIP, CLIENT, "10.0.0.5", to=A)), ANSWER)
    assert (questions(found), replies(found)) == ([(1, VIP, "10.0.0.5", A)], [(1, A, SENDER, A, 1.0)])


def test_a_reply_without_its_question_stands_for_one():
    found = heard(ANSWER)
    assert (questions(found), replies(found)) == ([(1, VIP, "10.0.0.5", A)], [(1, A, SENDER, A, 0.0)])
    assert found.unseen == 1


def test_two_replies_to_one_host_within_the_window_answered_together():
    both = heard(ANSWER, (2, is_at(VIP, B, CLIENT, "10.0.0.5")))
    assert [(number, by) for number, by, *_ in replies(both)] == [(1, A), (1, B)]
    later = heard(ANSWER, (1500, is_at(VIP, B, CLIENT, "10.0.0.5")))
    assert [(number, by) for number, by, *_ in replies(later)] == [(1, A), (2, B)]


def test_a_late_reply_answers_no_old_question():
    found = heard(ASK, (800, ANSWER[1]), (1200, is_at(VIP, B, CLIENT, "10.0.0.5")))
    assert [(number, by) for number, by, *_ in replies(found)] == [(1, A), (2, B)]
    assert found.unseen == 1


def test_a_question_that_a_mirror_shows_twice_is_one():
    found = heard(ASK, (0.02, ASK[1]), ANSWER, (1.02, ANSWER[1]))
    assert (len(found.questions), len(found.replies)) == (1, 2)
    assert found.ignored["seen-twice"] == 1


def test_a_question_at_the_very_end_had_no_time_to_be_answered():
    found = heard(
        ASK,
        (8_500, who_has(VIP, CLIENT, "10.0.0.5")),
        (8_600, who_has(NODE, CLIENT, "10.0.0.5")),
        (8_601, is_at(NODE, A, CLIENT, "10.0.0.5")),
    )
    assert [(number, ip) for number, ip, *_ in questions(found)] == [(1, VIP), (1, NODE)]
    assert found.ignored["cut-off"] == 1


def test_a_reply_to_all_and_one_from_a_relay():
    found = heard(
        ASK, (1, is_at(VIP, A, CLIENT, "10.0.0.5", to=BROADCAST)), (2, is_at(VIP, B, CLIENT, "10.0.0.5", source=OTHER))
    )
    assert [(reply.mac, reply.source) for reply in found.replies] == [(A, A), (B, OTHER)]


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        pytest.param(who_has(VIP, A, VIP), "announcement", id="a gratuitous request"),
        pytest.param(is_at(VIP, A, BROADCAST, VIP), "announcement", id="a gratuitous reply"),
        pytest.param(who_has("10.0.0.99", CLIENT, "10.0.0.5"), "another-address", id="a question for another address"),
        pytest.param(is_at("10.0.0.99", A, CLIENT, "10.0.0.5"), "another-address", id="a reply for another address"),
        pytest.param(ASK[1][:12] + b"\x81\x00\x00\x07" + ASK[1][12:], "vlan", id="a VLAN tag"),
        pytest.param(ASK[1][:12] + b"\x08\x00" + ASK[1][14:], "not-arp", id="IPv4"),
        pytest.param(ASK[1][:40], "truncated", id="cut short"),
        pytest.param(who_has(VIP, CLIENT, "10.0.0.5", to=Mac("01:00:5e:00:00:01")), "multicast", id="to a group"),
        pytest.param(is_at(VIP, Mac("ff:ff:ff:ff:ff:ff"), CLIENT, "10.0.0.5"), "no-sender", id="a reply from everybody"),
    ],
)
def test_what_says_nothing_is_counted(frame, why):
    found = heard((0, frame))
    assert (found.questions, found.replies) == ((), ())
    assert found.ignored[why] >= 1


TAGGED = ANSWER[1][:12] + b"\x81\0\x20\x64" + ANSWER[1][12:]


def noted(found):
    return [(str(p.ip), p.mac, p.reason, p.vlan, p.frames) for p in found.passed_over]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(TAGGED, [(VIP, A, "vlan", 100, 1)], id="a tagged reply"),
        pytest.param(TAGGED[:12] + b"\x88\xa8\0\x07" + TAGGED[12:], [(VIP, A, "vlan", 7, 1)], id="tagged twice"),
        pytest.param(
            TAGGED[:12] + b"\x81\0\0\0" + TAGGED[12:], [(VIP, A, "vlan", 100, 1)], id="tagged with 0, and then with another"
        ),
        pytest.param(
            who_has(VIP, A, VIP)[:12] + TAGGED[12:16] + who_has(VIP, A, VIP)[12:],
            [(VIP, A, "vlan", 100, 1)],
            id="a tagged announcement",
        ),
        pytest.param(ASK[1][:12] + TAGGED[12:16] + ASK[1][12:], [], id="a tagged question says nothing for it"),
        pytest.param(
            is_at("10.0.0.99", A, CLIENT, "10.0.0.5")[:12] + TAGGED[12:16] + ANSWER[1][12:28] + bytes(14),
            [],
            id="for another address",
        ),
        pytest.param(udp(4789, bytes(8) + ANSWER[1]), [(VIP, A, "tunnel", None, 1)], id="in VXLAN"),
        pytest.param(udp(8472, bytes(8) + TAGGED), [(VIP, A, "tunnel", 100, 1)], id="in VXLAN, tagged"),
        pytest.param(
            udp(6081, b"\x02\0\x65\x58" + bytes(4) + bytes(8) + ANSWER[1]),
            [(VIP, A, "tunnel", None, 1)],
            id="in Geneve, with options",
        ),
        pytest.param(
            ipv4(47, b"\x20\0\x65\x58" + bytes(4) + ANSWER[1]), [(VIP, A, "tunnel", None, 1)], id="in GRE, with a key"
        ),
        pytest.param(
            ipv4(47, b"\x10\0\x88\xbe" + bytes(4) + bytes(8) + ANSWER[1]), [(VIP, A, "tunnel", None, 1)], id="in ERSPAN"
        ),
        pytest.param(udp(53, bytes(8) + ANSWER[1]), [], id="in something else"),
        pytest.param(udp(4789, bytes(8) + ANSWER[1][:30]), [], id="cut short in VXLAN"),
    ],
)
def test_what_answers_on_another_lan_is_named_and_is_no_reply(frame, expected):
    found = heard(ASK, (1, frame))
    assert (noted(found), found.replies) == (expected, ())


def test_a_tag_that_only_carries_a_priority_changes_nothing():
    tagged = [(at, octets[:12] + b"\x81\0\xe0\0" + octets[12:]) for at, octets in (ASK, ANSWER)]
    assert heard(*tagged).replies == heard(ASK, ANSWER).replies


def test_who_announces_a_wanted_address_is_noted_whether_or_not_it_ever_answers():
    found = heard(
        ASK,
        ANSWER,
        (40, who_has(VIP, B, VIP)),
        (90, is_at(VIP, B, BROADCAST, VIP, source=OTHER)),
        (95, who_has("10.0.0.99", B, "10.0.0.99")),
    )
    assert found.gratuitous == (Gratuitous(at=40.0, interface="capture", ip=IPv4Address(VIP), mac=B, source=B, frames=2),)
    assert {reply.mac for reply in found.replies} == {A}


def test_who_asks_says_whose_mac_it_is():
    found = heard(
        (0, who_has("10.0.0.99", A, NODE)), (5, who_has("10.0.0.98", B, NODE)), (6, who_has("10.0.0.99", CLIENT, "10.0.0.5"))
    )
    assert found.requesters == {IPv4Address(NODE): frozenset({A, B})}


def test_a_flood_of_macs_is_bounded_and_counted():
    forged = [
        (1, is_at(VIP, Mac.from_bytes(b"\x02\x01\0\0" + n.to_bytes(2, "big")), CLIENT, "10.0.0.5"))
        for n in range(MOST_MACS + 10)
    ]
    found = heard(ASK, *forged)
    assert len({reply.mac for reply in found.replies}) == MOST_MACS
    assert found.overflows == (Overflow(ip=IPv4Address(VIP), replies=10),)


def test_times_and_troubles():
    entries = [Recorded(START + 10**9, b""), Recorded(START, b""), Dropped(7), Cut(3)]
    found = captured(entries, [], "lan.pcap")
    assert (found.started_at.isoformat(), found.ended_at.isoformat()) == (
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:01+00:00",
    )
    assert found.trouble == ("7 frames were lost while it was recorded", "the file ends in the middle of frame 3")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        pytest.param([], "the file contains no frames", id="nothing"),
        pytest.param([Recorded(2**63 * 10**9, b"")], "invalid timestamp", id="no time"),
    ],
)
def test_refused(entries, words):
    with pytest.raises(InputError, match=words):
        captured(entries, [], "lan.pcap")


@given(st.lists(st.tuples(st.integers(0, 10**10), st.binary(max_size=80)), min_size=1, max_size=5), st.booleans())
def test_any_frames_give_something(frames, as_arp):
    head = ASK[1][:20]
    entries = [Recorded(at, (head + octets) if as_arp else octets) for at, octets in frames]
    assert captured(entries, [IPv4Address(VIP)], "x").frames == len(frames)
