"""Numbers, lists, times and truth values in words. Knows no noun of the report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from arpcheck.text import plain

NONE = "-"
"""Shown where nothing is known or recorded."""


def count(number: int, noun: str) -> str:
    """`1 address`, `1,200 addresses`, `0 replies`."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def listing(names: Iterable[str], limit: int = 6) -> str:
    """`a, b, c and 397 more`; a dash for nothing."""
    shown = [plain(name) for name in names]
    more = len(shown) - limit
    if more == 1:  # the last name is shorter than the word that it is missing
        limit, more = limit + 1, 0
    return ", ".join(shown[:limit]) + (f" and {more:,} more" if more > 0 else "") or NONE


def moment(time: datetime) -> str:
    """`2026-03-01 02:59:58`; the zone is always UTC and said once by whoever shows it."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(length: timedelta) -> str:
    """`0.4 s`, `12 s`, `5 min`, `3 h`, `8 d`: one figure, as kubectl shows an age."""
    seconds = length.total_seconds()
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    for unit, size, up_to in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if abs(seconds) < up_to:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def yes_no(value: bool | None) -> str:
    return NONE if value is None else "true" if value else "false"
