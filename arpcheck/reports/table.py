"""`-o table`: the report for a terminal.

The outcome and its basis come first, then one line for each address, the reasons, the nodes, the findings with what to do,
and the gaps. `wide` uses the same sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from arpcheck.model import Finding, NodeReport, Report, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import count, listing
from arpcheck.reports.grid import DIM, aligned, of_word, painted
from arpcheck.reports.words import (
    address,
    announcer_of,
    concerns,
    coverage,
    installing,
    is_problem,
    kube_proxy_mode,
    likely,
    marked,
    outcome,
    replied_by,
    sentence,
    services,
    strict_arp,
    verdict_line,
    verdict_of,
)
from arpcheck.text import PROSE_LIMIT, plain

NAME = "table"

PROSE_WIDTH = 100
"""Columns of a sentence at most, also in a wider terminal or a file."""
REASONS = 20
"""Different reasons that are shown; `wide` has all of them."""

Section = list[str]


def render(report: Report, style: Style) -> str:
    return sections(
        headline(report, style),
        _targets(report, style),
        _reasons(report, style),
        _nodes_section(report, style),
        findings(report, style),
        causes(report, style),
        gaps(report, style),
    )


def sections(*found: Section) -> str:
    return "\n\n".join("\n".join(section) for section in found if section) + "\n"


# ------------------------------------------------------------------------------------------------------------------ sections


def headline(report: Report, style: Style) -> Section:
    because = f"(exit code {report.summary.exit_code}): {verdict_line(report)}"
    lines = [line for first in installing(report) for line in _hanging("", first, style)]
    lines += _led_by(outcome(report), outcome(report), f" {because}", style)
    for label, fact in coverage(report):
        lines += _hanging(f"{label:<10}", fact, style)
    return lines


def findings(report: Report, style: Style) -> Section:
    if not report.findings:
        return []
    lines = [_title("FINDINGS", style)]
    for number, finding in enumerate(report.findings):
        lines += ["", *_finding_section(finding, style)] if number else _finding_section(finding, style)
    return lines


def causes(report: Report, style: Style) -> Section:
    found = likely(report)
    lines = [_title("LIKELY CAUSES", style)] if found else []
    for cause in found:
        lines += _hanging("- ", sentence(cause), style)
        lines += _hanging("  do  ", plain(cause.do, PROSE_LIMIT), style)
    return lines


def gaps(report: Report, style: Style) -> Section:
    if not report.gaps:
        return []
    lines = [_title("NOT READ OR NOT PROBED", style)]
    for gap in report.gaps:
        lines += _hanging("", f"{plain(gap.what)} ({plain(gap.why)}): {plain(gap.costs, PROSE_LIMIT)}", style)
    return lines


def _targets(report: Report, style: Style) -> Section:
    judged = [target for target in report.targets if target.verdict is not None]
    rows = [_target_row(target) for target in judged]
    if not rows:
        return []

    def paint(column: int, cell: str) -> str:
        return painted(cell, of_word(cell) if column == 2 else "", style)

    return aligned(("IP", "SERVICE", "VERDICT", "REPLIES FROM", "ANNOUNCER"), rows, style, paint)


def _target_row(target: TargetReport) -> tuple[str, ...]:
    return address(target), services(target), verdict_of(target), replied_by(target), announcer_of(target)


def _reasons(report: Report, style: Style) -> Section:
    """Each reason once, with its addresses: a hundred addresses usually share a few reasons."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for target in filter(is_problem, report.targets):
        reasons.setdefault((verdict_of(target), target.reason), []).append(address(target))
    lines = []
    for (verdict, reason), ips in list(reasons.items())[:REASONS]:
        lines += _led_by(verdict, verdict, f": {listing(ips)}", style)
        lines += _hanging("  ", plain(reason, PROSE_LIMIT), style)
    if len(reasons) > REASONS:
        lines.append(f"and {count(len(reasons) - REASONS, 'more reason')}: see -o wide")
    return [_title("WHY", style), *lines] if lines else []


def _nodes_section(report: Report, style: Style) -> Section:
    if not report.nodes:
        return []

    def paint(column: int, cell: str) -> str:
        return painted(cell, of_word(cell) if column == 1 else "", style)

    rows = [_node_cells(node) for node in report.nodes]
    return aligned(("NODE", "ARP", "MAC", "KUBE-PROXY", "STRICT-ARP"), rows, style, paint)


def _node_cells(node: NodeReport) -> tuple[str, ...]:
    macs = listing(dict.fromkeys(mac.mac for mac in node.macs), 1)
    return plain(node.name), marked(node.arp, node.accepted), macs, kube_proxy_mode(node), strict_arp(node)


def _finding_section(finding: Finding, style: Style) -> Section:
    title = ": ".join(filter(None, (plain(finding.id), concerns(finding))))
    word = marked(finding.severity.upper(), finding.accepted)
    lines = _led_by(word, marked(finding.severity, finding.accepted), f" {title}", style)
    lines += _hanging("  ", plain(finding.means, PROSE_LIMIT), style)
    lines += _points("because", ("-",) * len(finding.because), finding.because, style)
    return lines + _points("do", (f"{n}." for n in range(1, len(finding.do) + 1)), finding.do, style)


# -------------------------------------------------------------------------------------------------------------------- layout


def _points(label: str, marks: Iterable[str], texts: Sequence[str], style: Style) -> Section:
    lines: Section = []
    for number, (mark, text) in enumerate(zip(marks, texts, strict=True)):
        lines += _hanging(f"  {'' if number else label:<8}{mark} ", plain(text, PROSE_LIMIT), style)
    return lines


def _hanging(lead: str, text: str, style: Style) -> Section:
    """The text after `lead`, wrapped; further lines are indented by the length of `lead`."""
    room = max(_prose_width(style) - len(lead), 20)
    first, *rest = wrap(text, room, break_on_hyphens=False) or [""]
    return [f"{lead}{first}".rstrip(), *(" " * len(lead) + line for line in rest)]


def _led_by(word: str, meaning: str, text: str, style: Style) -> Section:
    """A wrapped text whose first word has the colour of `meaning`."""
    first, *rest = _hanging("", f"{word}{text}", style)
    return [painted(word, of_word(meaning), style) + first.removeprefix(word), *rest]


def _prose_width(style: Style) -> int:
    return min(style.width or PROSE_WIDTH, PROSE_WIDTH)


def _title(text: str, style: Style) -> str:
    return painted(text, DIM, style)
