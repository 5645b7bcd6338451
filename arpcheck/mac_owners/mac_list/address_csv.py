"""CSV with an address in place of a node: `address,mac`, and Kea's leases (`address,hwaddr,…,hostname,state`).

It says who has which address. Of Kea's, which are appended, the last of an address holds, where it is still assigned
(isc-projects/kea: src/lib/dhcpsrv/csv_lease_file4.cc)."""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.mac_owners.mac_list import table
from arpcheck.mac_owners.mac_list.source import Blank, Place, Row, Source, each, observed
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.ADDRESS_CSV

_KEA = {"hwaddr", "valid_lifetime", "state"}


def recognises(source: Source) -> bool:
    header = table.header(source)
    return header is not None and header.address is not None and (header.node is None or _is_kea(header))


def read(source: Source) -> Iterable[Row]:
    header = table.header(source)
    if header is None:
        return ()

    def row(line: Place, text: str) -> Row | None:
        named = table.cells(text, header.columns, header.delimiter)
        gone = _is_kea(header) and (named.get("state") != "0" or named.get("valid_lifetime") == "0")
        ip, mac = named.get(header.address or "", ""), named.get(header.mac or "", "")
        return Blank(line) if gone else observed(source, line, mac, ip.partition("/")[0], form=FORMAT)

    return each(source, _last(source, header) if _is_kea(header) else table.rows(source), row)


def _is_kea(header: table.Header) -> bool:
    return set(header.columns) >= _KEA


def _last(source: Source, header: table.Header) -> Iterable[tuple[int, str]]:
    """Kea quotes nothing: a comma in a field is `&#x2c`."""
    place = header.columns.index(header.address or "")
    return {(text.split(",") + [""] * place)[place]: (line, text) for line, text in table.rows(source)}.values()
