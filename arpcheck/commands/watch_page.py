"""`arpcheck watch -o html`: who replied for each address over time, with moves, gaps and overlaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from markupsafe import Markup

from arpcheck.commands.watch_loop import Drawing
from arpcheck.model import Outcome
from arpcheck.reports.document import document
from arpcheck.reports.formatting import embedded, moment
from arpcheck.reports.html import page
from arpcheck.reports.json import written
from arpcheck.reports.words import interface
from arpcheck.text import count
from arpcheck.watch import WatchedAddress, WatchedSpan
from arpcheck.watch.timeline import MOST_SPANS, named, seconds

TICKS = 5
LABELLED = 2.5
"""Percent of the axis; a shorter time has no number in the picture. The list below the picture has its time."""
UNCHANGED = 12
"""Addresses without a change that are shown unfolded."""

_WORDS = {
    Outcome.FINE: "OK", Outcome.FAULT: "PROBLEM", Outcome.UNSURE: "INCONCLUSIVE", Outcome.NOT_JUDGED: "INCONCLUSIVE",
}  # fmt: skip


class Stretch(StrEnum):
    """How a time is drawn."""

    ONE = "one-owner"
    SEVERAL = "several"
    NOBODY = "nobody"
    UNHEARD = "unheard-yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A time with the same responders. Places and widths are percents."""

    kind: Stretch
    x: str
    width: str
    middle: str
    label: str
    """The numbers of the responders; empty where it has no room."""
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    address: WatchedAddress
    bars: tuple[Bar, ...]
    moments: tuple[tuple[str, str, Outcome], ...]
    """(time of day, who replied and for how long, what that is)."""
    more: int
    """Moments that are not in the list."""
    text: str
    """The picture in words."""


def watch_page(drawing: Drawing) -> str:
    record, report = drawing.record, drawing.report
    changed = [one for one in record.addresses if one.summary]
    still = [one for one in record.addresses if not one.summary and not one.is_canary]
    numbers = _numbers(changed)
    return page(
        "watch.html",
        outcome=record.worst,
        word=_WORDS[record.worst],
        exit_code=record.worst.exit_code,
        words=record.words,
        verdicts=tuple(report.summary.verdicts.items()) if report else (),
        facts=_facts(drawing, len(changed)),
        legend=tuple(numbers.items()),
        rows=[_row(one, drawing, numbers) for one in changed],
        ticks=_ticks(drawing),
        still=[
            (str(one.ip), one.label, named(one.spans[-1].owners) if one.spans else "nobody", one.verdict) for one in still
        ],
        open=UNCHANGED,
        lines=[(clock(drawing, at), line) for at, line in drawing.lines],
        left_out=drawing.left_out,
        is_over=drawing.is_over,
        data=Markup(embedded(written(document(report)))) if report else Markup(""),  # noqa: S704 - escaped there
    )


def clock(drawing: Drawing, at: float) -> str:
    """The time of day, to a tenth of a second."""
    return f"{drawing.began_at + timedelta(seconds=at - drawing.began):%H:%M:%S.%f}"[:-5]


def _facts(drawing: Drawing, changed: int) -> Sequence[tuple[str, str]]:
    ended = drawing.began_at + timedelta(seconds=drawing.record.end - drawing.began)
    until = f"to {moment(ended)} UTC" if drawing.is_over else f"and goes on; this page was written at {moment(ended)} UTC"
    watched = sum(not one.is_canary for one in drawing.record.addresses)
    run = drawing.report.run if drawing.report else None
    return (
        ("Watched", f"{count(watched, 'address')}; {count(changed, 'timeline')} with a change"),
        ("Time", f"from {moment(drawing.began_at)} {until}, {seconds(drawing.record.end - drawing.began)}"),
        ("From", "; ".join(map(interface, run.interfaces)) if run else ""),
        (
            "Cluster",
            f"context {run.context or '-'}, Kubernetes {run.cluster or '-'}; arpcheck {run.arpcheck}" if run else "",
        ),
    )


def _numbers(found: Iterable[WatchedAddress]) -> Mapping[str, int]:
    """A number for each responder in the pictures, in the order in which they appear."""
    owners = (owner for one in found for span in one.spans for owner in span.owners)
    return {owner: number for number, owner in enumerate(dict.fromkeys(owners), 1)}


def _row(one: WatchedAddress, drawing: Drawing, numbers: Mapping[str, int]) -> TimelineRow:
    moments = tuple(_moment(one, span, drawing) for span in one.spans[:MOST_SPANS])
    return TimelineRow(
        address=one,
        bars=tuple(_bar(one, span, drawing, numbers) for span in one.spans),
        moments=moments,
        more=len(one.spans) - len(moments),
        text=f"{one.ip}: {one.summary}. {'; '.join(f'{time} {who}' for time, who, _ in moments)}",
    )


def _kind(one: WatchedAddress, span: WatchedSpan) -> Stretch:
    if one.is_canary:
        return Stretch.SEVERAL if span.owners else Stretch.UNHEARD
    if not span.owners:
        return Stretch.NOBODY
    return Stretch.ONE if len(span.owners) == 1 else Stretch.SEVERAL


_OUTCOMES = {
    Stretch.ONE: Outcome.FINE, Stretch.SEVERAL: Outcome.FAULT, Stretch.NOBODY: Outcome.UNSURE, Stretch.UNHEARD: Outcome.FINE,
}  # fmt: skip


def _bar(one: WatchedAddress, span: WatchedSpan, drawing: Drawing, numbers: Mapping[str, int]) -> Bar:
    start, end = _share(drawing, span.at), _share(drawing, span.until)
    label = "+".join(str(numbers[owner]) for owner in span.owners[:3]) or ("–" if not one.is_canary else "")
    return Bar(
        kind=_kind(one, span),
        x=f"{start:.2f}%",
        width=f"{max(end - start, 0.15):.2f}%",
        middle=f"{(start + end) / 2:.2f}%",
        label=label if end - start >= LABELLED * len(label.split("+")) else "",
        title=f"{clock(drawing, span.at)} to {clock(drawing, span.until)}: {named(span.owners)}",
    )


def _moment(one: WatchedAddress, span: WatchedSpan, drawing: Drawing) -> tuple[str, str, Outcome]:
    kind = _kind(one, span)
    lasting = "" if kind is Stretch.ONE else f" for {seconds(span.until - span.at)}"
    return clock(drawing, span.at), f"{named(span.owners)}{lasting}", _OUTCOMES[kind]


def _share(drawing: Drawing, at: float) -> float:
    length = max(drawing.record.end - drawing.began, 0.001)
    return min(max((at - drawing.began) / length, 0.0), 1.0) * 100


def _ticks(drawing: Drawing) -> Sequence[tuple[str, str, str]]:
    """(place, anchor, time of day)."""
    length = drawing.record.end - drawing.began
    found = []
    for number in range(TICKS):
        share = number / (TICKS - 1)
        anchor = "start" if number == 0 else "end" if number == TICKS - 1 else "middle"
        found.append((f"{share * 100:g}%", anchor, clock(drawing, drawing.began + share * length)[:8]))
    return found
