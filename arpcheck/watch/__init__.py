"""Follows each address request by request: who replies, since when, and what changed. Collects requests, replies,
announcements and probe results, and reports each change in one line, and the worst moment and a timeline at the end.

Times are seconds on one clock. The verdicts come from the probes in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple, assert_never

from arpcheck.model import Accepted, Address, Arp, Mac, Outcome, Report, TargetReport, Verdict, order
from arpcheck.watch.state import AddressTotals, KnownAddress, Totals, WatchEvent, WatchState
from arpcheck.watch.timeline import (
    AddressTimeline,
    ResponderChange,
    Silence,
    Span,
    change_line,
    history,
    kernel_lines,
    named,
    summary_of,
)

SERIES = 10.0
"""Seconds in which repeated announcements count as one: a speaker sends ten within 4.4 s."""

MOST_OVERHEARD = 64
"""Maximum different announcements in that time."""

SETTLES = 15.0
"""Seconds that a load balancer may take to record a move: a Lease lasts 10 to 15 s, and the new node writes a status with
some delay."""

FEW = 3
"""Minimum requests for every address before a watch can be clean."""

RARE, RARER = 1e-3, 1e-6
"""Maximum probability that a reported silence is chance, for one address and watch. RARER applies if a probe could not judge
a node's kernel, as on lossy networks."""

AT_FIRST = 10
"""Addresses that the first probe reports one by one; more are summed up, a line for each verdict."""

MOST_CHANGES = 1_000
"""Changes of one address that are kept."""

MOST_OWNERS = 10_000
"""MAC addresses whose owner is kept; nodes come and go."""

Say = Callable[[float, str], None]
"""Receives a time and a line."""


class _Moment(NamedTuple):
    outcome: Outcome
    at: float
    because: str


def _worse(one: _Moment, other: _Moment) -> _Moment:
    """The worse of two moments; of equal ones the earlier."""
    worst = Outcome.worst((one.outcome, other.outcome))
    alike = [moment for moment in (one, other) if moment.outcome is worst]
    return min(alike, key=lambda moment: moment.at)


def _is_quiet(verdict: Verdict) -> bool:
    """Nothing to report of the first probe."""
    return verdict.outcome in (Outcome.FINE, Outcome.NOT_JUDGED)


