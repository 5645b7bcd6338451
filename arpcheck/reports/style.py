"""How a report is to be shown, as whoever calls decided it. Knows no terminal: a format never asks what it writes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    colour: bool = False
    """ANSI colours in the formats for a terminal. A word or a letter always says the same."""
    width: int | None = None
    """Columns of the terminal; None: unknown or endless (a file, a pipe), then no cell is cut."""
    headers: bool = True
    """False: no column headings (`--no-headers`)."""
