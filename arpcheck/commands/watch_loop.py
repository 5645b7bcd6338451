"""The loop of `arpcheck watch`: repeats a full probe, sends single requests in between, and reads the cluster again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_interface
from typing import Protocol

from arpcheck import pipeline
from arpcheck.commands.serving import Snapshot
from arpcheck.errors import ArpcheckError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.model import Acceptance, Address, Host, Interface, Kind, Mac, Outcome, Report, Request, Trust, Verdict, order
from arpcheck.objects import Objects
from arpcheck.reports.formatting import moment
from arpcheck.targets import JUDGED
from arpcheck.text import count
from arpcheck.watch import SETTLES, Watch, WatchRecord, outcome_of
from arpcheck.watch.state import Holding, KnownNode, Place, WatchState, subjects
from arpcheck.watch.timeline import seconds
from arpcheck.wire.host import with_neighbours
from arpcheck.wire.monitor import Tap, period, request_periodically
from arpcheck.wire.packets import Wire
from arpcheck.wire.scapy_library import manufacturers

PATIENCE = 10.0
"""Seconds that a probe waits for a reading of the cluster. After a slow reading the next one begins earlier."""


class Read(Protocol):
    """A reading of the cluster in the background."""

    def result(self) -> Objects | ArpcheckError | None:
        """None while it is not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds."""

    interval: float = 30.0
    """From the start of a probe to the start of the next."""
    lasts: float | None = None
    """Length of the whole run; None: until it is stopped."""
    every: float = 0.5
    """Between two single requests for one address, as far as the rate allows."""
    confirm: float | None = None
    """From the end of a probe in which several replied for the first time to the start of the one that confirms it; None: it
    waits for its turn. Silence and a wrong node wait for it anyway, since a failover brings them for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchDependencies:
    """The host, the wire, the cluster and the outputs that the loop uses."""

    wire: Wire
    clock: Callable[[], datetime]
    host: Host
    objects: Objects
    reading: Callable[[], Read] | None
    """Begins a reading of the cluster; None: it is not read again."""
    say: Callable[[str], None]
    store: Callable[[Report], None]
    stop: Callable[[], bool]
    """Called at every step."""
    mac_map: tuple[MacEntry, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    draw: Callable[[Drawing], None] | None = None
    """Called after every probe and at the end; None: no page is wanted."""
    publish: Callable[[Snapshot], None] = lambda _: None
    """Called after every probe, with what the metrics show."""
    state: WatchState | None = None
    """What an earlier watch knew; None: nothing is known."""
    keep: Callable[[WatchState], None] = lambda _: None
    """Called after every probe, and at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What a page about the watch shows."""

    record: WatchRecord
    began: float
    """On the clock of the record."""
    began_at: datetime
    lines: tuple[tuple[float, str], ...]
    """(time on that clock, what was said), at most MOST_LINES, the last ones."""
    left_out: int
    """Earlier lines."""
    report: Report | None
    """Of the last complete probe."""
    is_over: bool


MOST_LINES = 1_000


def run_watch(options: Options, pace: Pace, world: WatchDependencies) -> int:
    """Runs until the time is over or the user stops it. Prints changes and the timeline; returns the exit code."""
    return _WatchLoop(options, pace, world).run()


def announced(options: Options, pace: Pace, world: WatchDependencies) -> str:
    """The first line for the user: what is watched, where, and how often."""
    plan = pipeline.plan(options, world.objects, world.host, world.mac_map)
    requests = light_requests(plan)
    really = period(requests, every=pace.every, rate=options.rate)
    slower = f", as {options.rate:g} frames/s allow" if really > pace.every else ""
    lasting = f"for {seconds(pace.lasts)}" if pace.lasts else "until Ctrl-C"
    addresses = count(len({one.ip for one in requests}), "address")
    longer = pace.lasts is not None and pace.lasts < plan.seconds
    first = f"; the first probe alone takes about {seconds(plan.seconds)}, so it lasts longer than that" if longer else ""
    return (
        f"watching {addresses} on {', '.join(options.interfaces)} {lasting}: a request for each every"
        f" {really:.2g} s{slower}, a full probe every {seconds(pace.interval)}{first}"
    )


def light_requests(plan: pipeline.Plan) -> tuple[Request, ...]:
    """One request for each address and interface: the first of a probe, which for the canary has the sender 0.0.0.0."""
    watched = {t.ip for t in plan.targets if t.kind in JUDGED or t.kind is Kind.CANARY}
    found: dict[tuple[str, Address], Request] = {}
    for request in plan.requests:
        if request.ip in watched:
            found.setdefault((request.interface, request.ip), request)
    return tuple(found.values())


@dataclass(slots=True)
class _WatchLoop:
    options: Options
    pace: Pace
    world: WatchDependencies
    objects: Objects = field(init=False)
    macs: dict[str, Mac] = field(init=False)
    watch: Watch = field(init=False)
    tap: Tap = field(init=False)
    began: float = field(init=False)
    began_at: datetime = field(init=False)
    read_began: float = field(init=False)
    """When the reading of `objects` began."""
    took: float = 0.0
    """Duration of the last reading in seconds."""
    unread: str | None = None
    """Why the last reading failed; None: it did not."""
    recorded: dict[Address, frozenset[str]] = field(default_factory=dict)
    """The announcers in the last report, by address."""
    lines: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    told: int = 0
    """Lines in all."""
    report: Report | None = None
    """The last one."""
    holding: Holding = field(default_factory=Holding)
    unconfirmed: bool = False
    """The last probe showed for the first time that several reply."""
    probes: Counter[Outcome] = field(default_factory=Counter)
    """Finished ones by what each of them came to."""

    def __post_init__(self) -> None:
        self.objects = self.world.objects
        used = (i for i in self.world.host.interfaces if i.name in self.options.interfaces)
        self.macs = {interface.name: interface.mac for interface in used if interface.mac}
        self.watch = Watch(self._say)
        self.tap = Tap(self.world.wire, self.macs, self.watch)
        self.began, self.began_at = self.world.wire.now(), self.world.clock()
        self.read_began = self.began
        if self.world.state:
            self.watch.remember(self.began, self.world.state)
            self.holding.known = self.world.state.known

    def _say(self, at: float, line: str) -> None:
        self.world.say(f"{self.time(at)}  {line}")
        if self.world.draw:
            self.lines.append((at, line))
            self.told += 1

    def _draw(self, *, is_over: bool = False) -> None:
        if self.world.draw:
            record = self.watch.record(self.world.wire.now(), self.time)
            self.world.draw(
                Drawing(
                    record=record,
                    began=self.began,
                    began_at=self.began_at,
                    lines=tuple(self.lines),
                    left_out=self.told - len(self.lines),
                    report=self.report,
                    is_over=is_over,
                )
            )

    def time(self, at: float) -> str:
        """The time of day, to a tenth of a second."""
        return f"{self.began_at + timedelta(seconds=at - self.began):%H:%M:%S.%f}"[:-5]

    def run(self) -> int:
        while self.macs:
            begins = self.world.wire.now()
            self._probe()
            if self._is_over():
                break
            self._between(self._next(begins))
        if self.report:
            self.world.keep(self._state(self.report))
        self.world.say("")
        self.world.say(f"From {moment(self.began_at)} to {moment(self.world.clock())} UTC")
        for line in self.watch.timeline(self.world.wire.now(), self.time).splitlines():
            self.world.say(line)
        self._draw(is_over=True)
        return self.watch.worst.exit_code

    def _next(self, began: float) -> float:
        """When the next probe is due."""
        due = began + self.pace.interval
        if self.unconfirmed and self.pace.confirm is not None:
            return min(due, self.world.wire.now() + self.pace.confirm)
        return due

    def _due_early(self) -> float | None:
        """When a probe is due because several began to reply: not before the records may have followed."""
        if self.pace.confirm is None or self.world.reading is None or self.unread:  # no probe could say it then
            return None
        at = self.watch.divided(self.read_began - SETTLES)
        return None if at is None else self._at_most(at + SETTLES + self.took)

    def _at_most(self, due: float) -> float:
        return due if self.pace.lasts is None else min(due, self.began + self.pace.lasts)

    def _is_over(self) -> bool:
        lasts = self.pace.lasts
        return self.world.stop() or (lasts is not None and self.world.wire.now() >= self.began + lasts)

    def _probe(self) -> None:
        plan = pipeline.plan(self.options, self.objects, self.world.host, self.world.mac_map)
        labels = {t.ip: ", ".join(t.services) for t in plan.targets if t.kind in JUDGED and not t.skipped}
        services = {ip for service in self.objects.services() for ip in service.addresses}
        self.watch.follow({ip: label for ip, label in labels.items() if ip}, plan.scan.canary, services)
        evidence = pipeline.observe(
            self.options, objects=self.objects, host=self.world.host, mac_map=self.world.mac_map, wire=self.tap,
            clock=self.world.clock, stop=self.world.stop, after=with_neighbours, vendors=manufacturers,
        )  # fmt: skip
        if not evidence.interrupted:
            report = self._concluded(replace(evidence, accepted=self.world.accepted))
            self.watch.probed(self.world.wire.now(), report)
            self.world.store(report)
            self.report = report
            held = self.holding.held(report)
            self.unconfirmed = is_unconfirmed(report, held)
            self._publish(held)
            self.world.keep(self._state(report))
            self._draw()

    def _publish(self, held: Report) -> None:
        self.probes[outcome_of(held)] += 1
        self.world.publish(
            Snapshot(
                report=replace(held, evidence={}),
                known=self.holding.known,
                totals=self.watch.totals.copied(),
                probes=dict(self.probes),
                is_read=self.unread is None,
                began_at=self.began_at,
                interval=self.pace.interval,
            )
        )

    def _state(self, report: Report) -> WatchState:
        return WatchState(
            place=place_of(self.objects, report.run.interfaces),
            saved_at=self.world.clock(),
            addresses=self.watch.known_addresses(),
            nodes=tuple(
                KnownNode(name=node.name, arp=node.arp, macs=tuple(dict.fromkeys(one.mac for one in node.macs)))
                for node in report.nodes
            ),
            subjects=subjects(self.holding.known),
        )

    def _concluded(self, evidence: Evidence) -> Report:
        """The report. Records that may be older than a change on the wire are marked as outdated, so that a correct failover
        is not reported as a fault, whether the wire or the record shows it first."""
        self.watch.tick(self.world.wire.now())
        report = pipeline.conclude(evidence)
        before, self.recorded = self.recorded, _recorded(report)
        changed = {ip for ip, nodes in self.recorded.items() if before.get(ip, nodes) != nodes}
        late = {*self.recorded} if self.unread else changed | self.watch.unsettled(self.read_began - SETTLES)
        return pipeline.conclude(replace(evidence, outdated=tuple(sorted(late, key=order)))) if late else report

    def _between(self, until: float) -> None:
        """Single requests until the next probe. The cluster is read at their end, so that it is as recent as possible."""
        requests = light_requests(pipeline.plan(self.options, self.objects, self.world.host, self.world.mac_map))
        read = _Read(self.world, self._at_most(until), self.took, self._due_early)
        lost = request_periodically(
            self.tap, requests, self.macs, self.watch, every=self.pace.every, rate=self.options.rate, done=read.done,
        )  # fmt: skip
        if not self.world.stop():
            self._take(read)
        for error in lost:
            self.watch.interface_lost(self.world.wire.now(), error.message)
            del self.macs[error.interface]

    def _take(self, read: _Read) -> None:
        """Takes over what was read, or prints once why it could not be read."""
        if self.world.reading is None:
            return
        self.took = read.took
        if isinstance(read.found, Objects):
            self.objects, self.read_began, self.unread = read.found, read.began, None
            return
        why = read.found.message if read.found else "the API server has not responded yet"
        self.watch.cluster_unreadable(self.world.wire.now(), why, known=why == self.unread)
        self.unread = why


@dataclass(slots=True)
class _Read:
    """A reading that begins early enough to be finished when the probe is due."""

    world: WatchDependencies
    until: float
    """When the probe is due."""
    lead: float
    """Seconds before that at which the reading begins."""
    due_early: Callable[[], float | None]
    """When it is due instead, as soon as that is known; None: it is not known."""
    early: float | None = None
    found: Objects | ArpcheckError | None = None
    began: float = 0.0
    took: float = 0.0
    reading: Read | None = None

    def done(self) -> bool:
        """Whether the next probe may begin. Called repeatedly; begins the reading when it is time."""
        now = self.world.wire.now()
        if self.early is None and self.reading is None and (early := self.due_early()) is not None:
            self.early = self.until = max(now, early)  # once, or an address that flaps would put it off for ever
        if self.world.reading and self.reading is None and now >= self.until - self.lead:
            self.reading, self.began = self.world.reading(), now
        if self.reading and self.found is None:
            self.found, self.took = self.reading.result(), now - self.began
        waits = self.world.reading is not None and self.found is None and now < self.until + PATIENCE
        return self.world.stop() or (now >= self.until and not waits)


def place_of(objects: Objects, interfaces: Iterable[Interface]) -> Place:
    """Which cluster, and which segment."""
    networks = {str(ip_interface(text).network) for one in interfaces for text in (*one.addresses, *one.ipv6)}
    return Place(server=objects.server or "", networks=tuple(sorted(networks - {LINK_LOCAL})))


def is_unconfirmed(report: Report, held: Report) -> bool:
    """Whether several replied in a probe, of which the metrics show nothing before another one shows it too."""
    pairs = zip(report.targets, held.targets, strict=True)
    return any(one.verdict in SEVERAL and other.verdict is not one.verdict for one, other in pairs)


SEVERAL = frozenset({Verdict.DUPLICATE, Verdict.NON_STRICT, Verdict.FOREIGN})

LINK_LOCAL = "fe80::/64"
"""Of every segment."""


def _recorded(report: Report) -> dict[Address, frozenset[str]]:
    """By address: the announcers that a current record names."""
    return {
        target.target.ip: frozenset(claim.node for claim in target.announcers if claim.trust is Trust.CURRENT)
        for target in report.targets
        if target.verdict and target.target.ip
    }
