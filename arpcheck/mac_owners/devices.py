"""MAC addresses that are no NIC of a node: of proxies, whose replies prove nothing, of virtual routers, and of tunnels and
pods, from annotations of CNIs, which also name the nodes' addresses in the pod network. Names what the prefix of a MAC
address says.

A Linux proxy replies after a route look-up, which a request with the sender 0.0.0.0 does not reach (net/ipv4/arp.c,
arp_process: "Special case: IPv4 duplicate address detection packet"). The MAC addresses of tunnels and pods never identify
a NIC; the report explains them. weave-net is not read, since its peer names are in a ConfigMap that nothing else needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, ip_interface

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import decoded, extra_addresses, service_addresses, station, status_addresses
from arpcheck.model import Address, Mac, Need
from arpcheck.model.constants import ZERO
from arpcheck.objects import Node, Objects, ipv4, text, texts
from arpcheck.targets import CONTROLS, Network, ipv6_controls

Proxying = tuple[str, Mac, Address]
"""An interface of the prober, a MAC address that replied there as a proxy, and the sender to which it did."""


def proxies(evidence: Evidence) -> frozenset[Proxying]:
    """The MAC addresses that replied for a control address, with the sender of the request; and those that replied for two
    nodes' addresses to an own sender but not to 0.0.0.0, although these were requested with 0.0.0.0 too.

    Replies of the same MAC address to another sender count as its own: a node may be a proxy too, and a Linux proxy never
    replies to 0.0.0.0."""
    heard = evidence.by_address()
    replies = (reply for ip in control_addresses(evidence) for reply in heard.get(ip, ()))
    answering = frozenset((reply.interface, reply.mac, reply.sender) for reply in replies)
    return answering | _own_sender_only(evidence)


def control_addresses(evidence: Evidence) -> frozenset[Address]:
    """The control addresses that were probed, without addresses of Services, nodes and probed networks, and without those
    that the user gave."""
    asked = {question.ip for question in evidence.questions}
    known = {*service_addresses(evidence.objects), *status_addresses(evidence.objects), *extra_addresses(evidence.objects)}
    used = _networks(evidence)
    ipv4 = (ip for ip in CONTROLS if not any(ip in network for network in used))
    every: set[Address] = {*ipv4, *ipv6_controls(asked, used)}
    return frozenset(ip for ip in every & asked if ip not in known and ip not in evidence.options.ips)


def _own_sender_only(evidence: Evidence) -> frozenset[Proxying]:
    objects = evidence.objects
    listed = {**status_addresses(objects), **extra_addresses(objects)}
    node_of = {ip: nodes for ip, nodes in listed.items() if len(nodes) == 1}
    asked = {(question.interface, question.ip) for question in evidence.questions if question.sender == ZERO}
    heard = evidence.by_address()
    replies = [reply for ip in node_of for reply in heard.get(ip, ())]
    plain = {(r.interface, r.mac) for r in replies if r.sender == ZERO}
    passing = {interface for interface, _ in plain}
    services = service_addresses(objects)
    found: dict[Proxying, set[str]] = {}
    own: dict[Proxying, set[str]] = {}
    for reply in replies:
        key = (reply.interface, reply.mac)
        if key in plain or (reply.interface, reply.ip) not in asked:
            continue
        # A switch may drop every sender 0.0.0.0. Then a node that holds Service addresses of others looks like a proxy.
        if reply.interface in passing or reply.ip not in services:
            found.setdefault((*key, reply.sender), set()).update(node_of[reply.ip])
            if reply.ip not in services:
                own.setdefault((*key, reply.sender), set()).update(node_of[reply.ip])
    # One node's own address beside those that are a Service's: that node, which holds these, by the leg of a bond.
    return frozenset(key for key, nodes in found.items() if len(nodes) > 1 and len(own.get(key, ())) != 1)


def unsure(evidence: Evidence) -> frozenset[Mac]:
    """MAC addresses that may be a proxy's: they replied for the own addresses of two nodes, and frames were lost in every
    round that probed a control on that interface, so that the reply for it may be lost."""
    objects, controls = evidence.objects, control_addresses(evidence)
    services = service_addresses(objects)
    listed = {**status_addresses(objects), **extra_addresses(objects)}
    asked = {(q.interface, q.round) for q in evidence.questions if q.ip in controls}
    lost = {(loss.interface, number) for loss in evidence.losses for number in loss.rounds}
    doubtful = {interface for interface, _ in asked} - {interface for interface, _ in asked - lost}
    heard = evidence.by_address()
    found: dict[Mac, set[frozenset[str]]] = {}
    for ip in listed.keys() - services if doubtful else ():
        for reply in heard.get(ip, ()):
            if reply.interface in doubtful:
                found.setdefault(reply.mac, set()).add(listed[ip])
    return frozenset(mac for mac, nodes in found.items() if len(nodes) > 1)


def _networks(evidence: Evidence) -> tuple[Network, ...]:
    """The networks of the probed interfaces."""
    probed = evidence.options.interfaces
    return tuple(
        network
        for interface in evidence.host.interfaces if not probed or interface.name in probed
        for address in (*interface.addresses, *interface.ipv6) if (network := _network(address))
    )  # fmt: skip


def _network(address: str) -> Network | None:
    try:
        return ip_interface(address).network
    except ValueError:
        return None


# ----------------------------------------------------------------------------------------------- The prefix of a MAC address

_ROUTERS = (
    (re.compile(r"00:00:5e:00:01:(..)"), "VRRP or CARP, virtual router {}"),
    (re.compile(r"00:00:5e:00:02:(..)"), "VRRP or CARP for IPv6, virtual router {}"),
    (re.compile(r"00:00:0c:07:ac:(..)"), "HSRP, group {}"),
    (re.compile(r"00:00:0c:9f:f(.:..)"), "HSRP version 2, group {}"),
    (re.compile(r"00:07:b4:00:(..):.."), "GLBP, group {}"),
)
"""MAC addresses that move between routers (RFC 9568 section 7.3; arp-scan: mac-vendor.txt)."""

_PREFIXES = (
    ("ee:ee:ee:ee:ee:ee", "Calico's end of a pod, the same on every node"),
    ("00:00:00:00:00:00", "no address"),
    ("02:bf:", "Microsoft NLB cluster"),
    ("02:42:", "Docker container or bridge"),
    ("0a:58:", "pod of a CNI (OVN-Kubernetes)"),
    ("52:54:00:", "QEMU/KVM virtual machine"),
    ("00:50:56:", "VMware virtual machine"),
    ("00:0c:29:", "VMware virtual machine"),
    ("00:05:69:", "VMware virtual machine"),
    ("00:1c:14:", "VMware virtual machine"),
    ("00:15:5d:", "Hyper-V virtual machine"),
    ("00:16:3e:", "Xen virtual machine"),
    ("bc:24:11:", "Proxmox VE virtual machine"),
    ("08:00:27:", "VirtualBox virtual machine"),
    ("00:1c:42:", "Parallels virtual machine"),
)

_BLOCKS = ((13, "0/36"), (10, "0/28"), (8, ""))
"""The length of a MAC address in a key of the table, and the end of the key; the longest first."""


def label(mac: Mac, vendors: Mapping[str, str] | None = None) -> str | None:
    """What the prefix of a MAC address says; None if unknown. `vendors` as for `vendor`."""
    if mac.is_group:
        return "group address, not of a station"
    if found := _virtual_router(mac):
        return found
    for prefix, meaning in _PREFIXES:
        if mac.startswith(prefix):
            return meaning
    return "locally administered" if mac.is_local else vendor(mac, vendors or {})


def vendor(mac: Mac, table: Mapping[str, str]) -> str | None:
    """The manufacturer by the longest prefix.

    `table`: Wireshark's manuf as scapy keeps it, by `8C:1F:64`, `8C:1F:64:A0/28` or `8C:1F:64:AF:C0/36`. (Scapy's own
    look-up knows the first form only.)"""
    text = mac.upper()
    return next((found for length, end in _BLOCKS if (found := table.get(text[:length] + end))), None)


def is_virtual_router(mac: Mac) -> bool:
    """Whether it is an address of VRRP, CARP, HSRP or GLBP, which several hosts share."""
    return _virtual_router(mac) is not None


def _virtual_router(mac: Mac) -> str | None:
    for pattern, meaning in _ROUTERS:
        if match := pattern.fullmatch(mac):
            return meaning.format(int(match[1].replace(":", ""), 16))
    return None


# -------------------------------------------------------------------------------------------------------- Tunnels and pods

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
    return objects.memo((__name__, "overlays"), lambda: _overlays(objects))


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
