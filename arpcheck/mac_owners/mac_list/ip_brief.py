"""`ip -br link` of one host, which is the file's name: an interface, its state, MAC and flags on each line.

The name may have the other end behind it: `eth1@if3`, `eth0.100@eth0` (iproute2: ip/ipaddress.c, print_link_flags)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from arpcheck.mac_owners.mac_list.source import MAC, WIDTH, Nic, Row, Source, listed
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.IP_BRIEF

_LINE = re.compile(rf"(?P<nic>[^\s@]+)(?:@\S+)?\s+(?P<state>[A-Z]+)\s+(?P<mac>{MAC.pattern}|\S+)?\s*<[A-Z0-9,_-]*>(\s|$)")


def recognises(source: Source) -> bool:
    return source.any(_LINE)


def read(source: Source) -> Iterable[Row]:
    return listed(source, _nics(source), FORMAT)


def _nics(source: Source) -> Iterator[Nic]:
    for number, line in source.data():
        found = _LINE.match(line[:WIDTH])
        yield Nic(number, source.stem, found["nic"] if found else "", (found["mac"] or "") if found else line)
