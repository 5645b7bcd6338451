"""One address: who answered each question, and when that changed.

An owner more is a change at once, since he was heard. An owner less is one when two questions in a row show it, since
one reply may be lost; and so is silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from arpcheck.model import Mac

SAME = 0.1
"""Seconds within which questions for one address are one question, put with several senders or on several interfaces."""

WINDOW = 1.0
"""Seconds in which a reply comes, where no further question is put."""

MOST_MACS = 64
"""Kept of the answers to one question: forged senders must not fill the memory."""

Owners = tuple[str, ...]
"""Sorted; a node's name, or the MAC of nobody who is known."""


@dataclass(slots=True, eq=False)
class Silence:
    """Two questions in a row, or more, that nobody answered."""

    at: float
    """When the first was put."""
    missed: int
    """How many they are."""


class Span(NamedTuple):
    """From `at` on these answered."""

    at: float
    macs: frozenset[Mac]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderChange:
    """Who answers, from a question on."""

    at: float
    """When it was put."""
    before: Owners
    """Who answered just before it; nobody also where nothing was known."""
    after: Owners
    last: Owners = ()
    """Who answered last, before a silence too; nobody: it is the first that is known."""
    gap: float = 0.0
    """Seconds for which nobody answered before it."""
    together: float = 0.0
    """Seconds for which several answered before it."""
    most: int = 0
    """How many at once in that time."""
    alone: Owners = ()
    """Who answered alone, before several did."""

    @property
    def moved(self) -> bool:
        """One owner has taken over from another one."""
        return len(self.after) == 1 and self.after != self.origin != ()

    @property
    def origin(self) -> Owners:
        """Who had it before."""
        return self.alone if self.together else self.last


class AddressTimeline:
    def __init__(self, owner: Callable[[Mac], str]) -> None:
        """`owner` names who a MAC belongs to, as far as that is known by then."""
        self.spans: list[Span] = []
        self._owner = owner
        self._asked: float | None = None
        self._heard: set[Mac] = set()
        self._last: frozenset[Mac] = frozenset()
        self._alone: frozenset[Mac] = frozenset()
        self._silent: list[float] = []
        self.questions = 0
        """How many are over, those of which nothing is known left out."""
        self.silences: list[Silence] = []
        """Since the first answer."""
        self._put, self._followed, self._began = 0, 0, 0
        """Questions since the first answer; those that followed an answered one; of these those that nobody answered."""
        self._fewer: Span | None = None
        self._together_from = 0.0
        self._most = 0

    @property
    def owners(self) -> Owners:
        """Who answers now."""
        return self.named(self.spans[-1].macs) if self.spans else ()

    @property
    def unsettled(self) -> bool:
        """The last question was answered by others than before, and what that comes to is not decided yet."""
        pending = self.named(self._heard) if self._asked is not None and self._heard else self.owners
        return bool(self.spans) and (self._fewer is not None or bool(self._silent and self.owners) or pending != self.owners)

    def chance(self, silence: Silence) -> float:
        """How many silences of this length would be heard of an owner who always answers. How often a question gets lost is
        told by those that follow an answered one, this silence's first left out; where they are few it may be any number
        (the mean of p**n, with p of a beta distribution), so that a silence after little else proves little."""
        lost, heard = self._began, self._followed - self._began + 1
        return self._put * prod((lost + n) / (lost + heard + n) for n in range(silence.missed))

    def named(self, macs: Iterable[Mac]) -> Owners:
        """The NICs of one node are one owner."""
        return tuple(sorted({self._owner(mac) for mac in macs}))

    def asked(self, at: float) -> ResponderChange | None:
        """A question is put; what the one before it came to."""
        if self._asked is not None and at - self._asked < SAME:
            return None
        change = self._close()
        self._asked = at
        return change

    def answered(self, mac: Mac) -> None:
        if len(self._heard) < MOST_MACS:
            self._heard.add(mac)

    def tick(self, at: float) -> ResponderChange | None:
        """What the last question came to, if its time is over."""
        return self._close() if self._asked is not None and at - self._asked >= WINDOW else None

    def doubt(self) -> None:
        """Frames were lost: who was not heard may have answered."""
        self._asked, self._fewer = None, None
        self._heard.clear()
        self._silent.clear()

    def _close(self) -> ResponderChange | None:
        if self._asked is None:
            return None
        at, self._asked = self._asked, None
        macs = frozenset(self._heard)
        self._heard.clear()
        self.questions += 1
        self._put += bool(self._last or macs)
        self._followed += bool(self._last) and not self._silent
        return self._answers(at, macs) if macs else self._silence(at)

    def _silence(self, at: float) -> ResponderChange | None:
        self._fewer = None
        self._began += bool(self._last) and not self._silent
        self._silent.append(at)
        if self._last and len(self._silent) > 2:
            self.silences[-1].missed += 1
        if len(self._silent) != 2 or (self.spans and not self.owners):
            return None
        if self._last:
            self.silences.append(Silence(self._silent[0], 2))
        return self._begin(Span(self._silent[0], frozenset()))

    def _answers(self, at: float, macs: frozenset[Mac]) -> ResponderChange | None:
        gap = at - self._silent[0] if len(self._silent) >= 2 and self._last else 0.0
        self._silent.clear()
        found = self.named(macs)
        if self.spans and found == self.owners:
            self._fewer = None
            return None
        if set(found) < set(self.owners):
            if self._fewer is None or self.named(self._fewer.macs) != found:
                self._fewer = Span(at, macs)
                return None
            at = self._fewer.at
        self._fewer = None
        return self._begin(Span(at, macs), gap)

    def _begin(self, span: Span, gap: float = 0.0) -> ResponderChange:
        before, after = self.owners, self.named(span.macs)
        if len(after) > 1 >= len(before):
            self._together_from, self._most = span.at, 0
        self._most = max(self._most, len(after))
        over = len(after) == 1 < len(before)
        change = ResponderChange(
            at=span.at, before=before, after=after, last=self.named(self._last), gap=gap,
            together=span.at - self._together_from if over else 0.0, most=self._most if over else 0,
            alone=self.named(self._alone),
        )  # fmt: skip
        self.spans.append(span)
        self._last = span.macs or self._last
        self._alone = span.macs if len(after) == 1 else self._alone
        return change


# ------------------------------------------------------------------------- What a change is called, and how a timeline reads

MOST_NAMES = 8

MOST_SPANS = 40
"""Of one address in the timeline; a flapping one has thousands."""


def said(change: ResponderChange) -> str:
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


def _what(change: ResponderChange) -> str:
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


def summed_up(changes: Sequence[ResponderChange]) -> str:
    """`1 move, 1 gap (1.5 s), never two owners at once`."""
    moves = sum(change.moved for change in changes)
    gaps = [change.gap for change in changes if change.gap]
    together = [change.together for change in changes if change.together]
    parts = [_times(moves, "move"), _times(len(gaps), "gap", gaps), _times(len(together), "overlap", together)]
    return ", ".join(part for part in parts if part) or "no change that is over"


def _times(number: int, what: str, lasting: Sequence[float] = ()) -> str:
    longest = f" ({'the longest ' if number > 1 else ''}{seconds(max(lasting))})" if lasting else ""
    return f"{number} {what}{'s' if number > 1 else ''}{longest}" if number else ""
