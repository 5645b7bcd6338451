"""`-o json`: the document, indented, with a row of evidence and an object of the cluster on a line of its own.

ASCII, so that no terminal or mail program changes it. A cluster's run has a hundred thousand rows and as many
responders; these have writers of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from arpcheck.evidence_json import Lines, Rows
from arpcheck.model import Report
from arpcheck.reports.document import document
from arpcheck.reports.responders import Responders
from arpcheck.reports.rows import write_rows
from arpcheck.reports.scalars import scalar, text
from arpcheck.reports.style import Style

NAME = "json"

LINE = 160
"""A list of plain values that takes about so many characters stays on one line."""

Say = Callable[[str], object]

_LINE = json.JSONEncoder(allow_nan=False).encode


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    return written(document(report), "\n")


def written(value: Any, end: str = "") -> str:
    """JSON text. What JSON can't hold is written as text (a date), or as null where it is no number (a NaN)."""
    pieces: list[str] = []
    _write(value, "\n", pieces.append)
    pieces.append(end)
    return "".join(pieces)


def _write(value: Any, line: str, say: Say) -> None:
    """`line`: what begins a new line at this depth. In pieces, lest every level copies all that is below it."""
    match value:  # in the order of how many there are, and what takes Python long to tell last
        case str():
            say(text(value))
        case None | bool() | int() | float():
            say(scalar(value))
        case dict():
            _write_object(value, line, say)
        case Lines() if value:
            _write_lines(value, line, say)
        case list() | tuple():
            _write_list(value, line, say)
        case Responders() if value:
            say(f"[{line}  ")
            value.write(f"{line}  ", say)
            say(f"{line}]")
        case Rows() if value:
            say(f"[{line}  ")
            write_rows(value, f"{line}  ", say)
            say(f"{line}]")
        case Responders() | Rows():
            say("[]")
        case Mapping():
            _write_object(value, line, say)
        case _:
            say(scalar(value))


def _write_object(value: Mapping[Any, Any], line: str, say: Say) -> None:
    start, between, below = f"{{{line}  ", f",{line}  ", f"{line}  "
    for key, entry in value.items():
        if isinstance(entry, str):  # as most are
            say(f"{start}{_key(key)}{text(entry)}")
        elif entry is None:
            say(f"{start}{_key(key)}null")
        elif type(entry) is list:
            say(f"{start}{_key(key)}")
            _write_list(entry, below, say)
        else:
            say(f"{start}{_key(key)}")
            _write(entry, below, say)
        start = between
    say(f"{line}}}" if value else "{}")


def _key(key: Any) -> str:
    return _text_key(key) if type(key) is str else f"{text(str(key))}: "


@lru_cache(maxsize=1 << 12)
def _text_key(key: str) -> str:
    return f"{text(key)}: "


def _write_lines(values: Lines, line: str, say: Say) -> None:
    """In one go, which is what Python's encoder does in C; what JSON can't hold is written as everywhere."""
    start = f"[{line}  "
    for value in values:
        say(start)
        try:
            say(_LINE(value))
        except (TypeError, ValueError):
            _write(value, f"{line}  ", say)
        start = f",{line}  "
    say(f"{line}]")


def _write_list(values: Sequence[Any], line: str, say: Say) -> None:
    if _fits_a_line(values):
        say(f"[{', '.join(map(scalar, values))}]")
        return
    start = f"[{line}  "
    for value in values:
        say(start)
        _write(value, f"{line}  ", say)
        start = f",{line}  "
    say(f"{line}]")


def _fits_a_line(values: Sequence[Any]) -> bool:
    room = LINE
    for value in values:
        if isinstance(value, str):
            room -= len(value) + 4
        elif isinstance(value, (dict, list, tuple, Mapping)) and value:
            return False
        else:
            room -= 8
        if room < 0:
            return False
    return True
