"""`-o html`: one page without scripts or external resources, for light and dark displays and for paper.

The JSON report is embedded, so that `arpcheck report` can read a page from a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from arpcheck.model import Cause, Finding, Gap, NodeReport, Report, Responder, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.document import document
from arpcheck.reports.formatting import NONE, count, embedded, listing, moment
from arpcheck.reports.grid import Cell, Grid, grid
from arpcheck.reports.html.picture import Lane, Markup, Timeline, badge, chart, joined, picture, prose, tag, timelines, tone
from arpcheck.reports.json import written
from arpcheck.reports.words import (
    address,
    claim,
    concerns,
    coverage,
    installing,
    is_problem,
    kube_proxy_mode,
    likely,
    marked,
    outcome,
    responder,
    rounds_of,
    sentence,
    services,
    strict_arp,
    verdict_line,
    verdict_of,
)

NAME = "html"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content Security Policy: even an edited page loads and runs nothing."""


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    found = grid(report)
    parts = (
        ("Findings", findings(report.findings)),
        ("Causes", causes(likely(report))),
        ("Replies", picture(found)),
        ("Addresses", addresses(report, found, timelines(report))),
        ("Nodes", nodes(report.nodes)),
        ("Gaps", gaps(report.gaps)),
        ("Run", run(report)),
    )
    shown = [(title, title.split()[0].lower(), content) for title, content in parts if content is not None]
    links = tag("nav", *(tag("a", title, href=f"#{anchor}") for title, anchor, _ in shown))
    sections = (tag("section", tag("h2", title), content, id=anchor) for title, anchor, content in shown)
    content = tag("main", verdict(report), links, *sections)
    data = Markup(embedded(written(document(report))))
    return f"<!DOCTYPE html>\n{tag('html', _head(report), tag('body', content, data), lang='en')}\n"


