"""Observations: the replies counted, and the rounds that count."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.evidence import Evidence, Options
from arpcheck.judge.observations import Observations
from arpcheck.model import Loss, Mac, Question, Reply

IP, ZERO, OWN = IPv4Address("10.0.0.50"), IPv4Address(0), IPv4Address("10.0.0.5")
M, OTHER = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def observations(asked, answered=(), *, rate=10.0, rounds=3, losses=(), to=None):
    questions = tuple(Question(number * 1000.0, "eth0", number, IP, OWN, to) for number in asked)
    replies = tuple(Reply(n * 1000.0 + 1, "eth0", n, IP, OWN, to, M, M, 1.0) for n in answered)
    options = Options(interfaces=("eth0",), rate=rate, rounds=rounds)
    made = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=options, questions=questions, replies=replies, losses=losses
    )
    return Observations(made)


@pytest.mark.parametrize(
    ("asked", "answered", "rate", "expected"),
    [
        pytest.param((1, 2, 3), (), 10.0, (1, 2, 3), id="slow: silence counts"),
        pytest.param((1, 2, 3, 4), (1, 3, 4), 10.0, (1, 2, 3, 4), id="slow and asked again: silence counts"),
        pytest.param((1, 2, 3, 4), (1, 3, 4), 100.0, (1, 2, 3, 4), id="as fast as a speaker can bear: silence counts"),
        pytest.param((1, 2, 3, 4), (1, 3, 4), 4000.0, (1, 3, 4), id="fast: silence is set aside, since it was asked again"),
        pytest.param((1, 2, 3, 4), (), 4000.0, (4,), id="fast and silent throughout: the slow round judges"),
        pytest.param((1, 2, 3), (1,), 4000.0, (1, 2, 3), id="fast and not asked again: nothing is set aside"),
    ],
)
def test_the_rounds_that_count(asked, answered, rate, expected):
    assert observations(asked, answered, rate=rate).rounds(IP) == expected


def test_rounds_are_in_their_order():
    assert observations((9, 8, 1)).asked(IP).rounds() == (1, 8, 9)


def test_replies_are_counted_against_the_questions_that_reached_the_mac():
    made = observations((1, 2, 3), (1, 1, 3, 3))
    replies = made.by_nic(IP)["eth0", M]
    assert (len(replies), made.asked(IP).heard_by(replies)) == (4, 2)


def test_a_question_to_one_mac_alone_counts_for_that_one():
    both = [Question(0.0, "eth0", number, IP, OWN, to) for number, to in ((1, None), (2, M), (2, OTHER), (3, M))]
    answers = [Reply(1.0, "eth0", number, IP, OWN, to, M, M, 1.0) for number, to in ((1, None), (2, M))]
    made = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0",)), questions=both, replies=answers
    )
    assert Observations(made).asked(IP).heard_by(answers) == 2
    assert Observations(made).asked(IP).heard_by(answers[1:]) == 1


def test_a_question_on_another_interface_did_not_reach_the_mac():
    asked = [Question(0.0, interface, number, IP, OWN, None) for interface in ("eth0", "eth1") for number in (1, 2)]
    answers = [Reply(1.0, "eth0", number, IP, OWN, None, M, M, 1.0) for number in (1, 1, 2)]
    made = Evidence(
        arpcheck="x",
        started_at=NOW,
        ended_at=NOW,
        options=Options(interfaces=("eth0", "eth1")),
        questions=asked,
        replies=answers,
    )
    assert Observations(made).asked(IP).heard_by(answers) == 2


def test_macs_are_in_their_order():
    macs = [Mac(f"02:00:00:00:00:0{number}") for number in range(1, 7)]
    replies = tuple(Reply(1.0, "eth0", 1, IP, OWN, None, mac, mac, 1.0) for mac in (*macs[3:], *macs[:3]))
    made = Evidence(arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0",)), replies=replies)
    assert Observations(made).nics() == [("eth0", mac) for mac in macs]


def test_a_loss_concerns_the_rounds_it_names():
    made = observations((1, 2), losses=(Loss(interface="eth0", rounds=(2,), frames=4),))
    assert made.lost(IP)
    assert not observations((1,), losses=(Loss(interface="eth0", rounds=(2,), frames=4),)).lost(IP)
    assert not observations((1, 2), losses=(Loss(interface="eth1", rounds=(2,), frames=4),)).lost(IP)


@pytest.mark.parametrize(("interface", "number", "lost"), [("eth0", 2, True), ("eth0", 1, False), ("eth1", 2, False)])
def test_a_loss_concerns_what_was_asked_of_one_mac_alone_too(interface, number, lost):
    """That answer may have been the only one: a switch that answers ARP itself hides the others."""
    made = observations((2,), to=M, losses=(Loss(interface=interface, rounds=(number,), frames=1),))
    assert made.lost(IP) is lost
