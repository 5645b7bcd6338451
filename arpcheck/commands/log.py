"""What `-v` shows on stderr: which files and which API paths are read, what is opened and given up, and how long it took.

Every line is made harmless for a terminal; no module logs a secret, a header or a body."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext
from typing import TextIO

from arpcheck.text import plain


def speak() -> None:
    """From here on, arpcheck's own log goes to stderr; that of no library does."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(_Line())
    log = logging.getLogger("arpcheck")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)


def hush() -> None:
    """Nothing more of it, from whatever thread: the line that says why arpcheck ends is the last one."""
    for handler in logging.getLogger("arpcheck").handlers:
        if isinstance(handler, _Handler):
            handler.hush()


class _Handler(logging.StreamHandler[TextIO]):
    _silent = False

    def hush(self) -> None:
        with self.lock or nullcontext():
            self._silent = True

    def emit(self, record: logging.LogRecord) -> None:
        """Under the lock (logging.Handler.handle)."""
        if not self._silent:
            super().emit(record)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"arpcheck: {record.relativeCreated / 1000:7.3f} s  {plain(record.getMessage())}"
