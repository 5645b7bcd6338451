"""The interfaces of a run: those that `--iface auto` selects, their networks, and their senders in IPv6."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Interface, ip_interface

from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.model import Address, Host, Interface, order
from arpcheck.model.constants import IPV4
from arpcheck.targets import Network

AUTO = "auto"
SMALLEST = 2
"""Bits of the host in the smallest subnet that can contain other hosts. Service addresses on kube-ipvs0, and VIPs, have 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    names: tuple[str, ...]
    """In the order of the host's interfaces."""
    because: str
    """For the report: "eth0, whose subnet 10.0.0.0/24 holds 4 of 4 addresses and 3 of 3 node addresses"."""


@dataclass(frozen=True, slots=True)
class NeverChosen:
    """An interface that is never chosen."""

    interface: Interface
    why: str


def choose(
    interfaces: Sequence[Interface],
    asked: Iterable[Address],
    nodes: Iterable[Address],
    others: Mapping[str, NeverChosen] | None = None,
) -> Choice:
    """`interfaces`: those that may be chosen; `asked`: addresses that get a verdict; `nodes`: those of Ready nodes;
    `others`: interfaces that are never chosen.

    Raises UsageError, which lists all interfaces, if the choice is not clear."""
    view = _View.of(interfaces, asked, nodes, others or {})
    names, beside = _all(view.asked), _all(view.nodes)
    if several := next((found for found in view.asked.values() if len(found) > 1), None):
        raise view.unclear(f"{' and '.join(sorted(several))} are in the same subnet")
    if not names:
        if len(beside) > 1:
            raise view.unclear(f"the nodes are in the subnets of {' and '.join(sorted(beside))}")
        if not beside:
            raise view.unclear("no subnet of this host contains a Service address or a node address")
        names = beside
    if not all(view.asked.values()) and not beside <= names:
        raise view.unclear(
            "some addresses are in no subnet of this host, and the nodes are not in the subnets of the others"
        )
    chosen = tuple(name for name in view.subnets if name in names)
    return Choice(names=chosen, because="; ".join(map(view.words, chosen)))


Holders = Mapping[Address, tuple[str, ...]]
"""The interfaces whose subnet contains each address; several if subnets overlap."""


@dataclass(frozen=True, slots=True)
class _View:
    """The addresses as seen from this host."""

    subnets: Mapping[str, tuple[Network, ...]]
    asked: Holders
    nodes: Holders
    others: Mapping[str, NeverChosen]

    @classmethod
    def of(
        cls,
        interfaces: Sequence[Interface],
        asked: Iterable[Address],
        nodes: Iterable[Address],
        others: Mapping[str, NeverChosen],
    ) -> _View:
        subnets = {interface.name: _subnets(interface) for interface in interfaces}
        asked_at, nodes_at = ({ip: _holders(ip, subnets) for ip in sorted(set(ips), key=order)} for ips in (asked, nodes))
        return cls(subnets, asked_at, nodes_at, others)

    def unclear(self, why: str) -> UsageError:
        """With a line for each interface: its addresses, and what of the cluster its networks hold or why it is never
        chosen."""
        held = [f"{name}  {_joined(self.subnets[name])}  holds {self.counted(name)}" for name in self.subnets]
        never = [
            f"{name}  {' '.join(other.interface.addresses) or '-'}  never chosen: {other.why}{self._but(other.interface)}"
            for name, other in self.others.items()
        ]
        hint = "Select one with --iface" if self.subnets or self.others else "No interface is up and has a subnet"
        return UsageError(f"--iface auto: {why}", hint, (*held, *never))

    def _but(self, interface: Interface) -> str:
        """What an interface that is never chosen holds, for whoever wants to name it."""
        found = sum(any(ip in network for network in _subnets(interface)) for ip in {*self.asked, *self.nodes})
        return f" (its network holds {found} of {len({*self.asked, *self.nodes})} addresses)" if found else ""

    def words(self, name: str) -> str:
        return f"{name}, whose subnet {' and '.join(map(str, self.subnets[name]))} holds {self.counted(name)}"

    def counted(self, name: str) -> str:
        counts = [
            f"{sum(name in found for found in holders.values())} of {len(holders)} {what}"
            for holders, what in ((self.asked, "addresses"), (self.nodes, "node addresses"))
            if holders
        ]
        return " and ".join(counts) or "nothing that is known"


def _joined(subnets: Sequence[Network]) -> str:
    return " ".join(map(str, subnets)) or "-"


def _subnets(interface: Interface) -> tuple[Network, ...]:
    found = interface_networks((interface,))
    return tuple(network for network in found if network.max_prefixlen - network.prefixlen >= SMALLEST)


def _holders(ip: Address, subnets: Mapping[str, tuple[Network, ...]]) -> tuple[str, ...]:
    lengths = {name: max((n.prefixlen for n in found if ip in n), default=-1) for name, found in subnets.items()}
    longest = max(lengths.values(), default=-1)
    return tuple(name for name, length in lengths.items() if length == longest >= 0)


def _all(holders: Holders) -> set[str]:
    return {name for found in holders.values() for name in found}


def used(options: Options, host: Host) -> tuple[Interface, ...]:
    by_name = {interface.name: interface for interface in host.interfaces}
    return tuple(by_name[name] for name in options.interfaces if name in by_name)


def interface_networks(interfaces: Iterable[Interface]) -> tuple[Network, ...]:
    """The networks of the interfaces, without the link-local one that every interface has."""
    every = (ip_interface(text) for one in interfaces for text in (*one.addresses, *one.ipv6))
    return tuple(dict.fromkeys(one.network for one in every if one.version == IPV4 or not one.is_link_local))


def ipv6_senders(interfaces: Iterable[Interface]) -> Mapping[str, IPv6Address]:
    """The sender of IPv6 requests on each interface that has one: its link-local address. Every host on the link can
    resolve it, which a responder such as MetalLB's does before it replies."""
    found = ((one.name, (IPv6Interface(text).ip for text in one.ipv6)) for one in interfaces)
    links = {name: next((ip for ip in ips if ip.is_link_local), None) for name, ips in found}
    return {name: ip for name, ip in links.items() if ip is not None}
