"""The timeline of one address: who replied to each request, and when that changed.

An additional responder is a change at once. A missing responder, or silence, is a change after two requests in a row,
because one reply may get lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from arpcheck.model import Mac

SAME = 0.1
"""Seconds within which requests for one address count as one, sent with several senders or on several interfaces."""

WINDOW = 1.0
"""Seconds to wait for a reply if no further request follows."""

MOST_MACS = 64
"""Maximum MAC addresses for one request: forged senders must not fill the memory."""

Owners = tuple[str, ...]
"""Sorted: node names, or MAC addresses without a known node."""


@dataclass(slots=True, eq=False)
class Silence:
    """Two or more requests in a row without a reply."""

    at: float
    """When the first was sent."""
    missed: int
    """The number of requests."""


class Span(NamedTuple):
    """These responders replied from `at` on."""

    at: float
    macs: frozenset[Mac]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderChange:
    """A change of the responders, from one request on."""

    at: float
    """When that request was sent."""
    before: Owners
    """The responders just before; empty also if nothing was known."""
    after: Owners
    last: Owners = ()
    """The last responders, even before a silence; empty if these are the first."""
    gap: float = 0.0
    """Seconds without a reply before it."""
    together: float = 0.0
    """Seconds with several responders before it."""
    most: int = 0
    """The largest number of responders in that time."""
    alone: Owners = ()
    """The single responder before there were several."""

    @property
    def moved(self) -> bool:
        """The address moved from one owner to another."""
        return len(self.after) == 1 and self.after != self.origin != ()

    @property
    def origin(self) -> Owners:
        """The owner before the move."""
        return self.alone if self.together else self.last


class AddressTimeline:
    def __init__(self, owner: Callable[[Mac], str], known: Span | None = None) -> None:
        """`owner` returns the owner of a MAC address as far as it is known. `known`: who replied before this watch began."""
        self.spans: list[Span] = [known] if known else []
        self._owner = owner
        self._sent_at: float | None = None
        self._responders: set[Mac] = set()
        self._last: frozenset[Mac] = known.macs if known else frozenset()
        self._alone: frozenset[Mac] = known.macs if known and len(self.owners) == 1 else frozenset()
        self._silent: list[float] = []
        self.questions = 0
        """Finished requests, without those whose result is unknown."""
        self.silences: list[Silence] = []
        """The silences since the first reply."""
        self._requests, self._followed, self._began = 0, 0, 0
        """Requests since the first reply; those after an answered one; unanswered ones among these."""
        self._fewer: Span | None = None
        self._together_from = 0.0
        self._most = 0

    @property
    def owners(self) -> Owners:
        """The current responders."""
        return self.named(self.spans[-1].macs) if self.spans else ()

    @property
    def last(self) -> frozenset[Mac]:
        """The last responders, even before a silence."""
        return self._last

    @property
    def unsettled(self) -> bool:
        """The last request had other responders, and it is not decided yet whether that is a change."""
        pending = self.named(self._responders) if self._sent_at is not None and self._responders else self.owners
        return bool(self.spans) and (self._fewer is not None or bool(self._silent and self.owners) or pending != self.owners)

    def chance(self, silence: Silence) -> float:
        """The expected number of silences of this length if the owner always replies. The loss rate comes from requests
        after an answered one, without the first of this silence. With few of them it may have any value (the mean of p**n,
        with p from a beta distribution), so that a silence after little data proves little."""
        lost, heard = self._began, self._followed - self._began + 1
        return self._requests * prod((lost + n) / (lost + heard + n) for n in range(silence.missed))

    def named(self, macs: Iterable[Mac]) -> Owners:
        """Owner names; the NICs of one node are one owner."""
        return tuple(sorted({self._owner(mac) for mac in macs}))

    def requested(self, at: float) -> ResponderChange | None:
        """A request was sent. Returns the change that the request before it showed."""
        if self._sent_at is not None and at - self._sent_at < SAME:
            return None
        change = self._close()
        self._sent_at = at
        return change

    def replied(self, mac: Mac) -> None:
        if len(self._responders) < MOST_MACS:
            self._responders.add(mac)

    def tick(self, at: float) -> ResponderChange | None:
        """Returns the change that the last request showed, if its time is over."""
        return self._close() if self._sent_at is not None and at - self._sent_at >= WINDOW else None

    def doubt(self) -> None:
        """Frames were lost, so missing replies prove nothing."""
        self._sent_at, self._fewer = None, None
        self._responders.clear()
        self._silent.clear()

    def _close(self) -> ResponderChange | None:
        if self._sent_at is None:
            return None
        at, self._sent_at = self._sent_at, None
        macs = frozenset(self._responders)
        self._responders.clear()
        self.questions += 1
        self._requests += bool(self._last or macs)
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


# --------------------------------------------------------------------------------------------------------------------- Text

MOST_NAMES = 8

MOST_SPANS = 40
"""Maximum lines for one address; a flapping one has thousands of changes."""


def change_line(change: ResponderChange) -> str:
    """The line for a change of an address."""
    if not change.after:
        return f"no reply any more; last reply from {named(change.last)}" if change.last else "no reply"
    what = _what(change)
    reasons = []
    if change.gap:
        reasons.append(f"{seconds(change.gap)} without a reply")
    if change.together:
        reasons.append(f"{seconds(change.together)} with {'two' if change.most == 2 else 'several'} owners")
    return f"{what}, after {' and '.join(reasons)}" if reasons else what


def kernel_lines(before: Owners, after: Owners) -> Iterator[str]:
    """The lines for the canary: nodes whose kernels reply for Service addresses."""
    for owner in sorted(set(after) - set(before)):
        yield f"{owner} replies for Service addresses: no strict ARP"
    for owner in sorted(set(before) - set(after)):
        yield f"{owner} no longer replies for Service addresses"


def _what(change: ResponderChange) -> str:
    if change.moved:
        return f"moved from {named(change.origin)} to {named(change.after)}"
    if len(change.after) > 1:
        if gone := tuple(sorted(set(change.before) - set(change.after))):
            return f"{named(change.after)} reply; {named(gone)} no longer {'does' if len(gone) == 1 else 'do'}"
        return f"{named(change.after)} {'both' if len(change.after) == 2 else 'all'} reply"
    if change.together:
        return f"only {named(change.after)} replies{' again' if change.after == change.alone else ''}"
    return f"{named(change.after)} replies" + (" again" if change.gap else "")


def named(owners: Owners) -> str:
    """`a`, `a and b`, `a, b and c`; for many names the first ones and the number of the others."""
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
    """A line for each span: its start, the responders, and its duration if there was none or several."""
    shown = spans[:MOST_SPANS]
    ends = [*(span.at for span in spans[1:]), end]
    for span, until in zip(shown, ends, strict=False):
        owners = names(span.macs)
        lasting = f" for {seconds(until - span.at)}" if len(owners) != 1 else ""
        yield f"  {clock(span.at)}  {named(owners)}{lasting}"
    if len(spans) > len(shown):
        yield f"  and {len(spans) - len(shown)} more changes"


def summary_of(changes: Sequence[ResponderChange]) -> str:
    """`1 move, 1 gap (1.5 s), never two owners at once`."""
    moves = sum(change.moved for change in changes)
    gaps = [change.gap for change in changes if change.gap]
    together = [change.together for change in changes if change.together]
    parts = [_times(moves, "move"), _times(len(gaps), "gap", gaps), _times(len(together), "overlap", together)]
    return ", ".join(part for part in parts if part) or "no completed change"


def _times(number: int, what: str, lasting: Sequence[float] = ()) -> str:
    longest = f" ({'the longest ' if number > 1 else ''}{seconds(max(lasting))})" if lasting else ""
    return f"{number} {what}{'s' if number > 1 else ''}{longest}" if number else ""
