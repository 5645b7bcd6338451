"""The text of a MAC list with the place of each value, and the rows that every format gives.

Wrong lines are collected until the whole file is read, so that one message names several."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.addresses import is_inside, is_station
from arpcheck.model import Mac, MacListFormat, SourceRank
from arpcheck.model.constants import IPV6 as VERSION_6
from arpcheck.objects import address

# -------------------------------------------------------------------------------------------------------- JSON with headings

# The JSON values in a text, each of which may have a heading that names its host.

_BEFORE_JSON = re.compile(r"[^\S\n]*(?P<heading>[^\n{\[]*=> )(?=\{)")
_LINE = re.compile(r"[^\n]*")
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()

WIDEST = 200
"""Characters of a heading."""

MOST = 10_000
"""JSON values of a text; twice the hosts of the largest cluster."""


class Block(NamedTuple):
    line: int
    """Of its first character, from 1."""
    heading: str
    """The last line before it that is not JSON; empty if there is none after the value before."""
    value: Any


def blocks(text: str) -> tuple[Block, ...]:
    """The JSON lists and mappings in a text that has only headings besides; () for any other text."""
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
    """`worker-1` of `worker-1:`, `== worker-1 ==` or Ansible's `worker-1 | SUCCESS =>`; empty if it names none."""
    found = _HOST.fullmatch(heading)
    return found["host"] if found else ""


def is_unreached(value: Any) -> bool:
    """Whether Ansible reports a failure in place of the host's output."""
    return isinstance(value, dict) and (value.get("unreachable") is True or value.get("failed") is True)


# ------------------------------------------------------------------------------------------ The text of a list, and its rows

SHOWN = 5
"""Wrong lines that a message names."""
COUNTED = 100
"""Wrong lines after which reading stops."""

LOOKED_AT = 50
WIDTH = 1000
"""A format is recognised by this many lines, and this many characters of each."""

MAC = re.compile(r"(?:[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})")
_ENDING = re.compile(r"\.(csv|ya?ml|json|txt|log|out|prom|ethers)$", re.IGNORECASE)
_NO_ETHERNET = re.compile(r"|(00:){5}00|(HH:){3}HH|(HH:){7}HH|(HH:){15}HH|(HH:){19}HH".replace("HH", "[0-9A-Fa-f]{2}"))
"""Zero as on a loopback, or not of Ethernet's length: tunnels have 4 or 16 octets, FireWire 8, InfiniBand 20, some none."""
_BLANKS = ("", "-", "--", "n/a", "na", "none", "null", "unknown", "incomplete", "<incomplete>", "(incomplete)")
IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
IPV6 = re.compile(r"(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]+:){7})[0-9A-Fa-f:.]+")
"""With `::` or eight groups, which no MAC address has."""
_BREAK = re.compile(r"\r\n|\r|\n")

Place = int | str
"""The number of a line; in JSON, the entry."""


class LineError(ValueError):
    """What is wrong with a line; the place is added later."""


class Blank(NamedTuple):
    """A row without a MAC address: a BMC's port, an unplugged NIC, a neighbour that did not reply, an unreachable host."""

    place: Place


Row = MacEntry | Blank


