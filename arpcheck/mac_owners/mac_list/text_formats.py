"""Neighbour tables and leases as text: who has which address, a line each, as somebody else on the LAN saw it.

A format is its lines' shape. They name addresses, not hosts; whose they are is matched with the nodes' own. Headings and
IPv6 are passed over; an entry without an answer (FAILED, incomplete, published for another) has no MAC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list import source as table
from arpcheck.mac_owners.mac_list.source import (
    IPV4,
    MAC,
    WIDTH,
    Blank,
    FunctionFormat,
    LineError,
    MacListText,
    Place,
    Row,
    each,
    is_blank,
    observed,
    short,
)
from arpcheck.model import MacListFormat

_ADDRESS_CSV_FORMAT = MacListFormat.ADDRESS_CSV

_KEA = {"hwaddr", "valid_lifetime", "state"}


def _is_address_csv(source: MacListText) -> bool:
    header = table.header(source)
    return header is not None and header.address is not None and (header.node is None or _is_kea(header))


def _read_address_csv(source: MacListText) -> Iterable[Row]:
    header = table.header(source)
    if header is None:
        return ()

    def row(line: Place, text: str) -> Row | None:
        named = table.cells(text, header.columns, header.delimiter)
        gone = _is_kea(header) and (named.get("state") != "0" or named.get("valid_lifetime") == "0")
        ip, mac = named.get(header.address or "", ""), named.get(header.mac or "", "")
        return Blank(line) if gone else observed(source, line, mac, ip.partition("/")[0], form=_ADDRESS_CSV_FORMAT)

    return each(source, _last(source, header) if _is_kea(header) else table.rows(source), row)


def _is_kea(header: table.ColumnHeader) -> bool:
    return set(header.columns) >= _KEA


def _last(source: MacListText, header: table.ColumnHeader) -> Iterable[tuple[int, str]]:
    """Kea quotes nothing: a comma in a field is `&#x2c`."""
    place = header.columns.index(header.address or "")
    return {(text.split(",") + [""] * place)[place]: (line, text) for line, text in table.rows(source)}.values()


ADDRESS_CSV = FunctionFormat(FORMAT=_ADDRESS_CSV_FORMAT, recognises=_is_address_csv, read=_read_address_csv)


# ---------------------------------------------------------------------------------------------- Arpcheck's own format as CSV

_OWN_CSV_FORMAT = MacListFormat.CSV

COLUMNS = ("mac", "node", "interface", "note")

_LINE = re.compile(rf'"?\s*{MAC.pattern}\s*"?\s*([,;]|\t[^\t]+\t)')


def _is_own_csv(source: MacListText) -> bool:
    header = table.header(source)
    return source.any(_LINE) if header is None else header.node is not None


def _read_own_csv(source: MacListText) -> Iterable[Row]:
    if header := table.header(source):
        return each(source, table.rows(source), partial(row, source, header, _OWN_CSV_FORMAT))
    delimiter = next((found for found in table.DELIMITERS if found in source.first()), ",")
    header = table.ColumnHeader(columns=COLUMNS, delimiter=delimiter)
    return each(source, source.data(), partial(row, source, header, _OWN_CSV_FORMAT))


def row(source: MacListText, header: table.ColumnHeader, form: MacListFormat, line: Place, text: str) -> Row:
    named = table.cells(text, header.columns, header.delimiter)
    mac = named.get(header.mac or "", "")
    if is_blank(mac):
        return Blank(line)
    return source.entry(line, mac, named.get(header.node or "", ""), named.get(header.interface or ""), form=form)


OWN_CSV = FunctionFormat(FORMAT=_OWN_CSV_FORMAT, recognises=_is_own_csv, read=_read_own_csv)


# ----------------------------------------------------------------------------- NetBox's list of interfaces as it exports CSV

_NETBOX_FORMAT = MacListFormat.NETBOX


def _is_netbox(source: MacListText) -> bool:
    header = table.header(source)
    return header is not None and header.node in ("device", "vm") and header.mac in ("mac_address", "primary_mac_address")


def _read_netbox(source: MacListText) -> Iterable[Row]:
    header = table.header(source)
    return each(source, table.rows(source), partial(row, source, header, _NETBOX_FORMAT)) if header else ()


NETBOX = FunctionFormat(FORMAT=_NETBOX_FORMAT, recognises=_is_netbox, read=_read_netbox)


# --------------------------------------------------------------------------------------------------------------- /etc/ethers

_ETHERS_FORMAT = MacListFormat.ETHERS

_ETHERS_LINE = re.compile(rf"{MAC.pattern}\s+[^\s,]+\s*(#|$)")


def _is_ethers(source: MacListText) -> bool:
    return source.any(_ETHERS_LINE)


def _read_ethers(source: MacListText) -> Iterable[Row]:
    def entry(line: Place, text: str) -> MacEntry:
        words = text.partition("#")[0].split()
        if len(words) != 2:
            raise LineError(f"{len(words)} words, expected a MAC and a host")
        return source.entry(line, words[0], words[1], form=_ETHERS_FORMAT)

    return each(source, source.data(), entry)


ETHERS = FunctionFormat(FORMAT=_ETHERS_FORMAT, recognises=_is_ethers, read=_read_ethers)


# ---------------------------------------------------------------------------------------------------- The output of arp-scan

_ARP_SCAN_FORMAT = MacListFormat.ARP_SCAN

_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\s")
_ARP_SCAN_LINE = re.compile(rf"{_ADDRESS.pattern}+{MAC.pattern}(\s|$)")


def _is_arp_scan(source: MacListText) -> bool:
    return source.any(_ARP_SCAN_LINE)


def _read_arp_scan(source: MacListText) -> Iterable[Row]:
    def row(line: Place, text: str) -> Row | None:
        ip, *rest = text.split()
        if not rest:
            raise LineError(f"not an address and its MAC: {ip}")
        return observed(source, line, rest[0], ip, form=_ARP_SCAN_FORMAT)

    found = ((line, text[:WIDTH]) for line, text in source.data() if _ADDRESS.match(text))
    return each(source, found, row)


ARP_SCAN = FunctionFormat(FORMAT=_ARP_SCAN_FORMAT, recognises=_is_arp_scan, read=_read_arp_scan)


# --------------------------------------------------------------------------------------- Neighbour tables and leases as text

_IP, _MAC = rf"(?P<ip>{IPV4.pattern})", rf"(?P<mac>{MAC.pattern})"


_HARDWARE = r"[0-9a-f]{2}-(?=[0-9a-f]{2}:)"
_DEV = r"[A-Za-z][\w.@:-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourTable:
    """One format, by the shapes of its lines."""

    FORMAT: MacListFormat
    known: re.Pattern[str]
    """A line that nothing else has."""
    begins: re.Pattern[str]
    """What an entry begins with, right or wrong; any other line is a heading."""
    shapes: tuple[re.Pattern[str], ...]
    """Each has the groups `ip`, `mac` where there is one, and `none` where that is not the neighbour's own."""

    def recognises(self, source: MacListText) -> bool:
        return source.any(self.known)

    def read(self, source: MacListText) -> Iterable[Row]:
        lines = ((line, text[:WIDTH]) for line, text in source.data() if self.begins.match(text[:WIDTH]))
        return each(source, lines, lambda line, text: self._row(source, line, text))

    def _row(self, source: MacListText, line: Place, text: str) -> Row | None:
        found = next((match for shape in self.shapes if (match := shape.fullmatch(text))), None)
        if found is None:
            raise LineError(f"not a line of {self.FORMAT}: {short(text)}")
        groups = found.groupdict()
        mac = None if groups.get("none") else groups.get("mac")
        return observed(source, line, mac, groups["ip"], form=self.FORMAT)


