"""Neighbours as another host saw them once: addresses, no names.

The addresses are matched with those of the nodes later. Headings and link-local addresses are skipped; an entry without a
reply (FAILED, incomplete, published for another host) has no MAC address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.mac_owners.mac_list.source import (
    IPV4,
    IPV6,
    MAC,
    WIDTH,
    Blank,
    LineError,
    ListFormat,
    MacListText,
    Place,
    Row,
    each,
    neighbour,
    short,
)
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text, texts

_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\s")
_ARP_SCAN_LINE = re.compile(rf"{_ADDRESS.pattern}+{MAC.pattern}(\s|$)")


def _is_arp_scan(source: MacListText) -> bool:
    return source.any(_ARP_SCAN_LINE)


def _read_arp_scan(source: MacListText) -> Iterable[Row]:
    def row(line: Place, written: str) -> Row | None:
        ip, *rest = written.split()
        if not rest:
            raise LineError(f"not an IP address and its MAC address: {ip}")
        return neighbour(source, line, rest[0], ip)

    return each(source, ((line, found[:WIDTH]) for line, found in source.data() if _ADDRESS.match(found)), row)


_NO_REPLY = {"FAILED", "INCOMPLETE"}


def _is_ip_neigh_json(source: MacListText) -> bool:
    return any(text(entry, "dst") and (text(entry, "lladdr") or text(entry, "dev")) for _, entry in _neigh_entries(source))


def _read_ip_neigh_json(source: MacListText) -> Iterable[Row]:
    def row(place: Place, entry: Any) -> Row | None:
        no_reply = at(entry, "lladdr") is None or _NO_REPLY.intersection(texts(entry, "state"))
        return neighbour(source, place, None if no_reply else str(at(entry, "lladdr")), text(entry, "dst"))

    return each(source, _neigh_entries(source), row)


def _neigh_entries(source: MacListText) -> Iterator[tuple[Place, Any]]:
    """`ip` prints an empty object for each neighbour that a filter leaves out."""
    found = (entry for block in source.blocks if isinstance(block.value, list) for entry in block.value)
    for number, entry in enumerate(found, 1):
        if text(entry, "dst"):
            yield f"entry {number}", entry


IP_NEIGH_JSON = ListFormat(
    format=MacListFormat.IP_NEIGH, called="ip neigh", recognises=_is_ip_neigh_json, read=_read_ip_neigh_json
)


# ----------------------------------------------------------------------------------------- Tables with an entry in each line

ARP_SCAN = ListFormat(format=MacListFormat.ARP_SCAN, called="arp-scan", recognises=_is_arp_scan, read=_read_arp_scan)

IP, MAC_OF = rf"(?P<ip>{IPV4.pattern})", rf"(?P<mac>{MAC.pattern})"
_DEV = r"[A-Za-z][\w.@:-]*"


def table(form: MacListFormat, called: str, *, known: str, begins: str, shapes: tuple[str, ...]) -> ListFormat:
    """A table with an entry in each line.

    `known`: a line that only this format has. `begins`: how each entry begins, right or wrong; any other line is a heading.
    `shapes`: the lines that are right, each with the groups `ip`, `mac` where there is one, and `none` where the MAC address
    is not the neighbour's own."""
    first, start, lines = re.compile(known), re.compile(begins), tuple(re.compile(shape) for shape in shapes)

    def read(source: MacListText) -> Iterable[Row]:
        def row(line: Place, written: str) -> Row | None:
            found = next((match for shape in lines if (match := shape.fullmatch(written))), None)
            if found is None:
                raise LineError(f"not a line of {form}: {short(written)}")
            groups = found.groupdict()
            return neighbour(source, line, None if groups.get("none") else groups.get("mac"), groups["ip"])

        return each(source, ((n, line[:WIDTH]) for n, line in source.data() if start.match(line[:WIDTH])), row)

    return ListFormat(format=form, called=called, recognises=lambda source: source.any(first), read=read)


_EITHER = rf"(?:{IPV4.pattern}|{IPV6.pattern})"
_OF_EITHER = rf"(?P<ip>{_EITHER})"
IP_NEIGH = table(
    MacListFormat.IP_NEIGH,
    "ip neigh",
    known=rf"{_EITHER}\s+(dev\s+\S+(\s|$)|lladdr\s)|{_EITHER}\s+{_DEV}\s+{MAC.pattern}$",
    begins=rf"{_EITHER}(\s|$)",
    shapes=(
        rf"{_OF_EITHER}(?:\s+dev\s+\S+)?\s+lladdr\s+{MAC_OF}(?:\s+(?:(?P<none>FAILED|INCOMPLETE)|\S+))*",
        rf"{_OF_EITHER}\s+dev\s+\S+(?:\s+(?!lladdr\s)\S+)*",
        rf"{_OF_EITHER}\s+{_DEV}(?:\s+{MAC_OF})?",
    ),
)
"""`ip neigh`, `ip -6 neigh`, `ip -s neigh` and `ip -br neigh` (iproute2: ip/ipneigh.c)."""

