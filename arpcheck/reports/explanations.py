"""The words for why nobody replies for an address, or not the right node, which the formats for people share.

Every text is `plain`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.model import Certainty, Reason, ReasonId, TargetReport
from arpcheck.reports.formatting import NONE, listing
from arpcheck.reports.words import address
from arpcheck.text import PROSE_LIMIT, plain

ADDRESSES = 12
"""Addresses that one explanation names."""
READINGS = 6
"""Objects that one explanation names for one reading, and its readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A reason, with all addresses that have it."""

    addresses: str
    reason: str
    certainty: str
    read: tuple[str, ...]
    """`Service web/nginx, Service web/blog, each: it has no endpoint`, for each reading."""
    do: str


def explanations(targets: Iterable[TargetReport]) -> Sequence[Explanation]:
    """Every reason of every address, the surest first."""
    found: dict[tuple[ReasonId, Certainty, str | None], list[tuple[TargetReport, Reason]]] = {}
    for target in targets:
        for reason in target.reasons:
            found.setdefault((reason.id, reason.certainty, reason.implementation), []).append((target, reason))
    return [_explanation(group) for group in sorted(found.values(), key=lambda group: group[0][1].certainty.rank)]


def _explanation(group: Sequence[tuple[TargetReport, Reason]]) -> Explanation:
    target, first = group[0]
    subjects: dict[str, dict[str, None]] = {}
    for _, reason in group:
        subjects.setdefault(reason.evidence, {})[reason.subject] = None
    read = [
        plain(f"{listing(of, READINGS)}{', each' if len(of) > 1 else ''}: {evidence}", PROSE_LIMIT)
        for evidence, of in subjects.items()
    ]
    more = len(read) - READINGS
    alike = len({reason.do for _, reason in group}) == 1
    return Explanation(
        addresses=listing(dict.fromkeys(address(one) for one, _ in group), ADDRESSES),
        reason=str(first.id),
        certainty=str(first.certainty),
        read=(*read[:READINGS], *([f"and {more:,} more"] if more > 0 else ())),
        do=plain(first.do if alike else f"For {address(target)}: {first.do}", PROSE_LIMIT),
    )


def in_one_line(target: TargetReport) -> str:
    """`no-ready-endpoint (sure): Service web/nginx: it has no endpoint. Do: …`, for each reason; a dash without any."""
    said = (f"{one.id} ({one.certainty}): {one.subject}: {one.evidence}. Do: {one.do}" for one in target.reasons)
    return "; ".join(plain(one, PROSE_LIMIT) for one in said) or NONE
