"""What stands for a name, an IPv4 or IPv6 address or a MAC. The same original always has the same pseudonym, and no
pseudonym is an original or holds one as text.

Names become `node-1`, `service-3`, `namespace-2`. Addresses keep their order and their subnets: what lay in a network or a
range still lies in it. MACs keep the vendor's half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from arpcheck.errors import OutputError
from arpcheck.mac_owners import is_virtual_router
from arpcheck.model import Mac
from arpcheck.runs.redact.vocabulary import is_known
from arpcheck.targets import CONTROLS

# ---------------------------------------------------------------------------------------------------------------- names

WELL_KNOWN = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "in-cluster"})
"""The same in every cluster, and looked for by name."""


class Names:
    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken`: real names, none of which a pseudonym may be."""
        self._taken = {name.lower() for name in taken}
        self._count: Counter[str] = Counter()
        self._given: dict[str, str] = {}
        self._spelt: dict[str, str] = {}

    def give(self, name: str, role: str) -> str:
        """The pseudonym of a name, made where it has none yet."""
        if not name or name in WELL_KNOWN:
            return name
        if name.lower() not in self._given:
            self.put(name, self._next(role))
        return self._given[name.lower()]

    def give_host(self, name: str, role: str) -> str:
        """The first label of a host's name and its domain apart: a file may know it by its first label alone."""
        label, dot, domain = name.partition(".")
        if not dot:
            return self.give(name, role)
        self.put(name, f"{self.give(label, role)}.{self.give(domain, 'domain')}")
        return self._given[name.lower()]

    def put(self, name: str, pseudonym: str) -> None:
        """A name whose pseudonym is made of others."""
        self._given.setdefault(name.lower(), pseudonym)
        self._spelt.setdefault(name.lower(), name)

    def of(self, name: str) -> str | None:
        """The pseudonym of what can be nothing but a name; None: it has none."""
        return name if name in WELL_KNOWN else self._given.get(name.lower())

    def of_text(self, text: str) -> str | None:
        """The same where a plain word may be meant."""
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


# ------------------------------------------------------------------------------------------------------------ addresses

BLOCKS = tuple(IPv4Network(text) for text in ("100.64.0.0/10", "198.18.0.0/15", "172.16.0.0/12", "10.0.0.0/8"))
"""Where the others are taken from, the first that holds none of the real ones: CGN, benchmarking, private."""

_MOST_LIKELY = 16
"""Networks keep their size up to this many bits of host; a cluster's /12 needs not be as large here."""

_DOCUMENTATION = IPv6Network("2001:db8::/32")


def stays(ip: IPv4Address) -> bool:
    """It means the same everywhere and says nothing of anybody."""
    return (
        ip in CONTROLS or ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved or ip.is_link_local
    )


@dataclass(slots=True)
class _AddressNode:
    """A network or an address, with what lies in it."""

    first: int
    bits: int
    """Of host; 0 is an address."""
    inside: list[_AddressNode] = field(default_factory=list)
    new: int = 0
    new_bits: int = 0

    def needs(self, limit: int) -> int:
        """Bits of host that it must have."""
        if not self.bits:
            self.new_bits = 0
            return 0
        end = self.put(0, limit)
        self.new_bits = max(min(self.bits, limit), max(end - 1, 1).bit_length())
        return self.new_bits

    def put(self, start: int, limit: int) -> int:
        """Places what is inside, in order and aligned, from `start`; gives the first that is free after it."""
        free = start
        for place in self.inside:
            bits = place.needs(limit)
            if not bits and place.first > self.first:
                free = max(free, start + 1)  # the first address of a network is nobody's
            place.new = -(-free >> bits) << bits
            free = place.new + (1 << bits)
        return free

    def settle(self, base: int) -> None:
        self.new += base
        for place in self.inside:
            place.settle(self.new)


