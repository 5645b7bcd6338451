"""`/etc/ethers`: a MAC and a host or its address on each line, `#` starts a comment (ethers(5)).

The octets may lack their leading zeros: `0:0:c0:a:77:23`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list.source import MAC, LineError, Place, Row, Source, each
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.ETHERS

_LINE = re.compile(rf"{MAC.pattern}\s+[^\s,]+\s*(#|$)")


def recognises(source: Source) -> bool:
    return source.any(_LINE)


def read(source: Source) -> Iterable[Row]:
    def entry(line: Place, text: str) -> MacEntry:
        words = text.partition("#")[0].split()
        if len(words) != 2:
            raise LineError(f"{len(words)} words, expected a MAC and a host")
        return source.entry(line, words[0], words[1], form=FORMAT)

    return each(source, source.data(), entry)