def _table(form: MacListFormat, *, known: str, begins: str, shapes: tuple[str, ...]) -> NeighbourTable:
    return NeighbourTable(
        FORMAT=form, known=re.compile(known), begins=re.compile(begins), shapes=tuple(re.compile(shape) for shape in shapes)
    )


IP_NEIGH = _table(
    MacListFormat.IP_NEIGH,
    known=rf"{IPV4.pattern}\s+(dev\s+\S+(\s|$)|lladdr\s)|{IPV4.pattern}\s+{_DEV}\s+{MAC.pattern}$",
    begins=rf"{IPV4.pattern}(\s|$)",
    shapes=(
        rf"{_IP}(?:\s+dev\s+\S+)?\s+lladdr\s+{_MAC}(?:\s+(?:(?P<none>FAILED|INCOMPLETE)|\S+))*",
        rf"{_IP}\s+dev\s+\S+(?:\s+(?!lladdr\s)\S+)*",
        rf"{_IP}\s+{_DEV}(?:\s+{_MAC})?",
    ),
)
"""`ip neigh`, `ip -s neigh` and `ip -br neigh` (iproute2: ip/ipneigh.c)."""

ARP = _table(
    MacListFormat.ARP,
    known=rf"\S+ \({IPV4.pattern}\) at \S|\S+\s+ether\s+{MAC.pattern}\s|\S+\s+\(incomplete\)\s"
    rf"|Internet\s+{IPV4.pattern}\s+\S+\s+\S+\s+ARPA",
    begins=rf"\S+ \({IPV4.pattern}\) at |\S+\s+(ether|\(incomplete\))\s|Internet\s|{IPV4.pattern}\s",
    shapes=(
        rf"\S+ \({_IP}\) at (?:{_MAC}|[<(]\w+[>)])(?: (?:(?P<none>PUB|published)|\S+))*",
        rf"(?P<ip>\S+)\s+ether\s+{_MAC}\s+(?:(?P<none>[CM]*P[CM]*)\s|[CM]+\s).*",
        r"(?P<ip>\S+)\s+\(incomplete\)(\s.*)?",
        rf"Internet\s+{_IP}\s+\S+\s+(?:{_MAC}|Incomplete)\s+ARPA(\s.*)?",
    ),
)
"""`arp -an` as Linux and BSD print it, the table of `arp -n`, and `show ip arp` of a router (net-tools: arp.c)."""

PROC_NET_ARP = _table(
    MacListFormat.PROC_NET_ARP,
    known=rf"{IPV4.pattern}\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s",
    begins=rf"{IPV4.pattern}\s",
    shapes=(
        rf"{_IP}\s+0x[0-9a-f]+\s+0x(?:[0-9a-f]*[2367]|(?P<none>[0-9a-f]+))\s+{_MAC}\s+\S+\s+\S+",
    ),
)
"""ATF_COM 0x02 is complete, ATF_PUBL 0x08 answers for another (Linux: include/uapi/linux/if_arp.h)."""

DNSMASQ = _table(
    MacListFormat.DNSMASQ,
    known=rf"\d+\s+({_HARDWARE})?{MAC.pattern}\s+{IPV4.pattern}\s+\S+(\s|$)",
    begins=rf"\d+\s+\S+\s+{IPV4.pattern}\s",
    shapes=(rf"\d+\s+(?:{_HARDWARE})?{_MAC}\s+{_IP}\s+\S+(?:\s+\S+)?",),
)
"""Expiry, MAC (the kind of hardware before it where that is not Ethernet), address, host, client (dnsmasq: lease.c)."""

TABLES = (PROC_NET_ARP, DNSMASQ, ARP, IP_NEIGH)
