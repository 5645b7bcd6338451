"""When each reply came: the replies of the evidence, and the charts that show them on a logarithmic scale; and
a sketch of the network segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from math import floor, isfinite, log10
from textwrap import wrap
from typing import Any

from arpcheck.evidence_json import Rows
from arpcheck.model import Report
from arpcheck.reports.formatting import listing
from arpcheck.reports.matrix import Mark
from arpcheck.reports.patterns import Conduct, Pattern, conduct
from arpcheck.reports.words import interface, responder, rounds_of
from arpcheck.text import count, plain

MOST = 400
"""Replies of one address that are kept, and of one chart that are drawn; of further ones only the number."""
LANES = 6
"""Responders with a lane of their own. More are combined by their mark."""
HEIGHT = 24
"""Pixels of a lane."""
_FEWEST_MS, _MOST_MS = 0.001, 10_000.0
"""Replies outside these times are drawn at the edge; the dot's title has the exact time."""


@dataclass(frozen=True, slots=True)
class Point:
    """A reply."""

    round: int
    mac: str
    after: float
    """Milliseconds since the request."""
    first: bool
    """Whether it is the first reply to its request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    points: tuple[Point, ...]
    more: int = 0
    """Replies that are not among the points."""


NOTHING = Timeline(points=())

_Reply = tuple[tuple[str, int, str], str, float]
"""((interface, round, sender) of the request, MAC address, milliseconds)."""


def timelines(report: Report) -> Mapping[str, Timeline]:
    """By address as text. Empty if the report has no evidence."""
    found: dict[str, list[_Reply]] = {}
    for row in _rows(report.evidence.get("replies")):
        match row:
            case [_, str(nic), int(number), str(ip), str(sender), _, str(mac), str(), int() | float() as after]:
                found.setdefault(ip, []).append(((nic, number, sender), mac, float(after)))
    wanted = {str(t.target.ip) for t in report.targets if isinstance(t.target.ip, IPv4Address)}
    return {ip: _timeline([r for r in replies if isfinite(r[2])]) for ip, replies in found.items() if ip in wanted}


def _timeline(replies: Sequence[_Reply]) -> Timeline:
    """Of two replies at the same time, the one that was received before the other is the first."""
    first: dict[tuple[str, int, str], int] = {}
    for number, (request, _, after) in enumerate(replies):
        if request not in first or after < replies[first[request]][2]:
            first[request] = number
    kept = enumerate(replies[:MOST])
    points = (Point(request[1], mac, after, number == first[request]) for number, (request, mac, after) in kept)
    return Timeline(points=tuple(points), more=max(len(replies) - MOST, 0))


def _rows(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | Rows) else []


# ----------------------------------------------------------------------------------------------------------------- the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One for a page, so that its charts can be compared. Powers of ten, in milliseconds."""

    first: float
    last: float

    @property
    def ticks(self) -> Sequence[tuple[str, str]]:
        """(place, label)."""
        at, found = self.first, []
        while at <= self.last * 1.01:
            found.append((self.across(at), f"{at / 1000:g} s" if at >= 999 else f"{at:g} ms"))
            at *= 10
        return found

    def across(self, after: float) -> str:
        share = log10(min(max(after, self.first), self.last) / self.first) / log10(self.last / self.first)
        return f"{4 + 92 * share:.2f}%"


def scale(lines: Iterable[Timeline]) -> Scale:
    """From the fastest reply, at most 0.1 ms, to 1 s, the time for which a run waits."""
    times = [point.after for line in lines for point in line.points]
    fastest = min(max(min(times, default=0.1), _FEWEST_MS), 0.1)
    slow = any(after > 1000 for after in times)
    return Scale(first=round(10.0 ** floor(log10(fastest) + 1e-9), 6), last=_MOST_MS if slow else 1000.0)


# --------------------------------------------------------------------------------------- The chart of a pattern of addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    title: str
    x: str
    y: str
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    mark: Mark
    name: str
    macs: frozenset[str]
    about: str
    """The text beside the dots."""
    dots: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    lanes: tuple[Lane, ...]
    more: int
    """Replies that are not drawn."""

    @property
    def drawn(self) -> int:
        return sum(len(lane.dots) for lane in self.lanes)


