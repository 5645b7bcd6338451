"""All addresses that are watched, what else is overheard of them, and what the probes in between came to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address
from typing import NamedTuple, assert_never

from arpcheck.model import Arp, Mac, Outcome, Report, Verdict
from arpcheck.watch.timeline import (
    AddressTimeline,
    ResponderChange,
    Silence,
    history,
    named,
    said,
    said_of_kernels,
    summed_up,
)

SERIES = 10.0
"""Seconds in which the frames of one announcement follow each other: a speaker sends ten within 4.4 s."""

MOST_OVERHEARD = 64
"""Different ones in that time."""

SETTLES = 15.0
"""Seconds that a load balancer may take to record a move: a Lease lives for 10 to 15 s, and a status is written by the node
that took over, when it gets to it."""

FEW = 3
"""Questions for every address, at least, before a watch is clean."""

RARE, RARER = 1e-3, 1e-6
"""How often chance may bring what is called a silence, in one watch of one address; the second where a probe could not tell
how a node's kernel is, as where frames get lost."""

Say = Callable[[float, str], None]
"""Takes a line and its time."""


class _Moment(NamedTuple):
    outcome: Outcome
    at: float
    because: str


def _worse(one: _Moment, other: _Moment) -> _Moment:
    """The worse of both; of two alike the earlier."""
    worst = Outcome.worst((one.outcome, other.outcome))
    alike = [moment for moment in (one, other) if moment.outcome is worst]
    return min(alike, key=lambda moment: moment.at)


