"""`ip -j link`, `ip -j -d link` or `ip -j addr`: a list of links, of one host or of several behind one another.

The node is the key in `{node: [links]}` or the line above a list, else the file's name; where several hosts follow each
other without a name, their own addresses say who they are (iproute2: ip/ipaddress.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.blocks import host_of, is_unreached
from arpcheck.mac_owners.mac_list.source import Blank, Nic, Row, Source, listed
from arpcheck.mac_owners.nics import is_inside, station
from arpcheck.model import MacListFormat
from arpcheck.objects import at, ipv4, items, text

FORMAT = MacListFormat.IP_JSON

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


def recognises(source: Source) -> bool:
    return any(text(link, "ifname") for found in _calls(source) for link in found.links)


def read(source: Source) -> Iterable[Row]:
    yield from listed(source, _nics(source), FORMAT)
    yield from (
        Blank(f"{host_of(block.heading) or block.line} (not reached)")
        for block in source.blocks if is_unreached(block.value)
    )  # fmt: skip


def _nics(source: Source) -> Iterator[Nic]:
    for nodes, call in _named(source):
        for number, link in enumerate(call.links, call.first):
            if text(link, "link_type") == "ether" and _is_the_hosts(link):
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    yield from (Nic(f"entry {number}", node, text(link, "ifname"), mac) for node in nodes)


def _is_the_hosts(link: Any) -> bool:
    """A macvlan without an address is a guest's: the host would not answer on it for itself."""
    kind, addresses = text(link, "linkinfo", "info_kind"), items(link, "addr_info")
    return kind not in _VIRTUAL and (kind != "macvlan" or any(text(entry, "scope") == "global" for entry in addresses))


def _named(source: Source) -> Iterator[tuple[Sequence[str], _Links]]:
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


def _calls(source: Source) -> Iterator[_Links]:
    """Only what has the shape of it: `ip` leaves an empty object for every link that a filter took out."""
    number = 1
    for block in source.blocks:
        found = block.value.items() if isinstance(block.value, Mapping) else [(host_of(block.heading), block.value)]
        for node, links in found:
            if isinstance(links, list):
                yield _Links(block.line, number, node, links)
                number += len(links)