_Of = tuple[str, Point]
"""(address, reply)."""


def chart(pattern: Pattern, lines: Mapping[str, Timeline], along: Scale, room: int) -> Chart:
    """The replies for all addresses of a pattern; none are drawn where they are more than `room`."""
    lanes = tuple(_lanes(pattern))
    shown = lanes if len(lanes) <= LANES else tuple(_combined(lanes))
    found: list[_Of] = []
    more = 0
    for ip in map(str, (target.target.ip for target in pattern.targets)):
        line = lines.get(ip, NOTHING)
        found += [(ip, point) for point in line.points]
        more += line.more
    step = -(-len(found) // MOST) or 1
    kept = found[::step]
    if len(kept) > room:
        kept = []
    rounds = sorted({point.round for _, point in kept})
    return Chart(
        lanes=tuple(_with_dots(lane, kept, rounds, along, pattern.is_one) for lane in shown),
        more=more + len(found) - len(kept),
    )


def _lanes(pattern: Pattern) -> Iterable[Lane]:
    """A lane for each responder: the offenders first."""
    found: dict[tuple[Mark, str], list[Lane]] = {}
    for row in pattern.rows:
        for cell in row.cells:
            for one in cell.responders:
                often = f", {one.replies_per_probe:.2f} per request" if one.replies_per_probe != 1 else ""
                about = f"first after {one.first_reply_ms:.2f} ms, {rounds_of(one, row.target, 'round')}{often}"
                lane = Lane(mark=cell.mark, name=responder(one), macs=frozenset(one.macs), about=about)
                found.setdefault((cell.mark, lane.name), []).append(lane)
    for (mark, name), alike in sorted(found.items(), key=lambda entry: _LOUD.index(entry[0][0])):
        about = alike[0].about if pattern.is_one else f"for {count(len(alike), 'address')}"
        yield Lane(mark=mark, name=name, macs=frozenset(mac for lane in alike for mac in lane.macs), about=about)


_LOUD = (Mark.FOREIGN, Mark.UNEXPECTED, *(mark for mark in Mark if mark not in (Mark.FOREIGN, Mark.UNEXPECTED)))


def _combined(lanes: Sequence[Lane]) -> Iterable[Lane]:
    for mark in _LOUD:
        alike = [lane for lane in lanes if lane.mark is mark]
        if len(alike) == 1:
            yield alike[0]
        elif alike:
            macs = frozenset(mac for lane in alike for mac in lane.macs)
            yield Lane(mark=mark, name=count(len(alike), "responder"), macs=macs, about=listing((a.name for a in alike), 2))


def _with_dots(lane: Lane, points: Iterable[_Of], rounds: Sequence[int], along: Scale, alone: bool) -> Lane:
    dots = (_dot(ip, point, rounds, along, alone) for ip, point in points if point.mac in lane.macs)
    return Lane(mark=lane.mark, name=lane.name, macs=lane.macs, about=lane.about, dots=tuple(dots))


def _dot(ip: str, point: Point, rounds: Sequence[int], along: Scale, alone: bool) -> Dot:
    down = HEIGHT * (rounds.index(point.round) + 1) / (len(rounds) + 1)
    whose = "" if alone else f"{ip}, "
    title = f"{whose}round {point.round}: {point.after:.3g} ms{', first' if point.first else ''}"
    return Dot(title=title, x=along.across(point.after), y=f"{down:.1f}", first=point.first)


# ----------------------------------------------------------------------------------------------------- Whose reply is first


def winners(pattern: Pattern, lines: Mapping[str, Timeline]) -> str:
    """`worker-1 for 12 of 13 addresses (first reply to 36 of 39 requests)`; empty where nobody replied."""
    names: Counter[str] = Counter()
    firsts: Counter[str] = Counter()
    for target in pattern.targets:
        whose = {str(mac): one.node or str(one.macs[0]) for one in target.responders for mac in one.macs}
        if target.winner:
            names[target.winner] += 1
        points = lines.get(str(target.target.ip), NOTHING).points
        firsts.update(whose[point.mac] for point in points if point.first and point.mac in whose)
    asked = sum(firsts.values())
    told = []
    for name, times in names.most_common(3):
        of = "" if pattern.is_one else f" for {times:,} of {count(len(pattern.rows), 'address')}"
        often = f" (first reply to {firsts[name]:,} of {count(asked, 'request')})" if firsts[name] else ""
        told.append(f"{name}{of}{often}")
    more = len(names) - len(told)
    return "; ".join(told) + (f"; {count(more, 'other')}" if more > 0 else "")


# --------------------------------------------------------------------------------------------------------------- The segment

# A sketch of the network segment: this host, who replied and who did not, and who replies where another should.
# Each row stands on one line that all share, since all are on one segment. Rows are as high as their text is long, so that
# no name is cut.

FEW = 6
"""Nodes of one kind up to this number have a row each; more are one row."""
MOST_OFFENDERS = 12
_NAME, _WORDS = 28, 32
"""Characters of a line; the narrowest screen has room for them."""
_LINE, _PADDING, _TOP = 17, 16, 8
"""Pixels."""


class Sign(StrEnum):
    """How a row is drawn. Each has a letter and a form of its own: colours only repeat them."""

    PROBER = "prober"
    WRONG = "wrong"
    STRANGER = "stranger"
    MISSING = "missing"
    REPLIED = "replied"
    UNHEARD = "unheard"


LETTERS = {
    Sign.PROBER: "P", Sign.WRONG: "X", Sign.STRANGER: "F", Sign.MISSING: "S", Sign.REPLIED: "✓", Sign.UNHEARD: "?",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchRow:
    shape: Sign
    name: tuple[str, ...]
    """Lines."""
    words: tuple[str, ...]
    top: int
    """Pixels to its middle."""

    @property
    def letter(self) -> str:
        return LETTERS[self.shape]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    rows: tuple[SketchRow, ...]
    height: int
    text: str
    """The same in words."""


def sketch(report: Report, order: Sequence[Conduct]) -> Sketch | None:
    """None where no interface asked."""
    if not report.run.interfaces:
        return None
    told = (("this host", _prober(report), Sign.PROBER), *_segment_rows(order))
    rows, top = [], _TOP
    for name, words, shape in told:
        lines = tuple(wrap(plain(name), _NAME) or [""]), tuple(wrap(words, _WORDS))
        rows.append(SketchRow(shape=shape, name=lines[0], words=lines[1], top=top + _LINE))
        top += _LINE * (len(lines[0]) + len(lines[1])) + _PADDING
    text = ". ".join(f"{plain(name)}: {words}" for name, words, _ in told)
    return Sketch(rows=tuple(rows), height=top, text=f"{text}.")


def _prober(report: Report) -> str:
    return f"asks on {listing(map(interface, report.run.interfaces))}"


_Told = tuple[str, str, Sign]


def _segment_rows(order: Sequence[Conduct]) -> Iterable[_Told]:
    odd = [one for one in order if _shape(one) in (Sign.WRONG, Sign.STRANGER, Sign.MISSING)]
    for one in odd[:MOST_OFFENDERS]:
        yield one.name, conduct(one), _shape(one)
    if len(odd) > MOST_OFFENDERS:
        rest = odd[MOST_OFFENDERS:]
        yield f"{len(rest):,} more", f"reply wrongly, or not where they should: {listing(_names(rest), 6)}", Sign.WRONG
    for shape, words in ((Sign.REPLIED, "replied, and for no address wrongly"), (Sign.UNHEARD, "no reply")):
        alike = [one for one in order if _shape(one) is shape]
        if len(alike) <= FEW:
            yield from ((one.name, conduct(one), shape) for one in alike)
        else:
            yield count(len(alike), "node"), f"{words}: {listing(_names(alike), 4)}", shape


def _names(found: Iterable[Conduct]) -> Iterable[str]:
    return (one.name for one in found)


def _shape(one: Conduct) -> Sign:
    if one.node is None:
        return Sign.STRANGER
    if one.wrong or (one.is_offender and not one.missing):
        return Sign.WRONG
    if one.missing:
        return Sign.MISSING
    return Sign.REPLIED if one.heard else Sign.UNHEARD
