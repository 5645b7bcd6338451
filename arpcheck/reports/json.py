"""`-o json`: the document, indented, with a row of evidence on a line of its own.

ASCII, so that no terminal or mail program changes it. Linear: a cluster's run has a hundred thousand rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from arpcheck.model import Report
from arpcheck.reports.document import document
from arpcheck.reports.style import Style

NAME = "json"

LINE = 160
"""A list of plain values that takes about so many characters stays on one line."""


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    return f"{written(document(report))}\n"


def written(value: Any, margin: str = "") -> str:
    """JSON text. What JSON can't hold (a date or a NaN in an object that came from a YAML file) is written as text,
    or as null where it is no number."""
    inner = f"{margin}  "
    match value:
        case dict() | Mapping() if value:
            return _block("{}", (f"{json.dumps(str(k))}: {written(v, inner)}" for k, v in value.items()), margin)
        case list() | tuple() if not _fits_a_line(value):
            return _block("[]", (written(v, inner) for v in value), margin)
        case _:
            return _compact(value)


def _block(brackets: str, entries: Iterable[str], margin: str) -> str:
    body = f",\n{margin}  ".join(entries)
    return f"{brackets[0]}\n{margin}  {body}\n{margin}{brackets[1]}"


def _fits_a_line(values: Sequence[Any]) -> bool:
    room = LINE
    for value in values:
        if isinstance(value, (dict, list, tuple, Mapping)) and value:
            return False
        room -= len(value) + 4 if isinstance(value, str) else 8
    return room >= 0


def _compact(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (ValueError, TypeError):
        return json.dumps([_tame(entry) for entry in value] if isinstance(value, (list, tuple)) else _tame(value))


def _tame(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if value.bit_length() < 1024 else hex(value)  # Python refuses to write 4,300 digits
        case float():
            return value if isfinite(value) else None
        case list() | tuple():  # only an empty one comes here
            return []
        case Mapping():
            return {}
        case _:
            return str(value)
