"""What a watch saw, as data for a page: who replied for each address from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from arpcheck.model import Outcome, Verdict

_GRAVITY = (Outcome.FAULT, Outcome.UNSURE, Outcome.NOT_JUDGED, Outcome.FINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSpan:
    """A time with the same responders. Seconds on the clock of the watch."""

    at: float
    until: float
    owners: tuple[str, ...]
    """Node names, or MAC addresses without a known node; empty: no reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAddress:
    ip: IPv4Address
    label: str
    """Its Services."""
    is_canary: bool
    """Whoever replies for it is a kernel without strict ARP."""
    spans: tuple[WatchedSpan, ...]
    """Empty if nobody replied yet."""
    summary: str
    """`1 move, 1 gap (1.5 s)`; empty without a change."""
    verdict: Verdict | None
    """Of the last probe."""
    worst: Outcome
    """Of its changes and silences; NOT_JUDGED without any."""

    @property
    def rank(self) -> tuple[int | bool, ...]:
        """What was wrong at some time, what changed, what is wrong now, the rest; the canary before the addresses of its
        kind."""
        now = _GRAVITY.index(self.verdict.outcome) if self.verdict else len(_GRAVITY)
        return _GRAVITY.index(self.worst), not self.summary, not self.is_canary, now, int(self.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRecord:
    worst: Outcome
    words: str
    """About the worst moment."""
    end: float
    addresses: tuple[WatchedAddress, ...]
