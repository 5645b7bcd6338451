"""What happened in a run, line by line, from its evidence alone: the log of a bundle. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from arpcheck.evidence import Evidence
from arpcheck.model import Report
from arpcheck.reports.language import count, moment
from arpcheck.text import PROSE_LIMIT, plain
from arpcheck.vantages import views


def account(evidence: Evidence, report: Report) -> Iterator[str]:
    """Every string is made harmless for a terminal."""
    objects = evidence.objects
    read_at = f" at {moment(objects.read_at)} UTC" if objects.read_at else ""
    yield f"cluster: context {plain(objects.context or '-')}, {plain(objects.version or 'version not known')}{read_at}"
    yield from (f"read: {count(len(found), 'object')} of {plain(what)}" for what, found in sorted(objects.resources.items()))
    yield from (f"gap: {plain(gap.what)}: {plain(gap.why, PROSE_LIMIT)}" for gap in report.gaps)
    for name, place in views(evidence):
        yield from (f"{plain(name)}: {line}" if name else line for line in _course(place))
    yield from (f"trouble: {plain(trouble, PROSE_LIMIT)}" for trouble in evidence.trouble)
    yield f"exit code {report.summary.exit_code}: {plain('; '.join(report.summary.because), PROSE_LIMIT) or 'clean'}"


def _course(evidence: Evidence) -> Iterator[str]:
    options = evidence.options
    where = plain(", ".join(options.interfaces) or "no interface")
    how = f"{count(options.rounds, 'round')} at {options.rate:g} frames/s"
    yield f"began {moment(evidence.started_at)} UTC on {where}, {how}"
    asked, heard = (Counter(row.round for row in rows) for rows in (evidence.questions, evidence.replies))
    for number in sorted({*asked, *heard}):
        yield f"round {number}: {count(asked[number], 'question')}, {count(heard[number], 'reply')}"
    for loss in evidence.losses:
        rounds = ", ".join(map(str, loss.rounds)) or "-"
        yield f"lost: {count(loss.frames, 'frame')} on {plain(loss.interface)}, round {rounds}"
    yield f"ended {moment(evidence.ended_at)} UTC, {'complete' if evidence.complete else 'not complete'}"
