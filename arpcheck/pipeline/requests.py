"""The requests of one round: which address is requested on which interface, with which sender."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
)

from arpcheck.errors import UsageError
from arpcheck.model import (
    Address,
    Interface,
    Kind,
    Request,
    Target,
)
from arpcheck.model.constants import IPV4, ZERO
from arpcheck.objects import ipv4
from arpcheck.pipeline.interfaces import interface_networks, ipv6_senders
from arpcheck.targets import JUDGED

SENDERS = ("auto", "own", "zero")

_ORDER = (Kind.CONTROL, Kind.CANARY, Kind.NODE)
"""Requested first, in this order, so that proxies and nodes are known early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSenders:
    """One interface and its possible sender addresses."""

    interface: str
    own: tuple[tuple[Address, IPv4Network], ...]
    """Its usable sender addresses, each with its network."""

    def covers(self, ip: Address) -> bool:
        return any(ip in network for _, network in self.own)

    def in_subnet(self, ip: Address) -> Address | None:
        """The own address in the subnet of `ip`; None if there is none other than `ip` itself."""
        return next((own for own, network in self.own if ip in network and own != ip), None)

    def any_own(self, ip: Address) -> Address | None:
        return self.in_subnet(ip) or next((own for own, _ in self.own if own != ip), None)


def requests(
    targets: Sequence[Target],
    interfaces: Sequence[Interface],
    sender: str,
    services: Iterable[object] = (),
    *,
    home: Collection[object] = (),
    both: bool = False,
) -> tuple[Request, ...]:
    """One round: all requests of the run, grouped by address. `both`: as `Options.both_senders`.

    `services`: all addresses of all Services, which no request may use as its sender. `home`: those of them that are this
    node's own, which the LAN already knows as this node's. Raises UsageError for an unusable `--sender`."""
    taken = _taken(targets, services, home)
    by_interface = [_interface_senders(interface, sender, taken) for interface in interfaces]
    ordered = sorted(targets, key=lambda t: _ORDER.index(t.kind) if t.kind in _ORDER else len(_ORDER))
    found: list[Request] = []
    for target in ordered:
        if isinstance(target.ip, IPv6Address) and not target.skipped:
            found.extend(_ipv6_requests(target.ip, interfaces))
        elif isinstance(target.ip, IPv4Address) and not target.skipped and target.kind is not Kind.CONTROL:
            for available in _interfaces_for(target, by_interface):
                senders = dict.fromkeys(_senders(target, target.ip, available, sender, both=both))
                found.extend(Request(interface=available.interface, ip=target.ip, sender=own) for own in senders)
    return (*_controls(ordered, found), *found)


def _ipv6_requests(ip: IPv6Address, interfaces: Sequence[Interface]) -> Iterator[Request]:
    """On the interfaces in its network, else on all that can."""
    senders = ipv6_senders(interfaces)
    near = [one for one in interfaces if any(ip in network for network in interface_networks((one,)))]
    for one in near or interfaces:
        if sender := senders.get(one.name):
            yield Request(interface=one.name, ip=ip, sender=sender)


def own_senders(
    targets: Sequence[Target], interfaces: Sequence[Interface], services: Iterable[object], *, home: Collection[object]
) -> Mapping[str, tuple[Address, ...]]:
    """All own senders that may be used on each interface, which a round need not use."""
    taken = _taken(targets, services, home)
    found = (_interface_senders(interface, "auto", taken) for interface in interfaces)
    return {one.interface: tuple(dict.fromkeys(own for own, _ in one.own)) for one in found}


def _taken(targets: Iterable[Target], services: Iterable[object], home: Collection[object]) -> set[object]:
    """Addresses of Services, which can't be a sender."""
    return {*services, *(t.ip for t in targets if t.kind in JUDGED and t.services)}.difference(home)


def _interface_senders(interface: Interface, sender: str, taken: set[object]) -> InterfaceSenders:
    own = tuple(IPv4Interface(address) for address in interface.addresses)
    if sender not in SENDERS:
        own = tuple(address for address in own if str(address.ip) == str(ipv4(sender)))
        if ipv4(sender) is None:
            raise UsageError(
                f"--sender {sender}: not an IPv4 address", f"Use an IPv4 address of the interface, or {', '.join(SENDERS)}"
            )
        if not own:
            raise UsageError(
                f"--sender {sender}: {interface.name} does not have this address",
                "Another host's address would be overwritten in ARP tables on the LAN; "
                f"{interface.name} has {', '.join(interface.addresses) or 'none'}",
            )
        if own[0].ip in taken:
            raise UsageError(
                f"--sender {sender}: this is a Service's address",
                "Other hosts would learn it with this host's MAC address. Use another sender",
            )
    usable = tuple((address.ip, address.network) for address in own if address.ip not in taken)
    if sender == "own" and not usable:
        raise UsageError(
            f"--sender own: {interface.name} has no address that can be the sender", "Use --sender zero or auto"
        )
    return InterfaceSenders(interface=interface.name, own=usable)


def _interfaces_for(target: Target, by_interface: Sequence[InterfaceSenders]) -> Sequence[InterfaceSenders]:
    """A Service's address is requested on interfaces in its subnet, else on all; addresses that get no verdict, on all."""
    if target.kind in JUDGED and not target.nodes and isinstance(target.ip, IPv4Address):
        ip = target.ip
        return [available for available in by_interface if available.covers(ip)] or by_interface
    return by_interface


def _senders(target: Target, ip: Address, available: InterfaceSenders, sender: str, *, both: bool) -> Iterable[Address]:
    inside, anywhere = available.in_subnet(ip), available.any_own(ip)
    # A router with proxy ARP replies to an own sender for other subnets, so a node there is requested with 0.0.0.0 only.
    own = inside if target.kind is Kind.NODE else anywhere
    knowledge = target.kind in (Kind.CANARY, Kind.NODE) or target.nodes or (both and sender == "auto")
    if sender == "zero" or knowledge or own is None or (sender == "auto" and not inside):
        yield ZERO
    if own and sender != "zero":
        yield own


def _controls(targets: Iterable[Target], found: Iterable[Request]) -> Iterable[Request]:
    """The control with every sender that any target uses, because a proxy may reply to only one of them."""
    senders = dict.fromkeys((request.interface, request.sender) for request in found if request.ip.version == IPV4)
    for target in targets:
        if target.kind is Kind.CONTROL and isinstance(target.ip, IPv4Address):
            for interface, sender in senders:
                yield Request(interface=interface, ip=target.ip, sender=sender)
