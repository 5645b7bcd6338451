"""Ask, listen, account: one loop that drains the wire after every frame it sends.

One loop, because a sender beside a receiver thread loses replies on a full-rate sweep where this loses none. It never
ends at a first reply: the second one is the finding. Knows schedules and accounts, nothing of Services or nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.model import Ask, Loss, Mac, Overflow, Question, Reply
from arpcheck.wire import frames
from arpcheck.wire.account import Account
from arpcheck.wire.schedule import APART, Course, Schedule
from arpcheck.wire.seam import LinkLostError, Wire

TICK = 0.1
"""Seconds after which the loop looks up at the latest: whether to stop, what was lost, how far it is."""


MOST_STALE = 1000
"""Batches of frames from before the first question that are thrown away; a flood must not keep the run from starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a sweep is; for a person's eyes."""

    round: int
    rounds: int
    sent: int
    replies: int
    seconds_left: float
    """At least; an address that has to be asked again adds to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that a sweep brought."""

    questions: tuple[Question, ...]
    replies: tuple[Reply, ...]
    losses: tuple[Loss, ...]
    overflows: tuple[Overflow, ...]
    ignored: Mapping[str, int]
    complete: bool
    """Every announced round was sent, and listened to the end."""
    stopped: bool
    """It was asked to stop before that."""
    trouble: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One end of the wire: this host's interface."""

    interface: str
    mac: Mac
    addresses: frozenset[IPv4Address]


def sweep(
    wire: Wire,
    stations: tuple[Station, ...],
    course: Course,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Progress], None] = lambda _: None,
    tap: Callable[[float, bytes], None] = lambda _at, _frame: None,
) -> Heard:
    """Runs the course on all interfaces side by side. `stop` ends it early, with what was heard so far; `tap` is given
    every frame that was sent or kept, with its time as a Question or Reply has it."""
    loop = _Loop(wire, stations, course, progress, tap)
    while not loop.finished() and not stop():
        loop.step()
    return loop.result(stopped=not loop.finished())


@dataclass(slots=True)
class _Loop:
    wire: Wire
    stations: tuple[Station, ...]
    course: Course
    progress: Callable[[Progress], None]
    tap: Callable[[float, bytes], None]
    account: Account = field(init=False)
    schedules: dict[str, Schedule] = field(init=False)
    start: float = field(init=False)
    listen_until: float = field(init=False)
    next_tick: float = 0.0
    round: int = 1
    sent_in: dict[tuple[str, int], float] = field(default_factory=dict)
    lost: dict[tuple[str, tuple[int, ...]], int] = field(default_factory=dict)
    lost_checked: float = 0.0
    trouble: list[str] = field(default_factory=list)
    all_asked: bool = False

    def __post_init__(self) -> None:
        self._clear()
        self.start = self.wire.now()
        self.listen_until = self.lost_checked = self.start
        self.account = Account(
            self.start, {s.interface: s.mac for s in self.stations}, {s.interface: s.addresses for s in self.stations}
        )
        self.schedules = {s.interface: Schedule(s.interface, self.course, self.start) for s in self.stations}

    def _clear(self) -> None:
        """What came or was lost since the interfaces were opened answers nothing that was asked."""
        for _ in range(MOST_STALE):
            if not self.wire.receive(self.wire.now()):
                break
        self.wire.lost()

    def finished(self) -> bool:
        return self.all_asked and self.wire.now() >= self.listen_until

    def step(self) -> None:
        """Sends what is due on every interface, then takes in what has come."""
        now = self.wire.now()
        wake = now + TICK
        self.all_asked = True
        for interface, schedule in tuple(self.schedules.items()):
            due = schedule.due(now)
            if isinstance(due, float):
                self.all_asked = False
                wake = min(wake, due)
            elif due is not None:
                self.all_asked = False
                wake = now
                self._ask(interface, *due)
        if self.all_asked:
            wake = min(wake, self.listen_until)
        self._listen(wake)
        if now >= self.next_tick:
            self._tick(now)

    def result(self, *, stopped: bool) -> Heard:
        self._listen(self.wire.now())  # what is there already, and whether the wire held until now
        self._count_losses()
        return Heard(
            questions=tuple(self.account.questions),
            replies=tuple(self.account.replies),
            losses=tuple(Loss(interface=i, rounds=r, frames=n) for (i, r), n in sorted(self.lost.items())),
            overflows=self.account.overflows(),
            ignored=dict(sorted(self.account.ignored.items())),
            complete=not stopped and not self.trouble,
            stopped=stopped,
            trouble=tuple(self.trouble),
        )

    def _ask(self, interface: str, number: int, ask: Ask) -> None:
        now = self.wire.now()
        station = next(s for s in self.stations if s.interface == interface)
        question = Question((now - self.start) * 1000, interface, number, ask.ip, ask.sender, ask.to)
        self.account.asked(question)
        frame = frames.encode(ask, station.mac)
        try:
            self.wire.send(interface, frame)
        except LinkLostError as error:
            self.account.questions.pop()
            self._give_up(error)
            return
        self.round = max(self.round, min(number, self.course.rounds))
        self.sent_in[interface, number] = now
        self.listen_until = max(self.listen_until, now + self.course.wait)
        self.schedules[interface].sent_at(number, ask, now)
        self.tap(question.at, frame)

    def _give_up(self, error: LinkLostError) -> None:
        """The other interfaces go on; what was heard on this one stays. Both directions may say that it is gone: once is
        enough."""
        if self.schedules.pop(error.interface, None) is not None:
            self.trouble.append(f"{error.message} after {self.wire.now() - self.start:.1f} s")

    def _listen(self, until: float) -> None:
        try:
            arrivals = self.wire.receive(until)
        except LinkLostError as error:
            self._give_up(error)
            return
        for arrival in arrivals:
            reply = self.account.arrived(arrival)
            if reply:
                self.tap(reply.at, arrival.frame)
            if reply and arrival.interface in self.schedules:
                self.schedules[arrival.interface].heard(reply.round, reply.ip, reply.mac)

    def _tick(self, now: float) -> None:
        self.next_tick = now + TICK
        self._count_losses()
        self.progress(
            Progress(
                round=self.round,
                rounds=self.course.rounds,
                sent=len(self.account.questions),
                replies=len(self.account.replies),
                seconds_left=self._seconds_left(now),
            )
        )

    def _seconds_left(self, now: float) -> float:
        frames_left = max((schedule.frames_left() for schedule in self.schedules.values()), default=0)
        return frames_left / self.course.rate + max(self.course.wait, self.listen_until - now)

    def _count_losses(self) -> None:
        """Frames lost since the last look are held against every round that may have been waiting for them."""
        window = max(APART, self.course.wait)
        for interface, frames_lost in self.wire.lost().items():
            if frames_lost:
                since = self.lost_checked - window
                rounds = sorted(n for (i, n), last in self.sent_in.items() if i == interface and last >= since)
                key = interface, tuple(rounds)
                self.lost[key] = self.lost.get(key, 0) + frames_lost
        self.lost_checked = self.wire.now()
