"""replies: which question a frame answers, what is kept and what is only counted."""

from collections import Counter
from ipaddress import IPv4Address
from itertools import count, islice

import pytest

from arpcheck.model import Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply
from arpcheck.wire.packets import ARP_FRAME, Arrival, TakenFor
from arpcheck.wire.replies import (
    ALWAYS,
    MOST_FURTHER,
    MOST_MACS,
    MOST_MACS_OF_A_NODE,
    MOST_RECORDED,
    MOST_REPLIES,
    MOST_SPEAKERS,
    MOST_STRANGERS,
    ReplyMatcher,
)

OUR_MAC, OUR_IP = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5")
ZERO, VIP = IPv4Address(0), IPv4Address("10.0.0.50")
M1 = Mac("02:00:00:00:00:11")
BROADCAST = Mac("ff:ff:ff:ff:ff:ff")


def frame(*, ip=VIP, mac=M1, target=OUR_IP, target_mac=OUR_MAC, destination=OUR_MAC, source=None, op=2):
    return ARP_FRAME.pack(
        destination.to_bytes(), (source or mac).to_bytes(), 0x0806, 1, 0x0800, 6, 4, op,
        mac.to_bytes(), ip.packed, target_mac.to_bytes(), target.packed,
    )  # fmt: skip


def account(*questions):
    made = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})})
    for at, number, sender, to in questions:
        made.requested(Question(at, "eth0", number, VIP, sender, to))
    return made


def arrive(made, data, at=100.5, interface="eth0"):
    return made.arrived(Arrival(interface, at, data))


def test_a_reply_is_kept_with_the_question_it_answers():
    made = account((10.0, 1, OUR_IP, None))
    reply = arrive(made, frame(), at=100.0125)
    assert (reply.round, reply.ip, reply.sender, reply.mac, reply.to) == (1, VIP, OUR_IP, M1, None)
    assert reply.after == pytest.approx(2.5)
    assert made.replies == [reply]


def test_a_late_reply_belongs_to_the_last_question_before_it():
    made = account((0.0, 1, OUR_IP, None), (1000.0, 2, OUR_IP, None))
    assert arrive(made, frame(), at=101.2).round == 2


def test_the_sender_tells_which_of_two_questions_was_answered():
    made = account((0.0, 1, ZERO, None), (1.0, 1, OUR_IP, None))
    assert arrive(made, frame(target=ZERO)).sender == ZERO
    assert arrive(made, frame()).sender == OUR_IP


def test_a_unicast_question_is_answered_by_its_mac_only():
    other = Mac("02:00:00:00:00:12")
    made = account((0.0, 1, ZERO, None), (10.0, 4, ZERO, M1))
    assert (arrive(made, frame(target=ZERO)).round, made.replies[-1].to) == (4, M1)
    late = arrive(made, frame(target=ZERO, mac=other))
    assert (late.round, late.to) == (1, None)


def test_a_reply_to_broadcast_counts():
    made = account((0.0, 1, OUR_IP, None))
    assert arrive(made, frame(destination=BROADCAST)).mac == M1
    assert arrive(made, frame(destination=BROADCAST, target_mac=BROADCAST)).mac == M1


def test_the_ethernet_source_is_kept_beside_the_arp_sender():
    relay = Mac("02:00:00:00:00:99")
    assert arrive(account((0.0, 1, OUR_IP, None)), frame(source=relay)).source == relay


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(frame()[:30], "truncated", id="truncated"),
        pytest.param(frame(op=1), "not-a-reply", id="a request"),
        pytest.param(frame(ip=IPv4Address("10.0.0.99")), "not-asked", id="an address that was not asked"),
        pytest.param(frame(target=IPv4Address("10.0.0.9")), "not-for-us", id="another host's address"),
        pytest.param(frame(target=ZERO), "not-for-us", id="an answer to 0.0.0.0, which did not ask"),
        pytest.param(frame(target=VIP), "announcement", id="gratuitous, of an asked address"),
        pytest.param(frame(ip=OUR_IP, target=OUR_IP), "announcement", id="gratuitous, of another"),
        pytest.param(frame(mac=OUR_MAC), "own-mac", id="our own MAC"),
    ],
)
def test_what_is_none_of_ours_changes_nothing_and_is_counted(data, why):
    made = account((0.0, 1, OUR_IP, None))
    assert not isinstance(arrive(made, data), Reply)
    assert made.ignored == {why: 1}
    assert made.replies == []


def test_an_answer_to_somebody_elses_zero_sender_question_is_not_ours():
    made = account((0.0, 1, ZERO, None))
    arrive(made, frame(target=ZERO, target_mac=Mac("02:00:00:00:00:77"), destination=BROADCAST))
    assert made.replies == []
    assert made.ignored == {"not-for-us": 1}