class Addresses:
    """What stands for which. Raises OutputError where there is no room, which takes millions of addresses."""

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
            raise OutputError("there are too many addresses to stand for", "Redact a smaller selection: -n, -l")
        real = {*six}
        others = (ip for ip in (_DOCUMENTATION[number] for number in range(1, 1 << 32)) if ip not in real)
        self._six = {ip: next(others) for ip in sorted(real) if not _stays_six(ip)}

    def address(self, ip: IPv4Address) -> IPv4Address:
        return self._hosts.get(ip, ip) if not stays(ip) else ip

    def is_real(self, number: int) -> bool:
        """It is one of the addresses that are replaced, written as a number."""
        return 0 <= number < 1 << 32 and IPv4Address(number) in self._hosts

    def network(self, network: IPv4Network) -> IPv4Network:
        return self._networks.get(network, network)

    def interface(self, text: str) -> str:
        """`192.168.10.5/24`: an address with the length of its network."""
        found = IPv4Interface(text)
        network = self.network(found.network)
        if found.ip == found.network.network_address and found.ip not in self._hosts:
            return str(network)
        return f"{self.address(found.ip)}/{network.prefixlen}"

    def six(self, text: str) -> str:
        """An IPv6 address, or one with the length of its network."""
        found = IPv6Interface(text)
        ip = self._six.get(found.ip, found.ip)
        return f"{ip}/{found.network.prefixlen}" if "/" in text else str(ip)

    def table(self) -> dict[str, str]:
        """Original by what stands for it."""
        pairs: list[tuple[object, object]] = [*self._networks.items(), *self._hosts.items(), *self._six.items()]
        return {str(old): str(new) for old, new in pairs}

    def _note(self, places: Iterable[_AddressNode]) -> None:
        for place in places:
            if place.bits:
                old = IPv4Network((place.first, 32 - place.bits))
                self._networks[old] = IPv4Network((place.new, 32 - place.new_bits))
            else:
                self._hosts[IPv4Address(place.first)] = IPv4Address(place.new)
            self._note(place.inside)


def _forest(networks: Sequence[IPv4Network], hosts: Iterable[IPv4Address]) -> list[_AddressNode]:
    """Each in the smallest that holds it, in the order of addresses."""
    every = [_AddressNode(int(n.network_address), 32 - n.prefixlen) for n in networks if n.prefixlen < 32]
    every += [_AddressNode(int(ip), 0) for ip in {*hosts, *(n.network_address for n in networks if n.prefixlen == 32)}]
    roots: list[_AddressNode] = []
    around: list[_AddressNode] = []
    for place in sorted(every, key=lambda p: (p.first, -p.bits)):
        while around and place.first >= around[-1].first + (1 << around[-1].bits):
            around.pop()
        (around[-1].inside if around else roots).append(place)
        if place.bits:
            around.append(place)
    return roots


def _around(hosts: Iterable[IPv4Address], networks: Iterable[IPv4Network]) -> set[IPv4Network]:
    """A /24 for addresses that lie in no network: neighbours stay neighbours."""
    known = {*networks}
    lengths = sorted({network.prefixlen for network in known})
    alone = (ip for ip in hosts if not any(IPv4Network((ip, n), strict=False) in known for n in lengths))
    return {IPv4Network((ip, 24), strict=False) for ip in alone}


def _free(known: Sequence[IPv4Address]) -> IPv4Network:
    """A block that holds no real address, and whose addresses, as text, can't hold one either."""
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


# ----------------------------------------------------------------------------------------------------------------- MACs

FIXED = frozenset(map(Mac, ("ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "ee:ee:ee:ee:ee:ee")))
"""Broadcast, nobody, and Calico's end of every pod."""


class Macs:
    def __init__(self, macs: Iterable[Mac], vendors: Mapping[str, str]) -> None:
        """`vendors`: as the evidence has them; a manufacturer may own no more than 28 or 36 bits."""
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
    """Bits that say what it is."""
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
