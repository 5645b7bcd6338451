"""The Kubernetes objects of a scene, as the API server would give them: read them as `kubectl get … -o json` prints them.

Times are counted back from a `now` that is handed in. Knows no network; what is refused is left out here and refused by
whoever serves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from arpcheck.lab.scene import Cluster, KubeEvent, KubeLease, KubeNode, KubeProxyConfig, KubeService, Scene
from arpcheck.lab.workload_objects import BORN, Object, meta, micro, stamp, suffix, workload_resources
from arpcheck.model import Gap, Need
from arpcheck.objects import Objects

# ----------------------------------------------------------------------------------------- kube-proxy as kubeadm installs it

KUBE_PROXY_NAMESPACE, KUBE_PROXY = "kube-system", "kube-proxy"
KUBE_PROXY_LABELS = {"k8s-app": "kube-proxy"}

KUBE_PROXY_CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
clusterCIDR: 10.244.0.0/16
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
{strict}  syncPeriod: 0s
kind: KubeProxyConfiguration
metricsBindAddress: ""
mode: {mode}
"""


def kube_proxy_resources(cluster: Cluster, now: datetime) -> dict[str, list[Object]]:
    """The three lists, empty where the cluster has no such objects."""
    config = cluster.kube_proxy
    return {
        "configmaps": [_config_map(config, now)] if config else [],
        "daemonsets.apps": [_daemon_set(cluster, now)] if config else [],
        "pods": [_pod(node, cluster, now) for node in cluster.nodes] if config else [],
    }


def _config_map(config: KubeProxyConfig, now: datetime) -> Object:
    strict = "" if config.strict_arp is None else f"  strictARP: {str(config.strict_arp).lower()}\n"
    written = KUBE_PROXY_CONFIG.format(mode=config.mode or '""', strict=strict)
    edited = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "apiVersion": "v1",
        "time": stamp(now - timedelta(seconds=config.edited)),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:config.conf": {}}},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(KUBE_PROXY, KUBE_PROXY_NAMESPACE, now - BORN, labels={"app": KUBE_PROXY}, managedFields=[edited]),
        "data": {"config.conf": config.text or written},
    }


def _daemon_set(cluster: Cluster, now: datetime) -> Object:
    count = len(cluster.nodes)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta(KUBE_PROXY, KUBE_PROXY_NAMESPACE, now - BORN, labels=KUBE_PROXY_LABELS, generation=1),
        "spec": {
            "selector": {"matchLabels": KUBE_PROXY_LABELS},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": _template_metadata(cluster, now), "spec": _pod_spec(cluster)},
        },
        "status": {
            "desiredNumberScheduled": count,
            "currentNumberScheduled": count,
            "updatedNumberScheduled": count,
            "numberAvailable": count,
            "numberReady": count,
            "observedGeneration": 1,
        },
    }


def _template_metadata(cluster: Cluster, now: datetime) -> Object:
    if cluster.kube_proxy is None or cluster.kube_proxy.restarted is None:
        return {"labels": KUBE_PROXY_LABELS}
    at = stamp(now - timedelta(seconds=cluster.kube_proxy.restarted))
    return {"labels": KUBE_PROXY_LABELS, "annotations": {"kubectl.kubernetes.io/restartedAt": at}}


def _pod(node: KubeNode, cluster: Cluster, now: datetime) -> Object:
    started = stamp(now - timedelta(seconds=node.kube_proxy_age))
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": KUBE_PROXY, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(
            f"{KUBE_PROXY}-{suffix(node.name)}",
            KUBE_PROXY_NAMESPACE,
            now - timedelta(seconds=node.kube_proxy_age),
            labels=KUBE_PROXY_LABELS,
            ownerReferences=[{**owner, "uid": meta(KUBE_PROXY, KUBE_PROXY_NAMESPACE, now)["uid"]}],
        ),
        "spec": {"nodeName": node.name, **_pod_spec(cluster)},
        "status": {
            "phase": "Running",
            "startTime": started,
            "containerStatuses": [{"name": KUBE_PROXY, "ready": True, "state": {"running": {"startedAt": started}}}],
        },
    }


