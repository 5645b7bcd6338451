"""All addresses that are watched, what else is overheard of them, and what the probes in between came to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address

from arpcheck.model import Arp, Mac, Report, Verdict
from arpcheck.watching.track import Change, Track
from arpcheck.watching.words import history, named, said, said_of_kernels, summed_up

SERIES = 10.0
"""Seconds in which the frames of one announcement follow each other: a speaker sends ten within 4.4 s."""

MOST_OVERHEARD = 64
"""Different ones in that time."""

RANK = (0, 3, 1)
"""Exit codes, the worst last."""

Say = Callable[[float, str], None]
"""Takes a line and its time."""


class Watch:
    def __init__(self, say: Say) -> None:
        self.worst = 0
        """The exit code of the worst moment."""
        self._worst_moment: tuple[float, str] | None = None
        self._say = say
        self._lost_at = -SERIES
        self._labels: dict[IPv4Address, str] = {}
        self._canary: IPv4Address | None = None
        self._services: Collection[IPv4Address] = ()
        self._tracks: dict[IPv4Address, Track] = {}
        self._changes: dict[IPv4Address, list[Change]] = {}
        self._owners: dict[Mac, str] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._arp: dict[str, Arp] = {}
        self._overheard: dict[tuple[str, IPv4Address, str], float] = {}

    def follow(
        self, labels: Mapping[IPv4Address, str], canary: IPv4Address | None, services: Collection[IPv4Address]
    ) -> None:
        """`labels`: the addresses to watch, each with its Services. `services`: every Service's every address."""
        self._labels, self._canary, self._services = dict(labels), canary, services
        for ip in (*labels, *((canary,) if canary else ())):
            self._tracks.setdefault(ip, Track(self._owner))

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
        self._happened(at, 3, "frames were lost on this host, so who answered then is not known")
        for track in self._tracks.values():
            track.doubt()

    def deaf(self, at: float, why: str) -> None:
        """An interface is gone."""
        self._say(at, f"{why}: nothing more is heard there")
        self._happened(at, 3, why)

    def announced(self, at: float, ip: IPv4Address, mac: Mac) -> None:
        """A gratuitous frame. A speaker repeats them at will, so one that names who answers anyway is no news."""
        owner = self._owner(mac)
        if ip in self._labels and owner not in self._tracks[ip].owners and self._is_new("announced", ip, owner, at):
            self._say(at, f"{ip}: {owner} announces it (gratuitous ARP)")

    def claimed(self, at: float, ip: IPv4Address, mac: Mac, wanted: IPv4Address) -> None:
        """Somebody asked with a Service's address as its own sender, which every cache that hears it may learn: a kernel
        that holds it and has arp_announce 0 or 1 (Documentation/networking/ip-sysctl.rst). Whoever alone answers for it may
        (kube-vip, PureLB and keepalived put it on a NIC), and who does is not known before the first answers."""
        owner = self._owner(mac)
        track = self._tracks.get(ip) if ip in self._labels else None
        rightly = track is not None and track.owners in ((owner,), ())
        if ip in self._services and not rightly and self._is_new("claimed", ip, owner, at):
            self._say(at, f"{ip}: {owner} asks for {wanted} with it as its own address: arp_announce is not 2 there")
            self._happened(at, 3, f"{owner} asked with {ip} as its own address")

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
        self._happened(at, report.summary.exit_code, "; ".join(report.summary.because) or "a probe's verdicts")

    def _judged(self, at: float, ip: str, verdict: Verdict, reason: str, *, first: bool) -> None:
        before = self._verdicts.get(ip)
        self._verdicts[ip] = verdict
        if before == verdict or (first and verdict in (Verdict.OK, Verdict.NOT_PROBED)):
            return
        was = f"{before} before, {verdict} now" if before else f"{verdict}"
        self._say(at, f"{ip}: {was}: {reason}")

    # ---------------------------------------------------------------------------------------------------------- changes

    def _changed(self, ip: IPv4Address, change: Change | None) -> None:
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

    def _kernels(self, change: Change) -> None:
        """Who answers for Service addresses and did not before; those that the last probe found have been counted."""
        new = [owner for owner in change.after if owner not in change.before and self._arp.get(owner) is not Arp.NON_STRICT]
        nodes = [owner for owner in new if owner in self._arp]
        if new:
            self._happened(change.at, 1 if nodes else 3, f"{named(tuple(nodes or new))} answered for Service addresses")

    def _happened(self, at: float, code: int, because: str) -> None:
        if code in RANK and RANK.index(code) > RANK.index(self.worst):
            self.worst, self._worst_moment = code, (at, because)

    def _owner(self, mac: Mac) -> str:
        return self._owners.get(mac, str(mac))

    # --------------------------------------------------------------------------------------------------------- timeline

    def timeline(self, end: float, clock: Callable[[float], str]) -> str:
        """What happened to every address that changed, and how many did not. `clock`: the time of day."""
        worst = "Nothing was wrong at any moment"
        if self._worst_moment:
            at, because = self._worst_moment
            worst = f"Worst moment: {clock(at)}, {because}"
        return "\n".join((*self._histories(end, clock), f"{worst}; exit code {self.worst}", ""))

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


def _worth(ip: IPv4Address, change: Change) -> tuple[int, str]:
    """The exit code of a change, and what it is: as the verdicts `silent`, `duplicate` and `moved`."""
    if not change.after:
        return 1, f"nobody answered for {ip}"
    if len(change.after) > 1 or change.together:
        return 1, f"several answered for {ip}"
    return (3, f"{ip} moved from {named(change.origin)} to {named(change.after)}") if change.moved else (0, "")


def _owners(report: Report) -> dict[Mac, str]:
    return {entry.mac: node.name for node in report.nodes for entry in node.macs}
