"""`-o html`: one page without scripts or external resources, for light and dark displays and for paper.

The JSON report is embedded, so that `arpcheck report` can read a page from a ticket. The templates are in this folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arpcheck.model import Arp, NodeReport, Outcome, Report, Severity, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.document import document
from arpcheck.reports.formatting import NONE, embedded, listing, moment
from arpcheck.reports.html.charts import NOTHING, Chart, Timeline, chart, scale, sketch, timelines, winners
from arpcheck.reports.json import written
from arpcheck.reports.matrix import MEANINGS, Mark, grid, without_marks
from arpcheck.reports.patterns import Conduct, Pattern, conduct, conducts, confidence, picture
from arpcheck.reports.rows import Explanation, chosen, connections, explanations, first_line
from arpcheck.reports.words import (
    address,
    announcer_of,
    announcers,
    claim,
    concerns,
    coverage,
    installing,
    kube_proxy_mode,
    likely,
    marked,
    outcome,
    replied_by,
    sentence,
    services,
    strict_arp,
    verdict_of,
)
from arpcheck.text import PROSE_LIMIT, count, plain

# ------------------------------------------------------------------------------------------------------------------ Any page

# Fills the templates of this folder: Jinja, with every value escaped unless it is markup that was made here.
# A page is whole in itself: no script, no font, no picture from elsewhere, and a policy that keeps an edited page to that.

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content Security Policy: even an edited page loads and runs nothing."""


def page(template: str, **values: Any) -> str:
    """The page that the template of this name makes of the values. It ends with a newline."""
    made: str = _environment().get_template(template).render(**values)
    return f"{made.rstrip()}\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("arpcheck.reports.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"policy": POLICY, "css": Markup(_style_sheet())}  # noqa: S704 - a file of this package
    made.filters |= {
        "prose": prose,
        "tone": tone,
        "css": css,
        "count": count,
        "listing": listing,
        "anchor": anchor,
    }
    return made


def _style_sheet() -> str:
    return files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """What an expression in a template becomes before it is escaped: visible characters on one line."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else plain(str(value), PROSE_LIMIT)


def prose(text: str) -> Markup:
    """A sentence; text in backticks becomes code."""
    pieces = re.split(r"`([^`]+)`", plain(text, PROSE_LIMIT))
    written = (Markup("<code>{}</code>").format(piece) if at % 2 else piece for at, piece in enumerate(pieces))
    return Markup("").join(written)


def anchor(text: object) -> str:
    """A name for a place in the page. Only an address or a number has one."""
    return re.sub(r"[^0-9a-zA-Z.:]", "-", str(text))


def css(mark: Mark) -> str:
    """A class name; the letters of two marks differ in case only."""
    return mark.name.lower()


_TONES = {Outcome.FAULT: "bad", Outcome.UNSURE: "doubt", Outcome.FINE: "good", Outcome.NOT_JUDGED: "calm"}


def tone(found: Outcome | Verdict | Arp | Severity | None, accepted: object = None) -> str:
    """The class that colours it: `good`, `bad`, `doubt` or `calm`. Its word is always beside it."""
    if accepted or found is None:
        return "calm"
    match found:
        case Outcome():
            return _TONES[found]
        case Arp.UNREACHED:
            return "doubt"
        case Verdict() | Arp():
            return _TONES[found.outcome]
        case Severity.ERROR:
            return "bad"
        case Severity.WARNING:
            return "doubt"
        case Severity.INFO:
            return "calm"


OF_EXIT_CODE = {0: Outcome.FINE, 1: Outcome.FAULT}
"""For the colour of a page. Everything else is a doubt."""


# ---------------------------------------------------------------------------------------------------------------- The report

COLUMNS = 14
"""Of the picture; with more nodes, those of which nothing special is seen share one."""
CULPRITS = 6
"""Named under the verdict."""
OPEN = 12
"""Addresses of a pattern that are shown unfolded. The others open with a click; all are printed."""
DOTS = 15_000
"""Replies that are drawn on one page. Further patterns have only their figures."""


def render(report: Report, style: Style) -> str:
    found = grid(report)
    order = conducts(report, found)
    drawn = picture(found.shown(style), order, COLUMNS)
    offenders = [one for one in order if one.is_offender]
    return page(
        "report.html",
        report=report,
        word=outcome(report),
        line=first_line(report, style),
        outcome=OF_EXIT_CODE.get(report.summary.exit_code, Outcome.UNSURE),
        installing=installing(report),
        verdicts=_verdicts(report),
        coverage=[fact for fact in coverage(report) if fact[0] != "Verdicts"],
        culprits=[(one, conduct(one)) for one in offenders[:CULPRITS]],
        more_culprits=max(len(offenders) - CULPRITS, 0),
        sketch=sketch(report, order),
        findings=[(one, concerns(one), marked(one.severity, one.accepted)) for one in report.findings],
        causes=[(sentence(cause), cause.do) for cause in likely(report)],
        picture=drawn,
        meanings=[(mark, MEANINGS[mark]) for mark in found.marks],
        without=without_marks(found, 20) if found.quiet else "",
        parts=_parts(report, drawn.patterns),
        nodes=_nodes(report, order),
        connections=connections(chosen(report, style)),
        run=_run(report),
        open=OPEN,
        MEANINGS=MEANINGS,
        Mark=Mark,
        data=Markup(embedded(written(document(report)))),  # noqa: S704 - escaped there
    )


def _verdicts(report: Report) -> Sequence[tuple[Verdict, int]]:
    order = sorted(Verdict, key=lambda verdict: verdict is Verdict.NOT_PROBED)
    return [(verdict, number) for verdict in order if (number := report.summary.verdicts.get(verdict))]


# ----------------------------------------------------------------------------------------------------- Patterns of addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRow:
    """Of the table of a pattern."""

    ip: str
    services: str
    first: str
    """Whose reply a client most likely takes, and when it came."""
    announcer: str
    confidence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A pattern with what is known about it."""

    pattern: Pattern
    verdict: str
    title: str
    services: str
    first: str
    confidence: str
    """Empty where it differs from address to address."""
    reason: str
    claims: tuple[str, ...]
    replied: str
    chart: Chart
    rows: tuple[AddressRow, ...]
    """Empty for a single address."""
    reasons: bool
    """Each row has a reason of its own."""
    explained: Sequence[Explanation]
    """What explains the verdict of its addresses."""

    @property
    def outcome(self) -> Outcome:
        return self.pattern.target.outcome