def test_a_frame_for_another_host_is_not_ours():
    made = account((0.0, 1, OUR_IP, None))
    assert arrive(made, frame(destination=Mac("02:00:00:00:00:77"))) is None
    assert made.ignored == {"not-for-us": 1}


def test_a_reply_with_our_own_mac_is_no_evidence_and_makes_the_target_doubtful():
    made = account((0.0, 1, OUR_IP, None))
    arrive(made, frame(mac=OUR_MAC))
    assert made.overflows() == (Overflow(ip=VIP, replies=1),)


@pytest.mark.parametrize(("nodes", "most"), [(frozenset(), MOST_MACS), (frozenset({VIP}), MOST_MACS_OF_A_NODE)])
def test_a_flood_of_macs_is_bounded_and_counted(nodes, most):
    made = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})}, nodes)
    made.requested(Question(0.0, "eth0", 1, VIP, OUR_IP, None))
    for number in range(most + 10):
        arrive(made, frame(mac=Mac.from_bytes(bytes((2, 0, 0, 1)) + number.to_bytes(2, "big"))))
    assert len({reply.mac for reply in made.replies}) == most
    assert made.overflows() == (Overflow(ip=VIP, replies=10),)


def test_a_flood_from_one_mac_is_bounded_and_counted():
    made = account((0.0, 1, OUR_IP, None))
    for _ in range(MOST_REPLIES + 3):
        arrive(made, frame())
    assert len(made.replies) == MOST_REPLIES
    assert made.overflows() == (Overflow(ip=VIP, replies=3),)


FURTHER = 500


def crowd(addresses, macs, rounds=1, repeats=1, strangers=MOST_STRANGERS):
    """`macs`: those that answer for an address in a round."""
    made = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})}, further=FURTHER, strangers=strangers)
    for number in range(1, rounds + 1):
        for place in range(addresses):
            ip = IPv4Address(0x0A010000 + place)
            made.requested(Question(0.0, "eth0", number, ip, OUR_IP, None))
            for octets in [*macs()] * repeats:
                arrive(made, frame(ip=ip, mac=octets))
    return made


def of(number):
    return Mac.from_bytes(b"\x02\1" + number.to_bytes(4, "big"))


FEW, MANY = ([of(number) for number in range(size)] for size in (6, 20))


def test_a_crowd_that_answers_for_many_addresses_is_bounded_by_rows():
    made = crowd(40, lambda: MANY, rounds=2)
    assert len(made.replies) == 40 * 2 * ALWAYS + FURTHER
    for number in (1, 2):
        kept = Counter(reply.ip for reply in made.replies if reply.round == number)
        assert (len(kept), min(kept.values())) == (40, ALWAYS)
    rows = Counter(reply.ip for reply in made.replies)
    counted = {ip: 2 * len(MANY) - kept for ip, kept in rows.items() if kept < 2 * len(MANY)}
    assert {overflow.ip: overflow.replies for overflow in made.overflows()} == counted


def test_a_crowd_of_ever_new_macs_is_bounded_by_macs():
    forged = (of(number) for number in count())
    made = crowd(40, lambda: islice(forged, 30))
    assert len({reply.mac for reply in made.replies}) == 40 * ALWAYS + FURTHER
    assert sum(overflow.replies for overflow in made.overflows()) == 40 * 30 - len(made.replies)


def test_a_new_mac_is_kept_among_the_first_of_an_address_only_once_there_are_many_and_a_known_one_all_the_same():
    forged = (of(number) for number in count())
    made = crowd(40, lambda: islice(forged, 30), strangers=100)
    kept = Counter(reply.ip for reply in made.replies)
    assert sorted(kept.values()) == [ALWAYS] * 36 + [10, 30, 30, 30]
    assert sum(overflow.replies for overflow in made.overflows()) == 40 * 30 - len(made.replies)
    arrive(made, frame(ip=IPv4Address(0x0A010000 + 39), mac=of(0)))
    assert made.replies[-1].mac == of(0)


def test_a_crowd_that_repeats_itself_is_bounded_by_rows_and_a_first_reply_is_kept_all_the_same():
    made = crowd(3, lambda: FEW, repeats=MOST_REPLIES)
    assert len(made.replies) == 3 * ALWAYS + FURTHER
    last = IPv4Address("10.0.0.99")
    made.requested(Question(0.0, "eth0", 1, last, OUR_IP, None))
    arrive(made, frame(ip=last))
    assert made.replies[-1].ip == last


