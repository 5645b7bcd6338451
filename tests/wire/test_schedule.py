"""schedule: when which question is put, on a clock that the test turns."""

from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from arpcheck.model import Ask, Mac
from arpcheck.wire.schedule import Course, Schedule, seconds

A, B, NODE, CANARY = (IPv4Address(ip) for ip in ("10.0.0.50", "10.0.0.51", "10.0.0.11", "10.96.0.1"))
M1, M2 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")


def course(*ips, rounds=3, rate=1000.0, wait=1.0, **rest):
    asks = tuple(Ask(interface="eth0", ip=ip, sender=IPv4Address(0)) for ip in ips)
    rest.setdefault("judged", frozenset(ips) - {NODE, CANARY})
    return Course(asks=asks, rounds=rounds, rate=rate, wait=wait, **rest)


def frame(ask):
    return ask.ip.packed


def run(plan, answers=lambda number, ip, to: (), *, start=0.0, most=10_000):
    """Every question with its time, on a network that answers at once."""
    schedule, now, sent = Schedule("eth0", plan, frame), start, []
    schedule.begin(start)
    for _ in range(most):
        due = schedule.due(now)
        if due is None:
            return sent
        if isinstance(due, float):
            assert due > now, "it must not ask to be called again at once for ever"
            now = due
            continue
        number, ask, *_ = due
        schedule.sent_at(due, now)
        sent.append((round(now, 4), number, ask.ip, ask.to))
        for mac in answers(number, ask.ip, ask.to):
            schedule.heard(number, ask.ip, mac)
    raise AssertionError("the schedule does not end")


def test_every_target_is_asked_once_a_round_and_rounds_are_a_second_apart():
    sent = run(course(A, B, rate=100.0), lambda *_: (M1,))
    assert [(number, ip) for _, number, ip, _ in sent] == [(1, A), (1, B), (2, A), (2, B), (3, A), (3, B)]
    times = [at for at, _, ip, _ in sent if ip == A]
    assert [round(b - a, 3) for a, b in pairwise(times)] == [1.0, 1.0]


def test_the_rate_holds():
    sent = run(course(*(A + i for i in range(50)), rounds=1, rate=100.0), lambda *_: (M1,))
    assert sent[-1][0] == pytest.approx(0.49, abs=0.001)


def test_a_stall_does_not_become_a_burst():
    schedule = Schedule("eth0", course(*(A + i for i in range(50)), rounds=1, rate=10.0), frame)
    schedule.sent_at(schedule.due(0.0), 0.0)
    schedule.sent_at(schedule.due(5.0), 5.0)  # the process was not scheduled for five seconds
    assert schedule.due(5.0) == pytest.approx(5.08), "at most 20 ms are made up for"


@pytest.mark.parametrize(
    ("rate", "stall", "at_once"),
    [
        pytest.param(1000.0, 0.01, 10, id="10 ms at 1,000/s: all of it is made up for"),
        pytest.param(1000.0, 5.0, 20, id="at 1,000/s: 20 ms of it"),
        pytest.param(4000.0, 5.0, 64, id="at 4,000/s: as many as a speaker's socket bears"),
        pytest.param(10.0, 5.0, 0, id="at 10/s: not one frame more"),
    ],
)
def test_a_short_delay_is_made_up_for(rate, stall, at_once):
    schedule = Schedule("eth0", course(*(A + i for i in range(200)), rounds=1, rate=rate), frame)
    schedule.sent_at(schedule.due(0.0), 0.0)
    now, sent = stall + 1e-9, 0
    while not isinstance(due := schedule.due(now), float):
        schedule.sent_at(due, now)
        sent += 1
    assert sent in (at_once, at_once + 1), "and the one that is due"


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        pytest.param(lambda n, ip, to: (M1,), [], id="answered alike in every round: settled"),
        pytest.param(lambda n, ip, to: (), [4], id="silent: once more"),
        pytest.param(lambda n, ip, to: (M1,) if n != 2 else (), [4], id="silent in one round"),
        pytest.param(lambda n, ip, to: (M1,) if n < 3 else (M2,), [4], id="another answered"),
        pytest.param(lambda n, ip, to: (M1, M2) if n == 1 else (M1,), [4], id="a second answered once"),
    ],
)
def test_what_can_not_be_relied_on_is_asked_again_before_it_is_judged(answers, again):
    sent = run(course(A, rounds=3), answers)
    assert [number for _, number, _, _ in sent] == [1, 2, 3, *again]
    if again:
        assert sent[-1][0] - sent[-2][0] >= 1.0


