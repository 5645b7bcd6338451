"""Assigns pseudonyms to names, IPv4 and IPv6 addresses and MAC addresses. Equal originals get equal pseudonyms, and no
pseudonym is or contains an original.

Names become `node-1`, `service-3`, `namespace-2`. Addresses keep their order, subnets and ranges. MAC addresses keep the
vendor prefix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import count, groupby

from arpcheck.errors import OutputError
from arpcheck.mac_owners import is_virtual_router
from arpcheck.model import Address, Mac
from arpcheck.runs.redact.vocabulary import is_known
from arpcheck.targets import CONTROLS, ipv6_controls

# -------------------------------------------------------------------------------------------------------------------- Names

WELL_KNOWN = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "in-cluster"})
"""Equal in every cluster, and found by name."""


class Names:
    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken`: real names, which must not become pseudonyms."""
        self._taken = {name.lower() for name in taken}
        self._count: Counter[str] = Counter()
        self._given: dict[str, str] = {}
        self._spelt: dict[str, str] = {}

    def give(self, name: str, role: str) -> str:
        """The pseudonym of a name, created if necessary."""
        if not name or name in WELL_KNOWN:
            return name
        if name.lower() not in self._given:
            self.put(name, self._next(role))
        return self._given[name.lower()]

    def give_host(self, name: str, role: str) -> str:
        """The first label and the domain of a host name get separate pseudonyms, because a file may contain the first label
        alone."""
        label, dot, domain = name.partition(".")
        if not dot:
            return self.give(name, role)
        self.put(name, f"{self.give(label, role)}.{self.give(domain, 'domain')}")
        return self._given[name.lower()]

    def put(self, name: str, pseudonym: str) -> None:
        """Assigns a pseudonym that consists of others."""
        self._given.setdefault(name.lower(), pseudonym)
        self._spelt.setdefault(name.lower(), name)

    def of(self, name: str) -> str | None:
        """The pseudonym of a text that can only be a name; None if it has none."""
        return name if name in WELL_KNOWN else self._given.get(name.lower())

    def of_text(self, text: str) -> str | None:
        """The same for a text that may be a plain word."""
        return None if text.isalnum() and is_known(text) else self.of(text)

    def table(self) -> dict[str, str]:
        pairs = ((self._spelt[name], pseudonym) for name, pseudonym in self._given.items())
        return {name: pseudonym for name, pseudonym in pairs if name != pseudonym}

    def _next(self, role: str) -> str:
        while True:
            self._count[role] += 1
            found = f"{role}-{self._count[role]}"
            if found not in self._taken:
                return found


# ---------------------------------------------------------------------------------------------------------------- Addresses

BLOCKS = tuple(IPv4Network(text) for text in ("100.64.0.0/10", "198.18.0.0/15", "172.16.0.0/12", "10.0.0.0/8"))
"""Blocks for replacements; the first without real addresses is used: CGN, benchmarking, private."""

_MOST_LIKELY = 16
"""Networks keep their size up to this many host bits; a cluster's /12 need not stay as large."""

_DOCUMENTATION = IPv6Network("2001:db8::/32")


def stays(ip: IPv4Address) -> bool:
    """Whether the address means the same everywhere and reveals nothing."""
    return ip in CONTROLS or ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved or ip.is_link_local


@dataclass(slots=True)
class _AddressNode:
    """A network or an address, with what lies in it."""

    first: int
    bits: int
    """Host bits; 0 for an address."""
    inside: list[_AddressNode] = field(default_factory=list)
    new: int = 0
    new_bits: int = 0

    def needs(self, limit: int) -> int:
        """The host bits that it needs."""
        if not self.bits:
            self.new_bits = 0
            return 0
        end = self.put(0, limit)
        self.new_bits = max(min(self.bits, limit), max(end - 1, 1).bit_length())
        return self.new_bits

    def put(self, start: int, limit: int) -> int:
        """Places its contents in order and aligned from `start`; returns the first free address after them."""
        free = start
        for node in self.inside:
            bits = node.needs(limit)
            if not bits and node.first > self.first:
                free = max(free, start + 1)  # the first address of a network belongs to no host
            node.new = -(-free >> bits) << bits
            free = node.new + (1 << bits)
        return free

    def settle(self, base: int) -> None:
        self.new += base
        for node in self.inside:
            node.settle(self.new)


