"""The manufacturers of the MACs that were heard, from the table that scapy carries and has loaded anyway.

scapy's own look-up takes the first three octets only and so misses every /28 and /36 block; which prefix is the
longest is decided in `identities`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arpcheck.model import Mac


def manufacturers(macs: Iterable[Mac]) -> Mapping[str, str]:
    """The rows of Wireshark's manuf that could be a MAC's, by prefix (`8C:1F:64`, `8C:1F:64:A0/28`)."""
    from scapy.config import conf

    table = conf.manufdb.d
    found = {}
    for mac in macs:
        for prefix in _prefixes(mac.upper()):
            if prefix in table and not mac.is_local:
                _, found[prefix] = table[prefix]
    return dict(sorted(found.items()))


def _prefixes(text: str) -> tuple[str, ...]:
    return text[:8], f"{text[:10]}0/28", f"{text[:13]}0/36"
