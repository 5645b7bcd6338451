"""What a change is called, and how a timeline reads. Text comes out as it went in: who prints it makes it harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from arpcheck.model import Mac
from arpcheck.watch.timeline import Change, Owners, Span

MOST_NAMES = 8

MOST_SPANS = 40
"""Of one address in the timeline; a flapping one has thousands."""


def said(change: Change) -> str:
    """One line on an address."""
    if not change.after:
        return f"nobody answers; it was {named(change.last)}" if change.last else "nobody answers"
    what = _what(change)
    reasons = []
    if change.gap:
        reasons.append(f"a gap of {seconds(change.gap)}")
    if change.together:
        reasons.append(f"{'two' if change.most == 2 else 'several'} owners for {seconds(change.together)}")
    return f"{what}, after {' and '.join(reasons)}" if reasons else what


def said_of_kernels(before: Owners, after: Owners) -> Iterator[str]:
    """Lines on the canary: whose kernels answer for Service addresses."""
    for owner in sorted(set(after) - set(before)):
        yield f"{owner} answers for Service addresses: no strict ARP"
    for owner in sorted(set(before) - set(after)):
        yield f"{owner} no longer answers for Service addresses"


def _what(change: Change) -> str:
    if change.moved:
        return f"moved from {named(change.origin)} to {named(change.after)}"
    if len(change.after) > 1:
        if gone := tuple(sorted(set(change.before) - set(change.after))):
            return f"{named(gone)} no longer answer{'s' if len(gone) == 1 else ''}, {named(change.after)} do"
        return f"{named(change.after)} {'both' if len(change.after) == 2 else 'all'} answer"
    if change.together:
        return f"{named(change.after)} answers alone{' again' if change.after == change.alone else ''}"
    return f"{named(change.after)} answers" + (" again" if change.gap else "")


def named(owners: Owners) -> str:
    """`a`, `a and b`, `a, b and c`; of many the first and how many more."""
    if len(owners) > MOST_NAMES:
        owners = (*owners[: MOST_NAMES - 1], f"{len(owners) - MOST_NAMES + 1} more")
    return " and ".join(part for part in (", ".join(owners[:-1]), *owners[-1:]) if part) or "nobody"


def seconds(found: float) -> str:
    """`1.2 s`, `2 min 5 s`."""
    whole = round(found)
    return f"{found:.1f} s" if found < 100 else f"{whole // 60} min {whole % 60} s"


def history(
    spans: Sequence[Span], end: float, clock: Callable[[float], str], names: Callable[[frozenset[Mac]], Owners]
) -> Iterator[str]:
    """A line for each span: since when, who, and how long where nobody or several did."""
    shown = spans[:MOST_SPANS]
    ends = [*(span.at for span in spans[1:]), end]
    for span, until in zip(shown, ends, strict=False):
        owners = names(span.macs)
        lasting = f" for {seconds(until - span.at)}" if len(owners) != 1 else ""
        yield f"  {clock(span.at)}  {named(owners)}{lasting}"
    if len(spans) > len(shown):
        yield f"  and {len(spans) - len(shown)} changes more"


def summed_up(changes: Sequence[Change]) -> str:
    """`1 move, 1 gap (1.5 s), never two owners at once`."""
    moves = sum(change.moved for change in changes)
    gaps = [change.gap for change in changes if change.gap]
    together = [change.together for change in changes if change.together]
    parts = [_times(moves, "move"), _times(len(gaps), "gap", gaps), _times(len(together), "overlap", together)]
    return ", ".join(part for part in parts if part) or "no change that is over"


def _times(number: int, what: str, lasting: Sequence[float] = ()) -> str:
    longest = f" ({'the longest ' if number > 1 else ''}{seconds(max(lasting))})" if lasting else ""
    return f"{number} {what}{'s' if number > 1 else ''}{longest}" if number else ""
