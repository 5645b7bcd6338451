"""Keeps what arpcheck logs while it runs, for the bundle: no library's log, and no more than a bundle can bear."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from arpcheck.text import plain

MOST = 5_000
"""Lines; what comes after them is counted."""


class Diary(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[str] = []
        self._more = 0

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) < MOST:
            at = datetime.fromtimestamp(record.created, UTC)
            self._lines.append(f"{at:%Y-%m-%dT%H:%M:%S.%fZ} {plain(record.getMessage())}")
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        return (*self._lines, *([f"and {self._more} more"] if self._more else ()))


@contextmanager
def diary(*, kept: bool) -> Iterator[Diary]:
    """While this is open what arpcheck logs is kept, where it shall be; `-v` shows it all the same."""
    found, log = Diary(), logging.getLogger("arpcheck")
    before = log.level, log.propagate
    if kept:
        log.addHandler(found)
        log.setLevel(logging.INFO)
        log.propagate = False
    try:
        yield found
    finally:
        log.removeHandler(found)
        log.setLevel(before[0])
        log.propagate = before[1]
