"""`arpcheck compare BEFORE AFTER`: shows what changed between two saved reports."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import typer

from arpcheck import pipeline
from arpcheck.commands.options import ExitZero, NoHeaders, Output, ended
from arpcheck.commands.output import check, format_of, show, style, write
from arpcheck.commands.report import load
from arpcheck.errors import UsageError
from arpcheck.evidence_json import VERSION
from arpcheck.model import Outcome, Report
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE, aligned, inline, listing, moment
from arpcheck.reports.json import written
from arpcheck.runs.compare import Change, Comparison, Difference, Side
from arpcheck.runs.compare import compare as compared
from arpcheck.text import PROSE_LIMIT, count, plain

EXAMPLES = ("arpcheck compare before.json after.json -o markdown",)


def compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A saved report; - is stdin.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A later report of the same cluster.")],
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table, markdown, html or json.")] = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    exit_zero: ExitZero = False,
) -> int:
    """Show what changed between two saved reports.

    Exit codes: 0 nothing new, 1 something new or worse, 3 not comparable.
    """
    return ended(run(before, after, format_name, output, headers=not no_headers), exit_zero)


def run(before: str, after: str, format_name: str, output: str | None, *, headers: bool = True) -> int:
    """Prints what changed, also to the file `output`. Returns the exit code of the comparison."""
    if format_name not in FORMATS:
        raise UsageError(f"-o {format_name!r}: unknown format of compare", f"One of {', '.join(FORMATS)}")
    if before == after == "-":
        raise UsageError("both reports would be read from stdin", "Give a file for one of them")
    check(output)
    runs = [(evidence, pipeline.conclude(evidence)) for evidence in (load(before), load(after))]
    found = compared(*runs)
    if output:
        write(Path(output), render(found, format_of(output, format_name, FORMATS), Style(headers=headers)))
    show(render(found, format_name, style(sys.stdout, headers=headers)))
    return found.exit_code


FORMATS = ("table", "markdown", "html", "json")

HEADS = ("CHANGE", "WHAT", "BEFORE", "AFTER")

ROOM = 55_000
"""Characters of all rows in Markdown. GitHub allows 65,536 in a comment."""

_OUTCOMES = {0: "NOTHING NEW", 1: "WORSE", 3: "NOT COMPARABLE"}
_ORDER = tuple(Change)


def render(found: Comparison, format_name: str, style: Style) -> str:
    """`format_name`: one of FORMATS."""
    return {"table": _difference_table, "markdown": _markdown, "html": _html_page, "json": _json}[format_name](found, style)


def _difference_table(found: Comparison, style: Style) -> str:
    lines = [f"{_outcome(found)} (exit code {found.exit_code}): {_because(found)}"]
    lines += [f"{label:<6}  {words}" for label, words in _runs(found)]
    if rows := [tuple(_difference_row(entry)) for entry in _shown(found)]:
        lines += ["", *aligned(HEADS, rows, style)]
    if same := _same(found):
        lines += ["", same]
    if found.notes:
        lines += ["", *found.notes]
    return "\n".join(lines) + "\n"


def _markdown(found: Comparison, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    lines = [f"**arpcheck: {_outcome(found)}** (exit code {found.exit_code}): {inline(_because(found))}", ""]
    lines += [f"- {label} {inline(words)}" for label, words in _runs(found)]
    if shown := _shown(found):
        heads = [head.capitalize() for head in HEADS]
        lines += ["", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
        lines += _fitted([f"| {' | '.join(_cell(cell) for cell in _difference_row(entry))} |" for entry in shown])
    if same := _same(found):
        lines += ["", inline(same)]
    for note in found.notes:
        lines += ["", inline(note)]
    return "\n".join(lines) + "\n"


def _fitted(rows: Sequence[str]) -> list[str]:
    """The first rows up to `ROOM` characters, and a line with the number of rows that were left out."""
    ends = accumulate(len(row) + 1 for row in rows)
    kept = sum(1 for end in ends if end <= ROOM)
    more = len(rows) - kept
    return [*rows[:kept], *(["", f"…and {more:,} more rows were left out for size; `-o json` has all."] if more else ())]


def _html_page(found: Comparison, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    """The changes first; differences that are alike share a row."""
    from arpcheck.reports.html import OF_EXIT_CODE, page

    alike: dict[object, list[Difference]] = {}
    for entry in _shown(found):
        alike.setdefault(_likeness(entry), []).append(entry)
    return page(
        "compare.html",
        outcome=OF_EXIT_CODE.get(found.exit_code, Outcome.UNSURE),
        word=_outcome(found),
        because=_because(found),
        exit_code=found.exit_code,
        changes=[(change, number, _TONES[change]) for change, number in found.changes.items()],
        runs=(("Before", found.before), ("After", found.after)),
        rows=[_row_of_page(group, found) for group in alike.values()],
        same=_same(found),
        notes=found.notes,
        moment=moment,
        data="",
    )


def _likeness(entry: Difference) -> object:
    """Addresses with different announcers are alike if these replied for all or for none."""
    sides = (entry.before, entry.after)
    return entry.change, *((s.word, s.accepted, s.wrong, bool(s.right), {*s.who} <= s.wrong | s.right) for s in sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideOfPage:
    """One run's state of the differences of a row."""

    side: Side
    who: tuple[tuple[str, str], ...]
    """(X should not reply, A should, or nothing; name)."""


