"""The manufacturers of the MACs that were heard, from the table that scapy carries.

scapy's own look-up takes the first three octets only and so misses every /28 and /36 block; which prefix is the
longest is decided in `identities`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arpcheck.model import Mac
from arpcheck.wire.scapy_library import manufacturer_lines


def manufacturers(macs: Iterable[Mac]) -> Mapping[str, str]:
    """The rows of Wireshark's manuf that could be a MAC's, by prefix (`8C:1F:64`, `8C:1F:64:A0/28`)."""
    wanted = {prefix for mac in macs if not mac.is_local for prefix in _prefixes(mac.upper())}
    if not wanted:
        return {}
    found = {}
    for line in manufacturer_lines():
        prefix, *names = line.split(None, 2) or [""]
        if prefix in wanted and names:
            found[prefix] = names[-1].strip()  # the long name, and where there is none the short one
    return dict(sorted(found.items()))


def _prefixes(text: str) -> tuple[str, ...]:
    return text[:8], f"{text[:10]}0/28", f"{text[:13]}0/36"
