"""schedule: when which question is put, on a clock that the test turns."""

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from arpcheck.model import Mac, Reply, Request
from arpcheck.wire.further_requests import MOST_REPEATS
from arpcheck.wire.scan_plan import ScanPlan, most_seconds, seconds
from arpcheck.wire.schedule import Schedule

A, B, NODE, CANARY = (IPv4Address(ip) for ip in ("10.0.0.50", "10.0.0.51", "10.0.0.11", "10.96.0.1"))
M1, M2 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")


def course(*ips, rounds=3, rate=1000.0, wait=1.0, **rest):
    asks = tuple(Request(interface="eth0", ip=ip, sender=IPv4Address(0)) for ip in ips)
    rest.setdefault("judged", frozenset(ips) - {NODE, CANARY})
    return ScanPlan(requests=asks, rounds=rounds, rate=rate, wait=wait, **rest)


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
            schedule.received(Reply(0.0, "eth0", number, ask.ip, ask.sender, ask.to, mac, mac, 0.0))
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


@pytest.mark.parametrize(("rounds", "expected"), [(3, [1, 2, 3, 4]), (2, [1, 2, 3, 4])])
def test_what_may_be_silent_without_those_who_are_accepted_is_asked_as_often_as_what_is_silent(rounds, expected):
    plan = counted(NODES[:3], A, B, senders=(OWN,), rounds=rounds)
    sent = put(
        replace(plan, partly_accepted=frozenset({A})),
        lambda n, ip, sender: (M1,) if ip in (A, B) else all_nodes(n, ip, sender),
    )
    assert [number for number, ip, _ in sent if ip == A] == expected
    assert [number for number, ip, _ in sent if ip == B] == [*range(1, rounds + 1)]


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
    plan = course(
        CANARY,
        NODE,
        B,
        A,
        rounds=1,
        rate=10.0,
        nodes=frozenset({NODE, B}),
        judged=frozenset({A}),
        canary=CANARY,
        homes=homes,
    )
    sent = run(plan, lambda n, ip, to: () if ip == CANARY or to else (M1,))
    assert [(number, ip, to) for _, number, ip, to in sent if to] == [
        (2, CANARY, M1), (2, NODE, M1), (2, B, M1), (2, NODE, M1), (2, B, M1),
    ]  # fmt: skip
    assert sent[-1][3], "when all else has been asked"
    plain = run(plan, lambda n, ip, to: {NODE: (M1,), B: (M2,), A: (M1,)}.get(ip, ()))
    assert [(ip, to) for _, _, ip, to in plain if to] == [(CANARY, M1), (CANARY, M2)]


def test_a_mac_of_nobody_is_asked_alone_for_every_node_and_for_the_canary():
    plan = course(
        CANARY,
        NODE,
        A,
        rounds=1,
        rate=10.0,
        nodes=frozenset({NODE}),
        judged=frozenset({A}),
        canary=CANARY,
        homes={NODE: frozenset({"n1"})},
    )
    sent = run(plan, lambda n, ip, to: {NODE: (M1,), A: (M2,)}.get(ip, ()) if to is None else ())
    assert [(number, ip, to) for _, number, ip, to in sent if to] == [
        (2, CANARY, M1),
        (2, NODE, M2),
        (2, NODE, M2),
        (2, CANARY, M2),
    ]


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
    other = ScanPlan(
        requests=(Request(interface="eth1", ip=B, sender=IPv4Address(0)), *plan.requests), rounds=1, rate=10.0, wait=1.0
    )
    assert {ip for _, _, ip, _ in run(other, lambda *_: (M1,))} == {A}


# -------------------------------------------------------------------------------------------- numbers for "quiet"

OWN = IPv4Address("10.0.0.5")
BOTH = (IPv4Address(0), OWN)
NODES = tuple(IPv4Address("10.0.1.1") + n for n in range(40))


def macs_of(ip):
    return (Mac.from_bytes(b"\x02\1" + ip.packed),)


