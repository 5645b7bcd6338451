"""Neighbour tables and leases as text: who has which address, a line each, as somebody else on the LAN saw it.

A format is its lines' shape. They name addresses, not hosts; whose they are is matched with the nodes' own. Headings and
IPv6 are passed over; an entry without an answer (FAILED, incomplete, published for another) has no MAC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from arpcheck.mac_owners.mac_list.source import IPV4, MAC, WIDTH, LineError, Place, Row, Source, each, observed, short
from arpcheck.model import MacListFormat

_IP, _MAC = rf"(?P<ip>{IPV4.pattern})", rf"(?P<mac>{MAC.pattern})"


_HARDWARE = r"[0-9a-f]{2}-(?=[0-9a-f]{2}:)"
_DEV = r"[A-Za-z][\w.@:-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One format, by the shapes of its lines."""

    FORMAT: MacListFormat
    known: re.Pattern[str]
    """A line that nothing else has."""
    begins: re.Pattern[str]
    """What an entry begins with, right or wrong; any other line is a heading."""
    shapes: tuple[re.Pattern[str], ...]
    """Each has the groups `ip`, `mac` where there is one, and `none` where that is not the neighbour's own."""

    def recognises(self, source: Source) -> bool:
        return source.any(self.known)

    def read(self, source: Source) -> Iterable[Row]:
        lines = ((line, text[:WIDTH]) for line, text in source.data() if self.begins.match(text[:WIDTH]))
        return each(source, lines, lambda line, text: self._row(source, line, text))

    def _row(self, source: Source, line: Place, text: str) -> Row | None:
        found = next((match for shape in self.shapes if (match := shape.fullmatch(text))), None)
        if found is None:
            raise LineError(f"not a line of {self.FORMAT}: {short(text)}")
        groups = found.groupdict()
        mac = None if groups.get("none") else groups.get("mac")
        return observed(source, line, mac, groups["ip"], form=self.FORMAT)


def _table(form: MacListFormat, *, known: str, begins: str, shapes: tuple[str, ...]) -> Table:
    return Table(
        FORMAT=form, known=re.compile(known), begins=re.compile(begins), shapes=tuple(re.compile(shape) for shape in shapes)
    )


IP_NEIGH = _table(
    MacListFormat.IP_NEIGH,
    known=rf"{IPV4.pattern}\s+(dev\s+\S+(\s|$)|lladdr\s)|{IPV4.pattern}\s+{_DEV}\s+{MAC.pattern}$",
    begins=rf"{IPV4.pattern}(\s|$)",
    shapes=(
        rf"{_IP}(?:\s+dev\s+\S+)?\s+lladdr\s+{_MAC}(?:\s+(?:(?P<none>FAILED|INCOMPLETE)|\S+))*",
        rf"{_IP}\s+dev\s+\S+(?:\s+(?!lladdr\s)\S+)*",
        rf"{_IP}\s+{_DEV}(?:\s+{_MAC})?",
    ),
)
"""`ip neigh`, `ip -s neigh` and `ip -br neigh` (iproute2: ip/ipneigh.c)."""

ARP = _table(
    MacListFormat.ARP,
    known=rf"\S+ \({IPV4.pattern}\) at \S|\S+\s+ether\s+{MAC.pattern}\s|\S+\s+\(incomplete\)\s"
    rf"|Internet\s+{IPV4.pattern}\s+\S+\s+\S+\s+ARPA",
    begins=rf"\S+ \({IPV4.pattern}\) at |\S+\s+(ether|\(incomplete\))\s|Internet\s|{IPV4.pattern}\s",
    shapes=(
        rf"\S+ \({_IP}\) at (?:{_MAC}|[<(]\w+[>)])(?: (?:(?P<none>PUB|published)|\S+))*",
        rf"(?P<ip>\S+)\s+ether\s+{_MAC}\s+(?:(?P<none>[CM]*P[CM]*)\s|[CM]+\s).*",
        r"(?P<ip>\S+)\s+\(incomplete\)(\s.*)?",
        rf"Internet\s+{_IP}\s+\S+\s+(?:{_MAC}|Incomplete)\s+ARPA(\s.*)?",
    ),
)
"""`arp -an` as Linux and BSD print it, the table of `arp -n`, and `show ip arp` of a router (net-tools: arp.c)."""

PROC_NET_ARP = _table(
    MacListFormat.PROC_NET_ARP,
    known=rf"{IPV4.pattern}\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s",
    begins=rf"{IPV4.pattern}\s",
    shapes=(
        rf"{_IP}\s+0x[0-9a-f]+\s+0x(?:[0-9a-f]*[2367]|(?P<none>[0-9a-f]+))\s+{_MAC}\s+\S+\s+\S+",
    ),
)
"""ATF_COM 0x02 is complete, ATF_PUBL 0x08 answers for another (Linux: include/uapi/linux/if_arp.h)."""

DNSMASQ = _table(
    MacListFormat.DNSMASQ,
    known=rf"\d+\s+({_HARDWARE})?{MAC.pattern}\s+{IPV4.pattern}\s+\S+(\s|$)",
    begins=rf"\d+\s+\S+\s+{IPV4.pattern}\s",
    shapes=(rf"\d+\s+(?:{_HARDWARE})?{_MAC}\s+{_IP}\s+\S+(?:\s+\S+)?",),
)
"""Expiry, MAC (the kind of hardware before it where that is not Ethernet), address, host, client (dnsmasq: lease.c)."""

TABLES = (PROC_NET_ARP, DNSMASQ, ARP, IP_NEIGH)
