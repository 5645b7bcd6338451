"""Arpcheck's own format as CSV: `mac,node[,interface[,note]]`, a header optional, `#` starts a comment line.

With a header the columns may stand in any order. A quoted field ends on its line, so that every fault has one."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence

from arpcheck.evidence import MacEntry
from arpcheck.identities.files.source import MAC, LineError, Place, Source, each
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.CSV

COLUMNS = ("mac", "node", "interface", "note")

_LINE = re.compile(rf'"?\s*{MAC.pattern}\s*"?\s*,')


def recognises(source: Source) -> bool:
    return _header(source.first().split(",")) is not None or source.any(_LINE)


def read(source: Source) -> Iterable[MacEntry]:
    header = _header(source.first().split(","))
    lines = list(source.data())
    columns = header or COLUMNS

    def entry(line: Place, text: str) -> MacEntry:
        cells = _cells(text)
        if len(cells) > len(columns):
            raise LineError(f"{len(cells)} fields, expected {','.join(columns)}")
        named = dict(zip(columns, cells, strict=False))
        return source.entry(line, named.get("mac", ""), named.get("node", ""), named.get("interface"), form=FORMAT)

    return each(source, lines[1:] if header else lines, entry)


def _cells(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise LineError(f"not CSV: {error}") from None


def _header(cells: list[str]) -> Sequence[str] | None:
    """The columns where the first line names them; others than arpcheck's own are passed over."""
    names = [cell.strip(' "').lower() for cell in cells]
    return names if {"mac", "node"} <= set(names) else None
