"""scan: whenever a frame is accounted for, the account is the one that it would be at once."""

from ipaddress import IPv4Address

import pytest

from arpcheck.model import Mac, Request
from arpcheck.wire.packets import ARP_FRAME, Arrival
from arpcheck.wire.replies import ReplyMatcher
from arpcheck.wire.scan import Backlog
from arpcheck.wire.scan_plan import ScanPlan
from arpcheck.wire.schedule import DueRequest, Schedule

OUR_MAC, OUR_IP, VIP = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5"), IPv4Address("10.0.0.50")
FIRST, SECOND = Mac("02:00:00:00:00:11"), Mac("02:00:00:00:00:12")
COURSE = ScanPlan(requests=(Request(interface="eth0", ip=VIP, sender=OUR_IP),), rounds=2, rate=10.0, wait=1.0)


def sent(number, at):
    return at, "eth0", DueRequest(number, COURSE.requests[0], b"question %d" % number, None)


def came(mac, at):
    frame = ARP_FRAME.pack(
        OUR_MAC.to_bytes(),
        mac.to_bytes(),
        0x0806,
        1,
        0x0800,
        6,
        4,
        2,
        mac.to_bytes(),
        VIP.packed,
        OUR_MAC.to_bytes(),
        OUR_IP.packed,
    )
    return Arrival("eth0", 100.0 + at / 1000, frame)


WHAT_PASSED = [
    came(FIRST, 0.0), sent(1, 1.0), came(FIRST, 2.0), came(SECOND, 900.0), sent(2, 1001.0), came(FIRST, 1002.0), came(SECOND, 1950.0),
]  # fmt: skip
IN_ROUNDS = [(1, FIRST), (1, SECOND), (2, FIRST), (2, SECOND)]


def told(bites):
    account, tapped = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})}), []
    schedule = Schedule("eth0", COURSE, lambda ask: b"")
    backlog = Backlog(account, {"eth0": schedule}, lambda at, frame: tapped.append((round(at), frame)))
    backlog.waiting.extend(WHAT_PASSED)
    for bite in bites:
        backlog.take_in(bite)
    assert not backlog.waiting
    return account, tapped


@pytest.mark.parametrize("bites", [[7], [1] * 7, [2, 3, 2], [100], [0, 5, 0, 5]])
def test_a_reply_belongs_to_the_last_question_that_was_sent_before_it_came(bites):
    account, _ = told(bites)
    assert [(reply.round, reply.mac) for reply in account.replies] == IN_ROUNDS
    assert [question.round for question in account.questions] == [1, 2]
    assert account.ignored == {"not-asked": 1}, "what came before the question answers nothing, whenever it is looked at"


def test_what_was_sent_and_kept_is_recorded_in_order():
    _, tapped = told([3, 4])
    assert [at for at, _ in tapped] == [1, 2, 900, 1001, 1002, 1950]
    assert [frame for _, frame in tapped if frame.startswith(b"question")] == [b"question 1", b"question 2"]


def test_a_bite_is_no_more_than_was_asked_for():
    backlog = Backlog(ReplyMatcher(0.0, {}, {}), {}, lambda at, frame: None)
    backlog.waiting.extend([sent(1, 1.0)] * 5)
    backlog.take_in(2)
    assert len(backlog.waiting) == 3


def test_an_announcement_is_recorded_with_its_own_time_and_answers_nothing():
    account, tapped, told = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})}, wanted=(VIP,)), [], []
    backlog = Backlog(
        account, {"eth0": type("Told", (), {"received": lambda *it: told.append(it)})()}, lambda *it: tapped.append(it)
    )
    frames = [came(FIRST, at).frame[:38] + VIP.packed for at in (5.0, 9.0)]
    backlog.waiting.extend(Arrival("eth0", 100.0 + at, frame) for at, frame in zip((0.5, 0.75), frames, strict=True))
    backlog.take_in(2)
    assert (tapped, told) == ([(500.0, frames[0]), (750.0, frames[1])], [])
