"""Plans a run of `arpcheck cluster`: the segments by what the nodes said, which addresses belong to which, which nodes ask
for them, and what each of these is told. Nothing here asks the API or a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import arpcheck
from arpcheck import pipeline
from arpcheck.evidence import Evidence, MacEntry, Options, qualified
from arpcheck.evidence_json import to_json
from arpcheck.mac_owners.addresses import is_inside, is_station
from arpcheck.mac_owners.node_network_state import FRESH
from arpcheck.mac_owners.own import held
from arpcheck.model import Acceptance, Address, Host, Interface, Mac, MacListFormat, order
from arpcheck.objects import Object, Objects, address, instant, items, name, namespace, text
from arpcheck.targets import JUDGED
from arpcheck.vantages.segments import (
    Candidate,
    Link,
    Network,
    Placed,
    Segment,
    VantagePoint,
    choose,
    links_in_state,
    links_of,
    named_segments,
    placed,
    segments,
)

NODE_NETWORK_STATES = "nodenetworkstates.nmstate.io"

_UNUSED = ("endpointslices.discovery.k8s.io",)
"""What explains a verdict afterwards and no vantage needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNode:
    """What is known of a node's interfaces."""

    name: str
    host: Host
    links: tuple[Link, ...]
    nics: tuple[MacEntry, ...] = ()
    """All its NICs, where it said so itself: what is heard from another MAC address is not this node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user said about where to probe."""

    nodes: tuple[str, ...] = ()
    """`--nodes`, as given: these and no others."""
    every: bool = False
    """`--all-nodes`."""
    segments: tuple[Network, ...] = ()
    """`--segment`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPlan:
    """What one node is told."""

    point: VantagePoint
    options: Options
    objects: Objects
    addresses: int
    seconds: float
    most_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """What the plan of every point is made of."""

    options: Options
    objects: Objects
    asked: frozenset[Address]
    """The addresses that get a verdict."""
    hosts: Mapping[str, Host]
    mac_map: tuple[MacEntry, ...]
    accepted: tuple[Acceptance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    segments: tuple[Segment, ...]
    """Those that are probed."""
    others: tuple[Segment, ...]
    """Those in which nothing is asked for."""
    placed: Placed
    points: tuple[PointPlan, ...]
    spare: tuple[Candidate, ...]
    """Nodes that could probe in the place of one that failed."""
    inputs: PlanInputs


def seen_by_scout(node: str, evidence: Evidence, vlans: Mapping[str, Any]) -> SeenNode:
    """What the node's own Job said."""
    usable = [one for one in evidence.host.interfaces if one.name in evidence.options.interfaces]
    tags = {title: tag for title, tag in vlans.items() if isinstance(tag, int)}
    nics = tuple(
        MacEntry(mac=one.mac, node=node, interface=one.name, where=f"Job on {node}", format=MacListFormat.JOB)
        for one in evidence.host.interfaces
        if one.mac and is_station(one.mac) and not is_inside(one.name)
    )
    return SeenNode(name=node, host=replace(evidence.host, node_name=node), links=links_of(node, usable, tags), nics=nics)


def seen_in_states(states: Iterable[Object], ready: Collection[str], now: datetime) -> tuple[SeenNode, ...]:
    """What kubernetes-nmstate reported of Ready nodes, unless it is old. `now`: the API server's time."""
    found = []
    for state in states:
        told = instant(text(state, "status", "lastSuccessfulUpdateTime"))
        links = links_in_state(state)
        if name(state) in ready and links and told is not None and _is_near(told, now):
            found.append(SeenNode(name=name(state), host=_host_in(state, links), links=links))
    return tuple(found)


def _is_near(told: datetime, now: datetime) -> bool:
    try:
        return abs(now - told) <= FRESH
    except OverflowError:
        return False


def _host_in(state: Object, links: Sequence[Link]) -> Host:
    macs = {text(nic, "name"): text(nic, "mac-address") for nic in items(state, "status", "currentState", "interfaces")}
    return Host(
        interfaces=tuple(
            Interface(
                name=link.interface,
                mac=Mac(macs[link.interface].lower()),
                addresses=_written(link, 4),
                ipv6=_written(link, 6),
            )
            for link in links
        ),
        node_name=name(state),
    )