ARP = table(
    MacListFormat.ARP,
    "arp -an",
    known=rf"\S+ \({IPV4.pattern}\) at \S|\S+\s+ether\s+{MAC.pattern}\s|\S+\s+\(incomplete\)\s"
    rf"|Internet\s+{IPV4.pattern}\s+\S+\s+\S+\s+ARPA",
    begins=rf"\S+ \({IPV4.pattern}\) at |\S+\s+(ether|\(incomplete\))\s|Internet\s|{IPV4.pattern}\s",
    shapes=(
        rf"\S+ \({IP}\) at (?:{MAC_OF}|[<(]\w+[>)])(?: (?:(?P<none>PUB|published)|\S+))*",
        rf"(?P<ip>\S+)\s+ether\s+{MAC_OF}\s+(?:(?P<none>[CM]*P[CM]*)\s|[CM]+\s).*",
        r"(?P<ip>\S+)\s+\(incomplete\)(\s.*)?",
        rf"Internet\s+{IP}\s+\S+\s+(?:{MAC_OF}|Incomplete)\s+ARPA(\s.*)?",
    ),
)
"""`arp -an` of Linux and BSD, the table of `arp -n`, and `show ip arp` of a router (net-tools: arp.c)."""

PROC_NET_ARP = table(
    MacListFormat.PROC_NET_ARP,
    "/proc/net/arp",
    known=rf"{IPV4.pattern}\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s",
    begins=rf"{IPV4.pattern}\s",
    shapes=(rf"{IP}\s+0x[0-9a-f]+\s+0x(?:[0-9a-f]*[2367]|(?P<none>[0-9a-f]+))\s+{MAC_OF}\s+\S+\s+\S+",),
)
"""Flag 0x02 (ATF_COM): a complete entry; 0x08 (ATF_PUBL): one published for another host (include/uapi/linux/if_arp.h)."""


# -------------------------------------------------------------------------------------------------------------------- Leases

# The leases of a DHCP server: which address it gave to which MAC address. Kea's are CSV, see `tables`.
# The addresses are matched with those of the nodes later. The names that clients give themselves are not used.

_HARDWARE = r"[0-9a-f]{2}-(?=[0-9a-f]{2}:)"

DNSMASQ = table(
    MacListFormat.DNSMASQ,
    "dnsmasq.leases",
    known=rf"\d+\s+({_HARDWARE})?{MAC.pattern}\s+{IPV4.pattern}\s+\S+(\s|$)",
    begins=rf"\d+\s+\S+\s+{IPV4.pattern}\s",
    shapes=(rf"\d+\s+(?:{_HARDWARE})?{MAC_OF}\s+{IP}\s+\S+(?:\s+\S+)?",),
)
"""Expiry, MAC address (after the hardware type unless that is Ethernet), IP address, host, client (dnsmasq: lease.c)."""


# -------------------------------------------------------------------------------------------------------- ISC's dhcpd.leases

_LEASE = re.compile(rf"lease\s+(?P<ip>{IPV4.pattern})\s*\{{")
_HARDWARE_ETHERNET = re.compile(r"hardware\s+ethernet\s+(?P<mac>[^\s;]+)\s*;")
_STATE = re.compile(r"binding\s+state\s+(?P<state>\w+)\s*;")


def _is_dhcpd(source: MacListText) -> bool:
    return source.any(_LEASE)


def _read_dhcpd(source: MacListText) -> Iterable[Row]:
    """The server appends: the last block of an address counts (isc-projects/dhcp: server/dhcpd.leases.5)."""
    last = {ip: (number, mac) for ip, number, mac in _blocks(source)}
    held = ((number, (ip, mac)) for ip, (number, mac) in last.items())
    return each(source, held, lambda line, lease: neighbour(source, line, lease[1], lease[0]) or Blank(line))


def _blocks(source: MacListText) -> Iterator[tuple[str, int, str | None]]:
    """The address, the line and the MAC address of each block; without the MAC address if the lease is not active."""
    ip, start, mac, active = "", 0, "", True
    for number, line in source.data():
        written = line[:WIDTH]
        if found := _LEASE.match(written):
            ip, start, mac, active = found["ip"], number, "", True
        if found := _HARDWARE_ETHERNET.search(written):
            mac = found["mac"]
        if (found := _STATE.search(written)) and not written.startswith(("next", "rewind")):
            active = found["state"] == "active"
        if ip and written.endswith("}"):
            yield ip, start, mac if active else None
            ip = ""


DHCPD = ListFormat(format=MacListFormat.DHCPD, called="dhcpd.leases", recognises=_is_dhcpd, read=_read_dhcpd)
