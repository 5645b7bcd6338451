"""The replies to one address as lanes of dots on a logarithmic scale: who was first, who was late, in which round.

A dot is placed in per cent, so that the picture has any width and its text keeps its size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from arpcheck.reports.grid import Mark
from arpcheck.reports.html.markup import Markup, tag
from arpcheck.reports.html.timeline import Point, Timeline
from arpcheck.reports.language import count, listing

FEWEST_MS, MOST_MS = 0.1, 10_000.0
"""What is sooner or later is drawn at the edge; its exact time is in the dot's title."""
_TICKS = ((0.1, "0.1 ms"), (1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1000, "1 s"), (10_000, "10 s"))
LANES = 6
"""So many responders have a lane of their own; more are folded by their mark."""
_HEIGHT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    mark: Mark
    name: str
    macs: frozenset[str]
    about: str
    """What is said beside the dots."""


def chart(lanes: Sequence[Lane], timeline: Timeline, rounds: Sequence[int]) -> Markup:
    """`lanes` without dots where no evidence says when the replies came."""
    shown = tuple(lanes) if len(lanes) <= LANES else tuple(_folded(lanes))
    if not timeline.points:
        return tag("div", *(tag("div", _who(lane), _about(lane), class_="lane bare") for lane in shown), class_="chart")
    last = _last_tick(timeline.points)
    drawn = (_lane(lane, [p for p in timeline.points if p.mac in lane.macs], rounds, last) for lane in shown)
    more = f"{count(timeline.more, 'more reply')} not drawn" if timeline.more else None
    return tag("div", *drawn, _axis(last), tag("p", more, class_="note") if more else None, class_="chart")


def _folded(lanes: Sequence[Lane]) -> Iterable[Lane]:
    for mark in Mark:
        alike = [lane for lane in lanes if lane.mark is mark]
        if len(alike) == 1:
            yield alike[0]
        elif alike:
            macs = frozenset(mac for lane in alike for mac in lane.macs)
            yield Lane(mark=mark, name=count(len(alike), "responder"), macs=macs, about=listing((a.name for a in alike), 2))


def _lane(lane: Lane, points: Iterable[Point], rounds: Sequence[int], last: float) -> Markup:
    lines = (tag("line", x1=_across(at, last), x2=_across(at, last), y1="0", y2="100%") for at, _ in _TICKS if at <= last)
    dots = (_dot(point, lane.mark, rounds, last) for point in points)
    track = tag("svg", *lines, *dots, class_="track", height=str(_HEIGHT), role="img", aria_label=f"Replies: {lane.name}")
    return tag("div", _who(lane), track, _about(lane), class_="lane")


def _dot(point: Point, mark: Mark, rounds: Sequence[int], last: float) -> Markup:
    place = rounds.index(point.round) if point.round in rounds else len(rounds)
    down = _HEIGHT * (place + 1) / (max(len(rounds), 1) + 1)
    title = f"round {point.round}: {point.after:.2f} ms{', first' if point.first else ''}"
    shape = f"{css(mark)} {'first' if point.first else 'later'}"
    return tag("circle", tag("title", title), cx=_across(point.after, last), cy=f"{down:.1f}", r="3.5", class_=shape)


def _axis(last: float) -> Markup:
    texts = (tag("text", text, x=_across(at, last), y="11", text_anchor="middle") for at, text in _TICKS if at <= last)
    track = tag("svg", *texts, class_="track axis", height="14", aria_hidden="true")
    return tag("div", tag("span", class_="who"), track, tag("span", class_="about"), class_="lane scale")


def _last_tick(points: Iterable[Point]) -> float:
    """The end of the scale: at least 1 s, which is how long a run listens, so that charts can be compared."""
    return 1000 if all(point.after <= 1000 for point in points) else MOST_MS


def _across(after: float, last: float) -> str:
    share = log10(min(max(after, FEWEST_MS), last) / FEWEST_MS) / log10(last / FEWEST_MS)
    return f"{4 + 92 * share:.2f}%"


def _who(lane: Lane) -> Markup:
    return tag("span", marked(lane.mark), tag("span", lane.name, class_="name", title=lane.name), class_="who")


def _about(lane: Lane) -> Markup:
    return tag("span", lane.about, class_="about")


# ---------------------------------------------------------------------------------------------------------------- marks


def marked(mark: Mark) -> Markup:
    """The letter in its colour."""
    return tag("b", mark, class_=f"mark {css(mark)}")


def css(mark: Mark) -> str:
    """A class name; the letters of two marks differ in case only."""
    return mark.name.lower()


