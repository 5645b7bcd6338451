"""The leases of a DHCP server: which address it gave to which MAC address. Kea's are CSV, see `tables`.

The addresses are matched with those of the nodes later. The names that clients give themselves are not used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from arpcheck.mac_owners.mac_list.neighbours import IP, MAC_OF, table
from arpcheck.mac_owners.mac_list.source import IPV4, MAC, WIDTH, Blank, ListFormat, MacListText, Row, each, neighbour
from arpcheck.model import MacListFormat

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
