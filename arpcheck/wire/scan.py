"""Runs a scan: one loop that sends due requests and drains the wire after each frame.

A receiver thread beside a sender loses replies at full rate; this loop loses none. Received frames are processed while
nothing is due. The scan does not stop at a first reply, because a second one is the finding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from arpcheck.gc_control import held_back
from arpcheck.model import Address, Gratuitous, Loss, Mac, Overflow, PassedOver, Question, Reply
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.wire import families
from arpcheck.wire.packets import Arrival, LinkLostError, Wire
from arpcheck.wire.replies import ReplyMatcher
from arpcheck.wire.scan_plan import APART, ScanPlan
from arpcheck.wire.schedule import DueRequest, Schedule

TICK = 0.1
"""Maximum seconds between two checks of stop, losses and progress."""

BATCH = 16
"""Minimum frames that are processed before the next look at the wire: a fraction of a millisecond's work."""

MOST_WAITING = 1 << 15
"""Maximum unprocessed frames; beyond that nothing is sent."""

MOST_STALE = 1000
"""Maximum batches of old frames that are discarded before the first request; a flood must not block the start."""

MOST_LATE = 512
"""Maximum batches that are received at the end: more than the largest receive buffer holds."""

Line = tuple[str, int]
"""An interface and a family: each has a schedule of its own."""

_DONE = object()

