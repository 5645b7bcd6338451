"""`ip -j link`, `ip -j -d link` or `ip -j addr`: a list of links, or `{node: [links]}` for several nodes.

The node of a plain list is the file's name (iproute2: ip/ipaddress.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from arpcheck.evidence import MacEntry
from arpcheck.identities.files.source import Nic, Source, listed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text

FORMAT = MacListFormat.IP_JSON

_VIRTUAL = ("veth", "dummy", "tun", "vxlan", "geneve", "ifb", "vrf", "nlmon", "wireguard")
"""Kinds of links (`-d`) that never answer on a LAN."""


def recognises(source: Source) -> bool:
    return any(text(link, "ifname") for _, links in _by_node(source) for link in links)


def read(source: Source) -> Iterable[MacEntry]:
    return listed(source, _nics(source), FORMAT)


def _nics(source: Source) -> Iterator[Nic]:
    number = 0
    for node, links in _by_node(source):
        for link in links:
            number += 1
            if text(link, "link_type") == "ether" and text(link, "linkinfo", "info_kind") not in _VIRTUAL:
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    yield Nic(f"entry {number}", node, text(link, "ifname"), mac)


def _by_node(source: Source) -> Iterable[tuple[str, list[Any]]]:
    """Only what has the shape of it: `ip` leaves an empty object for every link that a filter took out."""
    if isinstance(source.json, list):
        return [(source.stem, source.json)]
    found = source.json.items() if isinstance(source.json, Mapping) else ()
    return [(node, links) for node, links in found if isinstance(links, list)]
