"""What the API server shows of a world at a moment: what each load balancer writes of its announcer, and how that lags.

Written as the implementations write it (metallb layer2_status_controller.go, speaker/main.go; cilium l2announcer.go;
kube-vip pkg/lease; purelb announcer_local.go). A Lease's renewTime is by its holder's clock, everything else by the
server's. The world is asked who leads; nothing is read of who answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from world import Service, World

from arpcheck.lab import cluster_objects
from arpcheck.lab.scene import Cluster, KubeNode, KubeProxyConfig
from arpcheck.lab.workload_objects import BORN, Object, meta, micro, stamp, suffix
from arpcheck.model import Gap
from arpcheck.objects import Objects

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""The API server's time of the first question, where the world does not say another."""

STATUS_LAGS = 1.5
"""Seconds until a speaker's ServiceL2Status says what it does."""

EVENTS_LAST = 3600.0
"""Seconds that the API server keeps an event."""

RENEWED_EVERY = 3.0
"""Seconds; of a shorter Lease half of its length."""

VERSION = "v1.33.4"
METALLB = "metallb-system"
CLASSES = {
    "cilium-class": "io.cilium/l2-announcer",
    "external-class": "example.com/appliance",
    "avi": "ako.vmware.com/avi-lb",
}


def at(world: World, seconds: float) -> datetime:
    """The API server's time so many seconds after the first question."""
    return (world.start or START) + timedelta(seconds=seconds)


def objects(world: World, now: float, needs: Any) -> Objects:
    """The cluster as it is read `now` seconds after the first question."""
    served = _resources(world, now)
    costs = {what: [need.costs for need in needs if need.resource == what] for what in world.refused}
    ahead = (
        {"server_ahead": round(-world.prober.clock)} if "server_ahead" in {field.name for field in fields(Objects)} else {}
    )
    return Objects(
        resources={what: tuple(found) for what, found in served.items() if what not in world.refused},
        gaps=tuple(Gap(what=what, why="forbidden", costs="; ".join(said)) for what, said in costs.items() if said),
        context="drawn",
        version=VERSION,
        read_at=at(world, now + world.prober.clock),
        **ahead,
    )


def _resources(world: World, now: float) -> dict[str, list[Object]]:
    served: dict[str, list[Object]] = {
        "services": [
            _cluster_service("default", "kubernetes", str(world.canary)),
            *(_service(world, s, now) for s in world.services),
        ],
        "nodes": [_node(world, name) for name in world.nodes],
        "events": list(_events(world, now)),
        "leases.coordination.k8s.io": list(_leases(world, now)),
        **_kube_proxy(world, now),
    }
    if any(service.kind.startswith("metallb") for service in world.services):
        served |= _metallb(world, now)
    if world.nic_states:
        served["nodenetworkstates.nmstate.io"] = [_nic_state(world, *state, now) for state in world.nic_states]
    if any(service.kind == "cilium" for service in world.services):
        served["ciliuml2announcementpolicies.cilium.io"] = [
            {
                "apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
                "metadata": meta("lan", None, at(world, now) - BORN), "spec": {"loadBalancerIPs": True},
            }
        ]  # fmt: skip
    return served


# ------------------------------------------------------------------------------------------------- Services and Nodes


def _cluster_service(namespace: str, name: str, ip: str) -> Object:
    spec = {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 443, "protocol": "TCP"}]}
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": meta(name, namespace, START - BORN), "spec": spec,
        "status": {"loadBalancer": {}},
    }  # fmt: skip


def _service(world: World, service: Service, now: float) -> Object:
    annotations = {**_annotations(world, service, now), **service.notes}
    found = _cluster_service(service.namespace, service.name, str(service.cluster_ip))
    found["metadata"]["annotations"] = annotations
    found["spec"] |= {"type": "LoadBalancer", "externalTrafficPolicy": "Cluster"}
    if service.kind in CLASSES:
        found["spec"]["loadBalancerClass"] = CLASSES[service.kind]
    found["status"] = {"loadBalancer": {"ingress": [{"ip": str(service.ip), "ipMode": "VIP"}]}}
    if service.kind == "cilium":
        found["status"]["conditions"] = [{"type": "cilium.io/IPAMRequestSatisfied", "status": "True"}]
    return found


