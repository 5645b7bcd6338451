"""Nothing is sure to keep an address silent that is announced as it should be, whatever the cluster has beside it.

The worlds are the model's. What a load balancer's rules look at and the model does not draw is added here, as it is in a cluster
where nothing is wrong: endpoints, the load balancers' pods, taints, pools for others, and Services that wait for an address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random

import kube_records
from drawing import draw
from promises import healthy
from world import Service, World
from world_campaign import READ_BEFORE
from world_truth import truth

from arpcheck import loadbalancers, pipeline
from arpcheck.lab.workload_objects import Object, meta
from arpcheck.model import Certainty, Reason, ReasonId
from arpcheck.objects import Objects

WORLDS = range(600)
TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
TOLERATION = {"key": TAINT["key"], "operator": "Exists", "effect": "NoSchedule"}
CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
OTHERS = {"namespaceSelectors": [{"matchLabels": {"team": "other"}}]}
AGENTS = {
    "metallb": ("speaker", "metallb-system", "quay.io/metallb/speaker:v0.15.2"),
    "cilium": ("cilium", "kube-system", "quay.io/cilium/cilium:v1.18.4"),
    "kube-vip": ("kube-vip-ds", "kube-system", "ghcr.io/kube-vip/kube-vip:v1.0.1"),
}
VARIABLES = [{"name": "svc_enable", "value": "true"}, {"name": "vip_arp", "value": "true"}]


@cache
def worlds() -> tuple[World, ...]:
    drawn = map(draw, WORLDS)
    return tuple(world for world in drawn if healthy(world, truth(world, 5.0)))


def furnished(world: World, *, endpoints: bool = True) -> Objects:
    """What the API server shows of it before the first frame, with all that a load balancer's rules look at."""
    dice = Random(f"{world.seed} furniture")  # noqa: S311 - a draw, not a secret
    found = kube_records.objects(world, -READ_BEFORE, pipeline.NEEDS)
    served: dict[str, list[Object]] = {what: list(objs) for what, objs in found.resources.items()}
    running = {product: objs for product in AGENTS if (objs := _agents(world, product, dice))}
    for daemon_set, pods in running.values():
        served.setdefault("daemonsets.apps", []).append(daemon_set)
        served.setdefault("pods", []).extend(pods)
    served["endpointslices.discovery.k8s.io"] = [_slice(world, one, dice) for one in world.services] if endpoints else []
    served["nodes"] = [_tainted(node, dice) for node in served.get("nodes", ())]
    served["services"] = [_changed(one, dice) for one in served.get("services", ())]
    if "ipaddresspools.metallb.io" in served:
        served["ipaddresspools.metallb.io"] += _pools(dice)
        served["services"].append(_waiting("metallb", dice))
    if "cilium" in running:
        data = {"enable-l2-announcements": "true", "kube-proxy-replacement": "true"}
        served.setdefault("configmaps", []).append(
            {"metadata": meta("cilium-config", "kube-system", kube_records.START), "data": data}
        )
    kept = {what: tuple(objs) for what, objs in served.items() if what not in world.refused}
    return replace(found, resources=kept)


def _agents(world: World, product: str, dice: Random) -> tuple[Object, list[Object]] | None:
    """Those of a product that serves an address here; None where it has none, and sometimes nothing shows them."""
    if not any(one.kind.startswith(product) for one in world.services) or dice.random() < 0.2:
        return None
    name, space, image = AGENTS[product]
    container: Object = {"name": name, "image": image} | ({"env": VARIABLES} if product == "kube-vip" else {})
    spec = {"containers": [container], "tolerations": [TOLERATION]}
    ready = [node for node, about in world.nodes.items() if about.ready]
    daemon_set = {
        "metadata": meta(name, space, kube_records.START),
        "spec": {"template": {"spec": spec}},
        "status": {"desiredNumberScheduled": len(world.nodes), "numberReady": len(ready)},
    }
    return daemon_set, [_pod(f"{name}-{node}", space, node, container, node in ready) for node in world.nodes]


