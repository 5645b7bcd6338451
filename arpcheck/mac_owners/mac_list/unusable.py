"""What people hand in that names MACs and no node: refused by its name, with what to give instead."""

from __future__ import annotations

import re

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import MAC, Source

_DOTTED = r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
_SWITCH = re.compile(rf"\*?\s*(vlan)?(\d+|all)\s+{_DOTTED}\s+(dynamic|static)\b", re.IGNORECASE)
_BRIDGE = re.compile(rf"{MAC.pattern}\s+dev\s+\S+")

_KINDS = (
    (_SWITCH, "a switch's table of MACs names its ports, not nodes", "Give who has which address (show ip arp), or NICs"),
    (_BRIDGE, "`bridge fdb` names a bridge's ports, not nodes", "Give `ip neigh` or `ip -j link` of each node"),
)


def refuse(source: Source) -> None:
    """Raises InputError where the text is one of those."""
    for line, why, cure in _KINDS:
        if source.any(line):
            raise InputError(f"{source.name}: {why}", cure)
