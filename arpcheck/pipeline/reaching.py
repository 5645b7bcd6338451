"""Plans the tries of `--reach` from the judged ARP run, and adds what they observed to its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck import mac_owners
from arpcheck.endpoints import ServiceEndpoint, are_read, endpoints, ports, source_ranges
from arpcheck.evidence import Evidence, Options
from arpcheck.model import Interface, Kind, Mac, NotAsked, ReachRun, ReachSkip, Report, Target, TargetReport
from arpcheck.objects import Objects, Service
from arpcheck.pipeline import ages, records
from arpcheck.pipeline.interfaces import used
from arpcheck.targets import JUDGED
from arpcheck.wire.reach import EACH, LISTEN, MOST_MACS, TRIES, ReachAim, ReachPlan


def reach_plan(evidence: Evidence, report: Report) -> ReachPlan:
    """`report`: of this evidence. Asks the first TCP port of each Service of every MAC address that replied."""
    context = _context(evidence)
    aims: list[ReachAim] = []
    skips: list[ReachSkip] = []
    for target in report.targets:
        if target.target.kind in JUDGED and isinstance(target.target.ip, IPv4Address):
            for one in _of_target(target.target.ip, target, context):
                (aims if isinstance(one, ReachAim) else skips).append(one)  # type: ignore[arg-type]
    return ReachPlan(aims=tuple(aims), skips=tuple(skips), rate=evidence.options.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """This host, and the Services."""

    evidence: Evidence
    services: Mapping[str, Service]
    own_macs: frozenset[Mac]
    macs: Mapping[str, Mac]
    """By interface."""
    senders: Mapping[str, IPv4Address]
    """This host's address in the nodes' network, by interface."""
    beside: Mapping[tuple[str, str], IPv4Address]
    """Its address in the network of this node, by interface and node: one NIC may be in several networks, and a node
    replies over a router to the address of another."""


def _context(evidence: Evidence) -> _Asking:
    objects, host = evidence.objects, evidence.host
    interfaces = used(evidence.options, host)
    by_node = {
        node: tuple(ip for ip in found if isinstance(ip, IPv4Address))
        for node, found in mac_owners.node_addresses(objects).items()
    }
    nodes = [ip for found in by_node.values() for ip in found]
    taken = frozenset(ip for ip in mac_owners.service_addresses(objects) if isinstance(ip, IPv4Address))
    asked = {question.ip for question in evidence.questions if isinstance(question.ip, IPv4Address)}
    senders = {i.name: sender for i in interfaces if (sender := _sender(i, (nodes, sorted(asked)), taken))}
    return _Asking(
        evidence=evidence,
        services={service.full_name: service for service in objects.services()},
        own_macs=frozenset(i.mac for i in host.interfaces if i.mac),
        macs={i.name: i.mac for i in interfaces if i.mac},
        senders=senders,
        beside={
            (i.name, node): sender
            for i in interfaces
            for node, found in by_node.items()
            if (sender := _sender(i, (found,), taken))
        },
    )


def _sender(
    interface: Interface, near: Iterable[Iterable[IPv4Address]], taken: frozenset[IPv4Address]
) -> IPv4Address | None:
    """The own address in the network of a node, else in that of an address which was asked: what comes from elsewhere is
    answered over a router. Nodes may have an address here that the cluster does not list. Of networks within each other the
    smallest is meant, as for the kernel's own routes."""
    own = sorted((IPv4Interface(address) for address in interface.addresses), key=lambda one: -one.network.prefixlen)
    for addresses in near:
        found = [*addresses]
        for one in own:
            if one.ip not in taken and any(ip in one.network and ip != one.ip for ip in found):
                return one.ip
    return None


def _of_target(ip: IPv4Address, target: TargetReport, context: _Asking) -> Iterator[ReachAim | ReachSkip]:
    interfaces = _heard_on(ip, context.evidence)
    found = [
        (mac, responder.node or str(mac))
        for responder in sorted(target.responders, key=lambda one: not one.expected)
        for mac in responder.macs
        if mac in interfaces
    ]
    for number, (mac, party) in enumerate(dict(found).items()):
        for name, port in _ports(target.target, context.services):
            place = interfaces[mac], party
            sender = context.beside.get(place) or context.senders.get(interfaces[mac])
            yield _asked(ip, name, port, interfaces[mac], sender, mac, party, number, context)


def _heard_on(ip: IPv4Address, evidence: Evidence) -> Mapping[Mac, str]:
    """The interface on which each MAC address replied first."""
    found: dict[Mac, str] = {}
    for reply in evidence.by_address().get(ip, ()):
        found.setdefault(reply.mac, reply.interface)
    return found


def _ports(target: Target, services: Mapping[str, Service]) -> Iterator[tuple[str | None, int | None]]:
    """The first TCP port of each Service of the address: of others, a refusal would mean nothing."""
    for name in target.services:
        found = ports(services[name]) if name in services else ()
        yield name, next((port.port for port in found if port.protocol == "TCP"), None)
    if not target.services:
        yield None, None


