"""How far an API server's clock is ahead of this host's, by the Date header of its answers (RFC 9110, 6.6.1).

A header is cut to the second and an answer takes its time, so each gives a span; together they narrow it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DIFFERENCE = 5.0
"""Seconds; less is no difference."""


class ServerTime:
    """Threads may share it."""

    def __init__(self) -> None:
        self._least, self._most = float("-inf"), float("inf")
        self._last: float | None = None
        self._lock = threading.Lock()

    def saw(self, header: str | None, asked: datetime, answered: datetime) -> None:
        """`asked` and `answered`: this host's time around the answer. What is no date says nothing."""
        try:
            said = parsedate_to_datetime(header or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said
        least, most = (said - answered).total_seconds(), (said - asked).total_seconds() + 1
        with self._lock:
            self._least, self._most = max(self._least, least), min(self._most, most)
            self._last = (least + most) / 2

    @property
    def ahead(self) -> float | None:
        """Whole seconds, 0 where they are less than clocks may differ; None: no answer said it. Where answers contradict
        each other, as of several servers behind one address, by the last one."""
        with self._lock:
            if self._last is None:
                return None
            middle = (self._least + self._most) / 2
            found = float(round(middle if self._least <= self._most else self._last))
            return found if abs(found) >= DIFFERENCE else 0.0