def _pod(name: str, space: str, node: str, container: Object, ready: bool) -> Object:
    return {
        "metadata": meta(name, space, kube_records.START, labels={"k8s-app": "cilium"}),
        "spec": {"nodeName": node, "containers": [container]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def _slice(world: World, service: Service, dice: Random) -> Object:
    """A ready endpoint on every node that announces the address at some time, and others in whatever condition."""
    leading = {lead.machine for lead in service.leads if lead.machine in world.nodes}
    chosen = sorted({*leading, dice.choice(list(world.nodes))})
    found = [_endpoint(node, True, number) for number, node in enumerate(chosen, 1)]
    found += [_endpoint(node, dice.random() < 0.5, number) for number, node in enumerate(world.nodes, 20)]
    labels = {"kubernetes.io/service-name": service.name}
    metadata = meta(f"{service.name}-x", service.namespace, kube_records.START, labels=labels)
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": found}


def _endpoint(node: str, ready: bool, number: int) -> Object:
    conditions = {"ready": ready, "serving": ready, "terminating": False}
    return {"addresses": [f"10.244.0.{number}"], "nodeName": node, "conditions": conditions}


def _tainted(node: Object, dice: Random) -> Object:
    taints = [taint for taint in (TAINT, CORDONED) if dice.random() < 0.3]
    return {**node, "spec": {**node["spec"], "taints": taints}}


def _changed(service: Object, dice: Random) -> Object:
    """Some have policy Local, which their endpoints allow."""
    local = service["spec"]["type"] == "LoadBalancer" and dice.random() < 0.4
    return {**service, "spec": {**service["spec"], "externalTrafficPolicy": "Local"}} if local else service


def _pools(dice: Random) -> Iterator[Object]:
    """One that has room for all, and others that are for some."""
    for name, spec in (
        ("room", {"addresses": ["10.200.0.0/24"]}),
        ("asked", {"addresses": ["10.201.0.0/32"], "autoAssign": False}),
        ("others", {"addresses": ["10.202.0.1-10.202.0.2"], "serviceAllocation": OTHERS}),
    ):
        if name == "room" or dice.random() < 0.5:
            yield {"metadata": meta(name, kube_records.METALLB, kube_records.START), "spec": spec}


def _waiting(name: str, dice: Random) -> Object:
    """A Service that will get its address in a moment."""
    asked = dice.choice([{}, {"metallb.io/address-pool": "room"}, {"metallb.io/loadBalancerIPs": "10.200.0.9"}])
    return {
        "metadata": meta(f"waits-for-{name}", "default", kube_records.START) | {"annotations": asked},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"]},
        "status": {"loadBalancer": {}},
    }


def sure(world: World, found: Objects) -> list[tuple[int, str, Reason]]:
    """The seed, the Service and the reason."""
    at, said = kube_records.at(world, -READ_BEFORE), []
    for service in found.services():
        if service.type != "LoadBalancer":
            continue
        reasons = list(loadbalancers.unallocated(service, found, at) if not service.ingress else ())
        for entry in service.ingress:
            reasons += loadbalancers.reasons(service, entry.ip, found, at)
        said += [(world.seed, service.full_name, one) for one in reasons if one.certainty is Certainty.SURE]
    return said


def test_no_reason_is_sure_where_nothing_is_wrong() -> None:
    assert len(worlds()) > 100
    assert [one for world in worlds() for one in sure(world, furnished(world))] == []


def test_a_sure_reason_would_be_seen() -> None:
    """The same worlds, and no Service has an endpoint."""
    ids = {one.id for world in worlds() for _, _, one in sure(world, furnished(world, endpoints=False))}
    assert ReasonId.NO_READY_ENDPOINT in ids


def test_every_load_balancer_of_the_model_is_among_them() -> None:
    kinds = {one.kind for world in worlds() for one in world.services}
    assert kinds >= {"metallb", "metallb-event", "cilium", "kube-vip", "kube-vip-common", "purelb", "avi", "unknown"}
