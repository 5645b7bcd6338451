"""`ip -j link`, `ip -j -d link` or `ip -j addr`: a list of links, of one host or of several behind one another.

The node is the key in `{node: [links]}` or the line above a list, else the file's name; where several hosts follow each
other without a name, their own addresses say who they are (iproute2: ip/ipaddress.c)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.mac_owners.addresses import is_inside, station
from arpcheck.mac_owners.mac_list.source import (
    MAC,
    WIDTH,
    Blank,
    FunctionFormat,
    ListedNic,
    MacListText,
    Place,
    Row,
    each,
    host_of,
    is_unreached,
    listed,
    observed,
)
from arpcheck.model import MacListFormat
from arpcheck.objects import at, ipv4, items, text, texts

_IP_BRIEF_FORMAT = MacListFormat.IP_BRIEF

_LINE = re.compile(rf"(?P<nic>[^\s@]+)(?:@\S+)?\s+(?P<state>[A-Z]+)\s+(?P<mac>{MAC.pattern}|\S+)?\s*<[A-Z0-9,_-]*>(\s|$)")


def _is_ip_brief(source: MacListText) -> bool:
    return source.any(_LINE)


def _read_ip_brief(source: MacListText) -> Iterable[Row]:
    return listed(source, _nics_of_lines(source), _IP_BRIEF_FORMAT)


def _nics_of_lines(source: MacListText) -> Iterator[ListedNic]:
    for number, line in source.data():
        found = _LINE.match(line[:WIDTH])
        yield ListedNic(number, source.stem, found["nic"] if found else "", (found["mac"] or "") if found else line)


IP_BRIEF = FunctionFormat(FORMAT=_IP_BRIEF_FORMAT, recognises=_is_ip_brief, read=_read_ip_brief)


# ----------------------------------------------------------------------------------- ip -j link, ip -j -d link or ip -j addr

_IP_JSON_FORMAT = MacListFormat.IP_JSON

_VIRTUAL = ("veth", "dummy", "tun", "vxlan", "geneve", "ifb", "vrf", "nlmon", "wireguard", "macvtap")
"""Kinds of links (`-d`) that never answer on a LAN, or for a guest."""


class _Links(NamedTuple):
    """What one call of `ip` printed."""

    line: int
    first: int
    """The number of its first link in the file."""
    node: str
    """Empty: not said."""
    links: Sequence[Any]


def _is_ip_json(source: MacListText) -> bool:
    return any(text(link, "ifname") for found in _calls(source) for link in found.links)


def _read_ip_json(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source), _IP_JSON_FORMAT)
    yield from (
        Blank(f"{host_of(block.heading) or block.line} (not reached)")
        for block in source.blocks if is_unreached(block.value)
    )  # fmt: skip


def _nics_of_links(source: MacListText) -> Iterator[ListedNic]:
    for nodes, call in _named(source):
        for number, link in enumerate(call.links, call.first):
            if text(link, "link_type") == "ether" and _is_the_hosts(link):
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    yield from (ListedNic(f"entry {number}", node, text(link, "ifname"), mac) for node in nodes)


def _is_the_hosts(link: Any) -> bool:
    """A macvlan without an address is a guest's: the host would not answer on it for itself."""
    kind, addresses = text(link, "linkinfo", "info_kind"), items(link, "addr_info")
    return kind not in _VIRTUAL and (kind != "macvlan" or any(text(entry, "scope") == "global" for entry in addresses))


def _named(source: MacListText) -> Iterator[tuple[Sequence[str], _Links]]:
    """Each call with its host: the name, or the addresses of which one is the node's."""
    calls = list(_calls(source))
    unnamed = [call for call in calls if not call.node]
    one_host = len(_hosts(unnamed)) <= 1 and len(unnamed) == len(calls)
    by_host = {call.first: host for host in ([] if one_host else _hosts(unnamed)) for call in host}
    for call in calls:
        if call.node or one_host:
            yield (call.node or source.stem,), call
        elif addresses := _addresses(link for part in by_host[call.first] for link in part.links):
            yield addresses, call
        else:
            raise InputError(
                f"{source.name}:{call.line}: NICs of another host, and nothing says whose they are",
                "Give one file a node, put its name on a line above, or use ip -j addr",
            )


def _hosts(calls: Sequence[_Links]) -> list[list[_Links]]:
    """The calls by host: those that have a MAC in common, as `ip -j link` and `ip -j addr` of one host do."""
    first: dict[str, int] = {}
    before = list(range(len(calls)))

    def host(number: int) -> int:
        while before[number] != number:
            before[number] = before[before[number]]
            number = before[number]
        return number

    for number, call in enumerate(calls):
        for link in call.links:
            if (mac := station(at(link, "address"))) and not is_inside(text(link, "ifname")):
                before[host(number)] = host(first.setdefault(mac, number))
    found: dict[int, list[_Links]] = {}
    for number, call in enumerate(calls):
        found.setdefault(host(number), []).append(call)
    return list(found.values())


def _addresses(links: Iterable[Any]) -> tuple[str, ...]:
    """The host's own on a LAN."""
    found = (
        text(entry, "local")
        for link in links if not is_inside(text(link, "ifname"))
        for entry in items(link, "addr_info") if text(entry, "family") == "inet" and text(entry, "scope") in ("", "global")
    )  # fmt: skip
    return tuple(dict.fromkeys(str(ip) for local in found if (ip := ipv4(local))))


def _calls(source: MacListText) -> Iterator[_Links]:
    """Only what has the shape of it: `ip` leaves an empty object for every link that a filter took out."""
    number = 1
    for block in source.blocks:
        found = block.value.items() if isinstance(block.value, Mapping) else [(host_of(block.heading), block.value)]
        for node, links in found:
            if isinstance(links, list):
                yield _Links(block.line, number, node, links)
                number += len(links)


IP_JSON = FunctionFormat(FORMAT=_IP_JSON_FORMAT, recognises=_is_ip_json, read=_read_ip_json)


# --------------------------------------------------------------------------------------------------------------- ip -j neigh

_IP_NEIGH_JSON_FORMAT = MacListFormat.IP_NEIGH

_NOBODY = {"FAILED", "INCOMPLETE"}


def _is_ip_neigh_json(source: MacListText) -> bool:
    return any(text(entry, "dst") and (text(entry, "lladdr") or text(entry, "dev")) for _, entry in _entries(source))


def _read_ip_neigh_json(source: MacListText) -> Iterable[Row]:
    def row(place: Place, entry: Any) -> Row | None:
        nobody = at(entry, "lladdr") is None or _NOBODY.intersection(texts(entry, "state"))
        return observed(
            source, place, None if nobody else str(at(entry, "lladdr")), text(entry, "dst"), form=_IP_NEIGH_JSON_FORMAT
        )

    return each(source, _entries(source), row)


def _entries(source: MacListText) -> Iterator[tuple[Place, Any]]:
    found = (entry for block in source.blocks if isinstance(block.value, list) for entry in block.value)
    for number, entry in enumerate(found, 1):
        if text(entry, "dst"):
            yield f"entry {number}", entry


IP_NEIGH_JSON = FunctionFormat(FORMAT=_IP_NEIGH_JSON_FORMAT, recognises=_is_ip_neigh_json, read=_read_ip_neigh_json)
