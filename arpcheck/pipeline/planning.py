"""What a run asks, before anything is sent: targets, senders, the course of the sweep. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, summarize_address_range

from arpcheck import mac_owners
from arpcheck import targets as targeting
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.judge.acceptance import names_answers_for
from arpcheck.model import (
    Acceptance,
    Ask,
    Host,
    Interface,
    Kind,
    Mac,
    Question,
    Target,
)  # fmt: skip
from arpcheck.objects import Objects, text, texts
from arpcheck.pipeline import asks as asking
from arpcheck.pipeline.interfaces import AUTO, choose
from arpcheck.pools.ranges import pools
from arpcheck.wire.schedule import Course, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will ask, before anything is sent."""

    targets: tuple[Target, ...]
    asks: tuple[Ask, ...]
    """One round."""
    course: Course
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
    asks = asking.asks(targets, interfaces, options.sender, services, home=home, both=options.both_senders)
    judged = {t.ip: t for t in targets if t.kind in targeting.JUDGED and isinstance(t.ip, IPv4Address)}
    course = Course(
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
    networks = asking.networks(used(options, host))
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