def test_a_hundred_nodes_that_all_answer_for_a_thousand_addresses_are_kept():
    assert MOST_MACS >= 100
    assert MOST_FURTHER >= 100 * 1000
    assert MOST_STRANGERS >= 5000  # nodes of the largest cluster (kubernetes.io, setup/best-practices/cluster-large)


# ------------------------------------------------------------------------------------------------- what is overheard

OTHER_IP, STRANGER = IPv4Address("10.0.0.9"), Mac("02:00:00:00:00:77")


def announced(**given):
    """A frame by which M1 says that it has the address."""
    return frame(**{"target": VIP, "target_mac": BROADCAST, "destination": BROADCAST, **given})


def overheard(data, taken_for=TakenFor.US, wanted=(VIP,), asked=True):
    made = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})}, wanted=wanted)
    if asked:
        made.requested(Question(0.0, "eth0", 1, VIP, OUR_IP, None))
    made.arrived(Arrival("eth0", 100.25, data, taken_for))
    return made


@pytest.mark.parametrize("asked", [True, False], ids=["asked before", "asked later"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(announced(op=1), id="a request for its own sender address"),
        pytest.param(announced(), id="a reply to its own sender address"),
        pytest.param(announced(destination=OUR_MAC), id="the same to us alone"),
        pytest.param(
            frame(target=OTHER_IP, target_mac=STRANGER, destination=BROADCAST), id="a reply to another, to everybody"
        ),
    ],
)
def test_who_announces_an_asked_address_is_noted_and_is_no_reply(data, asked):
    made = overheard(data, asked=asked)
    assert made.unsolicited.gratuitous() == (Gratuitous(at=250.0, interface="eth0", ip=VIP, mac=M1, source=M1, frames=1),)
    assert made.replies == []


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param(announced(ip=OTHER_IP, target=OTHER_IP), (VIP,), id="of an address that is not asked"),
        pytest.param(frame(op=1, target=OTHER_IP, destination=BROADCAST), (VIP,), id="a question of its owner"),
        pytest.param(announced(op=1, ip=ZERO), (VIP,), id="somebody's ARP Probe"),
        pytest.param(announced(op=1, mac=BROADCAST), (VIP,), id="a request without a sender"),
        pytest.param(frame(target=OUR_IP), (), id="a reply to us"),
    ],
)
def test_what_is_no_announcement_of_an_asked_address(data, wanted):
    assert overheard(data, wanted=wanted).unsolicited.gratuitous() == ()


@pytest.mark.parametrize(
    ("data", "taken_for", "reason"),
    [
        pytest.param(frame(), TakenFor.OTHER_INTERFACE, PassReason.OTHER_INTERFACE, id="of an interface above this one"),
        pytest.param(frame(), TakenFor.OTHER_HOST, PassReason.VLAN, id="to us, and yet not: of another VLAN"),
        pytest.param(frame(destination=BROADCAST), TakenFor.OTHER_HOST, PassReason.VLAN, id="to everybody of another VLAN"),
        pytest.param(announced(op=1), TakenFor.OTHER_HOST, PassReason.VLAN, id="an announcement in another VLAN"),
        pytest.param(
            announced(), TakenFor.OTHER_INTERFACE, PassReason.OTHER_INTERFACE, id="an announcement above this interface"
        ),
        pytest.param(frame(destination=STRANGER), TakenFor.OTHER_HOST, PassReason.OTHER_HOST, id="to another's MAC"),
        pytest.param(frame(target=OTHER_IP), TakenFor.US, PassReason.OTHER_HOST, id="to us, for another's question"),
        pytest.param(frame(mac=OUR_MAC), TakenFor.US, PassReason.OWN_MAC, id="with our own MAC"),
        pytest.param(announced(op=1, mac=OUR_MAC), TakenFor.US, PassReason.OWN_MAC, id="an announcement with our own MAC"),
    ],
)
def test_what_speaks_for_an_asked_address_and_is_passed_over_says_why(data, taken_for, reason):
    made = overheard(data, taken_for)
    [passed] = made.unsolicited.passed_over()
    assert (passed.interface, passed.ip, passed.reason, passed.vlan, passed.frames) == ("eth0", VIP, reason, None, 1)
    assert passed.mac == (OUR_MAC if reason is PassReason.OWN_MAC else M1)
    assert (made.replies, made.unsolicited.gratuitous()) == ([], ())


def test_what_is_passed_over_of_an_address_that_is_not_asked_is_only_counted():
    made = overheard(frame(ip=OTHER_IP), TakenFor.OTHER_HOST)
    assert (made.unsolicited.passed_over(), made.ignored) == ((), {"vlan": 1})


