"""scan: the loop over a small network with its own clock. The lab's simulation and the kernel do the rest."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest

from arpcheck.model import Loss, Mac, Request
from arpcheck.wire.packet_socket import MOST_AT_ONCE, RECEIVE_BUFFER
from arpcheck.wire.packets import ARP_FRAME, Arrival, LinkLostError
from arpcheck.wire.scan import MOST_LATE, SETTLED, Endpoint, scan
from arpcheck.wire.scan_plan import ScanPlan

OUR_MAC, OUR_IP, VIP = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5"), IPv4Address("10.0.0.50")
FIRST, SECOND = Mac("02:00:00:00:00:11"), Mac("02:00:00:00:00:12")
STATION = Endpoint(interface="eth0", mac=OUR_MAC, addresses=frozenset({OUR_IP}))


@dataclass
class SmallWire:
    """Answers every question after the delays given by MAC; time passes only by waiting."""

    delays: dict[Mac, float]
    losses: list[int] = field(default_factory=list)
    dies_at: float | None = None
    deaf_too: bool = False
    """Both directions tell that it died."""
    time: float = 50.0
    coming: list[Arrival] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def now(self):
        return self.time

    def send(self, interface, frame):
        if self.dies_at is not None and self.time >= self.dies_at:
            raise LinkLostError(interface, "the interface went down")
        self.sent.append(frame)
        *_, asker, sender, _, ip = ARP_FRAME.unpack(frame)
        for mac, delay in self.delays.items():
            answer = ARP_FRAME.pack(
                asker, mac.to_bytes(), 0x0806, 1, 0x0800, 6, 4, 2, mac.to_bytes(), ip, asker, sender
            )  # fmt: skip
            self.coming.append(Arrival(interface, self.time + delay, answer))

    def receive(self, until):
        if self.deaf_too and self.dies_at is not None and self.time >= self.dies_at:
            self.deaf_too = False
            raise LinkLostError("eth0", "the interface went down")
        due = sorted(a for a in self.coming if a.at <= max(until, self.time))
        if not due:
            self.time = max(self.time, until)
            return []
        self.time = max(self.time, due[0].at)
        now = [a for a in due if a.at <= self.time]
        self.coming = [a for a in self.coming if a not in now]
        return now

    def lost(self):
        return {"eth0": self.losses.pop(0) if self.losses else 0}


def course(rounds=2, wait=1.0):
    return ScanPlan(
        requests=(Request(interface="eth0", ip=VIP, sender=OUR_IP),),
        rounds=rounds,
        rate=10.0,
        wait=wait,
        judged=frozenset({VIP}),
    )


def test_a_second_responder_700_ms_late_is_heard():
    heard = scan(SmallWire({FIRST: 0.001, SECOND: 0.7}), (STATION,), course())
    assert [(reply.mac, reply.round) for reply in heard.replies] == [(FIRST, 1), (SECOND, 1), (FIRST, 2), (SECOND, 2)]
    assert heard.complete


def test_listening_goes_on_after_the_last_frame():
    assert len(scan(SmallWire({FIRST: 0.99}), (STATION,), course(rounds=1)).replies) == 1
    assert len(scan(SmallWire({FIRST: 2.9}), (STATION,), course(rounds=1, wait=3.0)).replies) == 1


def test_what_came_before_the_first_question_answers_nothing():
    wire = SmallWire({})
    stale = ARP_FRAME.pack(
        OUR_MAC.to_bytes(), FIRST.to_bytes(), 0x0806, 1, 0x0800, 6, 4, 2, FIRST.to_bytes(), VIP.packed,
        OUR_MAC.to_bytes(), OUR_IP.packed,
    )  # fmt: skip
    wire.coming.append(Arrival("eth0", wire.time, stale))
    assert scan(wire, (STATION,), course()).replies == ()


def test_losses_are_held_against_the_rounds_that_may_have_waited_for_them():
    heard = scan(SmallWire({FIRST: 0.001}, losses=[7, 0, 3]), (STATION,), course(rounds=1))
    assert heard.losses == (Loss(interface="eth0", rounds=(1,), frames=3),), "the 7 were lost before the first question"


@pytest.mark.parametrize("both", [False, True], ids=["said by the sender", "said by both directions"])
def test_an_interface_that_goes_away_ends_the_run_with_what_was_heard(both):
    heard = scan(SmallWire({FIRST: 0.001}, dies_at=50.5, deaf_too=both), (STATION,), course())
    assert [reply.round for reply in heard.replies] == [1]
    assert not heard.complete
    assert [words.rpartition(" after ")[0] for words in heard.trouble] == ["eth0: the interface went down"]
    assert len(heard.questions) == 1, "what was not sent was not asked"


@pytest.mark.parametrize("steps", [1, 5, 12])
def test_a_stop_keeps_what_was_heard(steps):
    left = iter(range(steps))
    heard = scan(SmallWire({FIRST: 0.001}), (STATION,), course(), stop=lambda: next(left, None) is None)
    assert not heard.complete
    assert len(heard.questions) >= 1


def test_progress_counts_down():
    seen = []
    scan(SmallWire({FIRST: 0.001}), (STATION,), course(), progress=seen.append)
    assert seen[0].seconds_left > seen[-1].seconds_left
    assert seen[-1].rounds == 2


def test_what_came_while_the_process_did_not_run_is_all_heard_and_answers_no_later_question():
    class Narrow(SmallWire):
        """Gives one frame at a time, as a socket gives no more than so many, with the time when it is taken."""

        def receive(self, until):
            first, *self.rest = [*self.rest, *super().receive(until)] or [None]
            return [Arrival(first.interface, self.time, first.frame)] if first else []

    macs = [Mac(f"02:00:00:00:01:{number:02x}") for number in range(20)]
    for length in (0.7, 3.0):  # up to before the end, and beyond it
        wire = Narrow(dict.fromkeys(macs, 0.3))
        wire.rest = []
        stopped = []

        def stands_still(wire=wire, length=length, stopped=stopped):
            if wire.sent and not stopped:
                stopped.append(wire.time)
                wire.time += length
            return False

        heard = scan(wire, (STATION,), course(rounds=1), stop=stands_still)
        assert stopped
        assert {reply.mac for reply in heard.replies} == {*macs}
        assert {reply.round for reply in heard.replies} == {1}


def test_idle_work_is_done_while_the_loop_only_waits_for_late_replies():
    wire, sent_by_then = SmallWire({FIRST: 0.3}), []

    def steps():
        for _ in range(5):
            sent_by_then.append(len(wire.sent))
            yield

    found = scan(wire, (STATION,), course(), idle=steps())
    assert sent_by_then == [2] * 5, "not before the planned rounds were sent"
    assert [reply.after for reply in found.replies] == [pytest.approx(300.0)] * 2


def test_idle_work_begins_when_replies_to_the_last_request_had_their_time():
    wire, began = SmallWire({FIRST: 0.04}), []

    def work():
        began.append(wire.time)
        yield

    scan(wire, (STATION,), course(rounds=1), idle=work())
    assert 50.0 + SETTLED <= began[0] < 50.3


@pytest.mark.parametrize("length", [0.002, 0.2, 3.0])
def test_what_arrives_during_a_step_of_idle_work_is_kept(length):
    wire = SmallWire({FIRST: 0.3, SECOND: 0.8})

    def work():
        while True:
            wire.time += length
            yield

    found = scan(wire, (STATION,), course(rounds=1), idle=work())
    assert found.complete
    assert {reply.mac for reply in found.replies} == {FIRST, SECOND}


def test_idle_work_that_never_ends_does_not_keep_the_scan_from_ending():
    class Ticking(SmallWire):
        def receive(self, until):
            self.time += 0.001
            return super().receive(until)

    found = scan(Ticking({FIRST: 0.3}), (STATION,), course(), idle=iter(int, 1))
    assert found.complete
    assert len(found.replies) == 2


def test_at_the_end_all_that_a_receive_buffer_can_hold_is_taken():
    """The kernel doubles what is asked for (socket(7)) and takes at least 512 octets for a frame."""
    assert MOST_LATE * MOST_AT_ONCE >= 2 * RECEIVE_BUFFER / 512