def _pod_spec(cluster: Cluster) -> Object:
    command = ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)"]
    return {
        "hostNetwork": True,
        "containers": [
            {
                "name": KUBE_PROXY,
                "image": f"registry.k8s.io/kube-proxy:{cluster.version}",
                "command": command,
                "volumeMounts": [{"name": KUBE_PROXY, "mountPath": "/var/lib/kube-proxy"}],
            }
        ],
        "volumes": [{"name": KUBE_PROXY, "configMap": {"name": KUBE_PROXY}}],
    }


# ---------------------------------------------------------------------------------------------------- All objects of a scene

CONTEXT = "lab"
"""Of the kubeconfig."""

METALLB = "metallb-system"
METALLB_API = "metallb.io/v1beta1"
METALLB_KINDS = ("ServiceL2Status", "IPAddressPool", "L2Advertisement", "BGPAdvertisement")
METALLB_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")


def resources(scene: Scene, now: datetime) -> dict[str, list[Object]]:
    """Every list that the API server serves, by the resource as kubectl names it; an empty one is served and empty."""
    cluster = scene.cluster
    found: dict[str, list[Object]] = {
        "services": [_service(service, now) for service in cluster.services],
        "nodes": [_node_object(node, cluster, now) for node in cluster.nodes],
        "events": [_event(s, event, now) for s in cluster.services for event in s.events],
        "leases.coordination.k8s.io": [_lease(lease, now) for lease in (*map(_heartbeat, cluster.nodes), *cluster.leases)],
        **kube_proxy_resources(cluster, now),
        **(_metallb(cluster, now) if _has_metallb(cluster) else {}),
    }
    for resource, made in workload_resources(cluster, now).items():
        found.setdefault(resource, []).extend(made)
    for resource, objects in cluster.objects.items():
        found.setdefault(resource, []).extend(dict(obj) for obj in objects)
    return found


def kinds(scene: Scene) -> tuple[str, ...]:
    """Group, version and kind of what is served and may be empty, beside what every server serves."""
    return tuple(f"{METALLB_API}/{kind}" for kind in METALLB_KINDS) if _has_metallb(scene.cluster) else ()


def objects(scene: Scene, now: datetime, needs: Iterable[Need]) -> Objects:
    """As a reader who may not read `scene.cluster.refused` has them, but whole: nothing is cut down to the needs."""
    served = resources(scene, now)
    lost = {what: [need.costs for need in needs if need.resource == what] for what in scene.cluster.refused}
    return Objects(
        resources={what: tuple(found) for what, found in served.items() if what not in lost},
        gaps=tuple(
            Gap(what=what, why="forbidden", costs="; ".join(dict.fromkeys(costs))) for what, costs in lost.items() if costs
        ),
        context=CONTEXT,
        version=scene.cluster.version,
        read_at=now,
    )


def _service(service: KubeService, now: datetime) -> Object:
    spec: Object = {
        "type": service.type,
        "clusterIP": service.cluster_ip,
        "clusterIPs": [service.cluster_ip],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}],
        "internalTrafficPolicy": "Cluster",
    }
    if service.external_ips:
        spec["externalIPs"] = [str(ip) for ip in service.external_ips]
    if service.type == "LoadBalancer":
        spec["externalTrafficPolicy"] = service.traffic_policy
    if service.load_balancer_class:
        spec["loadBalancerClass"] = service.load_balancer_class
    labels = dict(service.labels) | ({"k8s-app": "kube-dns"} if service.name == "kube-dns" else {})
    notes = dict(service.annotations) if service.type == "LoadBalancer" else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(service.name, service.namespace, now - BORN, labels=labels, annotations=notes),
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress} if (ingress := list(_ingress(service))) else {}},
    }


def _ingress(service: KubeService) -> Iterator[Object]:
    yield from ({"ip": ip, "ipMode": service.ip_mode} for ip in service.ips)
    yield from ({"hostname": hostname} for hostname in service.hostnames)


def _node_object(node: KubeNode, cluster: Cluster, now: datetime) -> Object:
    addresses = [{"type": "InternalIP", "address": address} for address in node.addresses]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(
            node.name,
            None,
            now - BORN,
            labels={"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", **node.labels},
            annotations=dict(node.annotations),
        ),
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "addresses": [*addresses, {"type": "Hostname", "address": node.name}],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if node.ready else "Unknown",
                    "lastTransitionTime": stamp(now - BORN),
                    "reason": "KubeletReady" if node.ready else "NodeStatusUnknown",
                }
            ],
            "nodeInfo": {"kubeletVersion": cluster.version, "kubeProxyVersion": cluster.version},
        },
    }


