"""Which rounds lost frames: those that may have been waiting for them when the kernel dropped them.

The kernel only says how many since it was last asked. Knows no socket and no clock."""

from __future__ import annotations

from collections.abc import Mapping

from arpcheck.model import Loss


class Losses:
    """Of one run. Times are seconds on the wire's clock."""

    def __init__(self, window: float, start: float) -> None:
        """`window`: how long after a question its reply may still come."""
        self._window = window
        self._checked = start
        self._lost: dict[tuple[str, tuple[int, ...]], int] = {}
        self.sent: dict[tuple[str, int], float] = {}
        """When the last question of a round went out, by interface and round; written by who sends."""

    def last_round(self) -> int:
        """That was begun; 1 before any was."""
        return max((number for _, number in self.sent), default=1)

    def count(self, lost: Mapping[str, int], now: float) -> None:
        """`lost`: frames by interface since the last look. They are held against every round that may miss them."""
        since = self._checked - self._window
        for interface, frames in lost.items():
            if frames:
                rounds = sorted(n for (i, n), last in self.sent.items() if i == interface and last >= since)
                key = interface, tuple(rounds)
                self._lost[key] = self._lost.get(key, 0) + frames
        self._checked = now

    def by_rounds(self) -> tuple[Loss, ...]:
        return tuple(Loss(interface=i, rounds=r, frames=n) for (i, r), n in sorted(self._lost.items()))
