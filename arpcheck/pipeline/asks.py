"""How a target is asked: on which interfaces, with which sender. Pure.

A sender is this host's own address, in the target's subnet as a client would ask, or 0.0.0.0 (RFC 5227's ARP Probe),
which leaves no trace and which a Linux proxy never answers. What is judged is asked by an own address wherever there is
one, so that a proxy shows itself; outside of its subnets by 0.0.0.0 too, since a kernel with rp_filter keeps quiet to a
sender that it would not route back there (net/ipv4/arp.c, arp_process). A Service's address is never a sender: every
cache on the LAN would learn it. Where it is the one address of the node that arpcheck runs on (k3s ServiceLB gives out
such), the caches have it from that node's kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck.errors import UsageError
from arpcheck.model import Ask, Interface, Kind, Target
from arpcheck.objects import ipv4
from arpcheck.targets import JUDGED

ZERO = IPv4Address(0)
SENDERS = ("auto", "own", "zero")

_ORDER = (Kind.CONTROL, Kind.CANARY, Kind.NODE)
"""Asked first, in this order; a proxy or a node is then known early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What one interface offers to ask with."""

    interface: str
    own: tuple[tuple[IPv4Address, IPv4Network], ...]
    """Its addresses that may be senders, each with its network."""

    def covers(self, ip: IPv4Address) -> bool:
        return any(ip in network for _, network in self.own)

    def in_subnet(self, ip: IPv4Address) -> IPv4Address | None:
        """The own address in the subnet of `ip`; None where there is none, or none but `ip` itself."""
        return next((own for own, network in self.own if ip in network and own != ip), None)

    def any_own(self, ip: IPv4Address) -> IPv4Address | None:
        return self.in_subnet(ip) or next((own for own, _ in self.own if own != ip), None)


def asks(
    targets: Sequence[Target],
    interfaces: Sequence[Interface],
    sender: str,
    services: Iterable[object] = (),
    *,
    home: Collection[object] = (),
    both: bool = False,
) -> tuple[Ask, ...]:
    """One round: every question of the run, those for one address together. `both`: as `Options.both_senders`.

    `services`: every address of every Service, which no question may carry as its sender. `home`: those of them that are
    this very node's own, which the LAN has learnt as its already. Raises UsageError for a `--sender` that can't be used."""
    taken = {*services, *(t.ip for t in targets if t.kind in JUDGED and t.services)}.difference(home)
    grounds = [_ground(interface, sender, taken) for interface in interfaces]
    ordered = sorted(targets, key=lambda t: _ORDER.index(t.kind) if t.kind in _ORDER else len(_ORDER))
    found: list[Ask] = []
    for target in ordered:
        if isinstance(target.ip, IPv4Address) and not target.skipped and target.kind is not Kind.CONTROL:
            for ground in _where(target, grounds):
                senders = dict.fromkeys(_senders(target, target.ip, ground, sender, both=both))
                found.extend(Ask(interface=ground.interface, ip=target.ip, sender=own) for own in senders)
    return (*_controls(ordered, found), *found)


def networks(interfaces: Iterable[Interface]) -> tuple[IPv4Network, ...]:
    """The IPv4 networks of the interfaces."""
    return tuple(dict.fromkeys(IPv4Interface(a).network for interface in interfaces for a in interface.addresses))


def _ground(interface: Interface, sender: str, taken: set[object]) -> Ground:
    own = tuple(IPv4Interface(address) for address in interface.addresses)
    if sender not in SENDERS:
        own = tuple(address for address in own if str(address.ip) == str(ipv4(sender)))
        if ipv4(sender) is None:
            raise UsageError(f"--sender {sender}: not an IPv4 address", f"Give one, or {', '.join(SENDERS)}")
        if not own:
            raise UsageError(
                f"--sender {sender} is no address of {interface.name}",
                "A foreign sender would overwrite its owner's entry in other hosts' ARP tables; "
                f"{interface.name} has {', '.join(interface.addresses) or 'none'}",
            )
        if own[0].ip in taken:
            raise UsageError(f"--sender {sender} is a Service's address", "Other hosts would learn it as this host's")
    usable = tuple((address.ip, address.network) for address in own if address.ip not in taken)
    if sender == "own" and not usable:
        raise UsageError(f"{interface.name} has no address of its own to ask with", "Take --sender zero, or auto")
    return Ground(interface=interface.name, own=usable)


def _where(target: Target, grounds: Sequence[Ground]) -> Sequence[Ground]:
    """A Service's address is asked where its subnet is, else everywhere; what we ask for knowledge, everywhere."""
    if target.kind in JUDGED and not target.nodes and isinstance(target.ip, IPv4Address):
        ip = target.ip
        return [ground for ground in grounds if ground.covers(ip)] or grounds
    return grounds


def _senders(target: Target, ip: IPv4Address, ground: Ground, sender: str, *, both: bool) -> Iterable[IPv4Address]:
    inside, anywhere = ground.in_subnet(ip), ground.any_own(ip)
    # A router's proxy answers an own sender for what is not in the subnet, so a node elsewhere is asked with 0.0.0.0 alone.
    own = inside if target.kind is Kind.NODE else anywhere
    knowledge = target.kind in (Kind.CANARY, Kind.NODE) or target.nodes or (both and sender == "auto")
    if sender == "zero" or knowledge or own is None or (sender == "auto" and not inside):
        yield ZERO
    if own and sender != "zero":
        yield own


def _controls(targets: Iterable[Target], found: Iterable[Ask]) -> Iterable[Ask]:
    """The control with every sender that any target is asked with: a proxy may answer to one of them only."""
    senders = dict.fromkeys((ask.interface, ask.sender) for ask in found)
    for target in targets:
        if target.kind is Kind.CONTROL and isinstance(target.ip, IPv4Address):
            for interface, sender in senders:
                yield Ask(interface=interface, ip=target.ip, sender=sender)