def _annotations(world: World, service: Service, now: float) -> dict[str, str]:
    leader = service.leader(now - STATUS_LAGS)
    match service.kind:
        case "metallb" | "metallb-event" | "metallb-bare" | "metallb-bgp":
            return {"metallb.io/ip-allocated-from-pool": "bgp" if service.kind == "metallb-bgp" else "lan"}
        case "kube-vip" | "kube-vip-common":
            found = {"kube-vip.io/loadbalancerIPs": str(service.ip)}
            first = next((lead.machine for lead in service.leads if lead.machine), None)
            return found | ({"kube-vip.io/vipHost": leader or first} if (leader or first) else {})
        case "purelb":
            entry = {"purelb.io/announcing-IPv4": f"{leader},eth0,{service.ip}"} if leader else {}
            return {"purelb.io/allocated-by": "PureLB", "purelb.io/pool-type": "local", **entry}
        case "purelb-remote":
            return {"purelb.io/allocated-by": "PureLB", "purelb.io/pool-type": "remote"}
        case _:
            return {}


def _node(world: World, name: str) -> Object:
    node = world.nodes[name]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(name, None, START - BORN, labels={"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}),
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": str(node.ip)}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": "True" if node.ready else "Unknown"}],
            "nodeInfo": {"kubeletVersion": VERSION, "kubeProxyVersion": VERSION},
        },
    }


def _nic_state(world: World, node: str, nics: list[tuple[str, Any]], age: float, now: float) -> Object:
    interfaces = [{"name": name, "type": "ethernet", "mac-address": str(mac).upper(), "state": "up"} for name, mac in nics]
    return {
        "apiVersion": "nmstate.io/v1beta1", "kind": "NodeNetworkState", "metadata": meta(node, None, START - BORN),
        "status": {"lastSuccessfulUpdateTime": stamp(at(world, min(now, 0) - age)), "currentState": {"interfaces": interfaces}},
    }  # fmt: skip


def _kube_proxy(world: World, now: float) -> dict[str, list[Object]]:
    nodes = tuple(
        KubeNode(name=name, addresses=(str(node.ip),), ready=node.ready, kube_proxy_age=node.kube_proxy_age)
        for name, node in world.nodes.items()
    )
    config = world.kube_proxy and KubeProxyConfig(
        mode=world.kube_proxy[0], strict_arp=world.kube_proxy[1], edited=3 * 86400.0
    )
    return cluster_objects.kube_proxy_resources(
        Cluster(version=VERSION, nodes=nodes, services=(), kube_proxy=config), at(world, now)
    )


# --------------------------------------------------------------------------------------------- who is said to announce


def _events(world: World, now: float) -> Iterator[Object]:
    for service in world.services:
        if service.kind not in ("metallb", "metallb-event"):
            continue
        for lead in service.leads:
            gone = service.long_ago and lead.start <= -EVENTS_LAST
            if lead.machine and lead.start <= now and not gone:
                since = Random(f"{world.seed} {service.name} event").uniform(60, 3000)  # noqa: S311 - a draw, not a secret
                yield _event(service, lead.machine, at(world, max(lead.start, -since)))
    for service, node, age in world.events:
        yield _event(service, node, at(world, -age))


def _event(service: Service, node: str, seen: datetime) -> Object:
    about = {"apiVersion": "v1", "kind": "Service", "namespace": service.namespace, "name": service.name}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(f"{service.name}.{suffix(node, stamp(seen))}", service.namespace, seen),
        "involvedObject": about,
        "type": "Normal",
        "reason": "nodeAssigned",
        "message": f'announcing from node "{node}" with protocol "layer2"',
        "source": {"component": "metallb-speaker"},
        "count": 1,
        "firstTimestamp": stamp(seen),
        "lastTimestamp": stamp(seen),
    }


