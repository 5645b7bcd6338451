"""Plans a run before anything is sent: targets, senders, interfaces and the scan; and the requests of one round: which
address is requested on which interface, with which sender."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, summarize_address_range

from arpcheck import mac_owners
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.judge.acceptance import names_answers_for
from arpcheck.model import Acceptance, Address, Families, Host, Interface, Kind, Mac, Question, Request, Target
from arpcheck.model.constants import IPV4, IPV6, ZERO
from arpcheck.objects import Objects, ipv4, text, texts
from arpcheck.pipeline import records
from arpcheck.pipeline.interfaces import AUTO, NeverChosen, choose, interface_networks, ipv6_senders, used
from arpcheck.pools import pools
from arpcheck.targets import CONTROLS, JUDGED, all_targets
from arpcheck.wire.further_requests import MANY
from arpcheck.wire.scan_plan import ScanPlan, most_seconds, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run will send."""

    targets: tuple[Target, ...]
    requests: tuple[Request, ...]
    """One round."""
    scan: ScanPlan
    seconds: float
    """Minimum duration; repeated requests add to it."""
    most_seconds: float
    """The duration if no address replies."""


def settle(
    options: Options,
    objects: Objects,
    host: Host,
    candidates: tuple[str, ...],
    passed_over: Mapping[str, str] | None = None,
) -> Options:
    """The options with the interfaces that `--iface auto` selects, and why. Other options are unchanged. `candidates`:
    those that may be selected; `passed_over`: the others, each with the reason. Raises UsageError, which lists both, if the
    choice is not clear."""
    if options.interfaces != (AUTO,):
        return options
    every = replace(options, interfaces=candidates)
    asked = [t.ip for t in targets_of(every, objects, host) if t.kind in JUDGED and t.ip and not t.skipped]
    away = {node.name for node in objects.nodes() if node.ready is False}
    listed = every_node_address(objects, versions(every, host))
    nodes = [ip for name, addresses in listed.items() if name not in away for ip in addresses]
    by_name = {interface.name: interface for interface in host.interfaces}
    others = {name: NeverChosen(by_name[name], why) for name, why in (passed_over or {}).items() if name in by_name}
    interfaces = used(every, host)
    decides = _deciding(options, interfaces, (*asked, *nodes))
    choice = choose(
        interfaces, (ip for ip in asked if ip.version == decides), (ip for ip in nodes if ip.version == decides), others
    )
    return replace(options, interfaces=choice.names, interfaces_because=choice.because)


def _deciding(options: Options, interfaces: Iterable[Interface], known: Iterable[Address]) -> int:
    """The IP version whose networks `--iface auto` goes by: IPv4 where it can, since two interfaces of one host are often in
    the same IPv6 network by advertisements of a router."""
    four = options.families is not Families.IPV6 and any(one.addresses for one in interfaces)
    return IPV4 if four and any(ip.version == IPV4 for ip in known) else IPV6


def plan(
    options: Options,
    objects: Objects,
    host: Host,
    mac_map: tuple[MacEntry, ...] = (),
    accepted: tuple[Acceptance, ...] = (),
) -> Plan:
    """Raises UsageError if the options can't be carried out on these interfaces. Cached: it is shown before it is carried
    out."""
    key = "plan", options, host, mac_map, accepted
    return objects.memo(key, lambda: _plan(options, objects, host, mac_map, accepted))


def _plan(
    options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...], accepted: tuple[Acceptance, ...]
) -> Plan:
    interfaces = used(options, host)
    targets = targets_of(options, objects, host)
    services = mac_owners.service_addresses(objects)
    home = _home(objects, host)
    one_round = requests(targets, interfaces, options.sender, services, home=home, both=options.both_senders)
    judged = {t.ip: t for t in targets if t.kind in JUDGED and t.ip and not t.skipped}
    nics = _known_nics(options, objects, host, mac_map)
    scan_plan = ScanPlan(
        requests=one_round,
        rounds=options.rounds,
        rate=options.rate,
        wait=options.wait,
        nodes=frozenset(t.ip for t in targets if t.kind is Kind.NODE and t.ip),
        far=_far(targets, interfaces),
        judged=frozenset(judged),
        partly_accepted=frozenset(
            ip for ip, target in judged.items() if any(names_answers_for(entry, target) for entry in accepted)
        ),
        canary=next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None),
        controls=frozenset(t.ip for t in targets if t.kind is Kind.CONTROL and t.ip),
        known=frozenset(mac for macs in nics.values() for mac in macs),
        homes={t.ip: frozenset(t.nodes) for t in targets if t.nodes and t.ip},
        explained=explained(targets),
        own_ipv6=ipv6_senders(interfaces),
        announcers_of=lambda ip: records.announcers_of(judged[ip], objects),
        nics=nics,
        senders=own_senders(targets, interfaces, services, home=home) if options.sender == "auto" else {},
    )
    return Plan(
        targets=targets,
        requests=one_round,
        scan=scan_plan,
        seconds=seconds(scan_plan, options.interfaces),
        most_seconds=most_seconds(scan_plan, options.interfaces),
    )


def versions(options: Options, host: Host) -> frozenset[int]:
    """The IP versions that are requested."""
    return options.families.versions(link_local=bool(ipv6_senders(used(options, host))))


