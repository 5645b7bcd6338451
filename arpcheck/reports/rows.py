"""The rows of evidence as JSON text, each in a line of its own: a report can have a hundred thousand of them, and those
that answer one question have most of it in common. Knows their columns, and no other part of the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter

from arpcheck.evidence_json import Rows
from arpcheck.model import Question, Reply
from arpcheck.reports.scalars import scalar, text

_ASKED = attrgetter("interface", "round", "ip", "sender", "to")


def write_rows(rows: Rows, line: str, say: Callable[[str], object]) -> None:
    """In pieces, without the brackets around all. `line`: what begins a line."""
    start, between = "[", f",{line}["
    entries: Iterable[Question | Reply] = rows.found
    for (interface, number, ip, sender, to), found in groupby(entries, key=_ASKED):
        asked = f"{text(interface)}, {number}, {text(str(ip))}, {text(str(sender))}, {scalar(to)}"
        for entry in found:
            if isinstance(entry, Reply):
                say(f'{start}{entry.at!r}, {asked}, "{entry.mac}", "{entry.source}", {entry.after!r}]')
            else:
                say(f"{start}{round(entry.at, 3)!r}, {asked}]")
            start = between
