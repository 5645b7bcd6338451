"""The nodes' own addresses from the Node objects: their status, and annotations of CNIs.

An annotation may list an address that the node just holds, so addresses of Services and of the platform are left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from arpcheck.model import Address, Mac, Need
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Node, Objects, address, at, items, name, text, texts

HOST_CIDRS = "k8s.ovn.org/host-cidrs"
CALICO_ADDRESSES = ("projectcalico.org/IPv4Address", "projectcalico.org/IPv6Address")
CALICO_INTERFACES = "projectcalico.org/Interfaces"
ANTREA_TRANSPORT = "node.antrea.io/transport-addresses"
FLANNEL_PUBLIC = ("flannel.alpha.coreos.com/public-ip", "flannel.alpha.coreos.com/public-ipv6")

EXTRAS = 32
"""Addresses of one family from the annotations of one node, at most; each costs a request."""


NEEDS: tuple[Need, ...] = (
    Need(
        resource="nodes",
        costs="no MAC address has an owner",
        fields=(
            "status addresses",
            "status conditions",
            "metadata labels kubernetes.io/hostname",
            *(
                f"metadata annotations {key}"
                for key in (HOST_CIDRS, *CALICO_ADDRESSES, CALICO_INTERFACES, ANTREA_TRANSPORT, *FLANNEL_PUBLIC)
            ),
        ),
    ),
    Need(
        resource="services",
        costs="a node's address cannot be told from a Service's, for which other nodes reply too",
        fields=("spec clusterIP", "spec clusterIPs", "spec externalIPs", "status loadBalancer"),
    ),
)


_PLATFORM = (("API", "apiServerInternalIP", "apiServerInternalIPs"), ("ingress", "ingressIP", "ingressIPs"))
INFRASTRUCTURE, EGRESS = "infrastructures.config.openshift.io", "egressips.k8s.ovn.org"

PLATFORM_NEEDS: tuple[Need, ...] = (
    Need(
        resource=INFRASTRUCTURE,
        costs="addresses in annotations of Nodes are left out, since one may be that of OpenShift's API or ingress",
        fields=("status platformStatus",),
        optional=True,
    ),
    Need(
        resource=EGRESS,
        costs="addresses in annotations of Nodes are left out, since one may be an egress address of OVN-Kubernetes",
        fields=("spec egressIPs", "status items egressIP"),
        optional=True,
    ),
)


def platform_addresses(objects: Objects) -> Mapping[Address, str]:
    """Addresses that move between nodes and are no Service's, each with what it is: those of OpenShift's API and ingress,
    which keepalived holds, and egress addresses, which OVN-Kubernetes keeps on br-ex through a shutdown
    (ovn-kubernetes#6553)."""
    return objects.memo((__name__, "platform"), lambda: dict(_platform_addresses(objects)))


def _platform_addresses(objects: Objects) -> Iterable[tuple[Address, str]]:
    for infrastructure in objects.of(INFRASTRUCTURE):
        status = at(infrastructure, "status", "platformStatus")
        for platform in status.values() if isinstance(status, Mapping) else ():
            for what, one, several in _PLATFORM:
                for value in (text(platform, one), *texts(platform, several)):
                    if ip := address(value):
                        yield ip, f"OpenShift's {what} address"
    for egress in objects.of(EGRESS):
        held = (text(item, "egressIP") for item in items(egress, "status", "items"))
        for value in (*texts(egress, "spec", "egressIPs"), *held):
            if ip := address(value):
                yield ip, f"EgressIP {name(egress)}"


def node_addresses(objects: Objects) -> Mapping[str, tuple[Address, ...]]:
    """By node, sorted: the IPv4 addresses of its status, then those that only an annotation has.

    If what has addresses that move between nodes could not be read, annotations are left out, since they may list one."""
    return objects.memo((__name__, "all"), lambda: _node_addresses(objects))


def status_addresses(objects: Objects) -> Mapping[Address, frozenset[str]]:
    """The nodes by the addresses in their status. If a machine came back under another name and its old Node object remains,
    the Node that is not down has the address."""
    return objects.memo((__name__, "status"), lambda: _status_addresses(objects))


def _status_addresses(objects: Objects) -> Mapping[Address, frozenset[str]]:
    every = _listing((node.name, ip) for node in objects.nodes() if node.name for ip in node.every_address)
    down = {node.name for node in objects.nodes() if node.ready is False}
    return {ip: frozenset(names - down) or names for ip, names in every.items()}


def extra_addresses(objects: Objects) -> Mapping[Address, frozenset[str]]:
    """The nodes by the addresses that only an annotation has."""
    known, every = status_addresses(objects), (node_addresses(objects), node_ipv6(objects))
    return objects.memo(
        (__name__, "extra"),
        lambda: _listing((name, ip) for found in every for name, ips in found.items() for ip in ips if ip not in known),
    )


def service_addresses(objects: Objects) -> frozenset[Address]:
    """Every address of every Service: of load balancers, external and cluster addresses."""
    return objects.memo(
        (__name__, "services"),
        lambda: frozenset(ip for s in objects.services() for ip in s.addresses),
    )


def decoded(node: Node, key: str) -> Any:
    """The JSON in an annotation; None if there is no valid JSON."""
    if key not in node.annotations:
        return None
    try:
        return json.loads(node.annotations[key])
    except (ValueError, RecursionError):
        return None


def node_ipv6(objects: Objects) -> Mapping[str, tuple[Address, ...]]:
    """By node: the IPv6 addresses of its status, then those that only an annotation has, as `node_addresses`."""
    return objects.memo(
        (__name__, "ipv6"),
        lambda: _with_annotated(objects, {node.name: node.ipv6 for node in objects.nodes() if node.name}, IPV6),
    )


def _node_addresses(objects: Objects) -> Mapping[str, tuple[Address, ...]]:
    return _with_annotated(objects, {node.name: node.addresses for node in objects.nodes() if node.name}, IPV4)


def _with_annotated(
    objects: Objects, of_status: Mapping[str, Sequence[Address]], version: int
) -> Mapping[str, tuple[Address, ...]]:
    found: dict[str, list[Address]] = {name: [*ips] for name, ips in of_status.items()}
    if not any(objects.gap(resource) for resource in ("services", INFRASTRUCTURE, EGRESS)):
        taken = service_addresses(objects) | status_addresses(objects).keys() | platform_addresses(objects).keys()
        lists = objects.memo(
            (__name__, "annotated"), lambda: {node.name: _annotated(node) for node in objects.nodes() if node.name}
        )
        shared = _listing((name, ip) for name, ips in lists.items() for ip in ips if ip.version == version)
        for name, ips in lists.items():
            new = [ip for ip in ips if ip.version == version and ip not in taken and len(shared[ip]) == 1]
            found[name] += new[:EXTRAS]
    return {name: tuple(dict.fromkeys(ips)) for name, ips in found.items()}


def _annotated(node: Node) -> tuple[Address, ...]:
    """The addresses in the annotations of a node, without those that cannot be a host's address on a LAN."""
    listed: list[object] = [
        *_strings(decoded(node, HOST_CIDRS)),
        *(node.annotations.get(key) for key in CALICO_ADDRESSES),
        *(ip for nic in _nics(decoded(node, CALICO_INTERFACES)) for ip in _strings(at(nic, "addresses"))),
        *node.annotations.get(ANTREA_TRANSPORT, "").split(","),
        *(node.annotations.get(key) for key in FLANNEL_PUBLIC),
    ]
    found = (address(value.partition("/")[0]) for value in listed if isinstance(value, str))
    return tuple(dict.fromkeys(ip for ip in found if ip and _on_a_lan(ip)))


def _strings(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def _nics(value: object) -> tuple[object, ...]:
    """The interfaces that calico-node found at its start, without pods and tunnels (internalapi/node.go, NodeInterface)."""
    entries = value if isinstance(value, list) else []
    return tuple(entry for entry in entries if not is_inside(text(entry, "name")))


def _on_a_lan(ip: Address) -> bool:
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


def _listing(pairs: Iterable[tuple[str, Address]]) -> Mapping[Address, frozenset[str]]:
    found: dict[Address, set[str]] = {}
    for node, ip in pairs:
        found.setdefault(ip, set()).add(node)
    return {ip: frozenset(names) for ip, names in found.items()}


# -------------------------------------------------------------- Interfaces of a host that can reply on a LAN, by their names

HOLDERS = ("lo", "dummy*", "kube-ipvs0", "kube-dummy-if", "nodelocaldns", "kube-lb0", "kube-lb-int*")
"""Interfaces that hold Service addresses: of kube-proxy, kube-router, NodeLocal DNSCache, PureLB."""

INSIDE = (
    *("veth*", "cali*", "lxc*", "tunl*", "sit[0-9]*", "gre[0-9]*", "gretap[0-9]*", "erspan[0-9]*", "ip6tnl*", "ip_vti*"),
    *("vxlan*", "wg[0-9]*", "tun[0-9]*", "ifb[0-9]*", "cni[0-9]*", "docker[0-9]*", "docker_gwbridge", "podman[0-9]*"),
    *("nerdctl[0-9]*", "virbr*", "flannel*", "cilium_*", "weave", "datapath", "kube-bridge", "antrea-gw[0-9]*", "ovn0"),
    *("br-int", "ovs-system", "genev_sys*", "ovn-k8s-mp*", "tap*", "macvtap*", "vnet[0-9]*", f"br-{'[0-9a-f]' * 12}"),
)
"""Interfaces of pods and tunnels, and bridges that only connect pods and virtual machines of the host."""

_ZERO = "00:00:00:00:00:00"


def holds_only(name: str) -> bool:
    """Whether the interface only holds addresses, which may be those of any Service."""
    return any(fnmatchcase(name, pattern) for pattern in HOLDERS)


def is_inside(name: str) -> bool:
    """Whether the interface never sends on a LAN."""
    return holds_only(name) or any(fnmatchcase(name, pattern) for pattern in INSIDE)


def station(value: object) -> Mac | None:
    """The MAC address of a station from any value; None for a group address, zero or another value."""
    if not isinstance(value, str):
        return None
    try:
        mac = Mac(value)
    except ValueError:
        return None
    return mac if is_station(mac) else None


def is_station(mac: Mac) -> bool:
    return not mac.is_group and mac != _ZERO