def _row_of_page(group: Sequence[Difference], found: Comparison) -> Mapping[str, object]:
    first, is_finding = group[0], group[0] in found.findings
    return {
        "change": first.change,
        "tone": _TONES[first.change],
        "group": tuple(group),
        "is_finding": is_finding,
        "before": _side_of_page([entry.before for entry in group], is_finding),
        "after": _side_of_page([entry.after for entry in group], is_finding),
    }


def _side_of_page(sides: Sequence[Side], is_finding: bool) -> SideOfPage:
    first, rights = sides[0], {side.right for side in sides}
    if is_finding:
        return SideOfPage(side=first, who=(("", listing(first.who, MOST_NAMES)),) if first.who else ())
    wrong = [("X", name) for name in sorted(first.wrong)]
    right = [("A", name) for name in sorted(first.right)] if len(rights) == 1 else [("A", "the announcer of each")]
    rest = {name for side in sides for name in side.who} - first.wrong - frozenset().union(*rights)
    who = (*wrong, *right, *(("", name) for name in sorted(rest)))
    more = (("", f"and {len(who) - MOST_NAMES:,} more"),) if len(who) > MOST_NAMES else ()
    return SideOfPage(side=first, who=(*who[:MOST_NAMES], *more))


MOST_NAMES = 8
"""Names in a cell of the page."""

_TONES = {
    Change.NEW: "bad", Change.WORSE: "bad", Change.NOT_COMPARABLE: "doubt", Change.FIXED: "good", Change.BETTER: "good",
    Change.SAME: "calm", Change.ADDED: "calm", Change.GONE: "doubt",
}  # fmt: skip


def _json(found: Comparison, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    document = {
        "apiVersion": VERSION,
        "kind": "Comparison",
        "summary": {
            "exitCode": found.exit_code,
            "changes": {str(change): number for change, number in found.changes.items()},
            "obstacle": found.obstacle,
            "doubts": list(found.doubts),
        },
        "before": _run_summary(found.before),
        "after": _run_summary(found.after),
        "addresses": [_difference(entry) for entry in found.addresses],
        "nodes": [_difference(entry) for entry in found.nodes],
        "findings": [_difference(entry) for entry in found.findings],
        "notes": list(found.notes),
    }
    return f"{written(document)}\n"


# ------------------------------------------------------------------------------------------------------------- words


def _outcome(found: Comparison) -> str:
    better = found.exit_code == 0 and {Change.FIXED, Change.BETTER} & found.changes.keys()
    return "BETTER" if better else _OUTCOMES[found.exit_code]


def _because(found: Comparison) -> str:
    if found.obstacle:
        return plain(found.obstacle, PROSE_LIMIT)
    changes = ", ".join(f"{number} {change}" for change, number in found.changes.items())
    accepted = sum(1 for e in found.every if e.change in (Change.NEW, Change.WORSE) and not e.counts)
    words = (changes or "the reports have no address and no node in common") + (
        f" ({accepted} accepted)" if accepted else ""
    )
    return "; ".join((*(plain(doubt, PROSE_LIMIT) for doubt in found.doubts), words))


def _runs(found: Comparison) -> list[tuple[str, str]]:
    """The time and the exit code of each run."""
    runs = (("Before", found.before), ("After", found.after))
    return [(label, f"{moment(r.run.started_at)} UTC, exit code {r.summary.exit_code}") for label, r in runs]


def _shown(found: Comparison) -> Sequence[Difference]:
    """Everything but what is unchanged and not a fault, the worst first."""
    shown = (e for e in found.every if e.change is not Change.SAME or Outcome.FAULT in (e.before.outcome, e.after.outcome))
    return sorted(shown, key=lambda entry: _ORDER.index(entry.change))


def _same(found: Comparison) -> str:
    left = len(found.every) - len(_shown(found))
    return f"{count(left, 'other')} unchanged, without a proven fault." if left else ""


def _difference_row(entry: Difference) -> Sequence[str]:
    services = f" ({listing(entry.services, 3)})" if entry.services and entry.services != (entry.subject,) else ""
    return entry.change.value, f"{plain(entry.subject)}{services}", _side(entry.before), _side(entry.after)


def _side(side: Side) -> str:
    if side.word is None:
        return NONE
    who = f" ({listing(side.who)})" if side.who else ""
    return f"{side.word}{who}{', accepted' if side.accepted else ''}"


def _cell(text: str) -> str:
    return "–" if text == NONE else inline(text)


# -------------------------------------------------------------------------------------------------------------- JSON


def _run_summary(report: Report) -> dict[str, Any]:
    return {
        "startedAt": report.run.started_at.isoformat(),
        "context": report.run.context,
        "exitCode": report.summary.exit_code,
        "complete": report.summary.complete,
    }


def _difference(entry: Difference) -> dict[str, Any]:
    return {
        "subject": entry.subject,
        "services": list(entry.services),
        "change": str(entry.change),
        "before": _side_of(entry.before),
        "after": _side_of(entry.after),
        "counts": entry.counts,
    }


def _side_of(side: Side) -> dict[str, Any]:
    return {"is": side.word, "wrong": sorted(side.wrong), "answeredBy": list(side.who), "accepted": side.accepted}
