"""A file's text with the place of everything in it, and the wrong lines gathered until all of it was read.

Knows lines, MACs and names; knows no format."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.addresses import is_inside, is_station
from arpcheck.model import Mac, MacListFormat, SourceRank
from arpcheck.objects import ipv4

SHOWN = 5
"""Wrong lines that a message names."""
COUNTED = 100
"""Wrong lines after which no more are read."""

LOOKED_AT = 50
WIDTH = 1000
"""Lines, and characters of each, by which a format is recognised."""

MAC = re.compile(r"(?:[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})")
_ENDING = re.compile(r"\.(csv|ya?ml|json|txt|log|out|prom|ethers)$", re.IGNORECASE)
_NO_ETHERNET = re.compile(r"|(00:){5}00|(HH:){3}HH|(HH:){7}HH|(HH:){15}HH|(HH:){19}HH".replace("HH", "[0-9A-Fa-f]{2}"))
"""Zero as on a loopback, or another length than Ethernet's: of tunnels 4 or 16 octets, FireWire 8, InfiniBand 20, none."""
_BLANKS = ("", "-", "--", "n/a", "na", "none", "null", "unknown", "incomplete", "<incomplete>", "(incomplete)")
IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_BREAK = re.compile(r"\r\n|\r|\n")


Place = int | str
"""A line's number; in JSON, which has no lines, the entry's."""


class LineError(ValueError):
    """One wrong line, in words without its place."""


class Blank(NamedTuple):
    """What has no MAC: the port of a BMC, an unplugged NIC, a neighbour that did not answer, a host that was not reached."""

    place: Place


Row = MacEntry | Blank


@dataclass(frozen=True, slots=True, kw_only=True)
class MacListText:
    name: str
    """The file's, without its folders."""
    text: str
    blocks: tuple[Block, ...] = ()
    """The JSON in it, one behind the other; none where something else stands between."""

    @property
    def json(self) -> Any:
        """What the text is as JSON; None where it is none, or several."""
        return self.blocks[0].value if len(self.blocks) == 1 else None

    @property
    def stem(self) -> str:
        """The file's name without an ending: the host where the format names none. A host name's dots are not an ending,
        and it has no `_`: what follows one says what is in the file (`worker-1_ip-link.txt`)."""
        name = self.name.rpartition("/")[2]
        return _ENDING.sub("", name).partition("_")[0] or name or self.name

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line with its number."""
        start, number = 0, 1
        for number, end in enumerate(_BREAK.finditer(self.text), 2):
            yield number - 1, self.text[start : end.start()]
            start = end.end()
        yield number, self.text[start:]

    def data(self) -> Iterator[tuple[int, str]]:
        """The lines that are neither blank nor a comment, stripped."""
        for number, line in self.lines():
            if (stripped := line.strip()) and not stripped.startswith("#"):
                yield number, stripped

    def first(self) -> str:
        """The first line that says something; empty where none does."""
        return next((line for _, line in self.data()), "")

    def any(self, pattern: re.Pattern[str]) -> bool:
        """Whether one of the first lines that say something fits: the very first may be the wrong one."""
        return any(pattern.match(line[:WIDTH]) for _, line in islice(self.data(), LOOKED_AT))

    def entry(self, line: Place, mac: str, node: str, interface: str | None = None, *, form: MacListFormat) -> MacEntry:
        """Raises LineError for what is no MAC of a station, or no name."""
        place = f"{self.name}:{line}" if form.rank is SourceRank.OWN_FILE else f"{self.name}:{line} ({form})"
        return MacEntry(mac=station(mac), node=host(node), interface=nic(interface), where=place, format=form)


class Format(Protocol):
    """One format: a module, or what has the same three names."""

    @property
    def FORMAT(self) -> MacListFormat:  # noqa: N802 - a module's constant
        """Its name stands behind the place of an entry, but for arpcheck's own."""

    def recognises(self, source: MacListText) -> bool: ...

    def read(self, source: MacListText) -> Iterable[Row]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFormat:
    """A format of two functions."""

    FORMAT: MacListFormat
    recognises: Callable[[MacListText], bool]
    read: Callable[[MacListText], Iterable[Row]]


def each(source: MacListText, items: Iterable[tuple[Place, Any]], read: Callable[[Place, Any], Row | None]) -> Iterator[Row]:
    """`read` over all items, without what is None; an InputError with the first wrong lines after the last."""
    faults: list[str] = []
    for line, item in items:
        try:
            row = read(line, item)
        except LineError as fault:
            faults.append(f"{source.name}:{line}: {fault}")
            if len(faults) == COUNTED:
                break
        else:
            if row is not None:
                yield row
    if faults:
        raise _wrong(faults)


def _wrong(faults: list[str]) -> InputError:
    more = f"; and {len(faults) - SHOWN}{' or' if len(faults) == COUNTED else ''} more lines" if len(faults) > SHOWN else ""
    return InputError("; ".join(faults[:SHOWN]) + more, "Correct the file, or take the lines out")


class ListedNic(NamedTuple):
    """An interface as a host listed it."""

    place: Place
    node: str
    name: str
    mac: object


def listed(source: MacListText, nics: Iterable[ListedNic], form: MacListFormat) -> Iterator[Row]:
    """What a host wrote of itself: interfaces inside it, and what has no Ethernet address, are passed over."""
    outside = ((nic.place, nic) for nic in nics if not is_inside(nic.name) and not _NO_ETHERNET.fullmatch(str(nic.mac)))
    return each(source, outside, lambda place, nic: source.entry(place, str(nic.mac), nic.node, nic.name, form=form))