def _event(service: KubeService, event: KubeEvent, now: datetime) -> Object:
    seen = now - timedelta(seconds=event.age)
    about = {"apiVersion": "v1", "kind": "Service", "namespace": service.namespace, "name": service.name}
    name = f"{service.name}.{suffix(service.full_name, event.node, event.protocol, str(event.age))}"
    said = event.message
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(name, service.namespace, seen),
        "involvedObject": {**about, "uid": meta(service.name, service.namespace, now)["uid"]},
        "type": "Warning" if event.reason == "announceFailed" else "Normal",
        "reason": event.reason,
        "message": f'announcing from node "{event.node}" with protocol "{event.protocol}"' if said is None else said,
        "source": {"component": "metallb-speaker"},
        "count": 1,
        "firstTimestamp": stamp(seen),
        "lastTimestamp": stamp(seen),
    }


def _heartbeat(node: KubeNode) -> KubeLease:
    """The kubelet's own lease, which every cluster has."""
    renewed = 5.0 if node.ready else 3600.0
    return KubeLease(namespace="kube-node-lease", name=node.name, holder=node.name, renewed=renewed, duration=40)


def _lease(lease: KubeLease, now: datetime) -> Object:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": meta(lease.name, lease.namespace, now - BORN),
        "spec": {
            "holderIdentity": lease.holder,
            "leaseDurationSeconds": lease.duration,
            "acquireTime": micro(now - timedelta(seconds=lease.acquired)),
            "renewTime": renewed(now - timedelta(seconds=lease.renewed)),
            "leaseTransitions": 1,
        },
    }


def renewed(moment: datetime) -> str:
    """`renewTime` of a Lease that is renewed at this moment."""
    return micro(moment)


# ---------------------------------------------------------------------------------------------------------- MetalLB


def _has_metallb(cluster: Cluster) -> bool:
    return any(s.l2_status or set(METALLB_POOL) & set(s.annotations) for s in cluster.services)


def _cidrs(given: Iterable[str]) -> list[str]:
    """The fewest that hold exactly these addresses, as people write a pool."""
    hosts = [ip_network(ip) for ip in given]
    four = collapse_addresses(host for host in hosts if isinstance(host, IPv4Network))
    six = collapse_addresses(host for host in hosts if isinstance(host, IPv6Network))
    return [str(network) for network in (*four, *six)]


def _metallb(cluster: Cluster, now: datetime) -> dict[str, list[Object]]:
    """Pools of all addresses that it gave out, advertised at layer 2 from every node or by BGP (api/v1beta1 at v0.16)."""
    pools: dict[str, list[str]] = {}
    by: dict[str, str] = {}
    for service in cluster.services:
        for key in METALLB_POOL:
            if pool := service.annotations.get(key):
                pools.setdefault(pool, []).extend(service.ips)
                by[pool] = service.advertised
    return {
        "servicel2statuses.metallb.io": [_l2_status(s, node, now) for s in cluster.services for node in s.l2_status],
        "ipaddresspools.metallb.io": [
            _metallb_object("IPAddressPool", pool, now, {"addresses": _cidrs(given), "autoAssign": True})
            for pool, given in pools.items()
        ],
        **{
            f"{kind.lower()}s.metallb.io": [
                _metallb_object(kind, pool, now, {"ipAddressPools": [pool]}) for pool in pools if by[pool] == protocol
            ]
            for kind, protocol in (("L2Advertisement", "layer2"), ("BGPAdvertisement", "bgp"))
        },
    }


def _metallb_object(kind: str, name: str, now: datetime, spec: Mapping[str, Any], **more: Any) -> Object:
    metadata = meta(name, METALLB, now - BORN, **more)
    return {"apiVersion": METALLB_API, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def _l2_status(service: KubeService, node: str, now: datetime) -> Object:
    labels = {
        "metallb.io/node": node,
        "metallb.io/service-name": service.name,
        "metallb.io/service-namespace": service.namespace,
    }
    name = f"l2-{suffix(service.full_name, node)}"
    status = {"node": node, "serviceName": service.name, "serviceNamespace": service.namespace}
    return _metallb_object("ServiceL2Status", name, now, {}, labels=labels) | {"status": status}
