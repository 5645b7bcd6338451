"""Reads a scene from TOML. Everything has a default, so a scene says only what is special about it.

Without a word there are worker-1 … worker-3 at 10.0.0.11 … 13 on 10.0.0.0/24, the LAN host `client` at 10.0.0.5 that
probes, and the Service web/nginx of MetalLB at 10.0.0.50 that nobody announces. `scenes/README.md` lists the keys."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

from arpcheck.errors import InputError, did_you_mean
from arpcheck.lab import scene_network
from arpcheck.lab.scene import (
    SYSCTLS6,
    Agents,
    Announcer,
    AnnouncerKind,
    Cluster,
    Expectation,
    ExpectedResponder,
    Feature,
    Ipvs,
    KubeEndpoint,
    KubeEvent,
    KubeLease,
    KubeNode,
    KubeProxyConfig,
    KubeService,
    Prober,
    Product,
    Scene,
    Shape,
    Station,
    Step,
)
from arpcheck.lab.scene_network import TomlTable
from arpcheck.model import Address, AlsoId, Arp, CauseId, Mac, ReasonId, Verdict

WORKERS: Mapping[str, Any] = {"worker-1": {}, "worker-2": {}, "worker-3": {}}
CLIENT = "client"
CLIENT_HOST = {"addresses": "10.0.0.5"}


def names() -> tuple[str, ...]:
    """The scenes of the package."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml")))


def load(name: str) -> Scene:
    """A scene of the package by its name, or any by its path. InputError where there is none, or where it is wrong."""
    if name in names():
        return parse((_folder() / f"{name}.toml").read_text(encoding="utf-8"), name)
    path = Path(name)
    if not os.path.isfile(path):
        hint = did_you_mean(name, names(), "`arpcheck demo --list` names them all; or give the path of a TOML file")
        raise InputError(f"no scene {name!r}", hint)
    try:
        return parse(path.read_text(encoding="utf-8"), path.stem)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}", HINT) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 text at byte {error.start}", HINT) from None


HINT = "`arpcheck demo --list` names scenes to compare it with"


def _said(error: tomllib.TOMLDecodeError) -> str:
    """Only the place: the parser's own words are about its grammar."""
    place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
    return f"not TOML{f' at {place[1]}' if place else ''}"