def _written(link: Link, version: int) -> tuple[str, ...]:
    networks = [network for network in link.networks if network.version == version]
    return tuple(
        f"{ip}/{next((n.prefixlen for n in networks if ip in n), ip.max_prefixlen)}"
        for ip in link.addresses if ip.version == version
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------------ The plan


def cluster_plan(
    options: Options,
    objects: Objects,
    seen: Sequence[SeenNode],
    candidates: Iterable[Candidate],
    wishes: Wishes,
    *,
    mac_map: tuple[MacEntry, ...] = (),
    accepted: tuple[Acceptance, ...] = (),
) -> ClusterPlan:
    """Raises UsageError where the options can't be carried out."""
    homes = {node.name: frozenset(node.every_address) for node in objects.nodes()}
    every = segments((link for one in seen for link in one.links), homes)
    chosen = {one.name for one in named_segments(wishes.segments, every)} if wishes.segments else None
    asked, announcers = _asked(options, objects, seen)
    found = placed(every, asked, announcers, homes, chosen)
    probed = tuple(one for one in every if one.name in found.by_segment)
    hosts = {one.name: one.host for one in seen}
    busy = Counter(node for nodes in announcers.values() for node in nodes)
    busy.update(one.name for one in seen for ip in held(one.host) if ip in asked and ip not in homes.get(one.name, ()))
    able = [
        replace(one, addresses=tuple(homes.get(one.name, ())), busy=busy[one.name])
        for one in candidates
        if one.name in hosts
    ]
    points = choose(probed, able, every=wishes.every or bool(wishes.nodes))
    inputs = PlanInputs(
        options=options, objects=objects, asked=asked, hosts=hosts, mac_map=mac_map, accepted=accepted
    )  # fmt: skip
    return ClusterPlan(
        segments=probed,
        others=tuple(one for one in every if one not in probed),
        placed=found,
        points=tuple(_point_plan(one, inputs, found, probed) for one in points),
        spare=tuple(one for one in able if one.name not in {point.node for point in points}),
        inputs=inputs,
    )


def substitutes(plan: ClusterPlan, failed: VantagePoint, used: Collection[str]) -> tuple[PointPlan, ...]:
    """Nodes that probe the segments of one that failed. `used`: nodes that have been asked already. Empty where none is left
    in them."""
    segments_left = [segment for segment in plan.segments if segment.name in failed.segments]
    left = [one for one in plan.spare if one.name not in used]
    return tuple(_point_plan(one, plan.inputs, plan.placed, plan.segments) for one in choose(segments_left, left, each=1))


def _asked(
    options: Options, objects: Objects, seen: Sequence[SeenNode]
) -> tuple[frozenset[Address], dict[Address, frozenset[str]]]:
    """The addresses that get a verdict, and the nodes that records name for each."""
    every = tuple(replace(nic, name=qualified(one.name, nic.name)) for one in seen for nic in one.host.interfaces)
    wide = replace(options, interfaces=tuple(nic.name for nic in every))
    targets = [
        (target.ip, target)
        for target in pipeline.targets_of(wide, objects, Host(interfaces=every))
        if target.kind in JUDGED and target.ip and not target.skipped
    ]
    return frozenset(ip for ip, _ in targets), {ip: pipeline.recorded_announcers(target, objects) for ip, target in targets}


def _point_plan(point: VantagePoint, inputs: PlanInputs, found: Placed, probed: Sequence[Segment]) -> PointPlan:
    here = [segment for segment in probed if segment.name in point.segments]
    ips = frozenset(found.everywhere) | {ip for segment in here for ip in found.by_segment[segment.name]}
    options = inputs.options
    own = replace(options, interfaces=point.interfaces, ips=tuple(ip for ip in options.ips if ip in ips))
    elsewhere = inputs.asked - ips
    told = inputs.objects.memo(("told", point.segments, ips), lambda: objects_for(inputs.objects, here, elsewhere))
    planned = pipeline.plan(own, told, inputs.hosts[point.node], inputs.mac_map, inputs.accepted)
    return PointPlan(
        point=point,
        options=own,
        objects=told,
        addresses=len(ips),
        seconds=planned.seconds,
        most_seconds=planned.most_seconds,
    )


def objects_for(objects: Objects, here: Sequence[Segment], elsewhere: Collection[Address]) -> Objects:
    """The objects for a vantage in these segments: without nodes of other segments, and without the Services of which all
    addresses are asked for elsewhere. These keep their ClusterIPs where one of them may be the canary."""
    members = {node for segment in here for node in segment.nodes}
    resources = {what: found for what, found in objects.resources.items() if what not in _UNUSED}
    if "nodes" in resources:
        resources["nodes"] = tuple(
            node.raw
            for node in objects.nodes()
            if node.name in members or any(one.longest(ip) >= 0 for one in here for ip in node.every_address)
        )
    if "services" in resources:
        has_canary = any(name(obj) == "kubernetes" and namespace(obj) == "default" for obj in resources["services"])
        found = (_service(obj, elsewhere) for obj in resources["services"])
        resources["services"] = tuple(obj for obj, left in found if left or not has_canary)
    return replace(objects, resources=resources)


def _service(obj: Object, elsewhere: Collection[Address]) -> tuple[Object, bool]:
    """The Service without these addresses, and whether it is needed: it has others, or had none."""
    ingress, external = items(obj, "status", "loadBalancer", "ingress"), items(obj, "spec", "externalIPs")
    here = [entry for entry in ingress if address(text(entry, "ip")) not in elsewhere]
    left = [ip for ip in external if address(ip) not in elsewhere]
    if len(here) == len(ingress) and len(left) == len(external):
        return obj, True
    changed = dict(obj)
    if len(here) < len(ingress):
        changed["status"] = {**obj["status"], "loadBalancer": {**obj["status"]["loadBalancer"], "ingress": here}}
    if len(left) < len(external):
        changed["spec"] = {**obj["spec"], "externalIPs": left}
    return changed, bool(here or left)


def plan_document(
    job: str, planned: PointPlan, at_time: datetime, mac_map: tuple[MacEntry, ...], accepted: tuple[Acceptance, ...]
) -> dict[str, Any]:
    """What the Job reads (`commands.vantage`)."""
    told = Evidence(
        arpcheck=arpcheck.__version__,
        started_at=at_time,
        ended_at=at_time,
        options=planned.options,
        objects=planned.objects,
        mac_map=mac_map,
        accepted=accepted,
    )
    return {"job": job, "evidence": to_json(told)}


MARGIN = timedelta(seconds=60)
"""For the start of a container, and for a slow node."""


def time_limit(planned: PointPlan) -> float:
    """Seconds after which a vantage that runs is given up."""
    return planned.most_seconds * 1.5 + MARGIN.total_seconds()


def listed_addresses(found: Iterable[Address], most: int = 3) -> str:
    """`10.0.0.1, 10.0.0.2, 10.0.0.3 and 4 more`."""
    every = sorted(found, key=order)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(map(str, every[:most])) + more
