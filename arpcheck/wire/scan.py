"""Ask, listen, account: one loop that drains the wire after every frame it sends.

One loop, because a sender beside a receiver thread loses replies on a full-rate sweep where this loses none. What came
is accounted for while nothing is to be sent. It never ends at a first reply: the second one is the finding. Knows
schedules and accounts, nothing of Services or nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address

from arpcheck.gc_control import held_back
from arpcheck.model import Gratuitous, Loss, Mac, Overflow, PassedOver, Question, Reply
from arpcheck.wire import packets
from arpcheck.wire.packets import Arrival, LinkLostError, Wire
from arpcheck.wire.replies import ReplyMatcher
from arpcheck.wire.schedule import APART, DueRequest, ScanPlan, Schedule

TICK = 0.1
"""Seconds after which the loop looks up at the latest: whether to stop, what was lost, how far it is."""

BITE = 16
"""Frames that are accounted for at least before the loop looks at the wire again: a fraction of a millisecond's work."""

MOST_WAITING = 1 << 15
"""Frames that may wait to be accounted for while others are sent; beyond it nothing is sent until fewer wait."""

MOST_STALE = 1000
"""Batches of frames from before the first question that are thrown away; a flood must not keep the run from starting."""

MOST_LATE = 512
"""Batches of frames that are taken when it is over: more than the largest receive buffer holds."""


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
class ScanResult:
    """All that a sweep brought."""

    questions: tuple[Question, ...]
    replies: tuple[Reply, ...]
    losses: tuple[Loss, ...]
    overflows: tuple[Overflow, ...]
    ignored: Mapping[str, int]
    gratuitous: tuple[Gratuitous, ...]
    passed_over: tuple[PassedOver, ...]
    complete: bool
    """Every announced round was sent, and listened to the end."""
    stopped: bool
    """It was asked to stop before that."""
    trouble: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One end of the wire: this host's interface."""

    interface: str
    mac: Mac
    addresses: frozenset[IPv4Address]


def sweep(
    wire: Wire,
    stations: tuple[Endpoint, ...],
    course: ScanPlan,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Progress], None] = lambda _: None,
    tap: Callable[[float, bytes], None] = lambda _at, _frame: None,
) -> ScanResult:
    """Runs the course on all interfaces side by side. `stop` ends it early, with what was heard so far; `tap` is given
    every frame that was sent or kept, with its time as a Question or Reply has it."""
    loop = _Loop(wire, stations, course, progress, tap)
    with held_back():
        while not loop.finished() and not stop():
            loop.step()
        return loop.result(stopped=not loop.finished())


@dataclass(slots=True)
class _Loop:
    wire: Wire
    stations: tuple[Endpoint, ...]
    course: ScanPlan
    progress: Callable[[Progress], None]
    tap: Callable[[float, bytes], None]
    account: ReplyMatcher = field(init=False)
    schedules: dict[str, Schedule] = field(init=False)
    running: tuple[tuple[str, Schedule], ...] = field(init=False)
    start: float = field(init=False)
    listen_until: float = field(init=False)
    backlog: Backlog = field(init=False)
    waiting: deque[Sent | Arrival] = field(init=False)
    next_tick: float = 0.0
    losses: Losses = field(init=False)
    sent_in: dict[tuple[str, int], float] = field(init=False)
    trouble: list[str] = field(default_factory=list)
    all_asked: bool = False

    def __post_init__(self) -> None:
        self.schedules = {
            s.interface: Schedule(s.interface, self.course, partial(packets.encode, mac=s.mac)) for s in self.stations
        }
        self.running = tuple(self.schedules.items())
        self._clear()
        self.start = self.wire.now()
        for schedule in self.schedules.values():
            schedule.begin(self.start)
        self.listen_until = self.start
        self.losses = Losses(max(APART, self.course.wait), self.start)
        self.sent_in = self.losses.sent
        self.account = ReplyMatcher(
            self.start,
            {s.interface: s.mac for s in self.stations},
            {s.interface: s.addresses for s in self.stations},
            self.course.nodes,
            wanted=(ask.ip for ask in self.course.asks),
        )
        self.backlog = Backlog(self.account, self.schedules, self.tap)
        self.waiting = self.backlog.waiting

    def _clear(self) -> None:
        """What came or was lost since the interfaces were opened answers nothing that was asked."""
        for _ in range(MOST_STALE):
            if not self.wire.receive(self.wire.now()):
                break
        self.wire.lost()

    def finished(self) -> bool:
        return self.all_asked and self.wire.now() >= self.listen_until

    def step(self) -> None:
        """Sends what is due on every interface, then takes what has come, and accounts for some of it if there is time."""
        now = self.wire.now()
        wake = self._ask_what_is_due(now)
        if wake <= now:
            self._listen(now)
        else:
            self._use_the_time(now, wake)
        if now >= self.next_tick:
            self._tick(now)

    def _use_the_time(self, now: float, wake: float) -> None:
        """Nothing is due until `wake`: accounts for what waits, or listens."""
        came = self._listen(now if self.waiting else wake)
        self.backlog.take_in(max(BITE, 2 * came))  # more than comes, so that a flood can't keep it from ending

    def result(self, *, stopped: bool) -> ScanResult:
        for _ in range(MOST_LATE):  # what is there already, and whether the wire held until now
            if not self._listen(self.wire.now()):
                break
        self.backlog.take_in(len(self.waiting))
        self.losses.count(self.wire.lost(), self.wire.now())
        return ScanResult(
            questions=tuple(self.account.questions),
            replies=tuple(self.account.replies),
            losses=self.losses.by_rounds(),
            overflows=self.account.overflows(),
            ignored=dict(sorted(self.account.ignored.items())),
            gratuitous=self.account.overheard.gratuitous(),
            passed_over=self.account.overheard.passed_over(),
            complete=not stopped and not self.trouble,
            stopped=stopped,
            trouble=tuple(self.trouble),
        )

    def _ask_what_is_due(self, now: float) -> float:
        """When to look again; that is now where something was sent."""
        self.all_asked = False
        if len(self.waiting) > MOST_WAITING:
            return now + TICK
        wake, left = now + TICK, 0
        for interface, schedule in self.running:
            if self.waiting and schedule.finished_rounds():
                left += 1  # what is asked again hangs on all that was heard
                continue
            due = schedule.due(now)
            if isinstance(due, float):
                left, wake = left + 1, min(wake, due)
            elif due is not None:
                left, wake = left + 1, now
                self._ask(interface, schedule, due)
        self.all_asked = not left
        return wake if left else min(wake, self.listen_until)

    def _ask(self, interface: str, schedule: Schedule, due: DueRequest) -> None:
        now = self.wire.now()
        try:
            self.wire.send(interface, due.frame)
        except LinkLostError as error:
            self._give_up(error)
            return
        self.waiting.append(((now - self.start) * 1000, interface, due))
        self.sent_in[interface, due.round] = now
        self.listen_until = now + self.course.wait
        schedule.sent_at(due, now)

    def _give_up(self, error: LinkLostError) -> None:
        """The other interfaces go on; what was heard on this one stays. Both directions may say that it is gone: once is
        enough."""
        if self.schedules.pop(error.interface, None) is not None:
            self.running = tuple(self.schedules.items())
            self.trouble.append(f"{error.message} after {self.wire.now() - self.start:.1f} s")

    def _listen(self, until: float) -> int:
        """How many frames came."""
        try:
            arrivals = self.wire.receive(until)
        except LinkLostError as error:
            self._give_up(error)
            return 0
        self.waiting.extend(arrivals)
        return len(arrivals)

    def _tick(self, now: float) -> None:
        self.next_tick = now + TICK
        self.losses.count(self.wire.lost(), self.wire.now())
        self.progress(
            Progress(
                round=min(self.losses.last_round(), self.course.rounds),
                rounds=self.course.rounds,
                sent=len(self.account.questions),
                replies=len(self.account.replies),
                seconds_left=self._seconds_left(now),
            )
        )

    def _seconds_left(self, now: float) -> float:
        frames_left = max((schedule.frames_left() for schedule in self.schedules.values()), default=0)
        return frames_left / self.course.rate + max(self.course.wait, self.listen_until - now)


