"""`-o markdown`: the report for a ticket. It works on GitHub and GitLab, and fits into one comment.

The outcome comes first, then findings, addresses, nodes, gaps, and the replies in a folded part. Each part begins with the
problems and counts what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from arpcheck.model import Arp, Cause, Finding, NodeReport, Report, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE, code, count, inline, listing
from arpcheck.reports.words import (
    address,
    announcer_of,
    claim,
    concerns,
    coverage,
    installing,
    is_problem,
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
    verdict_line,
    verdict_of,
)

NAME = "markdown"

ROOM = 60_000
"""Characters in all. GitHub accepts 65,536 in a comment, GitLab a million."""
SENTENCE = 1_000
"""Characters of one sentence, before it is escaped."""
POINTS = 12
"""Reasons and steps of one finding."""


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


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    text = _opening(report)
    makers = (_findings, _causes, _targets, _nodes_section, _gaps, _replies)
    parts = [part for part in (make(report) for make in makers) if part.entries]
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


def _opening(report: Report) -> str:
    first = "".join(f"{inline(told, SENTENCE)}\n\n" for told in installing(report))
    lead = f"{first}**arpcheck: {outcome(report)}** (exit code {report.summary.exit_code})"
    facts = "".join(f"- {label}: {inline(sentence, SENTENCE)}\n" for label, sentence in coverage(report))
    return f"{lead}: {inline(verdict_line(report), SENTENCE)}\n\n{facts}"


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


def _targets(report: Report) -> _Section:
    heads = ("IP", "Service", "Verdict", "Replies from", "Announcer", "Why")
    judged = [target for target in report.targets if target.verdict is not None]
    wrong = [target for target in judged if _counts(target)]
    ordered = (*wrong, *(target for target in judged if not _counts(target)))
    part = _table("address", 12_000, "Addresses", heads, map(_target, ordered))
    return replace(part, wrong=len(wrong), fine="ok")


def _counts(target: TargetReport) -> bool:
    return is_problem(target) and not target.accepted


def _target(target: TargetReport) -> Cells:
    verdict = _Written(f"**{target.verdict}**" if _counts(target) else verdict_of(target))
    return address(target), services(target), verdict, replied_by(target), announcer_of(target), target.reason


def _nodes_section(report: Report) -> _Section:
    heads = ("Node", "ARP", "MAC", "kube-proxy", "strictARP configured", "Why")
    ordered = sorted(report.nodes, key=lambda node: (node.arp is Arp.QUIET, node.arp is not Arp.NON_STRICT))
    part = _table("node", 6_000, "Nodes", heads, map(_node_cells, ordered))
    return replace(part, wrong=sum(node.arp is not Arp.QUIET for node in ordered), fine="quiet")


def _node_cells(node: NodeReport) -> Cells:
    macs = listing((mac.mac for mac in node.macs), 2)
    return node.name, marked(node.arp, node.accepted), macs, kube_proxy_mode(node), strict_arp(node), node.reason


def _gaps(report: Report) -> _Section:
    rows = ((gap.what, gap.why, gap.costs) for gap in report.gaps)
    return _table("gap", 3_000, "Not read or not probed", ("What", "Why", "Impact"), rows)


def _replies(report: Report) -> _Section:
    heads = ("IP", "Kind", "Replies from", "MAC", "Rounds", "Replies per request", "First after", "Recorded announcer")
    ordered = sorted(report.targets, key=lambda target: not _counts(target))
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
