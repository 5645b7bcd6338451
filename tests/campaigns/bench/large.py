"""A cluster of any size, its objects as an API server sends them: with managedFields, annotations, conditions, and the
images that every node tells. A Service takes about 2 KiB of JSON, a Node about 10 KiB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Object = dict[str, Any]

BORN = "2026-01-01T00:00:00Z"
NAMESPACES = 100
IMAGES = 50
"""What a kubelet tells of at the most (nodeStatusMaxImages)."""
CONDITIONS = ("NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure", "Ready")


def objects(services: int, nodes: int) -> Iterator[Object]:
    """One Service in four is of the type LoadBalancer."""
    yield _service(0, "kubernetes", "default", "10.96.0.1")
    yield from (
        _service(n, f"service-{n:05}", f"team-{n % NAMESPACES:02}", f"10.{97 + (n >> 16)}.{n >> 8 & 255}.{n & 255}")
        for n in range(1, services)
    )
    yield from (_node(n) for n in range(nodes))
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _meta("kube-proxy", "kube-system", {}, {}, [], 0),
        "data": {"config.conf": "mode: ipvs\n"},
    }


def _service(number: int, name: str, namespace: str, address: str) -> Object:
    balanced = number % 4 == 1
    applied = '{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{},"name":"%s","namespace":"%s"},"spec":%s}'
    written = (
        '{"ports":[{"name":"http","port":80,"targetPort":8080}],"selector":{"app.kubernetes.io/name":"shop"},"type":"x"}'
    )
    notes = {
        "kubectl.kubernetes.io/last-applied-configuration": applied % (name, namespace, written),
        "prometheus.io/scrape": "true", "prometheus.io/port": "9090", "meta.helm.sh/release-name": name,
        **({"metallb.io/ip-allocated-from-pool": "lan"} if balanced else {}),
    }  # fmt: skip
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "shop-1.2.3"}
    paths = [
        f"f:{key}"
        for key in (
            "allocateLoadBalancerNodePorts",
            "externalTrafficPolicy",
            "internalTrafficPolicy",
            "ports",
            "selector",
            "sessionAffinity",
            "type",
        )
    ]
    spec = {
        "clusterIP": address, "clusterIPs": [address], "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "type": "LoadBalancer" if balanced else "ClusterIP",
        "selector": {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name},
        "ports": [{"name": f"http-{port}", "port": port, "protocol": "TCP", "targetPort": port} for port in (80, 443)],
    }  # fmt: skip
    ingress = [{"ip": f"192.168.{number >> 8 & 255}.{number & 255}", "ipMode": "VIP"}]
    status = {"loadBalancer": {"ingress": ingress} if balanced else {}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(name, namespace, labels, notes, paths, number),
        "spec": spec,
        "status": status,
    }


def _node(number: int) -> Object:
    name, address = f"worker-{number:04}", f"10.0.{number >> 8}.{number & 255}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": "a",
    }
    notes = {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    paths = [f'f:k:{{"type":"{kind}"}}' for kind in CONDITIONS]
    conditions = [
        {"type": kind, "status": str(kind == "Ready"), "lastHeartbeatTime": BORN, "lastTransitionTime": BORN, "reason": f"Kubelet{kind}", "message": f"kubelet says {kind}"}
        for kind in CONDITIONS
    ]  # fmt: skip
    sizes = {"cpu": "16", "ephemeral-storage": "102350Mi", "hugepages-2Mi": "0", "memory": "65843212Ki", "pods": "110"}
    images = [
        {"names": [f"registry.example/team/image-{n}@sha256:{n:064x}", f"registry.example/team/image-{n}:v1.{n}"], "sizeBytes": 10**7 + n}
        for n in range(IMAGES)
    ]  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": _meta(name, "", labels, notes, paths, number),
        "spec": {"podCIDR": f"10.{128 + (number >> 8)}.{number & 255}.0/24", "podCIDRs": [f"10.{128 + (number >> 8)}.{number & 255}.0/24"]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}], "allocatable": sizes, "capacity": sizes,
            "conditions": conditions, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}, "images": images,
            "nodeInfo": {"architecture": "amd64", "kernelVersion": "6.1.0", "kubeletVersion": "v1.33.4", "kubeProxyVersion": "v1.33.4", "osImage": "Debian GNU/Linux 12"},
        },
    }  # fmt: skip


def _meta(name: str, namespace: str, labels: Object, notes: Object, paths: Sequence[str], number: int) -> Object:
    fields = {
        "f:metadata": {"f:annotations": {f"f:{key}": {} for key in notes}, "f:labels": {f"f:{key}": {} for key in labels}},
        "f:spec": {path: {} for path in paths},
    }
    managed = [
        {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": manager, "operation": "Update", "time": BORN}
        for manager in ("helm", "controller")
    ]  # fmt: skip
    return {
        "name": name, **({"namespace": namespace} if namespace else {}), "uid": f"6f1c2a34-0000-4000-8000-{number:012x}", "creationTimestamp": BORN,
        "resourceVersion": str(10**6 + number), "labels": labels, "annotations": notes, "managedFields": managed,
    }  # fmt: skip
