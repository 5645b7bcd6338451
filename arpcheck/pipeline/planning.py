"""What a run asks, before anything is sent: targets, senders, the course of the sweep. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, summarize_address_range

from arpcheck import mac_owners
from arpcheck import targets as targeting
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.judge.acceptance import names_answers_for
from arpcheck.model import Acceptance, Host, Interface, Kind, Mac, Question, Request, Target
from arpcheck.objects import Objects, ipv4, text, texts
from arpcheck.pools.ranges import pools
from arpcheck.targets import JUDGED
from arpcheck.wire.schedule import ScanPlan, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will ask, before anything is sent."""

    targets: tuple[Target, ...]
    asks: tuple[Request, ...]
    """One round."""
    course: ScanPlan
    seconds: float
    """At least; addresses that have to be asked again add to it."""


def settle(options: Options, objects: Objects, host: Host, candidates: tuple[str, ...]) -> Options:
    """The options with the interfaces that `--iface auto` comes to, and why; all others as they are. `candidates`: what
    can be asked on. Raises UsageError where it is not clear."""
    if options.interfaces != (AUTO,):
        return options
    every = replace(options, interfaces=candidates)
    asked = (t.ip for t in targets_of(every, objects, host) if t.kind in targeting.JUDGED and not t.skipped)
    nodes = (ip for addresses in mac_owners.node_addresses(objects).values() for ip in addresses)
    choice = choose(used(every, host), (ip for ip in asked if isinstance(ip, IPv4Address)), nodes)
    return replace(options, interfaces=choice.names, interfaces_because=choice.because)


def plan(
    options: Options,
    objects: Objects,
    host: Host,
    mac_map: tuple[MacEntry, ...] = (),
    accepted: tuple[Acceptance, ...] = (),
) -> Plan:
    """Raises UsageError where the options can't be carried out on these interfaces. Made once: it is announced before it
    is carried out."""
    key = "plan", options, host, mac_map, accepted
    return objects.memo(key, lambda: _plan(options, objects, host, mac_map, accepted))


def _plan(
    options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...], accepted: tuple[Acceptance, ...]
) -> Plan:
    interfaces = used(options, host)
    targets = targets_of(options, objects, host)
    services = mac_owners.service_addresses(objects)
    home = _home(objects, host)
    asks = requests(targets, interfaces, options.sender, services, home=home, both=options.both_senders)
    judged = {t.ip: t for t in targets if t.kind in targeting.JUDGED and isinstance(t.ip, IPv4Address)}
    course = ScanPlan(
        asks=asks,
        rounds=options.rounds,
        rate=options.rate,
        wait=options.wait,
        nodes=frozenset(t.ip for t in targets if t.kind is Kind.NODE and isinstance(t.ip, IPv4Address)),
        judged=frozenset(judged),
        partly_accepted=frozenset(
            ip for ip, target in judged.items() if any(names_answers_for(entry, target) for entry in accepted)
        ),
        canary=next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None),
        controls=frozenset(t.ip for t in targets if t.kind is Kind.CONTROL and isinstance(t.ip, IPv4Address)),
        known=_known_macs(options, objects, host, mac_map),
        homes={t.ip: frozenset(t.nodes) for t in targets if t.nodes and isinstance(t.ip, IPv4Address)},
    )
    return Plan(targets=targets, asks=asks, course=course, seconds=seconds(course, options.interfaces))


def targets_of(
    options: Options, objects: Objects, host: Host, questions: Iterable[Question] = ()
) -> tuple[Target, ...]:
    """Made once, for the questions and for the verdicts. `questions`: what was asked, where a run is judged: which address
    was its control is seen there."""
    networks = interface_networks(used(options, host))
    controls = frozenset(question.ip for question in questions).intersection(targeting.CONTROLS)

    def made() -> tuple[Target, ...]:
        gateways = mac_owners.pod_gateways(objects) if options.preflight else {}
        own, in_use = mac_owners.node_addresses(objects), tuple(_in_use(objects))
        return targeting.targets(objects, options, own, networks, gateways, controls, in_use)

    return objects.memo(("targets", options, networks, controls), made)