def test_one_entry_for_each_that_announces_with_the_time_of_the_first():
    made = account()
    made.requested(Question(0.0, "eth0", 1, VIP, OUR_IP, None))
    for at, mac in ((100.1, M1), (100.2, STRANGER), (100.3, M1)):
        arrive(made, announced(mac=mac), at=at)
    assert [(g.mac, g.at, g.frames) for g in made.unsolicited.gratuitous()] == [(M1, 100.0, 2), (STRANGER, 200.0, 1)]


def test_a_flood_of_announcements_is_bounded():
    made = account((0.0, 1, OUR_IP, None))
    for number in range(MOST_SPEAKERS + 10):
        arrive(made, announced(mac=of(number)))
        arrive(made, frame(mac=of(number), destination=STRANGER))
    assert (len(made.unsolicited.gratuitous()), len(made.unsolicited.passed_over())) == (MOST_SPEAKERS, MOST_SPEAKERS)
    kept = [arrive(made, announced(mac=of(0))) for _ in range(MOST_RECORDED + 5)]
    assert sum(entry is not None for entry in kept) == MOST_RECORDED - 1, "what is recorded is bounded"
    assert made.unsolicited.gratuitous()[0].frames == 1 + MOST_RECORDED + 5, "and what is counted is not"


def test_what_was_passed_over_is_counted_by_its_reason():
    made = account((0.0, 1, OUR_IP, None))
    for taken_for in (TakenFor.OTHER_HOST, TakenFor.OTHER_INTERFACE, TakenFor.OTHER_HOST):
        made.arrived(Arrival("eth0", 100.5, frame(), taken_for))
    assert made.unsolicited.passed_over() == (
        PassedOver(interface="eth0", ip=VIP, mac=M1, reason=PassReason.OTHER_INTERFACE, frames=1),
        PassedOver(interface="eth0", ip=VIP, mac=M1, reason=PassReason.VLAN, frames=2),
    )
    assert made.ignored == {"vlan": 2, "other-interface": 1}


# --------------------------------------------------- A unicast request to a NIC whose station replies with another MAC address

PORT, BRIDGE = Mac("02:00:00:00:00:21"), Mac("02:00:00:00:00:22")
"""A port of a Linux bridge has a MAC address of its own, and the bridge replies."""


@pytest.mark.parametrize(
    ("broadcasts", "arrives", "expected"),
    [
        pytest.param([(0.0, OUR_IP)], 2010.0, PORT, id="the broadcast is older than a reply can be"),
        pytest.param([(0.0, OUR_IP)], 2000.0, PORT, id="at once"),
        pytest.param([(0.0, OUR_IP)], 2899.0, PORT, id="as late as a reply can be"),
        pytest.param([(0.0, OUR_IP)], 2901.0, None, id="later than that"),
        pytest.param([(0.0, OUR_IP)], 1990.0, None, id="before it was sent"),
        pytest.param([(1100.0, OUR_IP)], 2010.0, None, id="the broadcast may be what caused it"),
        pytest.param([(1099.0, OUR_IP)], 2010.0, PORT, id="just too old"),
        pytest.param([(0.0, OUR_IP), (1100.0, ZERO)], 2010.0, None, id="a broadcast from another sender may be"),
        pytest.param([(0.0, OUR_IP), (2005.0, OUR_IP)], 2010.0, None, id="a broadcast was sent after it"),
        pytest.param([(0.0, OUR_IP), (2005.0, ZERO)], 2010.0, PORT, id="the one after it was from another sender"),
    ],
)
def test_a_reply_with_another_mac_is_of_the_unicast_request_if_it_can_be_of_no_broadcast(broadcasts, arrives, expected):
    sent = sorted([(at, 1, sender, None) for at, sender in broadcasts] + [(2000.0, 4, OUR_IP, PORT)], key=lambda q: q[0])
    reply = arrive(account(*sent), frame(mac=BRIDGE), at=100.0 + arrives / 1000)
    assert (reply.mac, reply.to) == (BRIDGE, expected)


@pytest.mark.parametrize(("arrives", "kept"), [(2010.0, True), (2901.0, False)], ids=["in time", "too late"])
def test_without_any_broadcast_a_reply_with_another_mac_is_of_the_unicast_request_or_of_none(arrives, kept):
    made = account((2000.0, 1, OUR_IP, PORT))
    reply = arrive(made, frame(mac=BRIDGE), at=100.0 + arrives / 1000)
    assert (reply is not None) is kept
    assert made.ignored == ({} if kept else {"not-asked": 1})


def test_a_reply_with_the_requested_mac_is_never_of_another_unicast_request():
    made = account((0.0, 1, OUR_IP, PORT), (10.0, 1, OUR_IP, BRIDGE))
    assert arrive(made, frame(mac=PORT)).to == PORT