def _parts(report: Report, patterns: Iterable[Pattern]) -> tuple[tuple[Part, ...], object]:
    """Those with a verdict, and the scale of their charts. The number of drawn replies is bounded."""
    lines = timelines(report)
    along = scale(lines.values())
    room, found = DOTS, []
    for pattern in patterns:
        if pattern.target.verdict is None:
            continue
        part = _part(report, pattern, lines, chart(pattern, lines, along, room))
        room -= part.chart.drawn
        found.append(part)
    return tuple(found), along


def _part(report: Report, pattern: Pattern, lines: Mapping[str, Timeline], drawn: Chart) -> Part:
    target, confidences = pattern.target, {confidence(one) for one in pattern.targets}
    rows = () if pattern.is_one else tuple(_row(one, lines) for one in pattern.targets)
    reasons = {_reason(one) for one in pattern.targets}
    return Part(
        pattern=pattern,
        verdict=verdict_of(target),
        title=address(target) if pattern.is_one else count(len(pattern.rows), "address"),
        services=services(target) if pattern.is_one else "",
        first=winners(pattern, lines),
        confidence=confidences.pop() if len(confidences) == 1 else "",
        reason=target.reason if pattern.is_one else reasons.pop() if len(reasons) == 1 else "",
        claims=tuple(claim(one, report.run.started_at) for one in target.announcers) if pattern.is_one else (),
        replied=replied_by(target) if pattern.is_one and not target.responders else "",
        chart=drawn,
        rows=rows,
        reasons=len(reasons) > 1,
        explained=explanations(pattern.targets),
    )


def _reason(target: TargetReport) -> str:
    """Without the name of the announcer, so that addresses with different ones have the same."""
    names = announcers(target)
    if len(names) != 1 or not names[0]:
        return target.reason
    return re.sub(rf"(?<![\w.-]){re.escape(names[0])}(?![\w.-])", "the announcer", target.reason)


def _row(target: TargetReport, lines: Mapping[str, Timeline]) -> AddressRow:
    times = {one.node or str(one.macs[0]): one.first_reply_ms for one in target.responders}
    first = f"{target.winner}, {times[target.winner]:.2f} ms" if target.winner in times else replied_by(target)
    return AddressRow(
        ip=address(target),
        services=services(target),
        first=first if lines.get(address(target), NOTHING).points or target.winner else replied_by(target),
        announcer=announcer_of(target),
        confidence=confidence(target),
        reason=target.reason,
    )


# --------------------------------------------------------------------------------------------------------- Nodes and the run


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A node, or several that are alike."""

    nodes: tuple[NodeReport, ...]
    arp: str
    mode: str
    configured: str
    why: str

    @property
    def names(self) -> Sequence[tuple[str, str]]:
        """(name, MAC addresses)."""
        return [(node.name, listing((mac.mac for mac in node.macs), 3)) for node in self.nodes]


def _nodes(report: Report, order: Sequence[Conduct]) -> Sequence[NodeRow]:
    by_name = {node.name: node for node in report.nodes}
    rows = [_node(by_name[one.name]) for one in order if one.name in by_name and one.node is not None]
    if len(rows) <= OPEN:
        return rows

    alike: dict[object, list[NodeRow]] = {}
    for row in rows:
        alike.setdefault((row.arp, row.mode, row.configured, row.why), []).append(row)
    return [replace(group[0], nodes=tuple(node for row in group for node in row.nodes)) for group in alike.values()]


def _node(node: NodeReport) -> NodeRow:
    source = node.kube_proxy.source
    return NodeRow(
        nodes=(node,),
        arp=marked(node.arp, node.accepted),
        mode=kube_proxy_mode(node),
        configured=strict_arp(node) if source is None else f"{strict_arp(node)}, {source}",
        why="; ".join(text for text in (node.reason, *node.kube_proxy.notes) if text) or NONE,
    )


def _run(report: Report) -> Sequence[tuple[str, str]]:
    facts = report.run
    ignored = ", ".join(f"{number:,} {reason}" for reason, number in sorted(facts.ignored.items())) or "none"
    return (
        ("Started", f"{moment(facts.started_at)} UTC"),
        ("Ended", f"{moment(facts.ended_at)} UTC"),
        ("Rounds", f"{facts.rounds}, at {facts.rate:g} frames per second; waited {facts.wait:g} s after the last request"),
        ("Sender", facts.sender),
        ("Frames", f"{facts.sent:,} requests, {facts.received:,} replies, {facts.lost:,} lost, ignored: {ignored}"),
        ("Cluster", f"context {facts.context or NONE}, Kubernetes {facts.cluster or NONE}"),
        ("arpcheck", facts.arpcheck),
    )
