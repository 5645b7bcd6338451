"""The LANs and stations of a scene file: NICs, addresses, MACs, sysctls, and what is bound to kube-ipvs0.

Knows nothing of Kubernetes but the addresses of its Services, which an IPVS node holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address
from typing import Any, NoReturn, TypeVar

from arpcheck.errors import InputError
from arpcheck.lab.scene import LOWERS, SYSCTLS, SYSCTLS6, Feature, Ipv6Lan, Ipvs, Route, SceneNic, Station
from arpcheck.model import Address, Mac
from arpcheck.model.constants import IPVS_DEVICE

Made = TypeVar("Made")
Other = TypeVar("Other")
Word = TypeVar("Word", bound=StrEnum)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class TomlTable:
    """Values are taken out one by one; `done` refuses what is left."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        """What stands before a key in an error."""
        self._left = dict(values)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def __iter__(self) -> Iterator[str]:
        """The keys that are left; taking them out meanwhile does no harm."""
        return iter(tuple(self._left))

    def fault(self, key: str, message: str) -> NoReturn:
        """`key`: empty where the table itself is at fault."""
        hint = "`arpcheck demo --list` names scenes to compare it with"
        raise InputError(f"{self.where}{key}".removesuffix(".") + f": {message}", hint)

    def done(self) -> None:
        if self._left:
            self.fault(min(self._left), "no such key")

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._take(key, str, default))

    def integer(self, key: str, default: int | None = None) -> int:
        return int(self._take(key, int, default))

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._take(key, bool, default))

    def seconds(self, key: str, default: float) -> float:
        """From `700ms`, `1.5s`, `10m`, `2h`, `30d`."""
        if key not in self:
            return default
        if not (match := _DURATION.fullmatch(self.text(key))):
            self.fault(key, f"a duration expected, like 700ms, 1.5s or 2h; units {', '.join(_UNITS)}")
        return float(match[1]) * _UNITS[match[2]]

    def word(self, key: str, kind: type[Word], default: Word | None = None) -> Word:
        value = self.text(key, default)
        if value not in set(kind):
            self.fault(key, f"{value!r} is none of {', '.join(sorted(kind))}")
        return kind(value)

    def made(self, key: str, make: Callable[[str], Made], default: Other) -> Made | Other:
        """What `make` makes of the text; its ValueError is the fault."""
        return self.parsed(key, make, self.text(key)) if key in self else default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text alone; empty where the key is missing."""
        value = self._take(key, (list, str), [])
        found = [value] if isinstance(value, str) else value
        if not all(isinstance(part, str) for part in found):
            self.fault(key, "a list of texts expected")
        return tuple(found)

    def all_made(self, key: str, make: Callable[[str], Made]) -> tuple[Made, ...]:
        return tuple(self.parsed(key, make, text) for text in self.texts(key))

    def holds_list(self, key: str) -> bool:
        return isinstance(self._left.get(key), list)

    def holds_texts(self, key: str) -> bool:
        """An empty list is one of texts."""
        value = self._left.get(key)
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, str) for part in value))

    def integers(self, key: str) -> tuple[int, ...]:
        value = self._take(key, list, [])
        if not all(type(part) is int for part in value):
            self.fault(key, "a list of whole numbers expected")
        return tuple(value)

    def table(self, key: str) -> TomlTable:
        """Empty where the key is missing."""
        return TomlTable(f"{self.where}{key}.", self._take(key, dict, {}))

    def tables(self, key: str) -> tuple[TomlTable, ...]:
        value = self._take(key, list, [])
        if not all(isinstance(part, dict) for part in value):
            self.fault(key, "a list of tables expected")
        return tuple(TomlTable(f"{self.where}{key}[{number}].", part) for number, part in enumerate(value, 1))

    def mapping(self, key: str, kind: type[Made]) -> dict[str, Made]:
        """A table whose values are all of one type."""
        return self.table(key).all_of(kind)

    def all_of(self, kind: type[Made]) -> dict[str, Made]:
        """All that is left, all of one type."""
        return {key: self._take(key, kind, None) for key in self}

    def parsed(self, key: str, make: Callable[[str], Made], text: str) -> Made:
        try:
            return make(text)
        except ValueError as error:
            self.fault(key, str(error))

    def _take(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        if key not in self._left:
            if default is None:
                self.fault(key, "missing")
            return default
        value = self._left.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.fault(key, f"{' or '.join(k.__name__ for k in kinds)} expected, not {type(value).__name__}")
        return value


# ------------------------------------------------------------------------------------- The LANs and stations of a scene file

LANS = {"lan": "10.0.0.0/24"}
WORKER = "worker-"
FIRST_WORKER = IPv4Address("10.0.0.10")
MOST_NICS = 256
"""Of one station: the last octet of a MAC numbers them."""
STRICT_ARP = {"arp_ignore": 1, "arp_announce": 2}
"""What kube-proxy writes at its start where it was told (pkg/proxy/ipvs/proxier.go)."""

FORWARDS = {"forwarding": 1}
"""Of IPv6 on every Kubernetes node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lans:
    networks: Mapping[str, IPv4Network]
    ipv6: Mapping[str, Ipv6Lan] = field(default_factory=dict)
    """Those that have it."""


_STATION = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,60}[a-z0-9])?")
_NIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,14}")
_MAC_FROM_BELOW = ([Feature.VLAN], [Feature.IPVLAN], [Feature.BOND], [Feature.BRIDGE])
"""Kinds of interfaces that have the MAC address of the first NIC below them."""
_TAKEN = ("lo", "all", "default", IPVS_DEVICE)
"""Names under /proc/sys/net/ipv4/conf that no NIC can have."""


def lans(top: TomlTable) -> Lans:
    table = top.table("lans") if "lans" in top else TomlTable("lans.", LANS)
    networks, ipv6 = {}, {}
    for name in table:
        if table.holds_texts(name):
            networks[name] = table.made(name, IPv4Network, IPv4Network(0))
            continue
        inner = table.table(name)
        networks[name] = inner.parsed("network", IPv4Network, inner.text("network"))
        if "network6" in inner:
            ipv6[name] = _ipv6_lan(inner)
        inner.done()
    return Lans(networks=networks, ipv6=ipv6)


def _ipv6_lan(table: TomlTable) -> Ipv6Lan:
    suppressed = table.mapping("suppressed", str)
    return Ipv6Lan(
        network=table.parsed("network6", IPv6Network, table.text("network6")),
        mld_snooping=table.flag("mld_snooping", False),
        suppressed={table.parsed("suppressed", IPv6Address, ip): name for ip, name in suppressed.items()},
    )


def ipvs(table: TomlTable) -> Ipvs | None:
    return table.word("ipvs", Ipvs) if "ipvs" in table else None


def station(
    table: TomlTable,
    name: str,
    number: int,
    known: Lans,
    held: Collection[Address],
    mode: Ipvs | None,
    *,
    node: bool,
) -> Station:
    """Takes out of `table` what makes the station. `held`: the addresses that it holds in IPVS mode; `number`, from 1,
    makes the MACs: 02:01:… for nodes, 02:02:… for hosts, the last octet is the NIC's."""
    if not _STATION.fullmatch(name):
        table.fault("", "a name of lower-case letters, digits, dots and dashes expected")
    nics = _nics(table, name, known, f"02:{1 if node else 2:02x}:00:{number >> 8:02x}:{number & 255:02x}", node=node)
    own: set[Address] = {address.ip for nic in nics for address in nic.addresses}
    own |= {address.ip for nic in nics for address in nic.addresses6}
    said = "held" in table
    bound = set(table.all_made("held", ip_address) if said else held if mode else ()) - own
    if not any(nic.ipv6 for nic in nics):  # its kernel has IPv6 off, on every device
        if said and (six := sorted(ip for ip in bound if isinstance(ip, IPv6Address))):
            table.fault("held", f"{six[0]} where there is no IPv6")
        bound = {ip for ip in bound if isinstance(ip, IPv4Address)}
    return Station(
        name=name,
        nics=nics,
        sysctl=(STRICT_ARP if mode is Ipvs.STRICT else {}) | sysctl(table),
        held=tuple(sorted(ip for ip in bound if isinstance(ip, IPv4Address))),
        sysctl6=(FORWARDS if node else {}) | sysctl(table, "sysctl6", SYSCTLS6),
        held6=tuple(sorted(ip for ip in bound if isinstance(ip, IPv6Address))),
        routes=_routes(table.table("routes"), {nic.name for nic in nics}),
    )


def sysctl(table: TomlTable, name: str = "sysctl", known: Collection[str] = SYSCTLS) -> dict[str, int]:
    found = table.mapping(name, int)
    for key in found.keys() - set(known):
        table.fault(f"{name}.{key}", f"none of {', '.join(known)}")
    return found


def _nics(table: TomlTable, name: str, known: Lans, prefix: str, *, node: bool) -> tuple[SceneNic, ...]:
    """`nics`, or one eth0 with the station's own `addresses`, `lan` and `mac`."""
    if "nics" not in table:
        return (_nic(table, "eth0", known, Mac(f"{prefix}:00"), _usual(name) if node else ()),)
    inner = table.table("nics")
    if len(tuple(inner)) > MOST_NICS:
        table.fault("nics", f"more than {MOST_NICS}")
    found: dict[str, SceneNic] = {}
    for number, nic in enumerate(inner):
        found[nic] = _named_nic(inner.table(nic), nic, known, Mac(f"{prefix}:{number:02x}"), found)
    return tuple(found.values())


def _named_nic(table: TomlTable, name: str, known: Lans, mac: Mac, before: Mapping[str, SceneNic]) -> SceneNic:
    """`before`: the NICs that stand before it, on which it may stand."""
    if not _NIC.fullmatch(name) or name in _TAKEN:
        table.fault("", "an interface's name of at most 15 letters, digits, dots and dashes expected")
    on, link = _link(table, before)
    usual = before[on[0]].mac if link.split()[:1] in _MAC_FROM_BELOW else mac
    found = _nic(table, name, known, usual, (), sysctl(table), sysctl(table, "sysctl6", SYSCTLS6))
    table.done()
    return replace(found, on=on, link=link)


def _link(table: TomlTable, before: Mapping[str, SceneNic]) -> tuple[tuple[str, ...], str]:
    """`on` and `link`, both or none of them."""
    on, link = table.texts("on"), _one_line(table, "link")
    if bool(on) != bool(link):
        table.fault("on" if link else "link", "missing: an interface on top of others has both")
    if unknown := [name for name in on if name not in before]:
        table.fault("on", f"no NIC {unknown[0]!r} before it")
    if link and not (set(link.split()[:1]) & set(LOWERS)):
        table.fault("link", f"it begins with none of {', '.join(LOWERS)}")
    return on, link


def _one_line(table: TomlTable, key: str) -> str:
    """Words of a command of iproute2, which reads commands line by line."""
    found = table.text(key, "")
    if not found.isprintable():
        table.fault(key, "one line expected")
    return found


def _nic(
    table: TomlTable,
    name: str,
    known: Lans,
    mac: Mac,
    usual: tuple[str, ...],
    values: Mapping[str, int] | None = None,
    values6: Mapping[str, int] | None = None,
) -> SceneNic:
    lan = table.text("lan", "lan" if "lan" in known.networks else min(known.networks, default="lan"))
    if lan not in known.networks:
        table.fault("lan", f"no LAN {lan!r}; there are {', '.join(sorted(known.networks))}")
    texts = table.texts("addresses") if "addresses" in table else usual
    found = [table.parsed("addresses", _with_prefix(lan, known), text) for text in texts]
    addresses = tuple(address for address in found if isinstance(address, IPv4Interface))
    ipv6 = known.ipv6.get(lan) if table.flag("ipv6", True) else None
    addresses6 = tuple(address for address in found if isinstance(address, IPv6Interface))
    if addresses6 and not ipv6:
        table.fault("addresses", f"{addresses6[0].ip} where there is no IPv6")
    return SceneNic(
        name=name,
        lan=lan,
        mac=table.made("mac", Mac, mac),
        addresses=addresses,
        sysctl=values or {},
        ipv6=ipv6 is not None,
        addresses6=addresses6 or (_counterparts(addresses[:1], known.networks[lan], ipv6.network) if ipv6 else ()),
        sysctl6=values6 or {},
        proxied=table.all_made("proxied", IPv6Address),
        dadfailed=table.all_made("dadfailed", IPv6Address),
        broadcasts=table.flag("broadcasts", True),
        netem=_one_line(table, "netem"),
    )


def _with_prefix(lan: str, known: Lans) -> Callable[[str], IPv4Interface | IPv6Interface]:
    """Reads an address; without a prefix it has that of the LAN."""

    def read(text: str) -> IPv4Interface | IPv6Interface:
        if ":" in text:
            ipv6 = known.ipv6.get(lan)
            return IPv6Interface(text if "/" in text or not ipv6 else f"{text}/{ipv6.network.prefixlen}")
        return IPv4Interface(text if "/" in text else f"{text}/{known.networks[lan].prefixlen}")

    return read


def _counterparts(
    addresses: tuple[IPv4Interface, ...], network: IPv4Network, network6: IPv6Network
) -> tuple[IPv6Interface, ...]:
    """10.0.0.11 is 2001:db8:10::11 too: people write it so."""
    numbers = [int(address.ip) - int(network.network_address) for address in addresses if address.ip in network]
    return tuple(IPv6Interface((int(network6.network_address) + int(str(n), 16), network6.prefixlen)) for n in numbers)


def _usual(name: str) -> tuple[str, ...]:
    """worker-1 is 10.0.0.11, and so on; any other node says its address."""
    number = name.removeprefix(WORKER)
    counted = name.startswith(WORKER) and number.isdecimal() and len(number) <= 3
    return (str(FIRST_WORKER + int(number)),) if counted else ()


def _routes(table: TomlTable, nics: Collection[str]) -> tuple[Route, ...]:
    found = []
    for to, nic in table.all_of(str).items():
        if nic not in nics:
            table.fault(to, f"no NIC {nic!r}")
        found.append(Route(to=table.parsed(to, IPv4Network, "0.0.0.0/0" if to == "default" else to), nic=nic))
    return tuple(found)
