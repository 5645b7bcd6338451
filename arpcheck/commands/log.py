"""The log on stderr (`-v`): files and API paths that are read, sockets, privileges and times; and its copy for the bundle.

Every line is escaped for a terminal. No module logs a secret, a header or a body."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from arpcheck.text import plain


def speak() -> None:
    """Prints arpcheck's own log on stderr from now on, and not that of libraries."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(_LogLine())
    log = logging.getLogger("arpcheck")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)


def hush() -> None:
    """Stops the log of all threads, so that the line with the error is the last one."""
    for handler in logging.getLogger("arpcheck").handlers:
        if isinstance(handler, _Handler):
            handler.hush()


class _Handler(logging.StreamHandler[TextIO]):
    _silent = False

    def hush(self) -> None:
        with self.lock or nullcontext():
            self._silent = True

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the lock held (logging.Handler.handle)."""
        if not self._silent:
            super().emit(record)


class _LogLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"arpcheck: {record.relativeCreated / 1000:7.3f} s  {plain(record.getMessage())}"


# ------------------------------------------------------------------------------------------ the copy of the log for a bundle

MOST = 5_000
"""Lines that are kept; later ones are counted."""


class LogBuffer(logging.Handler):
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
def log_buffer(*, kept: bool) -> Iterator[LogBuffer]:
    """Keeps arpcheck's log in the block if `kept` is true; `-v` prints it as well."""
    found, log = LogBuffer(), logging.getLogger("arpcheck")
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


# -------------------------------------------------------------------------------------------------- the progress of a change


class StoppedError(Exception):
    """The user stopped the command between two steps."""


@dataclass(slots=True)
class ProgressLog:
    """The steps of a change in their order: those done, and those left."""

    left: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def plan(self, *steps: str) -> None:
        self.left += steps

    def tick(self, note: str = "") -> None:
        """Moves the first step of `left` to `done`."""
        self.done.append(f"{self.left.pop(0)}{note}")

    def __str__(self) -> str:
        if not self.done:
            return "nothing was changed"
        not_done = f". Not done: {'; '.join(self.left)}. Run the command again to continue" if self.left else ""
        return f"done: {'; '.join(self.done)}{not_done}"