def _asked(
    ip: IPv4Address, name: str | None, port: int | None, interface: str, sender: IPv4Address | None, mac: Mac, party: str,
    number: int, context: _Asking,
) -> ReachAim | ReachSkip:  # fmt: skip

    def skipped(why: NotAsked) -> ReachSkip:
        return ReachSkip(ip=ip, service=name, port=port, interface=interface, mac=mac, why=why)

    if name is None:
        return skipped(NotAsked.NO_SERVICE)
    if port is None:
        return skipped(NotAsked.NO_TCP_PORT)
    if mac in context.own_macs:
        return skipped(NotAsked.OWN_MAC)
    if mac.is_group:
        return skipped(NotAsked.GROUP_MAC)
    if sender is None or interface not in context.macs:
        return skipped(NotAsked.OFF_SUBNET)
    if not _let_in(sender, source_ranges(context.services[name])):
        return skipped(NotAsked.SOURCE_RANGES)
    if number >= MOST_MACS:
        return skipped(NotAsked.TOO_MANY)
    own_mac = context.macs[interface]
    return ReachAim(
        interface=interface, own_mac=own_mac, sender=sender, ip=ip, port=port, service=name, mac=mac, party=party
    )


def _let_in(sender: IPv4Address, ranges: Iterable[str]) -> bool:
    """A range that can't be read counts as one that leaves this host out, as kube-proxy ignores it."""
    networks = [_network(written) for written in ranges]
    return not networks or any(network is not None and sender in network for network in networks)


def _network(written: str) -> IPv4Network | None:
    try:
        return IPv4Network(written, strict=False)
    except ValueError:
        return None  # IPv6 or invalid


def with_reach(evidence: Evidence, run: ReachRun, later: Objects | None = None) -> Evidence:
    """`later`: the EndpointSlices and the announcers' records as they are after the last try; None if they were not read
    again. EndpointSlices of an API server that were read before and not after are in doubt, those of a file can't change."""
    before, names = evidence.objects, {one.service for one in run.tries}
    changed = sorted({*_changed(before, later, names), *_moved(evidence, run, later)}) if later else ()
    of_file = later is None and before.account is None
    gone = are_read(before) and not of_file and (later is None or not are_read(later))
    run = replace(run, changed=tuple(changed), unconfirmed=tuple(sorted(names)) if gone else ())
    return replace(evidence, reach=run, interrupted=evidence.interrupted or not _whole(run))


def _whole(run: ReachRun) -> bool:
    return all(one.why is not NotAsked.INTERRUPTED for one in run.skips)


def _changed(before: Objects, after: Objects, names: Iterable[str]) -> tuple[str, ...]:
    """The Services with other endpoints than before; where one of the readings failed nothing is known to have changed."""
    if not are_read(before) or not are_read(after):
        return ()
    services = {service.full_name: service for service in before.services() if service.full_name in set(names)}
    return tuple(name for name in sorted(services) if _behind(services[name], before) != _behind(services[name], after))


def _moved(evidence: Evidence, run: ReachRun, later: Objects) -> Iterator[str]:
    """The Services of an address whose recorded announcer is another than before the ARP run, or was in between."""
    services: dict[IPv4Address, dict[str, None]] = {}
    for one in run.tries:
        services.setdefault(one.ip, {})[one.service] = None
    until = replace(evidence, after=later)
    time = ages.when(until)
    for ip, names in services.items():
        target = Target(ip=ip, kind=Kind.LOAD_BALANCER, services=tuple(names))
        if records.record(target, until, time=time).changed:
            yield from names


def _behind(service: Service, objects: Objects) -> tuple[tuple[ServiceEndpoint, ...] | None, ...]:
    """By port, since slices that hold the same endpoints may give another of their ports to one."""
    return tuple(endpoints(service, objects, port) for port in ports(service))


def expected_seconds(targets: Iterable[Target], objects: Objects, options: Options) -> tuple[int, float, float]:
    """Before the ARP run, when nobody has replied yet: the tries for one MAC address each, and the seconds they take if each
    node has as many as another, and if one node has all and none is answered."""
    services = {service.full_name: service for service in objects.services()}
    asked = sum(
        1
        for target in targets
        if target.kind in JUDGED and not target.skipped and isinstance(target.ip, IPv4Address)
        for name, port in _ports(target, services)
        if name and port
    )
    if not asked:
        return 0, 0.0, 0.0
    nodes = max(1, sum(1 for node in objects.nodes() if node.ready is not False))
    each = -(-asked // nodes)
    least = max((each - 1) * EACH, asked * 2 / options.rate) + LISTEN
    return asked, least, max(asked * TRIES * EACH, asked * TRIES / options.rate) + LISTEN + asked * TRIES / options.rate
