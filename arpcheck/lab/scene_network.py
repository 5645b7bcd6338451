"""The LANs and stations of a scene file: NICs, addresses, MACs, sysctls, and what is bound to kube-ipvs0.

Knows nothing of Kubernetes but the addresses of its Services, which an IPVS node holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck.lab.scene import IPVS_DEVICE, SYSCTLS, Ipvs, Nic, Route, Station
from arpcheck.lab.toml_table import Table
from arpcheck.model import Mac

LANS = {"lan": "10.0.0.0/24"}
WORKER = "worker-"
FIRST_WORKER = IPv4Address("10.0.0.10")
MOST_NICS = 256
"""Of one station: the last octet of a MAC numbers them."""
STRICT_ARP = {"arp_ignore": 1, "arp_announce": 2}
"""What kube-proxy writes at its start where it was told (pkg/proxy/ipvs/proxier.go)."""

Lans = Mapping[str, IPv4Network]


_STATION = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,60}[a-z0-9])?")
_NIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,14}")
_TAKEN = ("lo", "all", "default", IPVS_DEVICE)
"""Names under /proc/sys/net/ipv4/conf that no NIC can have."""


def lans(top: Table) -> Lans:
    table = top.table("lans") if "lans" in top else Table("lans.", LANS)
    return {name: table.made(name, IPv4Network, IPv4Network(0)) for name in table}


def ipvs(table: Table) -> Ipvs | None:
    return table.word("ipvs", Ipvs) if "ipvs" in table else None


def station(
    table: Table, name: str, number: int, known: Lans, held: Collection[IPv4Address], mode: Ipvs | None, *, node: bool
) -> Station:
    """Takes out of `table` what makes the station. `held`: the addresses that it holds in IPVS mode; `number`, from 1,
    makes the MACs: 02:01:… for nodes, 02:02:… for hosts, the last octet is the NIC's."""
    if not _STATION.fullmatch(name):
        table.fault("", "a name of lower-case letters, digits, dots and dashes expected")
    nics = _nics(table, name, known, f"02:{1 if node else 2:02x}:00:{number >> 8:02x}:{number & 255:02x}", node=node)
    own = {address.ip for nic in nics for address in nic.addresses}
    bound = table.all_made("held", IPv4Address) if "held" in table else tuple(held) if mode else ()
    return Station(
        name=name,
        nics=nics,
        sysctl=(STRICT_ARP if mode is Ipvs.STRICT else {}) | sysctl(table),
        held=tuple(sorted(set(bound) - own)),
        routes=_routes(table.table("routes"), {nic.name for nic in nics}),
    )


def sysctl(table: Table) -> dict[str, int]:
    found = table.mapping("sysctl", int)
    for key in found.keys() - set(SYSCTLS):
        table.fault(f"sysctl.{key}", f"none of {', '.join(SYSCTLS)}")
    return found


def _nics(table: Table, name: str, known: Lans, prefix: str, *, node: bool) -> tuple[Nic, ...]:
    """`nics`, or one eth0 with the station's own `addresses`, `lan` and `mac`."""
    if "nics" not in table:
        return (_nic(table, "eth0", known, Mac(f"{prefix}:00"), _usual(name) if node else ()),)
    inner = table.table("nics")
    if len(tuple(inner)) > MOST_NICS:
        table.fault("nics", f"more than {MOST_NICS}")
    return tuple(_named_nic(inner.table(nic), nic, known, Mac(f"{prefix}:{n:02x}")) for n, nic in enumerate(inner))


def _named_nic(table: Table, name: str, known: Lans, mac: Mac) -> Nic:
    if not _NIC.fullmatch(name) or name in _TAKEN:
        table.fault("", "an interface's name of at most 15 letters, digits, dots and dashes expected")
    found = _nic(table, name, known, mac, (), sysctl(table))
    table.done()
    return found


def _nic(
    table: Table, name: str, known: Lans, mac: Mac, usual: tuple[str, ...], values: Mapping[str, int] | None = None
) -> Nic:
    lan = table.text("lan", "lan" if "lan" in known else min(known, default="lan"))
    if lan not in known:
        table.fault("lan", f"no LAN {lan!r}; there are {', '.join(sorted(known))}")
    texts = table.texts("addresses") if "addresses" in table else usual
    return Nic(
        name=name,
        lan=lan,
        mac=table.made("mac", Mac, mac),
        addresses=tuple(table.parsed("addresses", _with_prefix(known[lan]), text) for text in texts),
        sysctl=values or {},
    )


def _with_prefix(lan: IPv4Network) -> Callable[[str], IPv4Interface]:
    """Reads an address; without a prefix it has that of the LAN."""
    return lambda text: IPv4Interface(text if "/" in text else f"{text}/{lan.prefixlen}")


def _usual(name: str) -> tuple[str, ...]:
    """worker-1 is 10.0.0.11, and so on; any other node says its address."""
    number = name.removeprefix(WORKER)
    counted = name.startswith(WORKER) and number.isdecimal() and len(number) <= 3
    return (str(FIRST_WORKER + int(number)),) if counted else ()


def _routes(table: Table, nics: Collection[str]) -> tuple[Route, ...]:
    found = []
    for to, nic in table.all_of(str).items():
        if nic not in nics:
            table.fault(to, f"no NIC {nic!r}")
        found.append(Route(to=table.parsed(to, IPv4Network, "0.0.0.0/0" if to == "default" else to), nic=nic))
    return tuple(found)
