"""Every address with its verdict, what is recorded of it, and a chart of its replies; the problems first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arpcheck.model import Report, Responder, TargetReport
from arpcheck.reports.grid import Cell, Grid
from arpcheck.reports.html.chart import Lane, chart
from arpcheck.reports.html.markup import Markup, joined, prose, tag
from arpcheck.reports.html.picture import badge
from arpcheck.reports.html.timeline import Timeline
from arpcheck.reports.language import count
from arpcheck.reports.words import address, claim, heard, is_problem, responder, services, verdict_of

OPEN = 20
"""Addresses that are shown unfolded; the others open with a click, and all are printed."""
DOTS = 15_000
"""So many replies are drawn on one page; the addresses after that keep their figures."""

_NOTHING = Timeline(points=())
_KEY = (
    "A dot is a reply, by the time since its question: full where nobody was sooner, hollow where somebody was. "
    "The first round is at the top of a lane."
)
_UNDRAWN = "For size, the replies to the last addresses are not drawn; the JSON in this page has them."


def addresses(report: Report, grid: Grid, lines: Mapping[str, Timeline]) -> Markup | None:
    """The problems first; what is drawn of them is bounded, what is said is not."""
    rows = sorted((row for row in grid.rows if row.target.verdict is not None), key=lambda row: not is_problem(row.target))
    if not rows:
        return None
    left = DOTS
    articles = []
    for row in rows:
        timeline = lines.get(address(row.target), _NOTHING)
        left -= len(timeline.points)
        articles.append(_address(row.target, row.cells, timeline if left >= 0 else _NOTHING, report))
    key = tag("p", _KEY, class_="note") if lines else None
    undrawn = tag("p", _UNDRAWN, class_="note") if left < 0 else None
    return joined(key, *articles[:OPEN], _folded(articles[OPEN:]), undrawn)


def _folded(articles: Sequence[Markup]) -> Markup | None:
    return tag("details", tag("summary", count(len(articles), "more address")), *articles) if articles else None


def _address(target: TargetReport, cells: Sequence[Cell], timeline: Timeline, report: Report) -> Markup:
    about = tag("span", services(target), class_="service")
    lanes = [_lane(cell, found, target) for cell in cells for found in cell.responders]
    claims = [tag("li", claim(found, report.run.started_at)) for found in target.announcers]
    return tag(
        "article",
        tag("h3", tag("code", address(target)), " ", about, badge(verdict_of(target))),
        tag("p", prose(target.reason)) if target.reason else None,
        tag("div", tag("span", "Recorded: "), tag("ul", *claims), class_="claims") if claims else None,
        chart(lanes, timeline, target.rounds) if lanes else None,
        class_="one",
        id=f"ip-{target.target.ip}" if target.target.ip else None,
    )


def _lane(cell: Cell, found: Responder, target: TargetReport) -> Lane:
    often = f", {found.replies_per_probe:.2f} per question" if found.replies_per_probe != 1 else ""
    about = f"first after {found.first_reply_ms:.2f} ms, {heard(found, target, 'round')}{often}"
    return Lane(mark=cell.mark, name=responder(found), macs=frozenset(found.macs), about=about)
