"""What a person sees beside the report: the style of the terminal, progress, and one-line notices on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import TextIO

from arpcheck.reports import Style
from arpcheck.text import PROSE_LIMIT, plain
from arpcheck.wire.scan import Progress


def style(stream: TextIO, *, headers: bool = True) -> Style:
    """Colour and width only where a person looks: no pipe, no file, no NO_COLOR (no-color.org), no dumb terminal."""
    if not stream.isatty():
        return Style(headers=headers)
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(colour=colour, width=shutil.get_terminal_size().columns, headers=headers)


def notice(line: str) -> None:
    """A line for the person, never mixed with the result."""
    _tell(f"arpcheck: {plain(line, PROSE_LIMIT)}\n")


def duration(seconds: float) -> str:
    """`8 s`, `2 min 5 s`."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


class ProgressLine:
    """One line that is written over, on a terminal only."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, progress: Progress) -> None:
        if self._shown:
            left = duration(progress.seconds_left)
            line = (
                f"round {progress.round}/{progress.rounds}, {progress.sent} asked, {progress.replies} replies, {left} left"
            )
            _tell(f"\r\x1b[K{line}")

    def clear(self) -> None:
        if self._shown:
            _tell("\r\x1b[K")


def _tell(text: str) -> None:
    """A terminal that was closed must not cost what was measured."""
    with suppress(OSError):
        print(text, end="", file=sys.stderr, flush=True)  # noqa: T201
