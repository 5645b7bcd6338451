"""`-o json`: the document, indented, with each row of evidence and each object of the cluster on one line. ASCII only.

A large run has a hundred thousand responders and rows, so these have their own writers: 100,000 responders take 0.06 s
instead of 1.4 s, as many rows 0.1 s instead of 0.6 s."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as text
from math import isfinite
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any

from arpcheck.evidence_json import Lines, Rows
from arpcheck.model import Question, Reply, Report
from arpcheck.model.constants import IPV6
from arpcheck.reports import Style
from arpcheck.reports.contract import Entries
from arpcheck.reports.document import document

LINE = 160
"""A list of plain values of about this many characters stays on one line."""

_LINE = json.JSONEncoder(allow_nan=False).encode
_WORDS = {None: "null", True: "true", False: "false"}
_PLAIN = (str, int, float, NoneType)
_REQUEST = attrgetter("ip", "sender", "round", "interface", "to", "destination")


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    return written(document(report), "\n")


def written(value: Any, end: str = "") -> str:
    """JSON text. A value that JSON cannot hold becomes text (a date) or null (a NaN)."""
    writer = _Writer()
    writer.write(value, "\n")
    writer.pieces.append(end)
    return "".join(writer.pieces)


class _Texts(dict[Any, str]):
    """The JSON text of every value that it is asked for, made once."""

    def __missing__(self, value: Any) -> str:
        return self.setdefault(value, _text(value))


class _Writer:
    """The text of one document. Joining its pieces at each level would copy everything below it."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._texts = _Texts()
        """Of MAC addresses, IP addresses and times from request to reply, which are of whole microseconds: most of them are
        the same few thousand. No whole numbers, which are equal to others and written otherwise."""
        self._entries: dict[tuple[Any, ...], dict[Any, tuple[str, str]]] = {}
        """The text of entries before and after the value that varies, by what they are and by their other values."""

    def write(self, value: Any, line: str) -> None:
        """`line`: how a new line begins at this depth."""
        below, append = f"{line}  ", self.pieces.append
        match value:  # classes that are abstract come last: to look whether a value is of one takes longer
            case Lines() if value:
                self._write_texts((_object(entry, below) for entry in value), line)
            case list() | tuple() if _fits_a_line(value):
                append(_text(value))
            case list() | tuple():
                start = "["
                for entry in value:
                    append(f"{start}{below}")
                    self.write(entry, below)
                    start = ","
                append(f"{line}]")
            case dict() | Mapping() if value:
                start = "{"
                for key, entry in value.items():
                    if isinstance(entry, _PLAIN):  # most values; a call for each would take a third of the time
                        append(f"{start}{below}{text(str(key))}: {_text(entry)}")
                    else:
                        append(f"{start}{below}{text(str(key))}: ")
                        self.write(entry, below)
                    start = ","
                append(f"{line}}}")
            case Entries() if value:
                self._write_entries(value, line)
            case Rows() if value:
                self._write_texts(self._rows(value), line)
            case _:
                append(_text(value))

    def _write_texts(self, texts: Iterable[str], line: str) -> None:
        self.pieces += (f"[{line}  ", f",{line}  ".join(texts), f"{line}]")

    def _write_entries(self, found: Entries, line: str) -> None:
        """Most entries differ in one value only: the text before and after it is made once."""
        at = found.names.index(found.varies)
        others = itemgetter(*(place for place in range(len(found.names)) if place != at))
        known = self._entries.setdefault((found.names, at, line), {})
        start, texts, pieces = "[", self._texts, self.pieces
        for values in found.values:
            same = others(values)
            if (around := known.get(same)) is None:
                around = known[same] = _around(found.names, at, same, f"{line}  ")
            value = values[at]
            pieces += (start, around[0], texts[value] if type(value) is float else _text(value), around[1])
            start = ","
        pieces.append(f"{line}]")

    def _rows(self, rows: Rows) -> Iterable[str]:
        """Rows of one request are neighbours and share most of their text."""
        entries: Iterable[Question | Reply] = rows.found
        texts = self._texts
        ip = sender = interface = number = to = destination = source_ip = flags = None
        six, asked, beyond, advertised = False, "", "", ""
        for entry in entries:
            if not (
                entry.ip is ip and entry.sender is sender and entry.round == number and entry.interface == interface
                and entry.to == to and entry.destination is destination
            ):  # fmt: skip
                ip, sender, number, interface, to, destination = _REQUEST(entry)
                six = ip.version == IPV6
                asked = f"{text(interface)}, {number}, {texts[ip]}, {texts[sender]}, {_text(to)}"
                beyond, advertised, source_ip = f", {texts[destination]}" if six else "", "", None
            if not isinstance(entry, Reply):
                yield f"[{round(entry.at, 3)!r}, {asked}{beyond}]"
                continue
            if six and (not advertised or entry.source_ip is not source_ip or entry.flags != flags):
                source_ip, flags = entry.source_ip, entry.flags
                advertised = f"{beyond}, {texts[source_ip]}, {_text(flags)}"
            after = texts[entry.after] if type(entry.after) is float else _text(entry.after)
            yield f"[{entry.at!r}, {asked}, {texts[entry.mac]}, {texts[entry.source]}, {after}{advertised}]"


def _around(names: tuple[str, ...], at: int, others: tuple[Any, ...], line: str) -> tuple[str, str]:
    """The text of an entry before and after the value of the key at that place."""
    pairs = [
        f"{line}  {text(name)}: {_text(value)}" for name, value in zip(names[:at] + names[at + 1 :], others, strict=True)
    ]
    start, end = pairs[:at], pairs[at:]
    return f"{line}{{{','.join((*start, f'{line}  {text(names[at])}: '))}", f",{','.join(end)}{line}}}"


def _object(value: Any, line: str) -> str:
    """By Python's encoder, which is fast; by the writer if it has a value that JSON cannot hold."""
    try:
        return _LINE(value)
    except (TypeError, ValueError):
        writer = _Writer()
        writer.write(value, line)
        return "".join(writer.pieces)


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


def _text(value: Any) -> str:
    """A plain value, an empty container or a list of plain values. Any other value as Python shows it."""
    match value:
        case str():
            return text(value)
        case None | bool():
            return _WORDS[value]
        case float():
            return float.__repr__(value) if isfinite(value) else "null"
        case int():
            return _integer(value)
        case Mapping():
            return "{}"
        case Sequence():
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return text(str(value))


def _integer(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:  # Python refuses more than 4,300 digits
        return text(hex(value))
