"""Plans a run before anything is sent: targets, senders, interfaces and the scan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    summarize_address_range,
)

from arpcheck import mac_owners
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.judge.acceptance import names_answers_for
from arpcheck.model import (
    Acceptance,
    Address,
    Families,
    Host,
    Interface,
    Kind,
    Mac,
    Question,
    Request,
    Target,
)
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Objects, text, texts
from arpcheck.pipeline import records
from arpcheck.pipeline.interfaces import AUTO, NeverChosen, choose, interface_networks, ipv6_senders, used
from arpcheck.pipeline.requests import own_senders, requests
from arpcheck.pools.ranges import pools
from arpcheck.targets import CONTROLS, JUDGED, all_targets
from arpcheck.wire.confirmation import MANY
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