def test_asking_again_is_slow_whatever_the_rate():
    sent = run(course(*(A + i for i in range(30)), rounds=1, rate=4000.0))
    first, again = [s for s in sent if s[1] == 1], [s for s in sent if s[1] == 2]
    assert first[-1][0] < 0.01
    assert again[-1][0] - again[0][0] >= 0.2899, "100 a second: the pause before it is not made up for"
    assert [ip for *_, ip, _ in first] == [ip for *_, ip, _ in again]


def test_at_a_slow_rate_only_what_is_judged_is_asked_again():
    plan = course(CANARY, A, rounds=1, rate=10.0)
    assert [(number, ip) for _, number, ip, _ in run(plan)] == [(1, CANARY), (1, A), (2, A)]


def test_above_it_the_canary_is_too():
    plan = course(CANARY, A, rounds=1, rate=4000.0)
    assert [(number, ip) for _, number, ip, _ in run(plan, lambda n, ip, to: (M1,) if ip == A else ())] == [
        (1, CANARY), (1, A), (2, CANARY),
    ]  # fmt: skip


def test_every_node_that_was_heard_is_asked_the_canary_by_unicast_once():
    plan = course(CANARY, NODE, rounds=2, rate=10.0, nodes=frozenset({NODE}), canary=CANARY, known=frozenset({M2}))
    sent = run(plan, lambda n, ip, to: (M1,) if ip == NODE else ())
    assert [(number, to) for _, number, ip, to in sent if to] == [(3, M1), (3, M2)]


def test_a_mac_that_answered_for_two_nodes_is_asked_alone_at_the_very_end():
    homes = {NODE: frozenset({"n1"}), B: frozenset({"n2"})}
    plan = course(CANARY, NODE, B, A, rounds=1, rate=10.0, nodes=frozenset({NODE, B}), judged=frozenset({A}), canary=CANARY, homes=homes)
    sent = run(plan, lambda n, ip, to: () if ip == CANARY or to else (M1,))
    assert [(number, ip, to) for _, number, ip, to in sent[4:]] == [
        (2, CANARY, M1), (2, NODE, M1), (2, B, M1), (2, NODE, M1), (2, B, M1),
    ]  # fmt: skip
    plain = run(plan, lambda n, ip, to: {NODE: (M1,), B: (M2,), A: (M1,)}.get(ip, ()))
    assert [(ip, to) for _, _, ip, to in plain[4:]] == [(CANARY, M1), (CANARY, M2)]


def test_a_mac_of_nobody_is_asked_alone_for_every_node_and_for_the_canary():
    plan = course(CANARY, NODE, A, rounds=1, rate=10.0, nodes=frozenset({NODE}), judged=frozenset({A}), canary=CANARY, homes={NODE: frozenset({"n1"})})
    sent = run(plan, lambda n, ip, to: {NODE: (M1,), A: (M2,)}.get(ip, ()) if to is None else ())
    assert [(number, ip, to) for _, number, ip, to in sent[3:]] == [(2, CANARY, M1), (2, NODE, M2), (2, CANARY, M2)]


def test_an_answered_node_is_not_asked_again_after_two_rounds_that_brought_no_new_mac():
    plan = course(NODE, rounds=6, nodes=frozenset({NODE}), judged=frozenset(), rate=10.0)
    assert [number for _, number, _, _ in run(plan, lambda *_: (M1,))] == [1, 2, 3]
    late = run(plan, lambda n, ip, to: (M1, M2) if n >= 3 else (M1,))
    assert [number for _, number, _, _ in late] == [1, 2, 3, 4, 5]


def test_a_silent_node_is_asked_in_every_round():
    plan = course(NODE, rounds=4, nodes=frozenset({NODE}), judged=frozenset(), rate=10.0)
    assert [number for _, number, _, _ in run(plan)] == [1, 2, 3, 4]


def test_only_the_own_interface_is_asked():
    plan = course(A)
    other = Course(asks=(Ask(interface="eth1", ip=B, sender=IPv4Address(0)), *plan.asks), rounds=1, rate=10.0, wait=1.0)
    assert {ip for _, _, ip, _ in run(other, lambda *_: (M1,))} == {A}


@pytest.mark.parametrize(
    ("targets", "rounds", "rate", "expected"),
    [
        pytest.param(100, 3, 10.0, 31.0, id="frames rule"),
        pytest.param(2, 3, 10.0, 3.2, id="the second between rounds rules"),
    ],
)
def test_the_duration_is_said_beforehand(targets, rounds, rate, expected):
    plan = course(*(A + i for i in range(targets)), rounds=rounds, rate=rate)
    assert seconds(plan, ("eth0",)) == pytest.approx(expected)
