"""An address on each node that the node holds on an inner interface: its end of the pod network.

A kernel that answers for it on the LAN answers for any address it has, so where the canary is silent beside it, the
node holds no Service address; where both are silent, the kernel is strict (net/ipv4/arp.c, arp_ignore). Knows the
CNIs' ways to write it down, nothing of what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from arpcheck.mac_owners.addresses import service_addresses
from arpcheck.model import Need
from arpcheck.objects import Node, Objects, ipv4, text, texts

_ANNOTATIONS = (
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "network.cilium.io/ipv4-cilium-host",
    "io.cilium.network.ipv4-cilium-host",
)
"""Calico's tunnel device; Cilium's cilium_host, by its names since and before 1.13."""

NEEDS = (
    Need(
        resource="nodes",
        costs="whether a quiet node is strict or merely holds no Service address is not known",
        fields=("spec podCIDR", "spec podCIDRs", *(f"metadata annotations {key}" for key in _ANNOTATIONS)),
    ),
)


def pod_gateways(objects: Objects) -> Mapping[str, tuple[IPv4Address, ...]]:
    """By node: the first address of its IPv4 pod CIDR (cni0 of the bridge CNIs) and what annotations name."""
    services = service_addresses(objects)
    return {node.name: tuple(ip for ip in _gateways(node) if ip not in services) for node in objects.nodes()}


def _gateways(node: Node) -> tuple[IPv4Address, ...]:
    named = (ipv4(node.annotations.get(key)) for key in _ANNOTATIONS)
    cidrs = texts(node.raw, "spec", "podCIDRs") or (text(node.raw, "spec", "podCIDR"),)
    return tuple(dict.fromkeys(ip for ip in (*named, *map(_first, cidrs)) if ip))


def _first(cidr: str) -> IPv4Address | None:
    try:
        network = IPv4Network(cidr)
    except ValueError:
        return None
    return network[1] if network.num_addresses > 2 else None
