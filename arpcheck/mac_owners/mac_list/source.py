"""A file's text with the place of everything in it, and the wrong lines gathered until all of it was read.

Knows lines, MACs and names; knows no format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list.blocks import Block
from arpcheck.mac_owners.nics import is_inside, is_station
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
class Source:
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

    def recognises(self, source: Source) -> bool: ...

    def read(self, source: Source) -> Iterable[Row]: ...


def each(source: Source, items: Iterable[tuple[Place, Any]], read: Callable[[Place, Any], Row | None]) -> Iterator[Row]:
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


class Nic(NamedTuple):
    """An interface as a host listed it."""

    place: Place
    node: str
    name: str
    mac: object


def listed(source: Source, nics: Iterable[Nic], form: MacListFormat) -> Iterator[Row]:
    """What a host wrote of itself: interfaces inside it, and what has no Ethernet address, are passed over."""
    outside = ((nic.place, nic) for nic in nics if not is_inside(nic.name) and not _NO_ETHERNET.fullmatch(str(nic.mac)))
    return each(source, outside, lambda place, nic: source.entry(place, str(nic.mac), nic.node, nic.name, form=form))


def observed(source: Source, line: Place, mac: str | None, ip: str, *, form: MacListFormat) -> Row | None:
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