@dataclass(frozen=True, slots=True, kw_only=True)
class MacListText:
    name: str
    """The file's, without its folders."""
    text: str
    format: MacListFormat = MacListFormat.CSV
    """As which it is read."""
    blocks: tuple[Block, ...] = ()
    """The JSON values in it; none if there is other text than headings between them."""

    @property
    def stem(self) -> str:
        """The file's name without its ending: the host, if the format names none. The dots of a host name are not an ending.
        A host name has no `_`, so a `_` ends it (`worker-1_ip-link.txt`)."""
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
        """The lines that are not blank or a comment, stripped."""
        for number, line in self.lines():
            if (stripped := line.strip()) and not stripped.startswith("#"):
                yield number, stripped

    def first(self) -> str:
        """The first of these lines; empty if there is none."""
        return next((line for _, line in self.data()), "")

    def any(self, pattern: re.Pattern[str]) -> bool:
        """Whether one of the first of these lines fits: the very first may be a wrong one."""
        return any(pattern.match(line[:WIDTH]) for _, line in islice(self.data(), LOOKED_AT))

    def entry(
        self, line: Place, mac: str, node: str, interface: str | None = None, form: MacListFormat | None = None
    ) -> MacEntry:
        """`form`: of this line, if it is not the file's. Raises LineError unless the MAC address is a station's and the
        names are valid."""
        form = form or self.format
        place = f"{self.name}:{line}" if form.rank is SourceRank.OWN_FILE else f"{self.name}:{line} ({form})"
        known, host, nic = _station(mac), _host_name(node), _nic_name(interface)
        return MacEntry(mac=known, node=host, interface=nic, where=place, format=form)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFormat:
    """A line of the table in `__init__`."""

    format: MacListFormat
    called: str
    """As the list of supported formats names it."""
    recognises: Callable[[MacListText], bool]
    read: Callable[[MacListText], Iterable[Row]]


def each(source: MacListText, items: Iterable[tuple[Place, Any]], read: Callable[[Place, Any], Row | None]) -> Iterator[Row]:
    """The rows that `read` makes of the items; raises an InputError with the first wrong lines after the last item."""
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
        raise _wrong_lines(faults)


def _wrong_lines(faults: list[str]) -> InputError:
    more = f"; and {len(faults) - SHOWN}{' or' if len(faults) == COUNTED else ''} more lines" if len(faults) > SHOWN else ""
    return InputError("; ".join(faults[:SHOWN]) + more, "Correct these lines, or remove them")


class ListedNic(NamedTuple):
    """An interface in a host's own list."""

    place: Place
    node: str
    name: str
    mac: object


def listed(source: MacListText, nics: Iterable[ListedNic]) -> Iterator[Row]:
    """The rows of a host's own list. Interfaces inside the host, and those without an Ethernet address, are skipped."""
    outside = ((nic.place, nic) for nic in nics if not is_inside(nic.name) and not _NO_ETHERNET.fullmatch(str(nic.mac)))
    return each(source, outside, lambda place, nic: source.entry(place, str(nic.mac), nic.node, nic.name))


def neighbour(source: MacListText, line: Place, mac: str | None, ip: str) -> Row | None:
    """The row of an IP address and its MAC address; blank unless the MAC address is a station's. Link-local addresses are
    skipped: no Node is known by one."""
    known = address(ip)
    if known is None and (IPV4.fullmatch(ip) or IPV6.fullmatch(ip)):
        raise LineError(f"not an IP address: {ip}")
    if known is None or (known.version == VERSION_6 and known.is_link_local):
        return None
    if mac is None or is_blank(mac):
        return Blank(line)
    return Blank(line) if not is_station(_mac(mac)) else source.entry(line, mac, str(known))


def is_blank(value: str) -> bool:
    """Whether a MAC address is missing, or not of Ethernet."""
    return value.lower() in _BLANKS or _NO_ETHERNET.fullmatch(value) is not None


def _station(value: str) -> Mac:
    mac = _mac(value)
    if not is_station(mac):
        raise LineError(f"{mac} is a group address" if mac.is_group else f"{mac} is not the address of a NIC")
    return mac


def _mac(value: str) -> Mac:
    if not MAC.fullmatch(value):
        raise LineError(f"not a MAC address: {short(value)}")
    return Mac(value)


def _host_name(value: str) -> str:
    if not (0 < len(value) <= 253 and value.isprintable() and " " not in value):
        raise LineError(f"not a host name: {short(value)}")
    return value


def _nic_name(value: str | None) -> str | None:
    """Linux allows 15 characters (include/uapi/linux/if.h, IFNAMSIZ), other systems more."""
    if not value:
        return None
    if len(value) > 64 or not value.isprintable():
        raise LineError(f"not an interface name: {short(value)}")
    return value


def short(value: str) -> str:
    return repr(value) if len(value) <= 40 else f"{value[:40]!r}…"