class Watch:
    def __init__(self, say: Say) -> None:
        self._worst = _Moment(Outcome.NOT_JUDGED, 0.0, "")
        """The worst moment except silences. Before the first probe nothing was judged."""
        self._say = say
        self._lost_at = -SERIES
        self._labels: dict[Address, str] = {}
        self._canary: Address | None = None
        self._services: Collection[Address] = ()
        self._timelines: dict[Address, AddressTimeline] = {}
        self._changes: dict[Address, list[ResponderChange]] = {}
        self._owners: dict[Mac, str] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._arp: dict[str, Arp] = {}
        self._is_unclear = False
        self._recent: dict[tuple[WatchEvent, Address, str], float] = {}
        self.totals = Totals()
        self._accepted: dict[str, bool] = {}
        self._before: dict[Address, tuple[Span, AddressTotals]] = {}
        """What is known from before a restart."""

    def remember(self, at: float, state: WatchState) -> None:
        """Begins with what an earlier watch knew: only what differs from it is a change."""
        self._owners |= {mac: node.name for node in state.nodes for mac in node.macs}
        self._arp = {node.name: node.arp for node in state.nodes}
        self._verdicts = {str(one.ip): one.verdict for one in state.addresses if one.verdict}
        self._accepted = {str(one.ip): one.is_accepted for one in state.addresses}
        self._before = {one.ip: (Span(at, frozenset(one.macs)), one.totals) for one in state.addresses}

    def known_addresses(self) -> tuple[KnownAddress, ...]:
        """For the next watch: of every address that is watched now."""
        return tuple(map(self._known_address, sorted(self._labels, key=order)))

    def _known_address(self, ip: Address) -> KnownAddress:
        totals = self.totals.of(ip)
        return KnownAddress(
            ip=ip,
            verdict=self._verdicts.get(str(ip)),
            is_accepted=self._accepted.get(str(ip), False),
            macs=tuple(sorted(self._timelines[ip].last)),
            events=dict(totals.events),
            gap_seconds=totals.gap_seconds,
            overlap_seconds=totals.overlap_seconds,
        )

    def follow(self, labels: Mapping[Address, str], canary: Address | None, services: Collection[Address]) -> None:
        """`labels`: the addresses to watch with their Services. `services`: all addresses of all Services."""
        self._labels, self._canary, self._services = dict(labels), canary, services
        for ip in (*labels, *((canary,) if canary else ())):
            if ip not in self._timelines:
                span = self._before[ip][0] if ip in self._before else None
                self._timelines[ip] = AddressTimeline(self._owner, span if span and span.macs else None)
        for ip in labels:
            self.totals.follow(ip, self._before[ip][1] if ip in self._before else None)

    # ------------------------------------------------------------------------------------------------- Requests and replies

    def requested(self, at: float, ip: Address) -> None:
        if ip in self._timelines:
            self._changed(ip, self._timelines[ip].requested(at))

    def replied(self, ip: Address, mac: Mac) -> None:
        if ip in self._timelines:
            self._timelines[ip].replied(mac)

    def tick(self, at: float) -> None:
        for ip, timeline in self._timelines.items():
            self._changed(ip, timeline.tick(at))

    def lost(self, at: float, frames: int) -> None:
        if at - self._lost_at > SERIES:
            self._say(at, f"this host lost {frames} frames: the current requests prove nothing")
        self._lost_at = at
        self._happened(at, Outcome.UNSURE, "this host lost frames, so replies may be missing")
        for timeline in self._timelines.values():
            timeline.doubt()

    def interface_lost(self, at: float, why: str) -> None:
        """An interface was lost."""
        self._say(at, f"{why}: no more replies from there")
        self._happened(at, Outcome.UNSURE, why)

    def announced(self, at: float, ip: Address, mac: Mac) -> None:
        """A gratuitous frame, or an advertisement that nobody asked for. A speaker may repeat them, so one from a current
        responder is not news. One from another host changes every cache that has the address (RFC 826: an existing entry is
        overwritten; RFC 4861 section 7.2.5: with the override flag)."""
        owner = self._owner(mac)
        told = ip not in self._labels or owner in self._timelines[ip].owners
        if not told and self._is_new(WatchEvent.ANNOUNCEMENT, ip, owner, at):
            what = "gratuitous ARP" if isinstance(ip, IPv4Address) else "unsolicited advertisement"
            self._say(at, f"{ip}: {what} from {owner}")
            if self._timelines[ip].spans:  # before the first reply it is not known who replies
                self.totals.happened(ip, WatchEvent.ANNOUNCEMENT)
                self._happened(at, Outcome.UNSURE, f"{owner} announced {ip} and did not reply for it")

    def cluster_unreadable(self, at: float, why: str, *, known: bool) -> None:
        """The cluster can no longer be read. `known`: it was reported already."""
        if not known:
            self._say(at, f"{why}: the announcers are not known now; earlier records are not used")
        self._happened(at, Outcome.UNSURE, "the cluster could not be read, so the announcers were not known")

    def unsettled(self, since: float) -> frozenset[Address]:
        """The addresses that moved after this time, or are about to: a new responder replied."""
        late = {
            ip
            for ip, changes in self._changes.items()
            if any(change.at >= since and (change.moved or {*change.after} - {*change.before}) for change in changes)
        }
        return frozenset(late | {ip for ip, timeline in self._timelines.items() if timeline.unsettled}) - {self._canary}

    def divided(self, since: float) -> float | None:
        """When several began to reply for an address for which they still do, the last time if that was after `since`."""
        last = (changes[-1] for ip, changes in self._changes.items() if changes and ip != self._canary)
        return max((one.at for one in last if one.at >= since and len(one.after) > 1), default=None)

    def claimed(self, at: float, ip: Address, mac: Mac, wanted: Address) -> None:
        """A request with a Service's address as its sender, which every receiver may learn: from a kernel that holds the
        address and has arp_announce 0 or 1 (Documentation/networking/ip-sysctl.rst). The only responder may do so (kube-vip,
        PureLB and keepalived put the address on a NIC); before the first reply it is not known."""
        owner = self._owner(mac)
        timeline = self._timelines.get(ip) if ip in self._labels else None
        rightly = timeline is not None and timeline.owners in ((owner,), ())
        if ip in self._services and not rightly and self._is_new(WatchEvent.CLAIM, ip, owner, at):
            self._say(at, f"{ip}: {owner} uses it as the sender of a request for {wanted}: set arp_announce=2 there")
            self.totals.happened(ip, WatchEvent.CLAIM)
            self._happened(at, Outcome.UNSURE, f"{owner} used {ip} as the sender of a request")

    def _is_new(self, what: WatchEvent, ip: Address, owner: str, at: float) -> bool:
        """True once in SERIES seconds; a flood of forged senders is not reported in full."""
        if len(self._recent) >= MOST_OVERHEARD:
            self._recent = {key: heard for key, heard in self._recent.items() if at - heard <= SERIES}
        before = self._recent.get((what, ip, owner))
        if before is None and len(self._recent) >= MOST_OVERHEARD:
            return False
        self._recent[what, ip, owner] = at
        return before is None or at - before > SERIES

    # --------------------------------------------------------------------------------------------------------------- Probes

    def probed(self, at: float, report: Report) -> None:
        """A complete probe: MAC owners, verdicts and nodes. Reports what differs from the probe before."""
        self._learn(report)
        first = not self._verdicts and not self._arp
        faulty = [t for t in report.targets if t.verdict and t.target.ip and not _is_quiet(t.verdict)]
        several = first and len(faulty) > AT_FIRST
        if first:
            verdicts = ", ".join(f"{number} {verdict}" for verdict, number in report.summary.verdicts.items())
            self._say(at, f"probed: {verdicts or 'no address was judged'}")
        if several:
            self._summed_up(at, faulty)
        for target in report.targets:
            if target.verdict and target.target.ip:
                self._judged(at, str(target.target.ip), target.verdict, target.reason, first=first, told=several)
                self._accepting(at, str(target.target.ip), target.accepted)
        for node in report.nodes:
            before = self._arp.get(node.name)
            if before not in (None, node.arp):
                self._say(at, f"{node.name}: changed from {before} to {node.arp}")
            self._arp[node.name] = node.arp
            self._is_unclear |= node.arp is Arp.UNKNOWN
        self._forget(report)
        self._happened(at, outcome_of(report), "; ".join(report.summary.because) or "the verdicts of a probe")

    def _learn(self, report: Report) -> None:
        """The owners of MAC addresses, those of this probe last."""
        now = _owners(report)
        before = {mac: name for mac, name in self._owners.items() if mac not in now}
        self._owners = dict([*before.items(), *now.items()][-MOST_OWNERS:])

    def _forget(self, report: Report) -> None:
        """What is not in the report is gone."""
        addresses, nodes = {str(one.target.ip) for one in report.targets}, {node.name for node in report.nodes}
        self._verdicts = {ip: verdict for ip, verdict in self._verdicts.items() if ip in addresses}
        self._accepted = {ip: accepted for ip, accepted in self._accepted.items() if ip in addresses}
        self._arp = {name: arp for name, arp in self._arp.items() if name in nodes}

    def _summed_up(self, at: float, faulty: Collection[TargetReport]) -> None:
        """A line for each verdict, with the first address as an example."""
        by_verdict: dict[Verdict, list[TargetReport]] = {}
        for target in faulty:
            if target.verdict:
                by_verdict.setdefault(target.verdict, []).append(target)
        for verdict, targets in by_verdict.items():
            number = f"{len(targets)} address{'es' if len(targets) > 1 else ''}"
            self._say(at, f"{verdict}: {number}, such as {targets[0].target.ip}: {targets[0].reason}")
        self._say(at, "from now on only changes")

    def _judged(self, at: float, ip: str, verdict: Verdict, reason: str, *, first: bool, told: bool) -> None:
        before = self._verdicts.get(ip)
        self._verdicts[ip] = verdict
        if told or before == verdict or (first and _is_quiet(verdict)):
            return
        was = f"changed from {before} to {verdict}" if before else f"{verdict}"
        self._say(at, f"{ip}: {was}: {reason}")

    def _accepting(self, at: float, ip: str, accepted: Accepted | None) -> None:
        """An acceptance ends with its last day, or with another file."""
        before, self._accepted[ip] = self._accepted.get(ip), accepted is not None
        if before and not accepted:
            self._say(at, f"{ip}: no longer accepted")
        elif before is False and accepted:
            self._say(at, f"{ip}: accepted until {accepted.until}: {accepted.reason}")

    # -------------------------------------------------------------------------------------------------------------- Changes

    def _changed(self, ip: Address, change: ResponderChange | None) -> None:
        if change is None:
            return
        if len(self._timelines[ip].spans) == 1:
            return  # the initial state, which the probe judged
        self._changes.setdefault(ip, []).append(change)
        self._trim(ip)
        if ip == self._canary:
            for line in kernel_lines(change.before, change.after):
                self._say(change.at, line)
            self._kernels(change)
        else:
            self._say(change.at, f"{ip}: {change_line(change)}")
            self.totals.changed(ip, change)
            self._happened(change.at, *_worth(ip, change))

    def _trim(self, ip: Address) -> None:
        """Only the last changes of an address are kept, since a watch may last for months. What a silence was worth is known
        before it is left out."""
        timeline = self._timelines[ip]
        del timeline.spans[: -MOST_CHANGES - 1]
        del self._changes[ip][:-MOST_CHANGES]
        while len(timeline.silences) > MOST_CHANGES:
            self._worst = _worse(self._worst, self._silence(ip, timeline.silences.pop(0)))

    def _kernels(self, change: ResponderChange) -> None:
        """Counts new responders for Service addresses. Those that the last probe found are counted already."""
        new = [owner for owner in change.after if owner not in change.before and not self._is_faulty(owner)]
        nodes = [owner for owner in new if owner in self._arp]
        if new:
            outcome = Outcome.FAULT if nodes else Outcome.UNSURE
            self._happened(change.at, outcome, f"{named(tuple(nodes or new))} replied for Service addresses")

    def _is_faulty(self, owner: str) -> bool:
        return owner in self._arp and self._arp[owner].outcome is Outcome.FAULT

    def _happened(self, at: float, outcome: Outcome, because: str) -> None:
        self._worst = _worse(self._worst, _Moment(outcome, at, because))

    @property
    def worst(self) -> Outcome:
        """The worst outcome so far."""
        return self._worst_moment().outcome

    def _worst_moment(self) -> _Moment:
        """A silence is judged by all requests before and after it, so that lost frames accuse no node."""
        worst = self._worst
        for ip, timeline in self._timelines.items():
            for silence in timeline.silences if ip != self._canary else ():
                worst = _worse(worst, self._silence(ip, silence))
        if worst.outcome is Outcome.FINE:
            seldom = (ip for ip in self._labels if self._timelines[ip].questions < FEW)
            worst = next(
                (_Moment(Outcome.UNSURE, 0.0, f"{ip} was requested fewer than {FEW} times") for ip in seldom), worst
            )
        return worst

    def _silence(self, ip: Address, silence: Silence) -> _Moment:
        timeline = self._timelines[ip]
        if timeline.chance(silence) < (RARER if self._is_unclear else RARE):
            return _Moment(Outcome.FAULT, silence.at, f"no reply for {ip}")
        because = f"no reply to {silence.missed} requests for {ip}, which may have been lost"
        return _Moment(Outcome.UNSURE, silence.at, because)

    def _owner(self, mac: Mac) -> str:
        return self._owners.get(mac, str(mac))

    # ------------------------------------------------------------------------------------------------------------- Timeline

    def record(self, end: float, clock: Callable[[float], str]) -> WatchRecord:
        """The same for a page: all addresses, those that changed first."""
        found = [self._watched(ip, timeline, end) for ip, timeline in self._in_order()]
        return WatchRecord(
            worst=self.worst,
            words=self._worst_words(clock),
            end=end,
            addresses=tuple(sorted(found, key=lambda one: one.rank)),
        )

    def _in_order(self) -> Iterable[tuple[Address, AddressTimeline]]:
        return sorted(self._timelines.items(), key=lambda entry: order(entry[0]))

    def _watched(self, ip: Address, timeline: AddressTimeline, end: float) -> WatchedAddress:
        changes = self._changes.get(ip, ())
        ends = [*(span.at for span in timeline.spans[1:]), end]
        spans = (
            WatchedSpan(at=span.at, until=until, owners=timeline.named(span.macs))
            for span, until in zip(timeline.spans, ends, strict=True)
        )
        worst = Outcome.worst(
            (*(_worth(ip, change)[0] for change in changes), *(self._silence(ip, one).outcome for one in timeline.silences))
        )
        return WatchedAddress(
            ip=ip,
            label=self._labels.get(ip, ""),
            is_canary=ip == self._canary,
            spans=tuple(spans),
            summary=_summary_of(changes) if changes else "",
            verdict=self._verdicts.get(str(ip)),
            worst=worst,
        )

    def timeline(self, end: float, clock: Callable[[float], str]) -> str:
        """The history of every address that changed, and the number of those that did not. `clock`: formats the time of
        day."""
        code = self.worst.exit_code
        return "\n".join((*self._histories(end, clock), f"{self._worst_words(clock)}; exit code {code}", ""))

    def _worst_words(self, clock: Callable[[float], str]) -> str:
        worst = self._worst_moment()
        match worst.outcome:
            case Outcome.NOT_JUDGED:
                return "Nothing was judged: no finished probe could judge an address or a node"
            case Outcome.FINE:
                return "No fault was found at any time"
            case Outcome.UNSURE | Outcome.FAULT:
                return f"Worst moment: {clock(worst.at)}, {worst.because}"
            case _:
                assert_never(self.worst)

    def _histories(self, end: float, clock: Callable[[float], str]) -> Iterator[str]:
        still = 0
        for ip, timeline in self._in_order():
            changes = self._changes.get(ip, ())
            if not changes:
                still += ip != self._canary
                continue
            label = self._labels.get(ip, "")
            yield (
                f"{ip}: kernels that reply for Service addresses"
                if ip == self._canary
                else (f"{ip}{f' ({label})' if label else ''}: {_summary_of(changes)}")
            )
            yield from history(timeline.spans, end, clock, timeline.named)
        if still:
            yield f"{still} {'other ' if self._changes else ''}address{'' if still == 1 else 'es'} did not change"


