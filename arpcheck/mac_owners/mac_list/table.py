"""Tables as spreadsheets and inventories export them: `,`, `;` or a tab between the cells, the columns named by a header.

A quoted cell ends on its line, so that every fault has one. Knows columns by their usual names, and no format."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arpcheck.mac_owners.mac_list.source import WIDTH, LineError, Source

DELIMITERS = ",;\t"

MAC = ("mac", "mac_address", "macaddress", "primary_mac_address", "mac_addr", "macaddr", "hwaddr", "hw_address",
       "hwaddress", "hardware_address", "lladdr", "ether")  # fmt: skip
NODE = ("node", "node_name", "nodename", "hostname", "host_name", "host", "device", "server", "machine", "fqdn", "vm")
INTERFACE = ("interface", "interface_name", "nic", "iface", "ifname", "port", "name")
ADDRESS = ("address", "ip", "ip_address", "ipaddress", "ipv4", "ipv4_address")
"""The names of a column, in small letters and with `_` for blanks; the first that a header has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    columns: tuple[str, ...]
    delimiter: str

    def first(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name in self.columns), None)

    @property
    def mac(self) -> str | None:
        return self.first(MAC)

    @property
    def node(self) -> str | None:
        """`name` alone is the host's, beside another name the interface's."""
        return self.first((*NODE, "name"))

    @property
    def interface(self) -> str | None:
        return self.first(name for name in INTERFACE if name != self.node)

    @property
    def address(self) -> str | None:
        return self.first(ADDRESS)


def header(source: Source) -> Header | None:
    """Of the first line, where a column of it is a MAC's; comments before it are passed over."""
    line = source.first()
    if len(line) > WIDTH:
        return None
    for delimiter in DELIMITERS:
        names = tuple(re.sub(r"[\s-]+", "_", cell.strip(' "').lower()) for cell in line.split(delimiter))
        found = Header(columns=names, delimiter=delimiter)
        if len(names) > 1 and found.mac and (found.node or found.address):
            return found
    return None


def rows(source: Source) -> Iterator[tuple[int, str]]:
    """The lines below the header."""
    lines = source.data()
    next(lines, None)
    return lines


def cells(line: str, columns: Sequence[str], delimiter: str) -> Mapping[str, str]:
    """By column; cells that are missing at the end are missing. LineError for more cells than columns."""
    try:
        found = [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True, delimiter=delimiter))]
    except csv.Error as error:
        raise LineError(f"not CSV: {error}") from None
    if len(found) > len(columns):
        raise LineError(f"{len(found)} fields, expected {delimiter.join(columns)}")
    return dict(zip(columns, found, strict=False))