def apart(targets: Iterable[Target]) -> tuple[Address, ...]:
    """The addresses that get requests which are not a client's: those that are asked why, and all of IPv6."""
    every = tuple(targets)
    six = (t.ip for t in every if t.kind in JUDGED and isinstance(t.ip, IPv6Address) and not t.skipped)
    return (*explained(every), *six)


def explained(targets: Iterable[Target]) -> tuple[Address, ...]:
    """The IPv4 addresses that are asked why, if nobody replies for them: a node should reply for each."""
    return tuple(
        t.ip
        for t in targets
        if t.kind in JUDGED and isinstance(t.ip, IPv4Address) and t.services and not (t.nodes or t.external or t.skipped)
    )


def _far(targets: Iterable[Target], interfaces: Sequence[Interface]) -> frozenset[Address]:
    """The nodes' addresses that are in no network of the interfaces, where they are many and others are in one. If all are
    elsewhere, the nodes may have an address of a management network and be on the segment all the same."""
    networks = interface_networks(interfaces)
    nodes = {t.ip for t in targets if t.kind is Kind.NODE and t.ip}
    far = frozenset(ip for ip in nodes if not any(ip in network for network in networks))
    every = all(interface.addresses for interface in interfaces)
    return far if every and MANY <= len(far) < len(nodes) else frozenset()


def targets_of(options: Options, objects: Objects, host: Host, questions: Iterable[Question] = ()) -> tuple[Target, ...]:
    """The targets, cached for the requests and the verdicts. `questions`: the requests of a finished run, which show its
    control address."""
    networks, asked = interface_networks(used(options, host)), versions(options, host)

    def made(controls: frozenset[Address]) -> tuple[Target, ...]:
        gateways = mac_owners.pod_gateways(objects) if options.preflight else {}
        own = every_node_address(objects, asked)
        return all_targets(objects, options, own, networks, gateways, controls, _in_use(objects), asked)

    planned = objects.memo(("targets", options, networks, asked), lambda: made(frozenset()))
    controls = frozenset(question.ip for question in questions).intersection(CONTROLS)
    if not controls or controls <= {target.ip for target in planned if target.kind is Kind.CONTROL}:
        return planned
    return objects.memo(("targets", options, networks, asked, controls), lambda: made(controls))


def every_node_address(objects: Objects, asked: Collection[int]) -> Mapping[str, tuple[Address, ...]]:
    """The nodes' own addresses of the IP versions that are requested, by node."""
    four, six = mac_owners.node_addresses(objects), mac_owners.node_ipv6(objects)
    return {name: (*four[name], *(six.get(name, ()) if IPV6 in asked else ())) for name in four}


def _in_use(objects: Objects) -> tuple[IPv4Network, ...]:
    """Networks that the cluster uses near a control address, as far as it was read: pod networks and load-balancer pools."""
    return objects.memo("networks in use", lambda: tuple(_networks_in_use(objects)))


def _networks_in_use(objects: Objects) -> Iterator[IPv4Network]:
    for node in objects.nodes():
        for cidr in texts(node.raw, "spec", "podCIDRs") or (text(node.raw, "spec", "podCIDR"),):
            try:
                yield IPv4Network(cidr)
            except ValueError:
                continue  # IPv6 or invalid
    blocks = [int(ip) & ~0xFF for ip in CONTROLS]
    for pool in pools(objects):
        for first, last in pool.spans:
            if not isinstance(first, IPv4Address) or not isinstance(last, IPv4Address):
                continue  # IPv6 has controls of its own
            low, high = int(first), int(last)
            if any(low <= block + 0xFF and block <= high for block in blocks):  # the others are nobody's concern
                yield from summarize_address_range(first, last)


def own_node(objects: Objects, host: Host) -> str | None:
    """The node that this host is; None if it is not a node or that is unknown."""
    moment = datetime.min
    return mac_owners.own_node(
        Evidence(arpcheck="", started_at=moment, ended_at=moment, options=Options(), host=host, objects=objects)
    )


def _home(objects: Objects, host: Host) -> frozenset[Address]:
    """The address of this host's node, if it is also a Service's and the node has no other. An address that a node merely
    holds for a while is never its only one."""
    listed, node = mac_owners.node_addresses(objects), own_node(objects, host)
    own = listed.get(node, ()) if node else ()
    others = {ip for name, found in listed.items() if name != node for ip in found}
    return frozenset(own) - others if len(own) == 1 else frozenset()


def _known_nics(
    options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...]
) -> Mapping[str, frozenset[Mac]]:
    """The MAC addresses of each node that are known before the scan, without this host's own, which can't be requested."""
    moment = datetime.min
    silent = Evidence(
        arpcheck="", started_at=moment, ended_at=moment, options=options, host=host, objects=objects, mac_map=mac_map
    )
    own = {interface.mac for interface in host.interfaces}
    found: dict[str, set[Mac]] = {}
    for identity in mac_owners.all_identities(silent):
        if identity.mac not in own:
            found.setdefault(identity.node, set()).add(identity.mac)
    return {node: frozenset(macs) for node, macs in found.items()}


# ----------------------------------------------------------------------------------------------- The requests of one round

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