def _in_use(objects: Objects) -> Iterator[IPv4Network]:
    """What the cluster has given away, as far as it was read: its pods' networks and the pools of its load balancers."""
    for node in objects.nodes():
        for cidr in texts(node.raw, "spec", "podCIDRs") or (text(node.raw, "spec", "podCIDR"),):
            try:
                yield IPv4Network(cidr)
            except ValueError:
                continue  # IPv6, or none
    for pool in pools(objects):
        for first, last in pool.spans:
            yield from summarize_address_range(first, last)


def used(options: Options, host: Host) -> tuple[Interface, ...]:
    by_name = {interface.name: interface for interface in host.interfaces}
    return tuple(by_name[name] for name in options.interfaces if name in by_name)


def own_node(objects: Objects, host: Host) -> str | None:
    """The node that this host is; None where it is none, or it can't be told."""
    moment = datetime.min
    return mac_owners.own_node(
        Evidence(arpcheck="", started_at=moment, ended_at=moment, options=Options(), host=host, objects=objects)
    )


def _home(objects: Objects, host: Host) -> frozenset[IPv4Address]:
    """The address of the node that this host is, where it is a Service's too and the node has no other: one that it merely
    holds for a while is never all that a node has."""
    listed, node = mac_owners.node_addresses(objects), own_node(objects, host)
    own = listed.get(node, ()) if node else ()
    others = {ip for name, found in listed.items() if name != node for ip in found}
    return frozenset(own) - others if len(own) == 1 else frozenset()


def _known_macs(options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...]) -> frozenset[Mac]:
    """Node MACs that are known before anything is heard; this host's own can't be asked."""
    moment = datetime.min
    silent = Evidence(
        arpcheck="", started_at=moment, ended_at=moment, options=options, host=host, objects=objects, mac_map=mac_map
    )
    own = {interface.mac for interface in host.interfaces}
    return frozenset(identity.mac for identity in mac_owners.all_identities(silent) if identity.mac not in own)


# ----------------------------------------------------------------------------------------------------- How a target is asked

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


def requests(
    targets: Sequence[Target],
    interfaces: Sequence[Interface],
    sender: str,
    services: Iterable[object] = (),
    *,
    home: Collection[object] = (),
    both: bool = False,
) -> tuple[Request, ...]:
    """One round: every question of the run, those for one address together. `both`: as `Options.both_senders`.

    `services`: every address of every Service, which no question may carry as its sender. `home`: those of them that are
    this very node's own, which the LAN has learnt as its already. Raises UsageError for a `--sender` that can't be used."""
    taken = {*services, *(t.ip for t in targets if t.kind in JUDGED and t.services)}.difference(home)
    grounds = [_ground(interface, sender, taken) for interface in interfaces]
    ordered = sorted(targets, key=lambda t: _ORDER.index(t.kind) if t.kind in _ORDER else len(_ORDER))
    found: list[Request] = []
    for target in ordered:
        if isinstance(target.ip, IPv4Address) and not target.skipped and target.kind is not Kind.CONTROL:
            for ground in _where(target, grounds):
                senders = dict.fromkeys(_senders(target, target.ip, ground, sender, both=both))
                found.extend(Request(interface=ground.interface, ip=target.ip, sender=own) for own in senders)
    return (*_controls(ordered, found), *found)


def interface_networks(interfaces: Iterable[Interface]) -> tuple[IPv4Network, ...]:
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


def _controls(targets: Iterable[Target], found: Iterable[Request]) -> Iterable[Request]:
    """The control with every sender that any target is asked with: a proxy may answer to one of them only."""
    senders = dict.fromkeys((ask.interface, ask.sender) for ask in found)
    for target in targets:
        if target.kind is Kind.CONTROL and isinstance(target.ip, IPv4Address):
            for interface, sender in senders:
                yield Request(interface=interface, ip=target.ip, sender=sender)


# --------------------------------------------------- Which interfaces to ask on where the user leaves it open (--iface auto)

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
