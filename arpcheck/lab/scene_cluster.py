"""What the API shows, from a scene file: Services, Node objects, leases, kube-proxy's configuration, refused resources.

Knows no network: which addresses a Node object has is told by the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Any

from arpcheck.lab.scene import Cluster, Ipvs, KubeEvent, KubeLease, KubeNode, KubeProxyConfig, KubeService, Station
from arpcheck.lab.scene_network import TomlTable

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


def services(top: TomlTable) -> tuple[KubeService, ...]:
    tables = top.tables("services") if "services" in top else (TomlTable("services[1].", NGINX),)
    return (*ALWAYS, *(_service(table, str(FIRST_CLUSTER_IP + n)) for n, table in enumerate(tables)))


def addresses(found: Sequence[KubeService]) -> tuple[IPv4Address, ...]:
    """What kube-proxy in IPVS mode binds: ClusterIPs, external IPs, and ingress addresses in VIP mode (`syncProxyRules`
    in pkg/proxy/ipvs/proxier.go)."""
    texts = [text for s in found for text in (s.cluster_ip, *(s.ips if s.ip_mode == "VIP" else ())) if text != "None"]
    external = [ip for service in found for ip in service.external_ips]
    return tuple(sorted({ip for text in texts if isinstance(ip := ip_address(text), IPv4Address)}.union(external)))


def node(table: TomlTable, station: Station) -> KubeNode:
    """Without a word its only address is the first of its NICs."""
    own = [str(address.ip) for nic in station.nics for address in nic.addresses][:1]
    return KubeNode(
        name=station.name,
        addresses=table.texts("internal_ips") if "internal_ips" in table else tuple(own),
        ready=table.flag("ready", True),
        labels=table.mapping("labels", str),
        annotations=table.mapping("annotations", str),
        kube_proxy_age=table.seconds("kube_proxy_age", DAY),
    )


def cluster(
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
        external_ips=table.all_made("external_ips", IPv4Address),
        load_balancer_class=table.text("class") if "class" in table else None,
        traffic_policy=table.text("traffic_policy", "Cluster"),
        annotations=table.mapping("annotations", str) if "annotations" in table else ALLOCATED,
        labels=table.mapping("labels", str),
        l2_status=statuses,
        advertised=table.word("advertised", Protocol, Protocol.LAYER2),
        events=tuple(_event(event) for event in table.tables("events")),
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


def _objects(table: TomlTable) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    found = {}
    for resource in table:
        found[resource] = tuple(inner.all_of(object) for inner in table.tables(resource))
    return found
