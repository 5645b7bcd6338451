"""Tables with a line for each MAC address: CSV by a node's name or by its address, NetBox's export, /etc/ethers;
and the same entries as YAML or JSON."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list.source import (
    LOOKED_AT,
    MAC,
    WIDTH,
    Blank,
    LineError,
    ListFormat,
    MacListText,
    Place,
    Row,
    each,
    is_blank,
    neighbour,
    short,
)
from arpcheck.model import MacListFormat

DELIMITERS = ",;\t"

MAC_COLUMNS = ("mac", "mac_address", "macaddress", "mac_adresse", "primary_mac_address", "mac_addr", "macaddr", "hwaddr",
               "hw_address", "hwaddress", "hardware_address", "lladdr", "ether")  # fmt: skip
NODE_COLUMNS = ("node", "node_name", "nodename", "hostname", "host_name", "host", "device", "server", "machine", "fqdn",
                "vm")  # fmt: skip
INTERFACE_COLUMNS = ("interface", "interface_name", "nic", "iface", "ifname", "port", "name")
ADDRESS_COLUMNS = ("address", "ip", "ip_address", "ipaddress", "ipv4", "ipv4_address")
"""The names of a column, in lower case and with `_` for blanks. The first one that a header has counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnHeader:
    columns: tuple[str, ...]
    delimiter: str

    def first(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name in self.columns), None)

    @property
    def mac(self) -> str | None:
        return self.first(MAC_COLUMNS)

    @property
    def node(self) -> str | None:
        """The column `name` is the host's name, unless there is another column for it."""
        return self.first((*NODE_COLUMNS, "name"))

    @property
    def interface(self) -> str | None:
        return self.first(name for name in INTERFACE_COLUMNS if name != self.node)

    @property
    def address(self) -> str | None:
        return self.first(ADDRESS_COLUMNS)


def header(source: MacListText) -> ColumnHeader | None:
    """The first line, if one of its columns is for MAC addresses. Comments before it are skipped."""
    line = source.first()
    if len(line) > WIDTH:
        return None
    for delimiter in DELIMITERS:
        names = tuple(re.sub(r"[\s-]+", "_", cell.strip(' "').lower()) for cell in line.split(delimiter))
        found = ColumnHeader(columns=names, delimiter=delimiter)
        if len(names) > 1 and found.mac and (found.node or found.address):
            return found
    return None


def rows(source: MacListText) -> Iterator[tuple[int, str]]:
    """The lines below the header."""
    lines = source.data()
    next(lines, None)
    return lines


def cells(line: str, columns: Sequence[str], delimiter: str) -> Mapping[str, str]:
    """The cells by column, without those missing at the end. Raises LineError for more cells than columns."""
    try:
        found = [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True, delimiter=delimiter))]
    except csv.Error as error:
        raise LineError(f"not CSV: {error}") from None
    if len(found) > len(columns):
        raise LineError(f"{len(found)} fields, expected {delimiter.join(columns)}")
    return dict(zip(columns, found, strict=False))


# ---------------------------------------------------------------------------------------------------- CSV with a node's name

COLUMNS = ("mac", "node", "interface", "note")
"""Of a CSV file without a header, and the keys of an entry in YAML."""

_ORDERS = (COLUMNS, ("node", "mac", "interface", "note"), ("node", "interface", "mac", "note"))
"""Of a file without a header, by the place of the MAC address."""

NOTES = {"heard at ": MacListFormat.HEARD, "one of its NICs, ": MacListFormat.PART}
"""How the note of a line begins which `inventory -o csv` wrote without a list of all NICs. Read back, it is no more."""

_QUOTED = rf'"?\s*{MAC.pattern}\s*"?\s*'
_CSV_LINE = re.compile(rf"{_QUOTED}([,;]|\t[^\t]+\t)|([^\s,;:]+\s*[,;]\s*){{1,2}}{_QUOTED}([,;]|$)")


def _is_csv(source: MacListText) -> bool:
    found = header(source)
    return source.any(_CSV_LINE) if found is None else found.node is not None


def _read_csv(source: MacListText) -> Iterable[Row]:
    if found := header(source):
        return each(source, rows(source), partial(_csv_row, source, found))
    first = next((line for _, line in islice(source.data(), LOOKED_AT) if _CSV_LINE.match(line[:WIDTH])), "")
    delimiter = next((one for one in DELIMITERS if one in first), ",")
    place = next((n for n, cell in enumerate(first.split(delimiter)) if MAC.fullmatch(cell.strip(' "'))), 0)
    columns = ColumnHeader(columns=_ORDERS[min(place, len(_ORDERS) - 1)], delimiter=delimiter)
    return each(source, source.data(), partial(_csv_row, source, columns))


