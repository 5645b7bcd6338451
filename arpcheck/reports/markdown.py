"""`-o markdown`: the report for a ticket. It works on GitHub and GitLab, and fits into one comment.

The outcome and who caused it come first, then findings, who replied for which address, addresses, nodes, gaps, and the
replies in a folded part. Each part begins with the problems and counts what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from arpcheck.model import Arp, Cause, Finding, NodeReport, Report, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE, code, inline, listing
from arpcheck.reports.matrix import MEANINGS, Mark, grid
from arpcheck.reports.patterns import Conduct, Pattern, Picture, conduct, conducts, confidence, picture
from arpcheck.reports.rows import ConnectionLine, chosen, connections, explanations, first_line, gravity
from arpcheck.reports.words import (
    address,
    announcer_of,
    claim,
    concerns,
    coverage,
    installing,
    kube_proxy_mode,
    likely,
    marked,
    outcome,
    replied_by,
    responder,
    rounds_of,
    sentence,
    services,
    strict_arp,
    verdict_of,
)
from arpcheck.text import count

ROOM = 60_000
"""Characters in all. GitHub accepts 65,536 in a comment, GitLab a million."""
SENTENCE = 1_000
"""Characters of one sentence, before it is escaped."""
POINTS = 12
"""Reasons and steps of one finding."""
COLUMNS = 8
"""Of the picture. Wider tables scroll in a ticket, and the offenders come first."""
CULPRITS = 6
"""Named under the outcome."""


Cells = tuple[str, ...]
"""A row of a table; a cell that is `_Written` is already markup."""


class _Written(str):
    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    noun: str
    """Of one entry: "address"."""
    least: int
    """Characters that the parts before must leave for it."""
    opening: str
    entries: Sequence[str | Cells]
    """Cells are escaped only when they fit, since of a large run most do not."""
    closing: str = ""
    wrong: int = 0
    """The number of entries with a problem; they come first."""
    fine: str = ""
    """A word for the other entries: "ok"."""


def render(report: Report, style: Style) -> str:
    found = grid(report)
    order = conducts(report, found)
    text = _opening(report, order, style)
    drawn = _matrix_section(picture(found.shown(style), order, COLUMNS))
    reach = _connections(report, style)
    listed = (
        _targets(report, style),
        _reasons(report, style),
        reach,
        _nodes_section(report, order),
        _gaps(report),
        _replies(report, style),
    )
    parts = [part for part in (_findings(report), _causes(report), drawn, *listed) if part.entries]
    for number, part in enumerate(parts):
        text += _fitted(part, ROOM - len(text) - sum(later.least for later in parts[number + 1 :]))
    return text


def _fitted(part: _Section, room: int) -> str:
    """The part with the entries that fit, and the number of the others."""
    room -= len(part.opening) + len(part.closing) + 120
    kept = {}
    for number, entry in enumerate(part.entries):
        if _shortest(entry) <= room and len(text := entry if isinstance(entry, str) else _line(entry)) <= room:
            kept[number] = text
            room -= len(text)
    return part.opening + "".join(kept.values()) + _more(part, kept) + part.closing


def _shortest(entry: str | Cells) -> int:
    """Escaped text is longer, except for blanks around it and for what is cut (to SENTENCE, with a note)."""
    if isinstance(entry, str):
        return len(entry)
    return sum([min(len(cell.strip()), SENTENCE - 50) + len(" | ") for cell in entry])


def _line(cells: Cells) -> str:
    written = (cell if isinstance(cell, _Written) else "–" if cell == NONE else inline(cell, SENTENCE) for cell in cells)
    return f"| {' | '.join(written)} |\n"


def _more(part: _Section, kept: Collection[int]) -> str:
    missing = len(part.entries) - len(kept)
    wrong = part.wrong - sum(number < part.wrong for number in kept)
    which = f" ({f'{wrong:,} of them not {part.fine}' if wrong else f'all {part.fine}'})" if part.fine else ""
    return f"\n…and {count(missing, f'more {part.noun}')}{which}, left out for size: `-o json` has all.\n" if missing else ""


def _opening(report: Report, order: Sequence[Conduct], style: Style) -> str:
    first = "".join(f"{inline(told, SENTENCE)}\n\n" for told in installing(report))
    lead = f"{first}**arpcheck: {outcome(report)}** (exit code {report.summary.exit_code})"
    facts = "".join(f"- {label}: {inline(sentence, SENTENCE)}\n" for label, sentence in coverage(report))
    culprits = [one for one in order if one.is_offender]
    named = "".join(f"- **{inline(one.name)}** {inline(conduct(one), SENTENCE)}\n" for one in culprits[:CULPRITS])
    more = f"- and {count(len(culprits) - CULPRITS, 'other')}\n" if len(culprits) > CULPRITS else ""
    return f"{lead}: {inline(first_line(report, style), SENTENCE)}\n\n{named}{more}{facts}{_confidence_line(report)}"


def _confidence_line(report: Report) -> str:
    """Where it is the same for all addresses. Else it is beside each verdict."""
    told = _uniform_confidence(report)
    return f"- Confidence: {told}, for every address\n" if told else ""


def _uniform_confidence(report: Report) -> str:
    found = {confidence(target) for target in report.targets if target.verdict and target.rounds}
    return found.pop() if len(found) == 1 else ""


# --------------------------------------------------------------------------------------------------------------------- parts


def _findings(report: Report) -> _Section:
    return _Section(
        noun="finding", least=15_000, opening="\n### Findings\n", entries=tuple(map(_finding_lines, report.findings))
    )


def _finding_lines(finding: Finding) -> str:
    about = f": {inline(concerned)}" if (concerned := concerns(finding)) else ""
    word = marked(finding.severity, finding.accepted)
    return (
        f"\n**{word}** {code(finding.id)}{about}\n\n{inline(finding.means, SENTENCE)}\n"
        + _points("Because", ("-" for _ in finding.because), finding.because)
        + _points("Do", (f"{n}." for n in range(1, len(finding.do) + 1)), finding.do)
    )


def _points(label: str, marks: Iterable[str], texts: Sequence[str]) -> str:
    if not texts:
        return ""
    lines = [f"{mark} {inline(text, SENTENCE)}\n" for mark, text in zip(marks, texts[:POINTS], strict=False)]
    more = f"\n…and {len(texts) - POINTS:,} more\n" if len(texts) > POINTS else ""
    return f"\n{label}:\n\n{''.join(lines)}{more}"


def _causes(report: Report) -> _Section:
    return _Section(noun="cause", least=4_000, opening="\n### Likely causes\n\n", entries=tuple(map(_cause, likely(report))))


def _cause(cause: Cause) -> str:
    return f"- {inline(sentence(cause), SENTENCE)}. **Do:** {inline(cause.do, SENTENCE)}\n"


def _matrix_section(drawn: Picture) -> _Section:
    heads = ("Address", "Verdict", *(inline(column.title) for column in drawn.columns))
    marks = {tally.mark for pattern in drawn.patterns for tally in pattern.tallies}
    legend = "".join(f"- {code(mark)} {MEANINGS[mark]}\n" for mark in Mark if mark in marks)
    several = "" if all(pattern.is_one for pattern in drawn.patterns) else "- a number says for how many of the addresses\n"
    part = _table("row", 6_000, "Who replied for which address", heads, map(_matrix_row, drawn.patterns))
    return replace(part, closing=f"\n{legend}{several}")


def _matrix_row(pattern: Pattern) -> Cells:
    whose = address(pattern.target)
    if not pattern.is_one:
        whose = f"{count(len(pattern.rows), 'address')}: {listing(map(address, pattern.targets), 3)}"
    marks = (f"{tally.mark} {tally.addresses:,}" if tally.addresses else str(tally.mark) for tally in pattern.tallies)
    return whose, _verdict(pattern.target), *map(_Written, marks)


def _targets(report: Report, style: Style) -> _Section:
    heads = ("IP", "Service", "Verdict", "Replies from", "First reply", "Announcer", "Why")
    ordered = chosen(report, style)
    varied = not _uniform_confidence(report)
    part = _table("address", 12_000, "Addresses", heads, (_target(target, varied) for target in ordered))
    return replace(part, wrong=sum(map(_counts, ordered)), fine="ok")


def _reasons(report: Report, style: Style) -> _Section:
    heads = ("Address", "Reason", "How sure", "What was read", "Do")
    found = explanations(chosen(report, style))
    rows = ((one.addresses, one.reason, one.certainty, "; ".join(one.read), one.do) for one in found)
    return _table("reason", 5_000, "Why nobody replies, or not the right node", heads, rows)


def _connections(report: Report, style: Style) -> _Section:
    heads = ("Address", "Port", "Asked", "Result", "What it means")
    rows = connections(chosen(report, style))
    part = _table("line", 4_000, "Connections (`--reach`)", heads, (_connection(row) for row in rows))
    return replace(part, wrong=sum(not row.fine for row in rows), fine="accepted")


def _connection(row: ConnectionLine) -> Cells:
    return row.ip, row.port, row.responder, row.result, row.text


def _counts(target: TargetReport) -> bool:
    return target.outcome.is_problem and not target.accepted


def _verdict(target: TargetReport) -> str:
    return _Written(f"**{target.verdict}**") if _counts(target) else verdict_of(target)


def _target(target: TargetReport, varied: bool) -> Cells:
    how = f" ({confidence(target)})" if varied and target.rounds else ""
    verdict = _Written(f"{_verdict(target)}{how}")
    won, announcer = target.winner or NONE, announcer_of(target)
    return address(target), services(target), verdict, replied_by(target), won, announcer, target.reason


def _nodes_section(report: Report, order: Sequence[Conduct]) -> _Section:
    heads = ("Node", "ARP", "MAC", "kube-proxy", "strictARP configured", "Why")
    by_name = {node.name: node for node in report.nodes}
    ordered = [by_name[one.name] for one in order if one.node is not None and one.name in by_name]
    part = _table("node", 6_000, "Nodes", heads, map(_node_cells, ordered))
    return replace(part, wrong=sum(node.arp not in (Arp.QUIET, Arp.IPV6_ALONE) for node in ordered), fine="quiet")


def _node_cells(node: NodeReport) -> Cells:
    macs = listing((mac.mac for mac in node.macs), 2)
    return node.name, marked(node.arp, node.accepted), macs, kube_proxy_mode(node), strict_arp(node), node.reason


def _gaps(report: Report) -> _Section:
    rows = ((gap.what, gap.why, gap.costs) for gap in report.gaps)
    return _table("gap", 3_000, "Not read or not probed", ("What", "Why", "Impact"), rows)


def _replies(report: Report, style: Style) -> _Section:
    heads = ("IP", "Kind", "Replies from", "MAC", "Rounds", "Replies per request", "First after", "Recorded announcer")
    ordered = sorted((target for target in report.targets if style.shows(target.verdict)), key=gravity)
    rows = (row for target in ordered if target.responders for row in _responder_rows(target, report))
    part = _table("responder", 5_000, "", heads, rows)
    summary = "<details>\n<summary>Evidence: the replies and their times</summary>\n"
    return replace(part, opening=f"\n{summary}{part.opening}", closing="\n</details>\n")


def _responder_rows(target: TargetReport, report: Report) -> Iterable[Cells]:
    claims = "; ".join(claim(entry, report.run.started_at) for entry in target.announcers[:2]) or NONE
    ip, kind = address(target), str(target.target.kind)
    for found in target.responders:
        often, first = f"{found.replies_per_probe:.2f}", f"{found.first_reply_ms:.2f} ms"
        yield ip, kind, responder(found), listing(found.macs, 4), rounds_of(found, target), often, first, claims


def _table(noun: str, least: int, title: str, heads: Sequence[str], rows: Iterable[Cells]) -> _Section:
    heading = f"\n### {title}\n" if title else ""
    ruled = f"{heading}\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n"
    return _Section(noun=noun, least=least, opening=ruled, entries=tuple(rows))
