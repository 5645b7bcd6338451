"""summary: who a client takes, and how well an address was asked."""

from dataclasses import replace

import pytest
from judge_cases import IP, OURS, evidence, hosts, mac, observations, party

from arpcheck.evidence import Capture, Options
from arpcheck.judge.observations import Observations
from arpcheck.judge.summary import confidence, winner
from arpcheck.model import Confidence, Loss, Question, Reply

A, B, STRANGER = (party(n, node=node).responder for n, node in ((1, "a"), (2, "b"), (3, None)))


def heard(*replies, to=None, asked=(1, 2, 3), senders=(OURS,)):
    """`replies`: a round, the number of a MAC and how many ms after the request; asked on eth0."""
    questions = tuple(Question(n * 1000.0, "eth0", n, IP, sender, to) for n in asked for sender in senders)
    found = tuple(Reply(n * 1000 + after, "eth0", n, IP, OURS, to, mac(who), mac(who), after) for n, who, after in replies)
    return Observations(evidence(questions=questions, replies=found))


def fastest(one, ms):
    return one._replace(first_reply_ms=ms)


@pytest.mark.parametrize(
    ("replies", "responders", "won"),
    [
        pytest.param((), (), None, id="nobody replied"),
        pytest.param([(1, 1, 0.3)], (A,), "a", id="a node alone"),
        pytest.param([(1, 3, 0.3)], (STRANGER,), mac(3), id="a MAC of no node"),
        pytest.param([(1, 1, 0.3), (1, 2, 0.2)], (A, B), "b", id="the first, not the one with the lower MAC"),
        pytest.param(
            [(1, 1, 0.1), (1, 2, 0.2), (2, 1, 0.9), (2, 2, 0.2), (3, 1, 0.9), (3, 2, 0.2)],
            (fastest(A, 0.1), fastest(B, 0.2)), "b", id="first in most rounds, not fastest once",
        ),
        pytest.param(
            [(1, 1, 0.3), (1, 2, 0.4), (2, 1, 0.4), (2, 2, 0.1)],
            (fastest(A, 0.3), fastest(B, 0.1)), "b", id="first equally often: the fastest reply",
        ),
        pytest.param([(1, 1, 0.1), (1, 2, 0.2)], (B,), "b", id="who is not shown as a responder is left out"),
        pytest.param([(1, 1, 0.1)] * 3 + [(2, 2, 0.1), (3, 2, 0.1)], (A, B), "b", id="repeats count once"),
    ],
)  # fmt: skip
def test_the_winner_is_who_replies_first(replies, responders, won):
    assert winner(IP, responders, heard(*replies)) == won


def test_who_was_asked_alone_wins_nothing():
    assert winner(IP, (A,), heard((1, 1, 0.1), to=mac(1))) is None


def test_replies_whose_request_nobody_saw_have_no_first():
    assert winner(IP, (A, B), heard((1, 1, 0.1), (1, 2, 0.2), asked=())) is None


def test_not_asked():
    assert confidence(IP, observations(), ()) == Confidence() == Confidence(rounds=0, lost=0, slowest_rate=None)


@pytest.mark.parametrize(
    ("rate", "asked", "answered", "found"),
    [
        pytest.param(10.0, (1, 2, 3), (), Confidence(rounds=3, slowest_rate=10.0), id="as announced"),
        pytest.param(4000.0, (1, 2, 3), (), Confidence(rounds=3, slowest_rate=4000.0), id="fast"),
        pytest.param(4000.0, (1, 2, 3, 4), (), Confidence(rounds=1, slowest_rate=100.0), id="asked again slowly"),
        pytest.param(
            4000.0, (1, 2, 3, 4), (1, 2, 3), Confidence(rounds=4, slowest_rate=100.0), id="a reply in a fast round counts"
        ),
        pytest.param(10.0, (1, 2, 3, 4), (), Confidence(rounds=4, slowest_rate=10.0), id="never faster than the run"),
    ],
)
def test_the_rounds_that_count_and_the_slowest_rate(rate, asked, answered, found):
    options = Options(interfaces=("eth0",), rate=rate)
    made = observations(*((IP, n) for n in asked), answered=[(IP, n, 1) for n in answered], options=options)
    assert confidence(IP, made, ()) == found


def test_rounds_of_several_hosts_are_added():
    assert confidence(IP, hosts((IP, 1), (IP, 2), (IP, 4)), ()) == Confidence(rounds=3, slowest_rate=10.0)


def test_a_capture_has_no_rate():
    made = observations((IP, 1), capture=Capture(name="x.pcap", frames=1, unseen=0))
    assert confidence(IP, made, ()).slowest_rate is None


def test_frames_that_were_lost_while_it_was_asked():
    lost = Loss(interface="eth0", rounds=(2, 3), frames=7)
    losses = (lost, replace(lost, rounds=(9,)), replace(lost, interface="eth1"))
    assert confidence(IP, observations((IP, 1), (IP, 2)), losses).lost == 7