def observed(source: MacListText, line: Place, mac: str | None, ip: str, *, form: MacListFormat) -> Row | None:
    """Who was seen at an address. Without a MAC of one station nobody was; an IPv6 address is passed over."""
    if ipv4(ip) is None:
        if IPV4.fullmatch(ip):
            raise LineError(f"not an address: {ip}")
        return None
    if mac is None or is_blank(mac):
        return Blank(line)
    return Blank(line) if not is_station(_mac(mac)) else source.entry(line, mac, str(ipv4(ip)), form=form)


def is_blank(value: str) -> bool:
    """Where a MAC should stand, nothing does, or none that Ethernet has."""
    return value.lower() in _BLANKS or _NO_ETHERNET.fullmatch(value) is not None


def station(value: str) -> Mac:
    mac = _mac(value)
    if not is_station(mac):
        raise LineError(f"{mac} is {'a group address' if mac.is_group else 'no address'}, no station's")
    return mac


def _mac(value: str) -> Mac:
    if not MAC.fullmatch(value):
        raise LineError(f"not a MAC address: {short(value)}")
    return Mac(value)


def host(value: str) -> str:
    if not (0 < len(value) <= 253 and value.isprintable() and " " not in value):
        raise LineError(f"not a host's name: {short(value)}")
    return value


def nic(value: str | None) -> str | None:
    """Linux allows 15 characters (include/uapi/linux/if.h, IFNAMSIZ), other systems more."""
    if not value:
        return None
    if len(value) > 64 or not value.isprintable():
        raise LineError(f"not an interface's name: {short(value)}")
    return value


def short(value: str) -> str:
    return repr(value) if len(value) <= 40 else f"{value[:40]!r}…"


# ------------------------------- JSON in a text, one value behind the other, each perhaps below a line that says whose it is

_BEFORE_JSON = re.compile(r"[^\S\n]*(?P<heading>[^\n{\[]*=> )(?=\{)")
_LINE = re.compile(r"[^\n]*")
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()

WIDEST = 200
"""Characters of a line that says whose the next JSON is."""


MOST = 10_000
"""Values in a text: hosts of the largest cluster, twice."""


class Block(NamedTuple):
    line: int
    """Where the JSON begins, from 1."""
    heading: str
    """The last line before it that is not JSON; empty where none stands between it and the one before."""
    value: Any


def blocks(text: str) -> tuple[Block, ...]:
    """All JSON lists and mappings in a text that has nothing else but headings; () for any other text."""
    try:
        return tuple(_blocks(text))
    except (ValueError, RecursionError):
        return ()


def _blocks(text: str) -> Iterator[Block]:
    place, heading, line, counted, left = 0, "", 1, 0, MOST
    while (place := _SPACE.match(text, place).end()) < len(text):  # type: ignore[union-attr] # it always matches
        if before := _BEFORE_JSON.match(text, place):
            heading, place = before["heading"].strip(), before.end()
        if text[place] in "[{":
            line, counted = line + text.count("\n", counted, place), place
            value, place = _DECODER.raw_decode(text, place)
            yield Block(line, heading, value)
            heading, left = "", left - 1
            if not left:
                raise ValueError("too many")
        else:
            found = _LINE.match(text, place)
            heading, place = (found[0].strip(), found.end()) if found else ("", len(text))
            if len(heading) > WIDEST:
                raise ValueError("not a heading")


_HOST = re.compile(r"[#=*>\-\s]*(?P<host>[A-Za-z0-9][\w.-]*)\s*(?:\|.*|[:=#*\-\s]*)")


def host_of(heading: str) -> str:
    """`worker-1` of `worker-1:`, `== worker-1 ==` or Ansible's `worker-1 | SUCCESS =>`; empty where it names none."""
    found = _HOST.fullmatch(heading)
    return found["host"] if found else ""


def is_unreached(value: Any) -> bool:
    """What Ansible says of a host in place of an answer."""
    return isinstance(value, dict) and (value.get("unreachable") is True or value.get("failed") is True)


# ------------------------------------------------------------------------ Tables as spreadsheets and inventories export them

DELIMITERS = ",;\t"

MAC_COLUMNS = ("mac", "mac_address", "macaddress", "primary_mac_address", "mac_addr", "macaddr", "hwaddr", "hw_address",
       "hwaddress", "hardware_address", "lladdr", "ether")  # fmt: skip
NODE_COLUMNS = (
    "node",
    "node_name",
    "nodename",
    "hostname",
    "host_name",
    "host",
    "device",
    "server",
    "machine",
    "fqdn",
    "vm",
)
INTERFACE_COLUMNS = ("interface", "interface_name", "nic", "iface", "ifname", "port", "name")
ADDRESS_COLUMNS = ("address", "ip", "ip_address", "ipaddress", "ipv4", "ipv4_address")
"""The names of a column, in small letters and with `_` for blanks; the first that a header has."""


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
        """`name` alone is the host's, beside another name the interface's."""
        return self.first((*NODE_COLUMNS, "name"))

    @property
    def interface(self) -> str | None:
        return self.first(name for name in INTERFACE_COLUMNS if name != self.node)

    @property
    def address(self) -> str | None:
        return self.first(ADDRESS_COLUMNS)


def header(source: MacListText) -> ColumnHeader | None:
    """Of the first line, where a column of it is a MAC's; comments before it are passed over."""
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
    """By column; cells that are missing at the end are missing. LineError for more cells than columns."""
    try:
        found = [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True, delimiter=delimiter))]
    except csv.Error as error:
        raise LineError(f"not CSV: {error}") from None
    if len(found) > len(columns):
        raise LineError(f"{len(found)} fields, expected {delimiter.join(columns)}")
    return dict(zip(columns, found, strict=False))