class Addresses:
    """The replacements of addresses. Raises OutputError if there is no room, which takes millions of addresses."""

    def __init__(
        self, hosts: Iterable[IPv4Address], networks: Iterable[IPv4Network], six: Iterable[IPv6Address] = ()
    ) -> None:
        known = sorted({ip for ip in hosts if not stays(ip)})
        named = {n for n in networks if n.prefixlen and not stays(n.network_address)}
        nets = sorted(named | _around(known, named), key=_order)
        self._hosts: dict[IPv4Address, IPv4Address] = {}
        self._networks: dict[IPv4Network, IPv4Network] = {}
        block = _free([*known, *(network.network_address for network in nets)])
        for limit in (_MOST_LIKELY, 8, 0):
            roots = _forest(nets, known)
            whole = _AddressNode(0, 32, roots)
            if whole.put(0, limit) <= block.num_addresses:
                whole.settle(int(block.network_address))
                self._note(roots)
                break
        else:
            raise OutputError("there are too many addresses to replace", "Redact a smaller selection: -n, -l")
        self._six = _ipv6_pseudonyms({*six})

    def ipv4(self, ip: IPv4Address) -> IPv4Address:
        return self._hosts.get(ip, ip) if not stays(ip) else ip

    def ipv6(self, ip: IPv6Address) -> IPv6Address:
        return self._six.get(ip, ip)

    def address(self, ip: Address) -> Address:
        return self.ipv4(ip) if isinstance(ip, IPv4Address) else self.ipv6(ip)

    def is_real(self, number: int) -> bool:
        """Whether the number is a replaced address."""
        return 0 <= number < 1 << 32 and IPv4Address(number) in self._hosts

    def network(self, network: IPv4Network) -> IPv4Network:
        return self._networks.get(network, network)

    def interface(self, text: str) -> str:
        """Replaces an address with a prefix length, such as `192.168.10.5/24`."""
        found = IPv4Interface(text)
        network = self.network(found.network)
        if found.ip == found.network.network_address and found.ip not in self._hosts:
            return str(network)
        return f"{self.ipv4(found.ip)}/{network.prefixlen}"

    def six(self, text: str) -> str:
        """Replaces an IPv6 address with or without a prefix length."""
        found = IPv6Interface(text)
        ip = self._six.get(found.ip, found.ip)
        return f"{ip}/{found.network.prefixlen}" if "/" in text else str(ip)

    def table(self) -> dict[str, str]:
        """Replacement by original."""
        pairs: list[tuple[object, object]] = [*self._networks.items(), *self._hosts.items(), *self._six.items()]
        return {str(old): str(new) for old, new in pairs}

    def _note(self, nodes: Iterable[_AddressNode]) -> None:
        for node in nodes:
            if node.bits:
                old = IPv4Network((node.first, 32 - node.bits))
                self._networks[old] = IPv4Network((node.new, 32 - node.new_bits))
            else:
                self._hosts[IPv4Address(node.first)] = IPv4Address(node.new)
            self._note(node.inside)


def _ipv6_pseudonyms(real: Set[IPv6Address]) -> Mapping[IPv6Address, IPv6Address]:
    """Neighbours stay neighbours: each /64 gets one of its own, a link-local address stays link-local, and a control stays
    that of its network. Interface identifiers are replaced, because some contain a MAC address."""
    found: dict[IPv6Address, IPv6Address] = {}
    blocks = (IPv6Network((int(_DOCUMENTATION.network_address) + (number << 64), 64)) for number in range(1, 1 << 32))
    free = (block for block in blocks if not any(ip in block for ip in real))
    for network, inside in groupby(sorted(real), key=lambda ip: IPv6Network((ip, 64), strict=False)):
        if not (changed := [ip for ip in inside if not _stays_six(ip)]):
            continue
        new = network if network.is_link_local else next(free)
        numbers = (int(new.network_address) + number for number in count(1))
        others = (ip for ip in map(IPv6Address, numbers) if ip not in real)
        control, now = ipv6_controls((network[0],), ()), ipv6_controls((new[0],), ())
        for ip in changed:
            anycast = ip == network.network_address
            found[ip] = new.network_address if anycast else min(now) if ip in control else next(others)
    return found


