"""Arpcheck's own format as CSV: `mac,node[,interface[,note]]`, a header optional, `#` starts a comment line.

With a header the columns may stand in any order and have the names that inventories give them: `hostname,mac`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from arpcheck.mac_owners.mac_list import table
from arpcheck.mac_owners.mac_list.source import MAC, Blank, Place, Row, Source, each, is_blank
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.CSV

COLUMNS = ("mac", "node", "interface", "note")

_LINE = re.compile(rf'"?\s*{MAC.pattern}\s*"?\s*([,;]|\t[^\t]+\t)')


def recognises(source: Source) -> bool:
    header = table.header(source)
    return source.any(_LINE) if header is None else header.node is not None


def read(source: Source) -> Iterable[Row]:
    if header := table.header(source):
        return each(source, table.rows(source), partial(row, source, header, FORMAT))
    delimiter = next((found for found in table.DELIMITERS if found in source.first()), ",")
    header = table.Header(columns=COLUMNS, delimiter=delimiter)
    return each(source, source.data(), partial(row, source, header, FORMAT))


def row(source: Source, header: table.Header, form: MacListFormat, line: Place, text: str) -> Row:
    named = table.cells(text, header.columns, header.delimiter)
    mac = named.get(header.mac or "", "")
    if is_blank(mac):
        return Blank(line)
    return source.entry(line, mac, named.get(header.node or "", ""), named.get(header.interface or ""), form=form)
