"""What `ip` prints of the NICs of a host: `ip -br link`, `ip -j link`, `ip link`, and `ip addr` in the place of link.

Of the last two a file may have the output of several hosts. The node is the key in `{node: [links]}` or the line above the
output, else the file's name. Where the outputs of several hosts have no name, the addresses of each host tell which node it
is (iproute2: ip/ipaddress.c)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.mac_owners.addresses import is_inside, station
from arpcheck.mac_owners.devices import is_virtual_router
from arpcheck.mac_owners.mac_list.json_blocks import host_of, is_unreached
from arpcheck.mac_owners.mac_list.source import MAC, WIDTH, Blank, ListedNic, ListFormat, MacListText, Row, listed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, ipv4, items, text

# --------------------------------------------------------------------------------------------------------------- ip -br link

_IP_BRIEF = re.compile(
    rf"(?P<nic>[^\s@]+)(?:@\S+)?\s+(?P<state>[A-Z]+)\s+(?P<mac>{MAC.pattern}|\S+)?\s*<[A-Z0-9,_-]*>(\s|$)"
)


def _is_ip_brief(source: MacListText) -> bool:
    return source.any(_IP_BRIEF)


def _read_ip_brief(source: MacListText) -> Iterable[Row]:
    return listed(source, _nics_of_lines(source))


def _nics_of_lines(source: MacListText) -> Iterator[ListedNic]:
    for number, line in source.data():
        found = _IP_BRIEF.match(line[:WIDTH])
        yield ListedNic(number, source.stem, found["nic"] if found else "", (found["mac"] or "") if found else line)


# ----------------------------------------------------------------------------------- ip -j link, ip -j -d link or ip -j addr

_VIRTUAL = ("veth", "dummy", "tun", "vxlan", "geneve", "ifb", "vrf", "nlmon", "wireguard", "macvtap")
"""Kinds of links (`-d`) that never reply on a LAN, or only for a virtual machine."""


class _IpCall(NamedTuple):
    """What one call of `ip` printed."""

    line: int
    first: int
    """The number of its first link in the file."""
    node: str
    """Empty: the file does not name it."""
    links: Sequence[Any]


def _is_ip_json(source: MacListText) -> bool:
    return any(text(link, "ifname") for call in _json_calls(source) for link in call.links)


def _read_ip_json(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source, list(_json_calls(source))))
    yield from (
        Blank(f"{host_of(block.heading) or block.line} (not reached)")
        for block in source.blocks if is_unreached(block.value)
    )  # fmt: skip


def _nics_of_links(source: MacListText, calls: Sequence[_IpCall]) -> Iterator[ListedNic]:
    for nodes, call in _named_calls(source, calls):
        for number, link in enumerate(call.links, call.first):
            if text(link, "link_type") == "ether" and _replies_for_host(link):
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    place = at(link, "line") or f"entry {number}"
                    yield from (ListedNic(place, node, text(link, "ifname"), mac) for node in nodes)


def _replies_for_host(link: Any) -> bool:
    """A macvlan without an address belongs to a pod or a virtual machine."""
    kind, addresses = text(link, "linkinfo", "info_kind"), items(link, "addr_info")
    return kind not in _VIRTUAL and (kind != "macvlan" or any(text(entry, "scope") == "global" for entry in addresses))


def _named_calls(source: MacListText, calls: Sequence[_IpCall]) -> Iterator[tuple[Sequence[str], _IpCall]]:
    """Each call with its host: the host's name, or its addresses, one of which is the node's."""
    unnamed = [call for call in calls if not call.node]
    one_host = len(_by_host(unnamed)) <= 1 and len(unnamed) == len(calls)
    hosts = {call.first: host for host in ([] if one_host else _by_host(unnamed)) for call in host}
    for call in calls:
        if call.node or one_host:
            yield (call.node or source.stem,), call
        elif addresses := _lan_addresses(link for part in hosts[call.first] for link in part.links):
            yield addresses, call
        else:
            raise InputError(
                f"{source.name}:{call.line}: this list of NICs does not name its host",
                "Give one file per node, put the node's name on a line above the list, or use ip addr in place of ip link",
            )


def _by_host(calls: Sequence[_IpCall]) -> list[list[_IpCall]]:
    """The calls of each host: those that share a MAC address, as `ip -j link` and `ip -j addr` of one host do. Hosts of one
    virtual router share its MAC address."""
    first: dict[str, int] = {}
    before = list(range(len(calls)))

    def host(number: int) -> int:
        while before[number] != number:
            before[number] = before[before[number]]
            number = before[number]
        return number

    for number, call in enumerate(calls):
        for link in call.links:
            mac = station(at(link, "address"))
            if mac and not is_inside(text(link, "ifname")) and not is_virtual_router(mac):
                before[host(number)] = host(first.setdefault(mac, number))
    found: dict[int, list[_IpCall]] = {}
    for number, call in enumerate(calls):
        found.setdefault(host(number), []).append(call)
    return list(found.values())


def _lan_addresses(links: Iterable[Any]) -> tuple[str, ...]:
    found = (
        text(entry, "local")
        for link in links if not is_inside(text(link, "ifname"))
        for entry in items(link, "addr_info") if text(entry, "family") == "inet" and text(entry, "scope") in ("", "global")
    )  # fmt: skip
    return tuple(dict.fromkeys(str(ip) for local in found if (ip := ipv4(local))))


def _json_calls(source: MacListText) -> Iterator[_IpCall]:
    number = 1
    for block in source.blocks:
        found = block.value.items() if isinstance(block.value, Mapping) else [(host_of(block.heading), block.value)]
        for node, links in found:
            if isinstance(links, list):
                yield _IpCall(block.line, number, node, links)
                number += len(links)


# ------------------------------------------------------------------------------------------------------ ip link and ip addr

_LINK = re.compile(r"(?P<index>\d+): (?P<nic>[^\s@:]+)(?:@\S+)?: <[A-Z0-9,_-]*> ")
_LINK_TYPE = re.compile(r"link/(?P<type>\S+) (?P<mac>\S+)(?:.*? permaddr (?P<own>\S+))?")
_INET = re.compile(r"(?P<family>inet6?) (?P<ip>[^\s/]+)\S*(?: .*?)? scope (?P<scope>\S+)")
_NOT_REACHED = re.compile(r"(?P<host>[A-Za-z0-9][\w.-]*) \| (UNREACHABLE|FAILED)")


def _is_ip_link(source: MacListText) -> bool:
    return source.any(_LINK)


def _read_ip_link(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source, list(_text_calls(source))))
    for _, line in source.lines():
        if found := _NOT_REACHED.match(line[:WIDTH]):
            yield Blank(f"{found['host']} (not reached)")


def _text_calls(source: MacListText) -> Iterator[_IpCall]:
    """A line that is neither of a link nor indented may name the host of the links below it. The links of a call have
    increasing numbers. With `-o` the lines of a link are joined by a backslash."""
    node, last, links = "", 0, list[dict[str, Any]]()
    for number, line in source.lines():
        first, *more = line[:WIDTH].split("\\")
        found = _LINK.match(first)
        if links and (int(found["index"]) <= last if found else first[:1].strip()):
            yield _IpCall(links[0]["line"], links[0]["line"], node, links)
            node, links = "", []
        if found:
            last = int(found["index"])
            links.append({"line": number, "ifname": found["nic"], "addr_info": []})
        elif first[:1].strip():
            node = host_of(first.strip())
        for part in more if found else [first]:
            if links:
                _add_details(links[-1], part.strip())
    if links:
        yield _IpCall(links[0]["line"], links[0]["line"], node, links)


def _add_details(link: dict[str, Any], line: str) -> None:
    if found := _LINK_TYPE.match(line):
        own = {"permaddr": found["own"]} if found["own"] else {}
        link |= {"link_type": found["type"], "address": found["mac"], **own}
    elif found := _INET.match(line):
        link["addr_info"].append({"family": found["family"], "local": found["ip"], "scope": found["scope"]})
    elif line.partition(" ")[0] in (*_VIRTUAL, "macvlan"):
        link["linkinfo"] = {"info_kind": line.partition(" ")[0]}


# --------------------------------------------------------------------------------------------------- In the table of formats

IP_JSON = ListFormat(format=MacListFormat.IP_JSON, called="ip -j link", recognises=_is_ip_json, read=_read_ip_json)
IP_BRIEF = ListFormat(format=MacListFormat.IP_BRIEF, called="ip -br link", recognises=_is_ip_brief, read=_read_ip_brief)
IP_LINK = ListFormat(format=MacListFormat.IP_LINK, called="ip link", recognises=_is_ip_link, read=_read_ip_link)