# ------------------------------------------- What went out and what came in, in order, until there is time to account for it

Sent = tuple[float, str, DueRequest]
"""A question that went out: milliseconds since the run began, and the interface."""


class Backlog:
    """`tap` is given every frame that was sent or kept, with its time in milliseconds."""

    def __init__(
        self, account: ReplyMatcher, schedules: Mapping[str, Schedule], tap: Callable[[float, bytes], None]
    ) -> None:
        """`schedules`: are told what was heard; those of interfaces that went away may be taken out."""
        self._account = account
        self._schedules = schedules
        self._tap = tap
        self.waiting: deque[Sent | Arrival] = deque()
        """Put down what was sent and what came here, at the end."""

    def take_in(self, most: int) -> None:
        """Accounts for so many, the oldest first."""
        for _ in range(min(most, len(self.waiting))):
            entry = self.waiting.popleft()
            if isinstance(entry, Arrival):
                self._hear(entry)
            else:
                self._ask(*entry)

    def _ask(self, at: float, interface: str, due: DueRequest) -> None:
        number, ask, frame, _ = due
        self._account.asked(Question(at, interface, number, ask.ip, ask.sender, ask.to))
        self._tap(at, frame)

    def _hear(self, arrival: Arrival) -> None:
        heard = self._account.arrived(arrival)
        if heard is None:
            return
        self._tap(heard.at, arrival.frame)
        schedule = self._schedules.get(arrival.interface)
        if schedule and isinstance(heard, Reply):
            schedule.heard(heard)


# -------------------------------------------------------------------------------------------------- Which rounds lost frames


class Losses:
    """Of one run. Times are seconds on the wire's clock."""

    def __init__(self, window: float, start: float) -> None:
        """`window`: how long after a question its reply may still come."""
        self._window = window
        self._checked = start
        self._lost: dict[tuple[str, tuple[int, ...]], int] = {}
        self.sent: dict[tuple[str, int], float] = {}
        """When the last question of a round went out, by interface and round; written by who sends."""

    def last_round(self) -> int:
        """That was begun; 1 before any was."""
        return max((number for _, number in self.sent), default=1)

    def count(self, lost: Mapping[str, int], now: float) -> None:
        """`lost`: frames by interface since the last look. They are held against every round that may miss them."""
        since = self._checked - self._window
        for interface, frames in lost.items():
            if frames:
                rounds = sorted(n for (i, n), last in self.sent.items() if i == interface and last >= since)
                key = interface, tuple(rounds)
                self._lost[key] = self._lost.get(key, 0) + frames
        self._checked = now

    def by_rounds(self) -> tuple[Loss, ...]:
        return tuple(Loss(interface=i, rounds=r, frames=n) for (i, r), n in sorted(self._lost.items()))