def _csv_row(source: MacListText, columns: ColumnHeader, line: Place, written: str) -> Row:
    named = cells(written, columns.columns, columns.delimiter)
    mac = named.get(columns.mac or "", "")
    if is_blank(mac):
        return Blank(line)
    form = next((form for begin, form in NOTES.items() if named.get("note", "").startswith(begin)), None)
    return source.entry(line, mac, named.get(columns.node or "", ""), named.get(columns.interface or ""), form)


def _is_netbox(source: MacListText) -> bool:
    """NetBox's CSV export of interfaces."""
    found = header(source)
    return found is not None and found.node in ("device", "vm") and found.mac in ("mac_address", "primary_mac_address")


# ----------------------------------------------------------------------------- CSV with an address, as Kea writes its leases

_KEA = {"hwaddr", "valid_lifetime", "state"}


def _is_address_csv(source: MacListText) -> bool:
    found = header(source)
    return found is not None and found.address is not None and (found.node is None or _is_kea(found))


def _read_address_csv(source: MacListText) -> Iterable[Row]:
    columns = header(source)
    if columns is None:
        return ()

    def row(line: Place, written: str) -> Row | None:
        named = cells(written, columns.columns, columns.delimiter)
        expired = _is_kea(columns) and (named.get("state") != "0" or named.get("valid_lifetime") == "0")
        ip, mac = named.get(columns.address or "", ""), named.get(columns.mac or "", "")
        return Blank(line) if expired else neighbour(source, line, mac, ip.partition("/")[0])

    return each(source, _last_leases(source, columns) if _is_kea(columns) else rows(source), row)


def _is_kea(columns: ColumnHeader) -> bool:
    return set(columns.columns) >= _KEA


def _last_leases(source: MacListText, columns: ColumnHeader) -> Iterable[tuple[int, str]]:
    """Kea appends: the last line of an address counts. It quotes nothing: a comma in a field is `&#x2c`."""
    place = columns.columns.index(columns.address or "")
    return {(line.split(",") + [""] * place)[place]: (number, line) for number, line in rows(source)}.values()


# --------------------------------------------------------------------------- /etc/ethers, and the same with the host first

_ETHERS_LINE = re.compile(rf"({MAC.pattern}\s+[^\s,]+|[A-Za-z][\w.-]*\s+{MAC.pattern})\s*(#|$)")


def _is_ethers(source: MacListText) -> bool:
    return source.any(_ETHERS_LINE)


def _read_ethers(source: MacListText) -> Iterable[Row]:
    def entry(line: Place, written: str) -> MacEntry:
        words = written.partition("#")[0].split()
        if len(words) != 2:
            raise LineError(f"not a MAC address and a host: {short(written)}")
        mac, host = words if MAC.fullmatch(words[0]) else reversed(words)
        return source.entry(line, mac, host)

    return each(source, source.data(), entry)


# --------------------------------------------------------------------------------------------------- In the table of formats

CSV = ListFormat(format=MacListFormat.CSV, called="CSV (mac,node or hostname,mac)", recognises=_is_csv, read=_read_csv)
NETBOX = ListFormat(format=MacListFormat.NETBOX, called="NetBox", recognises=_is_netbox, read=_read_csv)
ADDRESS_CSV = ListFormat(
    format=MacListFormat.ADDRESS_CSV, called="Kea's leases", recognises=_is_address_csv, read=_read_address_csv
)
ETHERS = ListFormat(format=MacListFormat.ETHERS, called="/etc/ethers", recognises=_is_ethers, read=_read_ethers)


# -------------------------------------------------------------------------------------------------- The same as YAML or JSON

# arpcheck's own list as YAML or JSON: `[{mac, node, interface}]`, `{node: [macs]}` or `{node: {nic: mac}}`.
# Only the node graph is composed: YAML 1.1 reads an unquoted 52:54:00:12:34:56 as a number to base 60, an anchor could
# expand without end, and each error has its line this way.