def counted(nodes, *targets, senders=BOTH, rounds=3, rate=100.0, off=()):
    """A course with the canary, these nodes' addresses and targets; `off`: asked with 0.0.0.0 alone."""
    asks = tuple(
        Request(interface="eth0", ip=ip, sender=sender)
        for ip in (CANARY, *nodes, *targets)
        for sender in (senders[:1] if ip in off else senders)
    )
    return ScanPlan(
        requests=asks, rounds=rounds, rate=rate, wait=1.0, nodes=frozenset(nodes), judged=frozenset(targets), canary=CANARY,
        homes={ip: frozenset({f"node-{n}"}) for n, ip in enumerate(nodes)},
    )  # fmt: skip


def put(plan, answers):
    """`answers(round, ip, sender)`: the MACs. The questions to all, as (round, ip, sender)."""
    schedule, now, sent = Schedule("eth0", plan, frame), 0.0, []
    schedule.begin(now)
    for _ in range(20_000):
        due = schedule.due(now)
        if due is None:
            return sent
        if isinstance(due, float):
            now = due
            continue
        number, ask, *_ = due
        schedule.sent_at(due, now)
        if ask.to is None:
            sent.append((number, ask.ip, ask.sender))
        for mac in answers(number, ask.ip, ask.sender) if ask.to is None else ():
            schedule.received(Reply(0.0, "eth0", number, ask.ip, ask.sender, ask.to, mac, mac, 0.0))
    raise AssertionError("the schedule does not end")


def all_nodes(number, ip, sender):
    return () if ip == CANARY else macs_of(ip)


def questions(sent, ip):
    return sum(asked == ip for _, asked, _ in sent)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(counted(NODES[:3]), 8, id="three rounds by two senders are six, the slow round makes eight"),
        pytest.param(counted(NODES[:3], rounds=1), 8, id="one round"),
        pytest.param(counted(NODES[:3], rounds=4), 8, id="four rounds are enough"),
        pytest.param(counted(NODES[:3], senders=(OWN,)), 8, id="one sender"),
        pytest.param(
            counted(NODES[:3], rounds=9, senders=(OWN,)),
            8,
            id="nine rounds: a node that was answered is asked no more than that",
        ),
        pytest.param(counted(NODES[:19]), 8, id="nineteen nodes"),
        pytest.param(counted(NODES[:20]), 6, id="from twenty nodes on three are enough"),
        pytest.param(counted(NODES[:20], senders=(OWN,)), 3, id="from twenty nodes on, by one sender"),
        pytest.param(counted(NODES[:20], senders=(OWN,), rounds=1), 3, id="from twenty nodes on, in one round"),
    ],
)
def test_every_node_and_the_canary_are_asked_often_enough_to_call_it_quiet(plan, expected):
    sent = put(plan, all_nodes)
    assert {questions(sent, ip) for ip in plan.nodes} == {expected}
    assert questions(sent, CANARY) >= expected
    for node in plan.nodes:
        asked = {(number, sender) for number, ip, sender in sent if ip == node}
        assert asked <= {(number, sender) for number, ip, sender in sent if ip == CANARY}, (
            "in the same rounds, by the same senders"
        )


def test_the_slow_round_has_the_order_of_the_questions():
    """And not that of a set, which another process has otherwise: then its own records would not tell why."""
    sent = put(counted(NODES[:12]), all_nodes)
    more = [ip for number, ip, _ in sent if number > 3 and ip != CANARY]
    assert list(dict.fromkeys(more)) == [*NODES[:12]]


def test_a_node_off_the_subnet_is_counted_by_the_one_sender_that_asks_it():
    plan = counted(NODES[:2], off=NODES[1:2])
    sent = put(plan, all_nodes)
    assert [questions(sent, ip) for ip in NODES[:2]] == [8, 8]
    assert sum(ip == CANARY and sender == IPv4Address(0) for _, ip, sender in sent) == 8


def test_a_sender_to_whom_a_node_answers_for_everything_does_not_count():
    """Linux' proxy_arp on the node itself: it never answers 0.0.0.0 for what is not its own."""
    plan = counted(NODES[:2])
    asks = (*(Request(interface="eth0", ip=B, sender=sender) for sender in BOTH), *plan.requests)
    proxy = macs_of(NODES[0])
    answers = lambda n, ip, sender: (proxy if sender == OWN else ()) if ip == B else all_nodes(n, ip, sender)  # noqa: E731
    sent = put(replace(plan, requests=asks, controls=frozenset({B})), answers)
    assert sum(ip == NODES[0] and sender == IPv4Address(0) for _, ip, sender in sent) == 8
    assert questions(sent, NODES[1]) == 8, "of the other both senders count"


