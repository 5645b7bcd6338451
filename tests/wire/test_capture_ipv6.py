"""capture: solicitations and advertisements of neighbour discovery among recorded frames."""

from ipaddress import IPv6Address

import pytest
from discovery_frames import ASKER, LINK_LOCAL, OURS, THEIRS, VIP, advertisement, solicitation

from arpcheck.model import Gratuitous, Mac
from arpcheck.wire.capture import captured
from arpcheck.wire.neighbour_discovery import ALL_NODES, group_mac
from arpcheck.wire.pcap import Recorded

IP, SENDER, NODE = IPv6Address(VIP), IPv6Address(ASKER), IPv6Address("2001:db8:10::11")
A, OTHER = Mac.from_bytes(THEIRS), Mac("02:00:00:00:00:12")
OPTION = b"\2\1"
TO_ALL = {"destination": ALL_NODES.packed, "to": group_mac(ALL_NODES).to_bytes()}
START = 1_772_366_400 * 10**9
ASK, ANSWER = (0, solicitation()), (1, advertisement())
UNICAST = {"destination": VIP, "to": THEIRS}


def heard(*frames):
    entries = [Recorded(START + round(at * 1e6), octets) for at, octets in (*frames, (9_000, b""))]
    return captured(entries, [IP, NODE], "lan.pcap")


def replies(found):
    return [(r.round, r.mac, r.to, r.destination, r.after) for r in found.replies]


def questions(found):
    return [(q.round, q.ip, q.sender, q.to, q.destination) for q in found.questions]


def test_a_request_to_the_group_and_its_replies():
    second = advertisement(source=OTHER.to_bytes(), options=OPTION + OTHER.to_bytes(), flags=0x60)
    found = heard(ASK, ANSWER, (3, second))
    assert questions(found) == [(1, IP, SENDER, None, None)]
    assert replies(found) == [(1, A, None, None, 1.0), (1, OTHER, None, None, 3.0)]
    assert [(r.source, r.source_ip, r.flags) for r in found.replies] == [
        (A, IPv6Address(LINK_LOCAL), 0x40), (OTHER, IPv6Address(LINK_LOCAL), 0x60),
    ]  # fmt: skip
    assert (found.unseen, found.ignored) == (0, {"truncated": 1})


@pytest.mark.parametrize(
    ("changed", "to", "destination"),
    [
        pytest.param({}, None, None, id="the group"),
        pytest.param(TO_ALL, None, ALL_NODES, id="all nodes"),
        pytest.param(UNICAST, A, IP, id="the address itself"),
        pytest.param({"to": THEIRS}, A, None, id="the group, in a frame to one NIC"),
        pytest.param(
            {"to": THEIRS, "destination": LINK_LOCAL}, A, IPv6Address(LINK_LOCAL), id="the node's link-local address"
        ),
        pytest.param({"options": b""}, None, None, id="the group, without an option"),
    ],
)
def test_where_a_request_went_is_kept_with_its_reply(changed, to, destination):
    found = heard((0, solicitation(**changed)), ANSWER)
    assert questions(found) == [(1, IP, SENDER, to, destination)]
    assert replies(found) == [(1, A, to, destination, 1.0)]
    assert found.unseen == 0


def test_a_reply_belongs_to_the_latest_request_that_can_have_caused_it():
    found = heard(
        ASK, (10, solicitation(to=OTHER.to_bytes())), (11, ANSWER[1]), (20, solicitation(**UNICAST)), (21, ANSWER[1])
    )
    assert [(number, to) for number, _, to, _, _ in replies(found)] == [(1, None), (3, A)]


def test_a_reply_that_names_another_mac_than_the_one_that_was_asked():
    found = heard((0, solicitation(**UNICAST)), (1, advertisement(options=OPTION + OTHER.to_bytes())))
    assert [(r.round, r.mac, r.source, r.to) for r in found.replies] == [(1, OTHER, A, A)]
    assert found.unseen == 0


def test_a_reply_without_its_request_implies_a_unicast_one():
    found = heard(ANSWER)
    assert (questions(found), found.unseen) == ([(1, IP, SENDER, A, IP)], 1)
    assert len(heard(ASK, (1200, ANSWER[1])).questions) == 2


def test_a_request_that_a_mirror_shows_twice_is_one():
    found = heard(ASK, (0.02, ASK[1]), (0.1, solicitation(**TO_ALL)))
    assert (len(found.questions), found.ignored["seen-twice"]) == (2, 1)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"destination": ALL_NODES.packed, "to": TO_ALL["to"], "flags": 0x20}, id="to all nodes"),
        pytest.param({"flags": 0x20, "to": TO_ALL["to"]}, id="in a frame to a group"),
    ],
)
def test_an_advertisement_to_a_group_is_an_announcement(changed):
    found = heard(ASK, ANSWER, (40, advertisement(options=OPTION + OTHER.to_bytes(), **changed)))
    assert found.gratuitous == (Gratuitous(at=40.0, interface="capture", ip=IP, mac=OTHER, source=A, frames=1),)
    assert [r.mac for r in found.replies] == [A]


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        pytest.param(
            solicitation(source_ip=bytes(16), options=b""), "duplicate-address-detection", id="a host that takes the address"
        ),
        pytest.param(solicitation(to=b"\xff" * 6), "multicast", id="the group, in a broadcast"),
        pytest.param(solicitation(destination=b"\xff\2" + bytes(13) + b"\2"), "multicast", id="another group"),
        pytest.param(solicitation(target=NODE.packed[:15] + b"\x99"), "multicast", id="the group of another address"),
        pytest.param(solicitation(hops=64), "hop-limit", id="from another LAN"),
        pytest.param(advertisement(wrong=1), "checksum", id="a damaged reply"),
        pytest.param(advertisement(target=LINK_LOCAL), "another-address", id="a reply for another address"),
        pytest.param(advertisement(kind=134), "not-an-advertisement", id="a router's advertisement"),
        pytest.param(ASK[1][:12] + b"\x81\0\0\x07" + ASK[1][12:], "vlan", id="a VLAN tag"),
    ],
)
def test_what_says_nothing_is_counted(frame, why):
    found = heard((0, frame))
    assert (found.questions, found.replies, found.gratuitous) == ((), (), ())
    assert found.ignored[why] >= 1


def test_what_replies_on_another_lan_is_named_and_is_no_reply():
    tag = b"\x81\0\x20\x64"
    in_vxlan = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x11" + bytes(10) + bytes(2) + (4789).to_bytes(2, "big") + bytes(4)
    found = heard(ASK, (1, ANSWER[1][:12] + tag + ANSWER[1][12:]), (2, in_vxlan + bytes(8) + ANSWER[1]))
    assert [(p.ip, p.mac, p.reason, p.vlan) for p in found.passed_over] == [(IP, A, "tunnel", None), (IP, A, "vlan", 100)]
    assert found.replies == ()


def test_a_nodes_own_request_says_whose_mac_it_is():
    found = heard((0, solicitation(source_ip=NODE.packed)))
    assert found.requesters == {NODE: frozenset({Mac.from_bytes(OURS)})}