_KEYS = frozenset((*MAC_COLUMNS, "node"))
_BEGIN = r"""(?:-\s+|[\[{,]\s*)*["']?"""
_KEY = r"""[^\s:,"'{}\[\]]+["']?\s*:"""
_YAML_ROW = re.compile(rf"""{_BEGIN}(mac|mac_?addr(ess)?|node)["']?\s*:(\s|["']|$)""", re.IGNORECASE)
_YAML_VALUE = re.compile(rf"""{_BEGIN}(?:{_KEY}(?:\s&\w+)?[\[{{"'\s]*){{1,2}}{MAC.pattern}["'\s]*([,\]}}#]|$)""")
_YAML_ITEM = re.compile(rf"""-\s+["']?{MAC.pattern}["']?\s*(#|$)""")


def _is_yaml(source: MacListText) -> bool:
    """By the keys of an entry, or by a MAC address in a list or after the name of a node or a NIC."""
    if source.blocks:
        return any(_is_yaml_value(block.value) for block in source.blocks)
    return any(source.any(line) for line in (_YAML_ROW, _YAML_VALUE, _YAML_ITEM))


def _is_yaml_value(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(row, dict) and not _KEYS.isdisjoint(map(str.lower, row)) for row in value)
    found = value.values() if isinstance(value, dict) else ()
    return any(isinstance(mac, str) and MAC.fullmatch(mac.strip()) for entry in found for mac in _values(entry))


def _values(entry: Any) -> Iterable[Any]:
    match entry:
        case dict():
            return entry.values()
        case list():
            return entry
        case _:
            return (entry,)


def _read_yaml(source: MacListText) -> Iterable[Row]:
    root = composed_yaml(source)
    match getattr(root, "id", None):
        case "sequence":
            entries = ((_line(item), item) for item in root.value)
            return each(source, entries, lambda line, item: _yaml_entry(source, line, item))
        case "mapping":
            return each(source, _macs_of_nodes(root), lambda line, item: _yaml_mac(source, line, *item))
        case _:
            message = f"{source.name}: neither a list nor a mapping of nodes"
            raise InputError(message, "See the formats in `arpcheck docs mac-sources`")


def _yaml_entry(source: MacListText, line: Place, item: Any) -> Row:
    """The keys may be called as the columns of a table are."""
    if item.id != "mapping":
        raise LineError("not a mapping with the keys mac, node and interface")
    fields = {_scalar(key): _scalar(value) for key, value in item.value}
    columns = ColumnHeader(columns=tuple(key.lower() for key in fields), delimiter="")
    if unknown := sorted(key for key in fields if key.lower() not in {columns.mac, columns.node, columns.interface, "note"}):
        raise LineError(f"unknown key {short(unknown[0])}; the keys are {', '.join(COLUMNS)}")
    named = dict(zip(columns.columns, fields.values(), strict=True))
    if is_blank(mac := named.get(columns.mac or "", "")):
        return Blank(line)
    return source.entry(line, mac, named.get(columns.node or "", ""), named.get(columns.interface or ""))


def _macs_of_nodes(root: Any) -> Iterator[tuple[Place, Any]]:
    """Each MAC address of each node with its line: (node, NIC, MAC address)."""
    for node, value in root.value:
        match value.id:
            case "sequence":
                yield from ((_line(mac), (node, None, mac)) for mac in value.value)
            case "mapping":
                yield from ((_line(mac), (node, nic, mac)) for nic, mac in value.value)
            case _:
                yield _line(value), (node, None, value)


def _yaml_mac(source: MacListText, line: Place, node: Any, nic: Any, mac: Any) -> Row:
    if is_blank(_scalar(mac)):
        return Blank(line)
    return source.entry(line, _scalar(mac), _scalar(node), _scalar(nic) if nic is not None else None)


def _scalar(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"a {node.id} in the place of text; the list is [{{mac, node}}] or {{node: {{nic: mac}}}}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


YAML_LIMIT = 512 * 1024
"""Characters that are composed with their lines; each million takes seconds."""


def composed_yaml(source: MacListText) -> Any:
    """The node graph of the only document, each node with its line. Raises InputError."""
    import yaml

    if len(source.text) > YAML_LIMIT:
        message = f"{source.name}: {len(source.text):,} characters of YAML; the limit is {YAML_LIMIT:,}"
        raise InputError(message, "Save it as CSV")
    try:
        return yaml.compose(source.text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source.name}:{line}: the YAML is not valid from here on", "Correct the file") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{source.name}: the YAML is not valid, or nested too deeply", "Correct the file") from None


YAML = ListFormat(format=MacListFormat.YAML, called="YAML", recognises=_is_yaml, read=_read_yaml)
