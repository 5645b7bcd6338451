"""Only the fields that NEEDS names are read from the cluster: all that is used is among them, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from mac_owners_world import M1, N1, N2, N3, OWN, cluster, evidence, heard, node, service

from arpcheck.cluster.requirements import compile_fields, trim
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners import (
    NEEDS,
    SOURCES,
    all_identities,
    node_addresses,
    node_ipv6,
    overlays,
    platform_addresses,
    pod_gateways,
    service_addresses,
)
from arpcheck.model import Host, Interface, Mac, MacListFormat
from arpcheck.objects import Objects


def mac(number: int) -> Mac:
    return Mac.from_bytes(bytes((2, 0, 0, 0, 1, number)))


ADDRESSES = {
    "k8s.ovn.org/host-cidrs": '["172.16.0.1/24"]',
    "projectcalico.org/IPv4Address": "172.16.0.2/24",
    "projectcalico.org/IPv6Address": "fd00:1::2/64",
    "projectcalico.org/Interfaces": '[{"name":"eth1","addresses":["172.16.0.3"]}]',
    "node.antrea.io/transport-addresses": "172.16.0.4",
    "flannel.alpha.coreos.com/public-ip": "172.16.0.5",
    "flannel.alpha.coreos.com/public-ipv6": "fd00:1::5",
    "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.0.2",
    "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.0.3",
    "network.cilium.io/ipv4-cilium-host": "10.244.0.4",
    "io.cilium.network.ipv4-cilium-host": "10.244.0.5",
}
MACS = {
    "node.antrea.io/mac-address": mac(1),
    "k8s.ovn.org/l3-gateway-config": json.dumps({"default": {"mac-address": mac(2)}}),
    "projectcalico.org/VXLANTunnelMACAddr": mac(3),
    "ovn.kubernetes.io/mac_address": mac(4),
    "k8s.ovn.org/node-mgmt-port-mac-address": mac(5),
    "k8s.ovn.org/node-mgmt-port-mac-addresses": json.dumps({"blue": mac(6)}),
    "flannel.alpha.coreos.com/backend-data": json.dumps({"VtepMAC": mac(7)}),
    "flannel.alpha.coreos.com/backend-v6-data": json.dumps({"VtepMAC": mac(8)}),
}
STATE = {
    "metadata": {"name": "node1"},
    "status": {
        "lastSuccessfulUpdateTime": "2026-03-01T11:59:00Z",
        "currentState": {
            "interfaces": [
                {"name": "eth1", "type": "ethernet", "mac-address": mac(9)},
                {"name": "own4", "type": "mac-vlan", "mac-address": mac(13), "ipv4": {"address": [{"ip": "10.0.0.14"}]}},
                {"name": "own6", "type": "mac-vlan", "mac-address": mac(14), "ipv6": {"address": [{"ip": "fd00::14"}]}},
            ]
        },
    },
}
SRIOV = {
    "metadata": {"name": "node1"},
    "status": {"interfaces": [{"name": "ens1f0", "mac": mac(10), "Vfs": [{"name": "ens1f0v0", "mac": mac(11)}]}]},
}


def objects() -> Objects:
    nodes = [
        node("node1", N1, annotations=ADDRESSES | MACS) | {"spec": {"podCIDR": "10.244.1.0/24"}},
        node("node2", N2) | {"spec": {"podCIDRs": ["fd00::/64", "10.244.2.0/24"]}},
        node("node3", N3, hostname="host3"),
    ]
    for one in nodes:
        one["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    other = {"metadata": {"namespace": "web", "name": "b"}, "spec": {"clusterIP": "10.96.0.7", "externalIPs": ["10.0.0.70"]}}
    resources = {
        "nodenetworkstates.nmstate.io": [STATE], "sriovnetworknodestates.sriovnetwork.openshift.io": [SRIOV],
        "infrastructures.config.openshift.io": [{"status": {"platformStatus": {"baremetal": {"ingressIP": "10.0.0.3"}}}}],
        "egressips.k8s.ovn.org": [
            {"spec": {"egressIPs": ["10.0.0.31"]}}, {"status": {"items": [{"egressIP": "10.0.0.32"}]}},
        ],
    }  # fmt: skip
    return cluster(nodes, [service("a", "10.0.0.50", cluster_ip="10.96.0.5"), other], **resources)


def trimmed(whole: Objects, fields: Iterable[tuple[str, str]]) -> Objects:
    """As the cluster's reader keeps them."""
    trees = {resource: compile_fields(field for of, field in fields if of == resource) for resource in whole.resources}
    return replace(whole, resources={r: tuple(trim(obj, trees[r]) for obj in objs) for r, objs in whole.resources.items()})


def said(found: Objects) -> tuple[Any, ...]:
    host = Host(interfaces=(Interface(name="eth0", mac=OWN, addresses=(f"{N2}/24",)),))
    entry = MacEntry(mac=mac(12), node="host3", interface=None, where="macs.csv:1", format=MacListFormat.CSV)
    identities = all_identities(evidence(found, heard(N1, M1), host=host, mac_map=[entry]))
    ready = [(one.name, one.ready) for one in found.nodes()]
    addresses = node_addresses(found), node_ipv6(found), service_addresses(found), {*platform_addresses(found)}
    return identities, ready, *addresses, overlays(found), pod_gateways(found)


FIELDS = sorted({(need.resource, field) for need in NEEDS for field in need.fields})


def test_every_field_that_is_used_is_read():
    whole = said(objects())
    assert {identity.source for identity in whole[0]} == {source.NAME for source in SOURCES}
    assert said(trimmed(objects(), FIELDS)) == whole


@pytest.mark.parametrize("field", FIELDS, ids=" ".join)
def test_every_field_that_is_read_is_used(field):
    assert said(trimmed(objects(), [one for one in FIELDS if one != field])) != said(objects())
