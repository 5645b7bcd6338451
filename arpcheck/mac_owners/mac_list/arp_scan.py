"""The output of arp-scan: an address, its MAC and the vendor on each line (royhills/arp-scan: arp-scan.1).

It names addresses, not hosts; whose they are is matched with the nodes' own. Its headings are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable

from arpcheck.mac_owners.mac_list.source import MAC, WIDTH, LineError, Place, Row, Source, each, observed
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.ARP_SCAN

_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\s")
_LINE = re.compile(rf"{_ADDRESS.pattern}+{MAC.pattern}(\s|$)")


def recognises(source: Source) -> bool:
    return source.any(_LINE)


def read(source: Source) -> Iterable[Row]:
    def row(line: Place, text: str) -> Row | None:
        ip, *rest = text.split()
        if not rest:
            raise LineError(f"not an address and its MAC: {ip}")
        return observed(source, line, rest[0], ip, form=FORMAT)

    found = ((line, text[:WIDTH]) for line, text in source.data() if _ADDRESS.match(text))
    return each(source, found, row)
