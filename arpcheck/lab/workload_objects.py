"""The objects of what runs in a scene's cluster: EndpointSlices of its Services, DaemonSets and pods of its load balancers;
and what all objects of a scene have, names, uids and times.

They are as their controllers write them: MetalLB (config/manifests/metallb-native.yaml), Cilium (install/kubernetes/cilium),
kube-vip (pkg/kubevip/config_generator.go)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from arpcheck.lab.scene import Agents, Cluster, KubeEndpoint, KubeService, Product

Object = dict[str, Any]

BORN = timedelta(days=60)
"""The age of the cluster."""


def meta(name: str, namespace: str | None, born: datetime, **more: Any) -> Object:
    """`metadata` with a uid that is the same in every run."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    within = {"namespace": namespace} if namespace else {}
    return {"name": name, **within, "uid": uid, "creationTimestamp": stamp(born), **more}


def stamp(moment: datetime) -> str:
    """metav1.Time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(moment: datetime) -> str:
    """metav1.MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def suffix(*parts: str) -> str:
    """Five letters, as generateName appends them, the same in every run."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:5]


# ---------------------------------------------------------------------------------------------------------------- Workloads

ENDPOINT_SLICES = "endpointslices.discovery.k8s.io"


def workload_resources(cluster: Cluster, now: datetime) -> dict[str, list[Object]]:
    """Empty where the scene says nothing of endpoints and load balancers."""
    found: dict[str, list[Object]] = {}
    if any(service.endpoints is not None for service in cluster.services):
        found[ENDPOINT_SLICES] = [_slice(service, now) for service in cluster.services if service.endpoints]
    if cluster.agents:
        found["daemonsets.apps"] = [_daemon_set(agents, cluster, now) for agents in cluster.agents]
        found["pods"] = [pod for agents in cluster.agents for pod in _pods(agents, cluster, now)]
        found["configmaps"] = [_config_map(agents, now) for agents in cluster.agents if agents.config]
    return found


# ----------------------------------------------------------------------------------------------------------------- Endpoints


def _slice(service: KubeService, now: datetime) -> Object:
    labels = {
        "kubernetes.io/service-name": service.name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta(f"{service.name}-{suffix(service.full_name)}", service.namespace, now - BORN, labels=labels),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "endpoints": [_endpoint(one, number) for number, one in enumerate(service.endpoints or (), 7)],
    }


def _endpoint(one: KubeEndpoint, number: int) -> Object:
    conditions = {"ready": one.ready, "serving": one.serving, "terminating": one.terminating}
    found = {"addresses": [one.address or f"10.244.1.{number}"], "conditions": conditions}
    return {**found, "nodeName": one.node} if one.node else found


# ---------------------------------------------------------------------------------------------- Load balancers on every node

_NAMES = {
    Product.METALLB: ("speaker", "metallb-system", "speaker", "quay.io/metallb/speaker"),
    Product.CILIUM: ("cilium", "kube-system", "cilium-agent", "quay.io/cilium/cilium"),
    Product.KUBE_VIP: ("kube-vip-ds", "kube-system", "kube-vip", "ghcr.io/kube-vip/kube-vip"),
}
"""DaemonSet, namespace, container and image."""

_LABELS = {
    Product.METALLB: {"app": "metallb", "component": "speaker"},
    Product.CILIUM: {"k8s-app": "cilium", "app.kubernetes.io/name": "cilium-agent", "app.kubernetes.io/part-of": "cilium"},
    Product.KUBE_VIP: {"app.kubernetes.io/name": "kube-vip-ds"},
}


def _daemon_set(agents: Agents, cluster: Cluster, now: datetime) -> Object:
    name, namespace, _, _ = _NAMES[agents.product]
    labels, nodes = _LABELS[agents.product], _nodes(agents, cluster)
    ready = len([node for node in nodes if node not in agents.waiting])
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta(name, namespace, now - BORN, labels=labels),
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(agents)},
        },
        "status": {
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(nodes),
            "numberReady": ready,
            "numberUnavailable": len(nodes) - ready,
        },
    }


def _pods(agents: Agents, cluster: Cluster, now: datetime) -> Iterator[Object]:
    for node in _nodes(agents, cluster):
        yield _pod(agents, node, now)


def _nodes(agents: Agents, cluster: Cluster) -> tuple[str, ...]:
    return agents.nodes or tuple(node.name for node in cluster.nodes)


def _pod(agents: Agents, node: str, now: datetime) -> Object:
    name, namespace, container, _ = _NAMES[agents.product]
    waiting = agents.waiting.get(node)
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": stamp(now - BORN)}}
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": name, "controller": True}
    owners = [{**owner, "uid": meta(name, namespace, now)["uid"]}]
    made = meta(
        f"{name}-{suffix(name, node)}", namespace, now - BORN, labels=_LABELS[agents.product], ownerReferences=owners
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": made,
        "spec": {"nodeName": node, **_pod_spec(agents)},
        "status": {
            "phase": "Pending" if waiting else "Running",
            "conditions": [{"type": "Ready", "status": "False" if waiting else "True"}],
            "containerStatuses": [{"name": container, "ready": not waiting, "restartCount": 0, "state": state}],
        },
    }


def _pod_spec(agents: Agents) -> Object:
    _, _, name, image = _NAMES[agents.product]
    container: dict[str, Any] = {"name": name, "image": f"{image}:{agents.version}"}
    if agents.args:
        container["args"] = list(agents.args)
    if agents.env:
        container["env"] = [{"name": variable, "value": value} for variable, value in agents.env.items()]
    return {"hostNetwork": True, "containers": [container]}


def _config_map(agents: Agents, now: datetime) -> Object:
    """Of Cilium alone: its agents read it at their start."""
    metadata = meta("cilium-config", "kube-system", now - BORN)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(agents.config)}