def test_a_sender_that_a_switch_drops_does_not_count():
    sent = put(counted(NODES[:2]), lambda n, ip, sender: () if sender == IPv4Address(0) else all_nodes(n, ip, sender))
    for ip in (*NODES[:2], CANARY):
        assert sum(asked == ip and sender == OWN for _, asked, sender in sent) == 8


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param(lambda n, ip, s: (), 6, id="a node that is not there"),
        pytest.param(
            lambda n, ip, s: macs_of(NODES[0]) if ip in (CANARY, NODES[0]) else (), 6, id="a node that answered the canary"
        ),
    ],
)
def test_what_is_decided_already_is_not_asked_more(answers, asked):
    sent = put(counted(NODES[:1]), answers)
    assert (questions(sent, NODES[0]), questions(sent, CANARY)) == (asked, asked)


def test_without_a_canary_nothing_is_counted():
    plan = counted(NODES[:2])
    plan = replace(plan, requests=tuple(ask for ask in plan.requests if ask.ip != CANARY))
    assert questions(put(plan, all_nodes), NODES[0]) == 6


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_after_a_miss_eight_more_of_both_are_asked(missed):
    lost = (missed, NODES[0], OWN)
    sent = put(counted(NODES[:2]), lambda *asked: () if asked == lost else all_nodes(*asked))
    after = [(number, sender) for number, ip, sender in sent[sent.index(lost) + 1 :] if ip == NODES[0]]
    assert len(after) == 8
    assert questions(sent, NODES[1]) == 8
    assert set(after) <= {(number, sender) for number, ip, sender in sent if ip == CANARY}


def test_a_node_that_goes_on_missing_begins_anew_three_times_at_most():
    sent = put(counted(NODES[:2]), lambda n, ip, sender: () if ip == NODES[0] and n % 4 == 0 else all_nodes(n, ip, sender))
    assert questions(sent, NODES[0]) == 6 + 4 * 8
    assert questions(sent, NODES[1]) == 8


def test_where_one_of_many_nodes_missed_a_question_eight_are_asked_of_all():
    lost = (2, NODES[0], OWN)
    sent = put(counted(NODES[:20]), lambda *asked: () if asked == lost else all_nodes(*asked))
    assert {questions(sent, ip) for ip in NODES[1:20]} == {8}


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        pytest.param(None, 3, id="nothing is lost"),
        pytest.param((2, NODES[0], OWN), 8, id="a node missed a question"),
        pytest.param((2, NODES[0], IPv4Address(0)), 8, id="by the other sender"),
    ],
)
def test_where_a_node_missed_a_question_what_is_judged_is_asked_as_often(lost, expected):
    plan = counted(NODES[:2], A, senders=(OWN, IPv4Address(0)))
    sent = put(plan, lambda *asked: () if asked == lost else (M1,) if asked[1] == A else all_nodes(*asked))
    assert len({number for number, ip, _ in sent if ip == A}) == expected


@pytest.mark.parametrize(("lost", "expected"), [(None, 4), ((2, NODES[0], OWN), 3)])
def test_what_is_silent_is_asked_four_times_where_nothing_is_lost(lost, expected):
    """Where something is, its silence proves nothing, however often it is asked."""
    plan = counted(NODES[:2], A, senders=(OWN,), rounds=2)
    sent = put(plan, lambda *asked: () if asked == lost or asked[1] == A else all_nodes(*asked))
    assert len({number for number, ip, _ in sent if ip == A}) == expected


def test_a_large_cluster_on_a_bad_line_is_asked_within_bounds():
    nodes = tuple(IPv4Address("10.1.0.1") + n for n in range(500))
    plan = counted(nodes)
    sent = put(plan, lambda n, ip, sender: () if (int(ip) + n) % 3 == 0 else all_nodes(n, ip, sender))
    assert len(sent) <= 3 * len(plan.requests) + MOST_REPEATS + len(plan.requests)
    assert len(put(plan, all_nodes)) == 3 * len(plan.requests), "and where nothing is lost nothing is added"


