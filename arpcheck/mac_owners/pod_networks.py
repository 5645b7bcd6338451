"""MAC addresses of tunnels and pods, and the nodes' addresses in the pod network, from annotations of CNIs.

These MAC addresses never identify a NIC; the report explains them. weave-net is not read, since its peer names are in a
ConfigMap that nothing else needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

from arpcheck.mac_owners.addresses import decoded, service_addresses, station
from arpcheck.model import Address, Mac, Need
from arpcheck.objects import Node, Objects, ipv4, text, texts

CALICO_POD = Mac("ee:ee:ee:ee:ee:ee")
"""Felix gives it to the host end of every pod, on every node."""

_PLAIN = (
    ("projectcalico.org/VXLANTunnelMACAddr", "Calico's VXLAN tunnel"),
    ("ovn.kubernetes.io/mac_address", "Kube-OVN's ovn0"),
    ("k8s.ovn.org/node-mgmt-port-mac-address", "OVN-Kubernetes' management port"),
)
_FLANNEL = ("flannel.alpha.coreos.com/backend-data", "flannel.alpha.coreos.com/backend-v6-data")
_BY_NETWORK = "k8s.ovn.org/node-mgmt-port-mac-addresses"

OVERLAY_NEEDS: tuple[Need, ...] = (
    Need(
        resource="nodes",
        costs="a tunnel's MAC address cannot be told from a NIC's",
        fields=tuple(f"metadata annotations {key}" for key in (*(key for key, _ in _PLAIN), *_FLANNEL, _BY_NETWORK)),
    ),
)


def overlays(objects: Objects) -> Mapping[Mac, str]:
    """Each such MAC address with its meaning: "flannel's tunnel on worker-1"; of several nodes the first by name."""
    return objects.memo(__name__, lambda: _overlays(objects))


def _overlays(objects: Objects) -> Mapping[Mac, str]:
    found = {CALICO_POD: "Calico's end of a pod, the same on every node"}
    for node in objects.nodes():
        for value, what in _written(node):
            if mac := station(value):
                found.setdefault(mac, f"{what} on {node.name}")
    return found


def _written(node: Node) -> Iterable[tuple[object, str]]:
    for key, what in _PLAIN:
        yield node.annotations.get(key), what
    for key in _FLANNEL:
        yield text(decoded(node, key), "VtepMAC"), "flannel's tunnel"
    networks = decoded(node, _BY_NETWORK)
    for mac in networks.values() if isinstance(networks, Mapping) else ():
        yield mac, "OVN-Kubernetes' management port"


# ------------------------------------------------------------------------------- The address of each node in the pod network

_ANNOTATIONS = (
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "network.cilium.io/ipv4-cilium-host",
    "io.cilium.network.ipv4-cilium-host",
)
"""Calico's tunnel device; Cilium's cilium_host, by its names since and before 1.13."""

GATEWAY_NEEDS = (
    Need(
        resource="nodes",
        costs="it is unknown whether a quiet node is strict or just holds no Service address",
        fields=("spec podCIDR", "spec podCIDRs", *(f"metadata annotations {key}" for key in _ANNOTATIONS)),
    ),
)


def pod_gateways(objects: Objects) -> Mapping[str, tuple[Address, ...]]:
    """By node: the first address of its IPv4 pod CIDR (cni0 of the bridge CNIs), and the addresses in annotations."""
    services = service_addresses(objects)
    return {node.name: tuple(ip for ip in _gateways(node) if ip not in services) for node in objects.nodes()}


def _gateways(node: Node) -> tuple[Address, ...]:
    named = (ipv4(node.annotations.get(key)) for key in _ANNOTATIONS)
    cidrs = texts(node.raw, "spec", "podCIDRs") or (text(node.raw, "spec", "podCIDR"),)
    return tuple(dict.fromkeys(ip for ip in (*named, *map(_first, cidrs)) if ip))


def _first(cidr: str) -> Address | None:
    try:
        network = IPv4Network(cidr)
    except ValueError:
        return None
    return network[1] if network.num_addresses > 2 else None