def _head(report: Report) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"arpcheck: {outcome(report)}: {verdict_line(report)}"),
        tag("style", Markup(files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8"))),
    )


# ----------------------------------------------------------------------------------------------------------- Text and tables


def verdict(report: Report) -> Markup:
    word = outcome(report)
    brand = tag("p", tag("b", "arpcheck"), f" exit code {report.summary.exit_code}", class_="brand")
    counted = [
        tag("li", tag("b", f"{number:,}"), f" {found}", class_=tone(found))
        for found in sorted(Verdict, key=lambda v: v is Verdict.NOT_PROBED)
        if (number := report.summary.verdicts.get(found))
    ]
    facts = (joined(tag("dt", label), tag("dd", text)) for label, text in coverage(report) if label != "Verdicts")
    first = (tag("p", prose(told), class_="lead") for told in installing(report))
    return tag(
        "header", brand, *first, tag("h1", word), tag("p", prose(verdict_line(report)), class_="lead"),
        tag("ul", *counted, class_="counts") if counted else None, tag("dl", *facts), class_=f"verdict {tone(word)}",
    )  # fmt: skip


def findings(found: Sequence[Finding]) -> Markup:
    return joined(*map(_finding_item, found)) if found else tag("p", "None.", class_="note")


def _finding_item(found: Finding) -> Markup:
    about, word = concerns(found), marked(found.severity, found.accepted)
    return tag(
        "article",
        tag("h3", badge(word), " ", tag("code", found.id)),
        tag("p", about, class_="concerns") if about else None,
        tag("p", prose(found.means)),
        tag("div", _points("Because", "ul", found.because), _points("Do", "ol", found.do), class_="columns"),
        class_=f"finding {tone(word)}",
    )


def _points(label: str, kind: str, texts: Sequence[str]) -> Markup | None:
    return tag("div", tag("h4", label), tag(kind, *(tag("li", prose(text)) for text in texts))) if texts else None


def causes(found: Sequence[Cause]) -> Markup | None:
    if not found:
        return None
    return _html_table(("Likely cause", "Do"), ((prose(sentence(cause)), prose(cause.do)) for cause in found))


def nodes(found: Sequence[NodeReport]) -> Markup | None:
    if not found:
        return None
    heads = ("Node", "ARP", "MAC", "kube-proxy", "strictARP configured", "Why")
    return _html_table(heads, map(_node_cells, found))


def _node_cells(node: NodeReport) -> tuple[str, ...]:
    macs = listing((mac.mac for mac in node.macs), 3)
    configured = strict_arp(node) if node.kube_proxy.source is None else f"{strict_arp(node)}, {node.kube_proxy.source}"
    why = "; ".join(text for text in (node.reason, *node.kube_proxy.notes) if text) or NONE
    arp = badge(marked(node.arp, node.accepted))
    return node.name, arp, tag("code", macs), kube_proxy_mode(node), configured, prose(why)


def gaps(found: Sequence[Gap]) -> Markup | None:
    if not found:
        return None
    rows = ((gap.what, gap.why, prose(gap.costs)) for gap in found)
    return _html_table(("What", "Why", "Impact"), rows)


def run(report: Report) -> Markup:
    facts = report.run
    ignored = ", ".join(f"{count:,} {reason}" for reason, count in sorted(facts.ignored.items())) or "none"
    rows = (
        ("Started", f"{moment(facts.started_at)} UTC"),
        ("Ended", f"{moment(facts.ended_at)} UTC"),
        ("Rounds", f"{facts.rounds}, at {facts.rate:g} frames per second; waited {facts.wait:g} s after the last request"),
        ("Sender", facts.sender),
        ("Frames", f"{facts.sent:,} requests, {facts.received:,} replies, {facts.lost:,} lost, ignored: {ignored}"),
        ("Cluster", f"context {facts.context or NONE}, Kubernetes {facts.cluster or NONE}"),
        ("arpcheck", facts.arpcheck),
    )
    listed = tag("dl", *(joined(tag("dt", label), tag("dd", text)) for label, text in rows))
    kept = tag("p", "This page contains the whole report and its evidence as JSON. To judge it again: ",
               tag("code", "arpcheck report FILE.html"), class_="note")  # fmt: skip
    return joined(listed, kept)


def _html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """On a narrow screen each row becomes a card with its headings."""
    head = tag("tr", *(tag("th", head, scope="col") for head in heads))
    body = (tag("tr", *(tag("td", cell, data_label=label) for label, cell in zip(heads, row, strict=True))) for row in rows)
    return tag("table", tag("thead", head), tag("tbody", *body), class_="cards")


# ----------------------------------------------------- Each address with its verdict, its records and a chart of its replies

OPEN = 20
"""Addresses that are shown unfolded. The others open with a click; all are printed."""
DOTS = 15_000
"""Replies that are drawn on one page. Further addresses have only their figures."""

_NOTHING = Timeline(points=())
_KEY = (
    "A dot is a reply, placed by the time since its request. The first reply to a request is filled, later ones are hollow. "
    "The first round is at the top of a lane."
)
_UNDRAWN = "To limit the size, replies for the last addresses are not drawn. The JSON in this page has them."


def addresses(report: Report, grid: Grid, lines: Mapping[str, Timeline]) -> Markup | None:
    """The problems come first. The number of drawn replies is bounded."""
    rows = sorted((row for row in grid.rows if row.target.verdict is not None), key=lambda row: not is_problem(row.target))
    if not rows:
        return None
    left = DOTS
    articles = []
    for row in rows:
        timeline = lines.get(address(row.target), _NOTHING)
        left -= len(timeline.points)
        articles.append(_address_section(row.target, row.cells, timeline if left >= 0 else _NOTHING, report))
    key = tag("p", _KEY, class_="note") if lines else None
    undrawn = tag("p", _UNDRAWN, class_="note") if left < 0 else None
    return joined(key, *articles[:OPEN], _folded(articles[OPEN:]), undrawn)


def _folded(articles: Sequence[Markup]) -> Markup | None:
    return tag("details", tag("summary", count(len(articles), "more address")), *articles) if articles else None


def _address_section(target: TargetReport, cells: Sequence[Cell], timeline: Timeline, report: Report) -> Markup:
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
    often = f", {found.replies_per_probe:.2f} per request" if found.replies_per_probe != 1 else ""
    about = f"first after {found.first_reply_ms:.2f} ms, {rounds_of(found, target, 'round')}{often}"
    return Lane(mark=cell.mark, name=responder(found), macs=frozenset(found.macs), about=about)