def test_each_round_of_counting_has_its_own_number_and_its_second():
    schedule_times, plan = [], counted(NODES[:1], senders=(OWN,))
    for at, number, ip, to in run(plan, lambda n, ip, to: () if ip == CANARY else macs_of(ip)):
        if ip == CANARY and not to:
            schedule_times.append((number, at))
    assert [number for number, _ in schedule_times] == [*range(1, 9)]
    assert all(later - sooner >= 1.0 for (_, sooner), (_, later) in pairwise(schedule_times))


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


@pytest.mark.parametrize(
    ("plan", "more"),
    [
        pytest.param(counted(NODES[:3], A), 1.0, id="a second round of counting"),
        pytest.param(counted(NODES[:19], A, rate=10.0), 4.0, id="its frames"),
        pytest.param(counted(NODES[:3], A, senders=(OWN,)), 5.0, id="five"),
        pytest.param(counted(NODES[:20], A), 0.0, id="none from twenty nodes on"),
        pytest.param(counted((), A), 0.0, id="no node"),
        pytest.param(replace(counted(NODES[:3], A), canary=None), 0.0, id="no canary"),
    ],
)
def test_what_is_asked_to_have_the_numbers_is_said_too(plan, more):
    plain = replace(plan, nodes=frozenset(), homes={})
    assert seconds(plan, ("eth0",)) - seconds(plain, ("eth0",)) == pytest.approx(more)


def test_a_mac_of_nobody_that_answers_the_canary_is_asked_alone_for_every_node_twice():
    plan = counted(NODES[:3])
    sent = run(plan, lambda n, ip, to: () if to else (M2,) if ip == CANARY else macs_of(ip))
    assert [(ip, to) for _, _, ip, to in sent if to == M2] == [(ip, M2) for ip in NODES[:3]] * 2 + [(CANARY, M2)]


@pytest.mark.parametrize("rate", [50.0, 1000.0, 4000.0])
@pytest.mark.parametrize("number", [1, 600])
def test_silent_addresses_take_as_long_as_is_said(number, rate):
    """At 4,000 frames/s 600 silent addresses take one second and a half, and six more."""
    plan = course(*(IPv4Address(0x0A010000 + n) for n in range(number)), rounds=2, rate=rate)
    sent = run(plan)
    took = max(at for at, *_ in sent) + plan.wait
    assert seconds(plan, ("eth0",)) < took <= most_seconds(plan, ("eth0",)) + 0.1
    assert most_seconds(plan, ("eth0",)) <= took + 2 * plan.wait


def test_what_is_left_counts_the_silent_addresses_at_the_slow_rate():
    plan = course(*(IPv4Address(0x0A010000 + n) for n in range(500)), rounds=1, rate=4000.0)
    schedule = Schedule("eth0", plan, frame)
    schedule.begin(0.0)
    now, seen = 0.0, []
    while (due := schedule.due(now)) is not None:
        if isinstance(due, float):
            now = due
            continue
        schedule.sent_at(due, now)
        seen.append((due.round, schedule.seconds_left()))
    assert seen[0] == (1, pytest.approx(499 / 4000))
    slow = [left for number, left in seen if number == 2]
    assert slow[0] == pytest.approx(4.99)
    assert slow[-1] == 0
    assert slow == sorted(slow, reverse=True)


FAR = tuple(IPv4Address(f"10.9.0.{n}") for n in range(1, 4))


def test_a_node_that_is_elsewhere_is_asked_once_and_as_often_as_others_once_it_answers():
    plan = course(*FAR, NODE, A, rate=4000.0, nodes=frozenset({*FAR, NODE}), far=frozenset(FAR), judged=frozenset({A}))
    sent = run(plan, lambda number, ip, to: (M1,) if ip == FAR[1] else ())
    times = {ip: [number for _, number, asked, to in sent if asked == ip and to is None] for ip in (*FAR, NODE, A)}
    assert times[FAR[0]] == times[FAR[2]] == [1]
    assert times[FAR[1]] == [1, 2, 3]
    assert times[NODE] == times[A] == [1, 2, 3, 4]


def test_what_is_asked_once_is_counted_once_beforehand():
    many = tuple(IPv4Address(0x0A090000 + n) for n in range(400))
    rest = {"rate": 10.0, "nodes": frozenset(many), "judged": frozenset({A})}
    assert seconds(course(*many, A, far=frozenset(many), **rest), ("eth0",)) < 0.4 * seconds(
        course(*many, A, **rest), ("eth0",)
    )