def _forest(networks: Sequence[IPv4Network], hosts: Iterable[IPv4Address]) -> list[_AddressNode]:
    """A tree of networks and addresses, each in the smallest network that contains it, in order."""
    every = [_AddressNode(int(n.network_address), 32 - n.prefixlen) for n in networks if n.prefixlen < 32]
    every += [_AddressNode(int(ip), 0) for ip in {*hosts, *(n.network_address for n in networks if n.prefixlen == 32)}]
    roots: list[_AddressNode] = []
    around: list[_AddressNode] = []
    for node in sorted(every, key=lambda p: (p.first, -p.bits)):
        while around and node.first >= around[-1].first + (1 << around[-1].bits):
            around.pop()
        (around[-1].inside if around else roots).append(node)
        if node.bits:
            around.append(node)
    return roots


def _around(hosts: Iterable[IPv4Address], networks: Iterable[IPv4Network]) -> set[IPv4Network]:
    """A /24 for addresses outside all networks, so that neighbours stay neighbours."""
    known = {*networks}
    lengths = sorted({network.prefixlen for network in known})
    alone = (ip for ip in hosts if not any(IPv4Network((ip, n), strict=False) in known for n in lengths))
    return {IPv4Network((ip, 24), strict=False) for ip in alone}


def _free(known: Sequence[IPv4Address]) -> IPv4Network:
    """A block without real addresses, whose addresses as text can't contain one either."""
    octets = {str(ip).partition(".")[0] for ip in known}
    for block in BLOCKS:
        first = str(block.network_address).partition(".")[0]
        ends = {first[at:] for at in range(len(first))}
        if not ends & octets:
            return block
    return next((block for block in BLOCKS if not any(ip in block for ip in known)), BLOCKS[0])


def _order(network: IPv4Network) -> tuple[int, int]:
    return int(network.network_address), network.prefixlen


def _stays_six(ip: IPv6Address) -> bool:
    return ip.is_unspecified or ip.is_loopback or ip.is_multicast


# ------------------------------------------------------------------------------------------------------------ MAC addresses

FIXED = frozenset(map(Mac, ("ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "ee:ee:ee:ee:ee:ee")))
"""Broadcast, all zero, and the MAC address of Calico's interfaces to pods."""


class Macs:
    def __init__(self, macs: Iterable[Mac], vendors: Mapping[str, str]) -> None:
        """`vendors`: from the evidence; a vendor may own a prefix of 28 or 36 bits."""
        real = sorted({*macs} - FIXED)
        taken, self._new = {*real}, dict[Mac, Mac]()
        for mac in real:
            kept = _kept(mac, vendors)
            free = (_with_end(mac, kept, number) for number in range(1, 1 << (48 - kept)))
            self._new[mac] = found = next((other for other in free if other not in taken), mac)
            taken.add(found)

    def mac(self, mac: Mac) -> Mac:
        return self._new.get(mac, mac)

    def table(self) -> dict[str, str]:
        return {str(old): str(new) for old, new in self._new.items()}


def _kept(mac: Mac, vendors: Mapping[str, str]) -> int:
    """The number of leading bits to keep."""
    if is_virtual_router(mac):
        return 40
    upper = mac.upper()
    for bits, key in ((36, f"{upper[:13]}0/36"), (28, f"{upper[:10]}0/28")):
        if key in vendors:
            return bits
    return 24


def _with_end(mac: Mac, kept: int, number: int) -> Mac:
    low = 48 - kept
    start = int.from_bytes(mac.to_bytes()) >> low << low
    return Mac.from_bytes((start | number).to_bytes(6))