SETTLED = 0.1
"""Seconds after the last request before idle work begins: nearly all replies arrive by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a scan, for display."""

    round: int
    rounds: int
    sent: int
    replies: int
    seconds_left: float
    """Minimum; repeated requests add to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The result of a scan."""

    questions: tuple[Question, ...]
    replies: tuple[Reply, ...]
    losses: tuple[Loss, ...]
    overflows: tuple[Overflow, ...]
    ignored: Mapping[str, int]
    gratuitous: tuple[Gratuitous, ...]
    passed_over: tuple[PassedOver, ...]
    complete: bool
    """Every planned round was sent, with its full waiting time."""
    stopped: bool
    """It was stopped before that."""
    trouble: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An interface of this host."""

    interface: str
    mac: Mac
    addresses: frozenset[Address]


def scan(
    wire: Wire,
    endpoints: tuple[Endpoint, ...],
    plan: ScanPlan,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Progress], None] = lambda _: None,
    tap: Callable[[float, bytes], None] = lambda _at, _frame: None,
    idle: Iterator[object] = iter(()),  # noqa: B008 - an empty iterator is the same for everybody
) -> ScanResult:
    """Scans on all interfaces in parallel. `stop` ends it early and keeps what was received; `tap` receives every frame that
    was sent or kept, with the time of its Question or Reply.

    `idle`: work in steps of about a millisecond, done while the loop only waits for late replies. A frame that arrives
    during a step has the time of its end. It may be left unfinished. It is there for speed: see `records.prepared`."""
    loop = _Loop(wire, endpoints, plan, progress, tap, idle)
    with held_back():
        while not loop.finished() and not stop():
            loop.step()
        return loop.result(stopped=not loop.finished())


@dataclass(slots=True)
class _Loop:
    wire: Wire
    endpoints: tuple[Endpoint, ...]
    plan: ScanPlan
    progress: Callable[[Progress], None]
    tap: Callable[[float, bytes], None]
    idle: Iterator[object]
    matcher: ReplyMatcher = field(init=False)
    schedules: dict[Line, Schedule] = field(init=False)
    running: tuple[tuple[Line, Schedule], ...] = field(init=False)
    start: float = field(init=False)
    listen_until: float = field(init=False)
    backlog: Backlog = field(init=False)
    waiting: deque[Sent | Arrival] = field(init=False)
    next_tick: float = 0.0
    losses: Losses = field(init=False)
    sent_in: dict[tuple[str, int], float] = field(init=False)
    trouble: list[str] = field(default_factory=list)
    all_sent: bool = False
    idle_left: bool = True

    def __post_init__(self) -> None:
        asked = {(request.interface, request.ip.version) for request in self.plan.requests}
        heard: dict[str, dict[str, set[Mac]]] = {endpoint.interface: {} for endpoint in self.endpoints}
        self.schedules = {
            (one.interface, version): Schedule(
                one.interface, self.plan, partial(families.encode, mac=one.mac), version, heard[one.interface]
            )
            for one in self.endpoints for version in (IPV4, IPV6) if (one.interface, version) in asked
        }  # fmt: skip
        self.running = tuple(self.schedules.items())
        self._clear()
        self.start = self.wire.now()
        for schedule in self.schedules.values():
            schedule.begin(self.start)
        self.listen_until = self.start
        self.losses = Losses(max(APART, self.plan.wait), self.start)
        self.sent_in = self.losses.sent
        self.matcher = ReplyMatcher(
            self.start,
            {s.interface: s.mac for s in self.endpoints},
            {s.interface: s.addresses for s in self.endpoints},
            self.plan.nodes,
            wanted=(request.ip for request in self.plan.requests),
        )
        self.backlog = Backlog(self.matcher, self.schedules, self.tap)
        self.waiting = self.backlog.waiting

    def _clear(self) -> None:
        """Discards frames and losses from before the first request."""
        for _ in range(MOST_STALE):
            if not self.wire.receive(self.wire.now()):
                break
        self.wire.lost()

    def finished(self) -> bool:
        return self.all_sent and self.wire.now() >= self.listen_until

    def step(self) -> None:
        """Sends what is due on every interface, receives, and processes frames if there is time."""
        now = self.wire.now()
        wake = self._send_what_is_due(now)
        if wake <= now:
            self._listen(now)
        else:
            self._use_the_time(now, wake)
        if now >= self.next_tick:
            self._tick(now)

    def _use_the_time(self, now: float, wake: float) -> None:
        """Nothing is due until `wake`: processes waiting frames, does idle work, or waits for new frames."""
        idle = self.idle_left and self._only_waits(now)
        came = self._listen(now if self.waiting or idle else wake)
        if idle and not came and not self.waiting:
            self.idle_left = next(self.idle, _DONE) is not _DONE
            came = self._listen(self.wire.now())
        self.backlog.take_in(max(BATCH, 2 * came))  # more than arrived, so that a flood can't keep it from ending

    def _only_waits(self, now: float) -> bool:
        settled = now >= self.listen_until - self.plan.wait + SETTLED
        return settled and all(schedule.finished_rounds() for schedule in self.schedules.values())

    def result(self, *, stopped: bool) -> ScanResult:
        for _ in range(MOST_LATE):  # frames that already arrived, and a link lost until now
            if not self._listen(self.wire.now()):
                break
        self.backlog.take_in(len(self.waiting))
        self.losses.count(self.wire.lost(), self.wire.now())
        return ScanResult(
            questions=tuple(self.matcher.questions),
            replies=tuple(self.matcher.replies),
            losses=self.losses.by_rounds(),
            overflows=self.matcher.overflows(),
            ignored=dict(sorted(self.matcher.ignored.items())),
            gratuitous=self.matcher.unsolicited.gratuitous(),
            passed_over=self.matcher.unsolicited.passed_over(),
            complete=not stopped and not self.trouble,
            stopped=stopped,
            trouble=tuple(self.trouble),
        )

    def _send_what_is_due(self, now: float) -> float:
        """The time of the next check; `now` if something was sent."""
        self.all_sent = False
        if len(self.waiting) > MOST_WAITING:
            return now + TICK
        wake, left = now + TICK, 0
        for (interface, _), schedule in self.running:
            if self.waiting and schedule.finished_rounds():
                left += 1  # repeated requests depend on all replies
                continue
            due = schedule.due(now)
            if isinstance(due, float):
                left, wake = left + 1, min(wake, due)
            elif due is not None:
                left, wake = left + 1, now
                self._send(interface, schedule, due)
        self.all_sent = not left
        return wake if left else min(wake, self.listen_until)

    def _send(self, interface: str, schedule: Schedule, due: DueRequest) -> None:
        now = self.wire.now()
        try:
            self.wire.send(interface, due.frame)
        except LinkLostError as error:
            self._drop_interface(error)
            return
        self.waiting.append(((now - self.start) * 1000, interface, due))
        self.sent_in[interface, due.round] = now
        self.listen_until = now + self.plan.wait
        schedule.sent_at(due, now)

    def _drop_interface(self, error: LinkLostError) -> None:
        """The other interfaces continue, and replies of this one are kept. Sending and receiving may both report the loss;
        it counts once."""
        gone = [line for line in self.schedules if line[0] == error.interface]
        for line in gone:
            del self.schedules[line]
        if gone:
            self.running = tuple(self.schedules.items())
            self.trouble.append(f"{error.message} after {self.wire.now() - self.start:.1f} s")

    def _listen(self, until: float) -> int:
        """Receives frames and returns their number."""
        try:
            arrivals = self.wire.receive(until)
        except LinkLostError as error:
            self._drop_interface(error)
            return 0
        self.waiting.extend(arrivals)
        return len(arrivals)

    def _tick(self, now: float) -> None:
        self.next_tick = now + TICK
        self.losses.count(self.wire.lost(), self.wire.now())
        self.progress(
            Progress(
                round=min(self.losses.last_round(), self.plan.rounds),
                rounds=self.plan.rounds,
                sent=len(self.matcher.questions),
                replies=len(self.matcher.replies),
                seconds_left=self._seconds_left(now),
            )
        )

    def _seconds_left(self, now: float) -> float:
        sending = max((schedule.seconds_left() for schedule in self.schedules.values()), default=0.0)
        return sending + max(self.plan.wait, self.listen_until - now)


# ----------------------------------------------------------------------------------------------- Processing frames in order

Sent = tuple[float, str, DueRequest]
"""A sent request: milliseconds since the run began, the interface, and the request."""


class Backlog:
    """Sent and received frames in order, until there is time to process them. `tap` receives every frame that was sent or
    kept, with its time in milliseconds."""

    def __init__(
        self, matcher: ReplyMatcher, schedules: Mapping[Line, Schedule], tap: Callable[[float, bytes], None]
    ) -> None:
        """`schedules`: receive the replies; those of lost interfaces may be removed."""
        self._matcher = matcher
        self._schedules = schedules
        self._tap = tap
        self.waiting: deque[Sent | Arrival] = deque()
        """Sent and received frames are appended here."""

    def take_in(self, most: int) -> None:
        """Processes up to `most` entries, the oldest first."""
        for _ in range(min(most, len(self.waiting))):
            entry = self.waiting.popleft()
            if isinstance(entry, Arrival):
                self._receive(entry)
            else:
                self._send(*entry)

    def _send(self, at: float, interface: str, due: DueRequest) -> None:
        number, request, frame, _ = due
        self._matcher.requested(Question(at, interface, number, request.ip, request.sender, request.to, request.destination))
        self._tap(at, frame)

    def _receive(self, arrival: Arrival) -> None:
        kept = self._matcher.arrived(arrival)
        if kept is None:
            return
        self._tap(kept.at, arrival.frame)
        if isinstance(kept, Reply) and (schedule := self._schedules.get((arrival.interface, kept.ip.version))):
            schedule.received(kept)


# -------------------------------------------------------------------------------------------------------------- Lost frames


class Losses:
    """The lost frames of one run, by rounds. Times are seconds on the wire's clock."""

    def __init__(self, window: float, start: float) -> None:
        """`window`: seconds in which a reply may follow its request."""
        self._window = window
        self._checked = start
        self._lost: dict[tuple[str, tuple[int, ...]], int] = {}
        self.sent: dict[tuple[str, int], float] = {}
        """The time of the last request of a round, by interface and round. The scan loop writes it."""

    def last_round(self) -> int:
        """The last round that began; 1 before the first."""
        return max((number for _, number in self.sent), default=1)

    def count(self, lost: Mapping[str, int], now: float) -> None:
        """`lost`: frames by interface since the last call. They count for every round that may miss them."""
        since = self._checked - self._window
        for interface, frames in lost.items():
            if frames:
                rounds = sorted(n for (i, n), last in self.sent.items() if i == interface and last >= since)
                key = interface, tuple(rounds)
                self._lost[key] = self._lost.get(key, 0) + frames
        self._checked = now

    def by_rounds(self) -> tuple[Loss, ...]:
        return tuple(Loss(interface=i, rounds=r, frames=n) for (i, r), n in sorted(self._lost.items()))
