"""The likely causes, and whether a load balancer can be installed, in the same words for every format for people.

All that is returned is `plain`, as in `words`. Knows the nouns of the report, no layout."""

from __future__ import annotations

from arpcheck.model import Cause, CauseId, Report
from arpcheck.reports.language import listing
from arpcheck.text import PROSE_LIMIT, plain


def likely(report: Report) -> tuple[Cause, ...]:
    """Those that explain a fault, and that no finding gives as its own reason already."""
    said = tuple(line for finding in report.findings for line in finding.because)
    faults = (cause for cause in report.causes if cause.id is not CauseId.HEALTHY)
    return tuple(cause for cause in faults if not any(line.startswith(cause.text) for line in said))


def sentence(cause: Cause) -> str:
    """The cause, and the nodes that it concerns."""
    return f"{plain(cause.text, PROSE_LIMIT)}{f': {listing(cause.nodes)}' if cause.nodes else ''}"


def installing(report: Report) -> tuple[str, ...]:
    """`safe: …`, `not safe: …` or `not known: …`, then what is configured; empty where preflight was not asked."""
    asked = report.preflight
    return (plain(asked.words, PROSE_LIMIT), plain(asked.reason, PROSE_LIMIT)) if asked else ()