def parse(text: str, name: str) -> Scene:
    """InputError with the place of the first fault."""
    try:
        top = TomlTable(f"{name}: ", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: {_said(error)}", HINT) from None
    made = _scene(top, name)
    top.done()
    return made


def _folder() -> Traversable:
    return resources.files("arpcheck.lab") / "scenes"


def _scene(top: TomlTable, name: str) -> Scene:
    title, about = top.text("title"), top.text("about")
    lans, services, prober = scene_network.lans(top), _read_services(top), _prober(top.table("prober"))
    nodes, stations, modes = _expected_nodes(top, lans, services)
    stations += _hosts(top, lans, services, prober)
    _check_prober(top, prober, stations)
    _check_switches(top, lans, stations)
    return Scene(
        name=name,
        title=title,
        about=about,
        lans=lans.networks,
        lans6=lans.ipv6,
        stations=stations,
        announcers=tuple(_announcer(table, stations) for table in top.tables("announcers")),
        cluster=_read_cluster(top, nodes, services, modes),
        prober=prober,
        expect=_expectation(top.table("expect")) if "expect" in top else None,
        then=tuple(_step(table, stations) for table in top.tables("then")),
        needs=_needs(top, stations),
    )


def _needs(top: TomlTable, stations: tuple[Station, ...]) -> tuple[Feature, ...]:
    """What `needs` says, and what the interfaces need without a word."""
    said = {top.parsed("needs", _feature, text) for text in top.texts("needs")}
    nics = [nic for station in stations for nic in station.nics]
    kinds = {nic.feature for nic in nics if nic.feature} | {Feature.NETEM for nic in nics if nic.netem}
    return tuple(sorted(said | kinds))


def _feature(text: str) -> Feature:
    if text not in set(Feature):
        raise ValueError(f"{text!r} is none of {', '.join(sorted(Feature))}")
    return Feature(text)


def _step(table: TomlTable, stations: tuple[Station, ...]) -> Step:
    made = Step(
        after=table.seconds("after", 0.0),
        station=table.text("at"),
        sysctl=scene_network.sysctl(table),
        sysctl6=scene_network.sysctl(table, "sysctl6", SYSCTLS6),
    )
    at = {station.name: station for station in stations}
    if made.station not in at:
        table.fault("at", f"no node or host {made.station!r}")
    if made.sysctl6 and not any(nic.ipv6 for nic in at[made.station].nics):
        table.fault("sysctl6", f"{made.station} has no IPv6")
    table.done()
    return made


def _check_prober(top: TomlTable, prober: Prober, stations: tuple[Station, ...]) -> None:
    """What no single table shows."""
    names = [station.name for station in stations]
    if twice := [name for name in names if names.count(name) > 1]:
        top.fault(f"hosts.{twice[0]}", "there is a node of this name")
    if prober.station not in names:
        top.fault("prober.at", f"no node or host {prober.station!r}")
    own = {nic.name for station in stations if station.name == prober.station for nic in station.nics}
    if unknown := sorted(set(prober.interfaces) - own):
        top.fault("prober.interfaces", f"{prober.station} has no {unknown[0]}")


def _check_switches(top: TomlTable, lans: scene_network.Lans, stations: tuple[Station, ...]) -> None:
    for name, lan in lans.ipv6.items():
        there = {station.name for station in stations for nic in station.nics if nic.lan == name}
        if unknown := sorted(set(lan.suppressed.values()) - there):
            top.fault(f"lans.{name}.suppressed", f"no node or host {unknown[0]!r} on this LAN")


def _expected_nodes(
    top: TomlTable, lans: scene_network.Lans, services: tuple[KubeService, ...]
) -> tuple[tuple[KubeNode, ...], tuple[Station, ...], Mapping[str, Ipvs | None]]:
    tables = top.table("nodes") if "nodes" in top else TomlTable("nodes.", WORKERS)
    held, nodes, stations, modes = _service_addresses(services, lans), [], [], {}
    for number, name in enumerate(tables, 1):
        table = tables.table(name)
        modes[name] = scene_network.ipvs(table)
        stations.append(scene_network.station(table, name, number, lans, held, modes[name], node=True))
        nodes.append(_read_node(table, stations[-1]))
        table.done()
    return tuple(nodes), tuple(stations), modes


def _hosts(
    top: TomlTable, lans: scene_network.Lans, services: tuple[KubeService, ...], prober: Prober
) -> tuple[Station, ...]:
    """Hosts of the LAN that are no nodes; the client is one of them where it probes."""
    tables, held, found = top.table("hosts"), _service_addresses(services, lans), []
    names = [*tables] if CLIENT in tables or prober.station != CLIENT else [CLIENT, *tables]
    for number, name in enumerate(names, 1):
        table = tables.table(name) if name in tables else TomlTable(f"hosts.{name}.", CLIENT_HOST)
        found.append(scene_network.station(table, name, number, lans, held, scene_network.ipvs(table), node=False))
        table.done()
    return tuple(found)


def _prober(table: TomlTable) -> Prober:
    made = Prober(
        station=table.text("at", CLIENT),
        interfaces=table.texts("interfaces") or ("eth0",),
        options=table.texts("options"),
        mac_list=table.text("mac_list") if "mac_list" in table else None,
        accepted=table.text("accepted") if "accepted" in table else None,
    )
    table.done()
    return made


def _announcer(table: TomlTable, stations: tuple[Station, ...]) -> Announcer:
    nics = {station.name: {nic.name for nic in station.nics} for station in stations}
    made = Announcer(
        station=table.text("at"),
        ips=table.all_made("ips", ip_address),
        nics=table.texts("nics"),
        mac=table.made("mac", Mac, None),
        source=table.made("source", Mac, None),
        delay=table.seconds("delay", 0.0),
        probes=table.flag("probes", True),
        broadcasts=table.flag("broadcasts", True),
        shape=table.word("shape", Shape, Shape.REPLY),
        from_question=table.integer("from_question", 1),
        until_question=table.integer("until_question") if "until_question" in table else None,
        from_seconds=table.seconds("from", 0.0),
        until_seconds=table.seconds("until", 0.0) if "until" in table else None,
        kind=table.word("kind", AnnouncerKind, AnnouncerKind.METALLB),
        lost_group=table.flag("lost_group", False),
    )
    if made.station not in nics:
        table.fault("at", f"no node or host {made.station!r}")
    if unknown := set(made.nics) - nics[made.station]:
        table.fault("nics", f"{made.station} has no {min(unknown)}")
    table.done()
    return made


def _expectation(table: TomlTable) -> Expectation:
    verdicts, arp, responders = table.table("verdicts"), table.table("arp"), table.table("responders")
    also, reasons = table.table("also"), table.table("reasons")
    made = Expectation(
        exit_code=table.integer("exit"),
        verdicts={target: verdicts.word(target, Verdict) for target in verdicts},
        responders={target: _expected_responders(responders, target) for target in responders},
        arp={node: arp.parsed(node, _arp, arp.text(node)) for node in arp},
        findings=tuple(sorted(table.texts("findings"))),
        gaps=tuple(sorted(table.texts("gaps"))),
        also={target: tuple(sorted(also.all_made(target, AlsoId))) for target in also},
        reasons={target: reasons.parsed(target, _reason, reasons.text(target)) for target in reasons},
        causes=_causes(table.table("causes")) if "causes" in table else None,
        by_chance=tuple(sorted(table.integers("by_chance"))),
    )
    if made.by_chance and made.exit_code not in made.by_chance:
        table.fault("by_chance", f"exit {made.exit_code} is not among them")
    table.done()
    return made


def _reason(text: str) -> ReasonId | None:
    return ReasonId(text) if text else None


def _arp(text: str) -> Arp:
    """0.1.0 wrote `strict` where it is `quiet` now; scenes of that time are still read."""
    if text not in {*Arp, "strict"}:
        raise ValueError(f"{text!r} is none of {', '.join(sorted(Arp))}")
    return Arp.QUIET if text == "strict" else Arp(text)


def _causes(table: TomlTable) -> Mapping[CauseId, str]:
    return {table.parsed(key, CauseId, key): words for key, words in table.all_of(str).items()}


def _expected_responders(table: TomlTable, target: str) -> tuple[ExpectedResponder, ...]:
    """`["worker-1", "?printer"]`, or with the rounds: `{worker-1 = [1], worker-2 = [2, 3]}`."""
    if table.holds_list(target):
        return tuple(ExpectedResponder(station=name) for name in sorted(table.texts(target)))
    inner = table.table(target)
    return tuple(ExpectedResponder(station=name, rounds=inner.integers(name)) for name in sorted(inner))


# --------------------------------------------------------------------------------------------------------------- The cluster

VERSION = "v1.33.4"
ALWAYS = (
    KubeService(namespace="default", name="kubernetes", type="ClusterIP", cluster_ip="10.96.0.1"),
    KubeService(namespace="kube-system", name="kube-dns", type="ClusterIP", cluster_ip="10.96.0.10"),
)
NGINX = {"name": "web/nginx", "ips": ["10.0.0.50"]}
FIRST_CLUSTER_IP = IPv4Address("10.96.0.101")
ALLOCATED = {"metallb.io/ip-allocated-from-pool": "lan"}
"""What MetalLB's controller writes; a Service with `annotations` of its own does not get it."""

DAY = 86400.0


class Protocol(StrEnum):
    """How MetalLB advertises the pool of a Service."""

    LAYER2 = "layer2"
    BGP = "bgp"
    NONE = "none"
    """By no advertisement of its own; a scene may have others among its objects."""


def _read_services(top: TomlTable) -> tuple[KubeService, ...]:
    tables = top.tables("services") if "services" in top else (TomlTable("services[1].", NGINX),)
    return (*ALWAYS, *(_service(table, str(FIRST_CLUSTER_IP + n)) for n, table in enumerate(tables)))


def _service_addresses(found: Sequence[KubeService], lans: scene_network.Lans) -> tuple[Address, ...]:
    """What kube-proxy in IPVS mode binds: ClusterIPs, external IPs, and ingress addresses in VIP mode (`syncProxyRules`
    in pkg/proxy/ipvs/proxier.go); of IPv6 in a cluster that has it."""
    texts = [text for s in found for text in (s.cluster_ip, *(s.ips if s.ip_mode == "VIP" else ())) if text != "None"]
    external = [ip for service in found for ip in service.external_ips]
    addresses = {*map(ip_address, texts), *external}
    return tuple(ip for ip in addresses if lans.ipv6 or isinstance(ip, IPv4Address))


def _read_node(table: TomlTable, station: Station) -> KubeNode:
    """Without a word its only addresses are the first of its NICs, one of each family."""
    own = [str(address.ip) for nic in station.nics for address in nic.addresses][:1]
    own += [str(address.ip) for nic in station.nics for address in nic.addresses6][:1]
    return KubeNode(
        name=station.name,
        addresses=table.texts("internal_ips") if "internal_ips" in table else tuple(own),
        ready=table.flag("ready", True),
        labels=table.mapping("labels", str),
        annotations=table.mapping("annotations", str),
        kube_proxy_age=table.seconds("kube_proxy_age", DAY),
    )


def _read_cluster(
    top: TomlTable, nodes: tuple[KubeNode, ...], found: tuple[KubeService, ...], modes: Mapping[str, Ipvs | None]
) -> Cluster:
    """`modes`: by node; where nothing else is said, kube-proxy's configuration is what they show together."""
    table = top.table("cluster")
    made = Cluster(
        version=table.text("version", VERSION),
        nodes=nodes,
        services=found,
        leases=tuple(_lease(lease) for lease in table.tables("leases")),
        kube_proxy=_kube_proxy(table.table("kube_proxy"), {mode for mode in modes.values() if mode}),
        objects=_objects(table.table("objects")),
        refused=tuple(sorted(table.texts("refused"))),
        agents=_agents(table.table("agents")),
    )
    table.done()
    return made


def _service(table: TomlTable, cluster_ip: str) -> KubeService:
    namespace, _, name = table.text("name").rpartition("/")
    statuses = table.texts("l2_status")
    made = KubeService(
        namespace=namespace or "default",
        name=name,
        type=table.text("type", "LoadBalancer"),
        cluster_ip=table.text("cluster_ip", cluster_ip),
        ips=tuple(map(str, table.all_made("ips", ip_address))),
        hostnames=table.texts("hostnames"),
        ip_mode=table.text("ip_mode", "VIP"),
        external_ips=table.all_made("external_ips", ip_address),
        load_balancer_class=table.text("class") if "class" in table else None,
        traffic_policy=table.text("traffic_policy", "Cluster"),
        annotations=table.mapping("annotations", str) if "annotations" in table else ALLOCATED,
        labels=table.mapping("labels", str),
        l2_status=statuses,
        advertised=table.word("advertised", Protocol, Protocol.LAYER2),
        events=tuple(_event(event) for event in table.tables("events")),
        endpoints=_endpoints(table) if "endpoints" in table else None,
    )
    table.done()
    return made


def _endpoints(table: TomlTable) -> tuple[KubeEndpoint, ...]:
    """The nodes alone, or a table for each endpoint."""
    if table.holds_texts("endpoints"):
        return tuple(KubeEndpoint(node=node) for node in table.texts("endpoints"))
    return tuple(_endpoint(inner) for inner in table.tables("endpoints"))


def _endpoint(table: TomlTable) -> KubeEndpoint:
    ready = table.flag("ready", True)
    made = KubeEndpoint(
        node=table.text("node") if "node" in table else None,
        ready=ready,
        serving=table.flag("serving", ready),
        terminating=table.flag("terminating", False),
        address=table.text("address") if "address" in table else None,
    )
    table.done()
    return made


def _event(table: TomlTable) -> KubeEvent:
    message = table.text("message") if "message" in table else None
    made = KubeEvent(
        node=table.text("node", None if message is None else ""),
        age=table.seconds("age", 60.0),
        protocol=table.text("protocol", "layer2"),
        reason=table.text("reason", "nodeAssigned"),
        message=message,
    )
    table.done()
    return made


def _lease(table: TomlTable) -> KubeLease:
    namespace, _, name = table.text("name").rpartition("/")
    made = KubeLease(
        namespace=namespace or "kube-system",
        name=name,
        holder=table.text("holder"),
        renewed=table.seconds("renewed", 2.0),
        duration=table.integer("duration", 15),
        acquired=table.seconds("acquired", 60 * DAY),
        renews=table.seconds("renews", 0.0) if "renews" in table else None,
    )
    table.done()
    return made


def _kube_proxy(table: TomlTable, modes: set[Ipvs]) -> KubeProxyConfig | None:
    mode = table.text("mode", "ipvs" if modes else "iptables")
    text = table.text("text") if "text" in table else None
    made = KubeProxyConfig(
        mode=mode,
        strict_arp=table.flag("strict_arp", Ipvs.STRICT in modes),
        text=text,
        edited=table.seconds("edited", 30 * DAY),
        restarted=table.seconds("restarted", 0.0) if "restarted" in table else None,
    )
    table.done()
    return None if mode == "none" else made


def _agents(table: TomlTable) -> tuple[Agents, ...]:
    """By the load balancer."""
    return tuple(_agents_of(table.parsed(name, Product, name), table.table(name)) for name in table)


def _agents_of(product: Product, table: TomlTable) -> Agents:
    made = Agents(
        product=product,
        version=table.text("version"),
        args=table.texts("args"),
        env=table.mapping("env", str),
        config=table.mapping("config", str),
        nodes=table.texts("nodes"),
        waiting=table.mapping("waiting", str),
    )
    table.done()
    return made


def _objects(table: TomlTable) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    found = {}
    for resource in table:
        found[resource] = tuple(inner.all_of(object) for inner in table.tables(resource))
    return found
