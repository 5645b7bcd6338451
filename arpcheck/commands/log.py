"""What `-v` shows on stderr: which files and which API paths are read, what is opened and given up, and how long it took.

Every line is made harmless for a terminal; no module logs a secret, a header or a body."""

from __future__ import annotations

import logging
import sys

from arpcheck.reports.escape import plain


def speak() -> None:
    """From here on, arpcheck's own log goes to stderr; that of no library does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    log = logging.getLogger("arpcheck")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"arpcheck: {record.relativeCreated / 1000:7.3f} s  {plain(record.getMessage())}"