def _leases(world: World, now: float) -> Iterator[Object]:
    for name, node in world.nodes.items():
        renewed = now - 5 if node.ready else min(now, 0) - 3600
        yield _lease(world, "kube-node-lease", name, name, acquired=-9e6, renewed=renewed + node.clock, seconds=40)
    common: set[str] = set()
    for service in world.services:
        for lead in service.leads:
            if not lead.machine or not lead.start <= now < lead.end or lead.machine not in world.nodes:
                continue
            clock = world.nodes[lead.machine].clock
            if service.kind in ("cilium", "cilium-class"):
                space, name = "kube-system", f"cilium-l2announce-{service.namespace}-{service.name}"
            elif service.kind == "kube-vip":
                space, name = service.namespace, f"kubevip-{service.name}"
            elif service.kind == "kube-vip-common" and "common" not in common:
                space, name = "kube-system", "plndr-svcs-lock"
                common.add("common")
            else:
                continue
            acquired = max(lead.start, -3e6)
            every = min(RENEWED_EVERY, world.lease_seconds / 2)
            phase = Random(f"{world.seed} {service.name} renewed").uniform(0, every)  # noqa: S311 - a draw, not a secret
            renewed = max(acquired, now - (now + phase) % every)
            yield _lease(
                world,
                space,
                name,
                lead.machine,
                acquired=acquired + clock,
                renewed=renewed + clock,
                seconds=world.lease_seconds,
            )
    for lease in world.leases:
        age = float(str(lease["renewed"]))
        renewed = now - 1.0 if lease.get("alive") else -age
        yield _lease(
            world,
            str(lease["namespace"]),
            str(lease["name"]),
            str(lease["holder"]),
            acquired=-3e6,
            renewed=renewed,
            seconds=15,
        )


def _lease(world: World, namespace: str, name: str, holder: str, *, acquired: float, renewed: float, seconds: int) -> Object:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": meta(name, namespace, START - BORN),
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "acquireTime": micro(at(world, acquired)),
            "renewTime": micro(at(world, renewed)),
            "leaseTransitions": 1,
        },
    }


def _metallb(world: World, now: float) -> dict[str, list[Object]]:
    by_pool: dict[str, list[str]] = {}
    statuses: list[Object] = []
    for service in world.services:
        if service.kind.startswith("metallb"):
            by_pool.setdefault("bgp" if service.kind == "metallb-bgp" else "lan", []).append(f"{service.ip}/32")
        if service.kind != "metallb":
            continue
        for lead in service.leads:
            if lead.machine and lead.start + STATUS_LAGS <= now < lead.end + STATUS_LAGS:
                statuses.append(_status(world, service, lead.machine, max(lead.start + STATUS_LAGS, -3e6)))
    statuses += [_status(world, service, node, -age) for service, node, age in world.statuses]

    def made(kind: str, name: str, spec: Object) -> Object:
        return {
            "apiVersion": "metallb.io/v1beta1",
            "kind": kind,
            "metadata": meta(name, METALLB, START - BORN),
            "spec": spec,
        }

    adverts = {"L2Advertisement": "lan", "BGPAdvertisement": "bgp"}
    return {
        "servicel2statuses.metallb.io": statuses,
        "ipaddresspools.metallb.io": [made("IPAddressPool", pool, {"addresses": ips}) for pool, ips in by_pool.items()],
        **{
            f"{kind.lower()}s.metallb.io": [made(kind, pool, {"ipAddressPools": [pool]})] if pool in by_pool else []
            for kind, pool in adverts.items()
        },
    }


def _status(world: World, service: Service, node: str, born: float) -> Object:
    labels = {
        "metallb.io/node": node,
        "metallb.io/service-name": service.name,
        "metallb.io/service-namespace": service.namespace,
    }
    return {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "ServiceL2Status",
        "metadata": meta(f"l2-{suffix(service.full_name, node)}", METALLB, at(world, born), labels=labels),
        "spec": {},
        "status": {"node": node, "serviceName": service.name, "serviceNamespace": service.namespace},
    }
