"""Which interfaces to ask on where the user leaves it open (`--iface auto`). Pure.

The one whose subnet holds the addresses to ask for, by the longest prefix as the kernel would route; where none holds
any, the one whose subnet holds the nodes' addresses. Where that is not one answer there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck.errors import UsageError
from arpcheck.model import Interface

AUTO = "auto"
LONGEST = 30
"""Prefix of a subnet that others can be in; Service addresses on kube-ipvs0 and VIPs are /32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    names: tuple[str, ...]
    """In the order of the host's interfaces."""
    because: str
    """For the report: "eth0, whose subnet 10.0.0.0/24 holds 4 of 4 addresses and 3 of 3 node addresses"."""


def choose(interfaces: Sequence[Interface], asked: Iterable[IPv4Address], nodes: Iterable[IPv4Address]) -> Choice:
    """`interfaces`: those that can be asked on; `asked`: what will get a verdict; `nodes`: the nodes' own addresses.

    Raises UsageError, which names the candidates, where it is not clear."""
    view = _View.of(interfaces, asked, nodes)
    names, beside = _all(view.asked), _all(view.nodes)
    if several := next((found for found in view.asked.values() if len(found) > 1), None):
        raise view.unclear(f"{' and '.join(sorted(several))} are in one subnet")
    if not names:
        if len(beside) > 1:
            raise view.unclear(f"the nodes are in the subnets of {' and '.join(sorted(beside))}")
        if not beside:
            raise view.unclear("no subnet of this host holds a Service's or a node's address")
        names = beside
    if not all(view.asked.values()) and not beside <= names:
        raise view.unclear("some addresses are in no subnet of this host, and the nodes are elsewhere than the others")
    chosen = tuple(name for name in view.subnets if name in names)
    return Choice(names=chosen, because="; ".join(map(view.words, chosen)))


Holders = Mapping[IPv4Address, tuple[str, ...]]
"""By address: the interfaces that have it in their subnet; several where two are in one."""


@dataclass(frozen=True, slots=True)
class _View:
    """The addresses as they are seen from this host."""

    subnets: Mapping[str, tuple[IPv4Network, ...]]
    asked: Holders
    nodes: Holders

    @classmethod
    def of(cls, interfaces: Sequence[Interface], asked: Iterable[IPv4Address], nodes: Iterable[IPv4Address]) -> _View:
        subnets = {interface.name: _subnets(interface) for interface in interfaces}
        holders = ({ip: _holders(ip, subnets) for ip in sorted(set(ips))} for ips in (asked, nodes))
        return cls(subnets, *holders)

    def unclear(self, why: str) -> UsageError:
        candidates = "; ".join(map(self.words, self.subnets)) or "there is none that is up and has a subnet"
        return UsageError(f"--iface auto: {why}", f"Name one: {candidates}")

    def words(self, name: str) -> str:
        counts = [
            f"{sum(name in found for found in holders.values())} of {len(holders)} {what}"
            for holders, what in ((self.asked, "addresses"), (self.nodes, "node addresses"))
            if holders
        ]
        networks = " and ".join(map(str, self.subnets[name]))
        return f"{name}, whose subnet {networks} holds {' and '.join(counts) or 'nothing that is known'}"


def _subnets(interface: Interface) -> tuple[IPv4Network, ...]:
    found = (IPv4Interface(address).network for address in interface.addresses)
    return tuple(dict.fromkeys(network for network in found if network.prefixlen <= LONGEST))


def _holders(ip: IPv4Address, subnets: Mapping[str, tuple[IPv4Network, ...]]) -> tuple[str, ...]:
    lengths = {name: max((n.prefixlen for n in found if ip in n), default=-1) for name, found in subnets.items()}
    longest = max(lengths.values(), default=-1)
    return tuple(name for name, length in lengths.items() if length == longest >= 0)


def _all(holders: Holders) -> set[str]:
    return {name for found in holders.values() for name in found}