def _worth(ip: Address, change: ResponderChange) -> tuple[Outcome, str]:
    """The outcome and text of a change, like the verdicts `duplicate` and `moved`. A silence is judged by its length when it
    is over."""
    if len(change.after) > 1 or change.together:
        return Outcome.FAULT, f"several owners replied for {ip}"
    if change.moved:
        return Outcome.UNSURE, f"{ip} moved from {named(change.origin)} to {named(change.after)}"
    return Outcome.NOT_JUDGED, ""


def _summary_of(changes: Sequence[ResponderChange]) -> str:
    return f"{'of the last changes: ' if len(changes) >= MOST_CHANGES else ''}{summary_of(changes)}"


def outcome_of(report: Report) -> Outcome:
    """The outcome of a complete probe: not judged if none of its addresses was judged, whatever the nodes are."""
    match report.summary.exit_code:
        case 0:
            return Outcome.NOT_JUDGED if report.judged is Outcome.NOT_JUDGED else Outcome.FINE
        case 1:
            return Outcome.FAULT
        case _:
            return Outcome.UNSURE


def _owners(report: Report) -> dict[Mac, str]:
    return {entry.mac: node.name for node in report.nodes for entry in node.macs}


# ----------------------------------------------------------------------------------------------------- The record of a watch

# What a watch saw, as data for a page: who replied for each address from when to when.


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSpan:
    """A time with the same responders. Seconds on the clock of the watch."""

    at: float
    until: float
    owners: tuple[str, ...]
    """Node names, or MAC addresses without a known node; empty: no reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAddress:
    ip: Address
    label: str
    """Its Services."""
    is_canary: bool
    """Whoever replies for it is a kernel without strict ARP."""
    spans: tuple[WatchedSpan, ...]
    """Empty if nobody replied yet."""
    summary: str
    """`1 move, 1 gap (1.5 s)`; empty without a change."""
    verdict: Verdict | None
    """Of the last probe."""
    worst: Outcome
    """Of its changes and silences; NOT_JUDGED without any."""

    @property
    def rank(self) -> tuple[int | bool, ...]:
        """What was wrong at some time, what changed, what is wrong now, the rest; the canary before the addresses of its
        kind."""
        now = self.verdict.outcome.place if self.verdict else len(Outcome)
        return self.worst.place, not self.summary, not self.is_canary, now, *order(self.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRecord:
    worst: Outcome
    words: str
    """About the worst moment."""
    end: float
    addresses: tuple[WatchedAddress, ...]