class Watch:
    def __init__(self, say: Say) -> None:
        self._worst = _Moment(Outcome.NOT_JUDGED, 0.0, "")
        """But for the silences; nothing was judged before the first probe is over."""
        self._say = say
        self._lost_at = -SERIES
        self._labels: dict[IPv4Address, str] = {}
        self._canary: IPv4Address | None = None
        self._services: Collection[IPv4Address] = ()
        self._tracks: dict[IPv4Address, AddressTimeline] = {}
        self._changes: dict[IPv4Address, list[ResponderChange]] = {}
        self._owners: dict[Mac, str] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._arp: dict[str, Arp] = {}
        self._is_unclear = False
        self._overheard: dict[tuple[str, IPv4Address, str], float] = {}

    def follow(
        self, labels: Mapping[IPv4Address, str], canary: IPv4Address | None, services: Collection[IPv4Address]
    ) -> None:
        """`labels`: the addresses to watch, each with its Services. `services`: every Service's every address."""
        self._labels, self._canary, self._services = dict(labels), canary, services
        for ip in (*labels, *((canary,) if canary else ())):
            self._tracks.setdefault(ip, AddressTimeline(self._owner))

    # -------------------------------------------------------------------------------------------- what is asked and heard

    def asked(self, at: float, ip: IPv4Address) -> None:
        if ip in self._tracks:
            self._changed(ip, self._tracks[ip].asked(at))

    def answered(self, ip: IPv4Address, mac: Mac) -> None:
        if ip in self._tracks:
            self._tracks[ip].answered(mac)

    def tick(self, at: float) -> None:
        for ip, track in self._tracks.items():
            self._changed(ip, track.tick(at))

    def lost(self, at: float, frames: int) -> None:
        if at - self._lost_at > SERIES:
            self._say(at, f"{frames} frames were lost on this host: what was asked just now says nothing")
        self._lost_at = at
        self._happened(at, Outcome.UNSURE, "frames were lost on this host, so who answered then is not known")
        for track in self._tracks.values():
            track.doubt()

    def deaf(self, at: float, why: str) -> None:
        """An interface is gone."""
        self._say(at, f"{why}: nothing more is heard there")
        self._happened(at, Outcome.UNSURE, why)

    def announced(self, at: float, ip: IPv4Address, mac: Mac) -> None:
        """A gratuitous frame. A speaker repeats them at will, so one that names who answers anyway is no news. One of
        somebody who does not moves every cache that has the address (RFC 826: an entry that is there is overwritten)."""
        owner = self._owner(mac)
        if ip in self._labels and owner not in self._tracks[ip].owners and self._is_new("announced", ip, owner, at):
            self._say(at, f"{ip}: {owner} announces it (gratuitous ARP)")
            if self._tracks[ip].spans:  # before the first answer nobody is known not to answer
                self._happened(at, Outcome.UNSURE, f"{owner} announced {ip} and did not answer for it")

    def unread(self, at: float, why: str, *, known: bool) -> None:
        """The cluster can't be read any more. `known`: it was said already."""
        if not known:
            self._say(at, f"{why}: who should answer is not known now, and what was read before accuses nobody")
        self._happened(at, Outcome.UNSURE, "the cluster could not be read, so who should have answered then is not known")

    def unsettled(self, since: float) -> frozenset[IPv4Address]:
        """The addresses that changed hands after this moment, or are about to: somebody answers who did not before."""
        late = {
            ip
            for ip, changes in self._changes.items()
            if any(change.at >= since and (change.moved or {*change.after} - {*change.before}) for change in changes)
        }
        return frozenset(late | {ip for ip, track in self._tracks.items() if track.unsettled}) - {self._canary}

    def claimed(self, at: float, ip: IPv4Address, mac: Mac, wanted: IPv4Address) -> None:
        """Somebody asked with a Service's address as its own sender, which every cache that hears it may learn: a kernel
        that holds it and has arp_announce 0 or 1 (Documentation/networking/ip-sysctl.rst). Whoever alone answers for it may
        (kube-vip, PureLB and keepalived put it on a NIC), and who does is not known before the first answers."""
        owner = self._owner(mac)
        track = self._tracks.get(ip) if ip in self._labels else None
        rightly = track is not None and track.owners in ((owner,), ())
        if ip in self._services and not rightly and self._is_new("claimed", ip, owner, at):
            self._say(at, f"{ip}: {owner} asks for {wanted} with it as its own address: arp_announce is not 2 there")
            self._happened(at, Outcome.UNSURE, f"{owner} asked with {ip} as its own address")

    def _is_new(self, what: str, ip: IPv4Address, owner: str, at: float) -> bool:
        """Once in a series; a flood of forged senders is not told in full."""
        if len(self._overheard) >= MOST_OVERHEARD:
            self._overheard = {key: heard for key, heard in self._overheard.items() if at - heard <= SERIES}
        before = self._overheard.get((what, ip, owner))
        if before is None and len(self._overheard) >= MOST_OVERHEARD:
            return False
        self._overheard[what, ip, owner] = at
        return before is None or at - before > SERIES

    # ----------------------------------------------------------------------------------------------------------- probes

    def probed(self, at: float, report: Report) -> None:
        """A whole probe: whose the MACs are, the verdicts, the nodes. Says what is other than in the one before."""
        self._owners |= _owners(report)
        first = not self._verdicts and not self._arp
        if first:
            verdicts = ", ".join(f"{number} {verdict}" for verdict, number in report.summary.verdicts.items())
            self._say(at, f"probed: {verdicts or 'no address was judged'}")
        for target in report.targets:
            if target.verdict and target.target.ip:
                self._judged(at, str(target.target.ip), target.verdict, target.reason, first=first)
        for node in report.nodes:
            before = self._arp.get(node.name)
            if before not in (None, node.arp):
                self._say(at, f"{node.name}: {before} before, {node.arp} now")
            self._arp[node.name] = node.arp
            self._is_unclear |= node.arp is Arp.UNKNOWN
        self._happened(at, _outcome(report), "; ".join(report.summary.because) or "a probe's verdicts")

    def _judged(self, at: float, ip: str, verdict: Verdict, reason: str, *, first: bool) -> None:
        before = self._verdicts.get(ip)
        self._verdicts[ip] = verdict
        if before == verdict or (first and verdict.outcome in (Outcome.FINE, Outcome.NOT_JUDGED)):
            return
        was = f"{before} before, {verdict} now" if before else f"{verdict}"
        self._say(at, f"{ip}: {was}: {reason}")

    # ---------------------------------------------------------------------------------------------------------- changes

    def _changed(self, ip: IPv4Address, change: ResponderChange | None) -> None:
        if change is None:
            return
        if len(self._tracks[ip].spans) == 1:
            return  # how it was at the beginning; the probe has judged it
        self._changes.setdefault(ip, []).append(change)
        if ip == self._canary:
            for line in said_of_kernels(change.before, change.after):
                self._say(change.at, line)
            self._kernels(change)
        else:
            self._say(change.at, f"{ip}: {said(change)}")
            self._happened(change.at, *_worth(ip, change))

    def _kernels(self, change: ResponderChange) -> None:
        """Who answers for Service addresses and did not before; those that the last probe found have been counted."""
        new = [owner for owner in change.after if owner not in change.before and not self._is_faulty(owner)]
        nodes = [owner for owner in new if owner in self._arp]
        if new:
            outcome = Outcome.FAULT if nodes else Outcome.UNSURE
            self._happened(change.at, outcome, f"{named(tuple(nodes or new))} answered for Service addresses")

    def _is_faulty(self, owner: str) -> bool:
        return owner in self._arp and self._arp[owner].outcome is Outcome.FAULT

    def _happened(self, at: float, outcome: Outcome, because: str) -> None:
        self._worst = _worse(self._worst, _Moment(outcome, at, because))

    @property
    def worst(self) -> Outcome:
        """Of all moments so far."""
        return self._worst_moment().outcome

    def _worst_moment(self) -> _Moment:
        """What a silence comes to is known by all that was asked before it and after: frames that get lost accuse nobody."""
        worst = self._worst
        for ip, track in self._tracks.items():
            for silence in track.silences if ip != self._canary else ():
                worst = _worse(worst, self._silence(ip, silence))
        if worst.outcome is Outcome.FINE:
            seldom = (ip for ip in self._labels if self._tracks[ip].questions < FEW)
            worst = next((_Moment(Outcome.UNSURE, 0.0, f"{ip} was asked fewer than {FEW} times") for ip in seldom), worst)
        return worst

    def _silence(self, ip: IPv4Address, silence: Silence) -> _Moment:
        track = self._tracks[ip]
        if track.chance(silence) < (RARER if self._is_unclear else RARE):
            return _Moment(Outcome.FAULT, silence.at, f"nobody answered for {ip}")
        because = f"nobody answered {silence.missed} questions for {ip}, which may have been lost"
        return _Moment(Outcome.UNSURE, silence.at, because)

    def _owner(self, mac: Mac) -> str:
        return self._owners.get(mac, str(mac))

    # --------------------------------------------------------------------------------------------------------- timeline

    def timeline(self, end: float, clock: Callable[[float], str]) -> str:
        """What happened to every address that changed, and how many did not. `clock`: the time of day."""
        code = self.worst.exit_code
        return "\n".join((*self._histories(end, clock), f"{self._worst_words(clock)}; exit code {code}", ""))

    def _worst_words(self, clock: Callable[[float], str]) -> str:
        worst = self._worst_moment()
        match worst.outcome:
            case Outcome.NOT_JUDGED:
                return "Nothing was judged: no probe was finished that could judge an address or a node"
            case Outcome.FINE:
                return "Nothing was wrong at any moment"
            case Outcome.UNSURE | Outcome.FAULT:
                return f"Worst moment: {clock(worst.at)}, {worst.because}"
            case _:
                assert_never(self.worst)

    def _histories(self, end: float, clock: Callable[[float], str]) -> Iterator[str]:
        still = 0
        for ip, track in sorted(self._tracks.items()):
            changes = self._changes.get(ip, ())
            if not changes:
                still += ip != self._canary
                continue
            label = self._labels.get(ip, "")
            yield f"{ip}: kernels that answer for Service addresses" if ip == self._canary else (
                f"{ip}{f' ({label})' if label else ''}: {summed_up(changes)}"
            )
            yield from history(track.spans, end, clock, track.named)
        if still:
            yield f"{still} {'other ' if self._changes else ''}address{'' if still == 1 else 'es'} did not change"


def _worth(ip: IPv4Address, change: ResponderChange) -> tuple[Outcome, str]:
    """What a change comes to, and what it is: as the verdicts `duplicate` and `moved`. A silence comes to what its length
    says when it is over."""
    if len(change.after) > 1 or change.together:
        return Outcome.FAULT, f"several answered for {ip}"
    if change.moved:
        return Outcome.UNSURE, f"{ip} moved from {named(change.origin)} to {named(change.after)}"
    return Outcome.NOT_JUDGED, ""


def _outcome(report: Report) -> Outcome:
    """Of a whole probe. Addresses none of which was judged make it none, whatever the nodes are."""
    match report.summary.exit_code:
        case 0:
            return Outcome.NOT_JUDGED if report.judged is Outcome.NOT_JUDGED else Outcome.FINE
        case 1:
            return Outcome.FAULT
        case _:
            return Outcome.UNSURE


def _owners(report: Report) -> dict[Mac, str]:
    return {entry.mac: node.name for node in report.nodes for entry in node.macs}
