"""Which address a node holds inside, to be asked on the LAN."""

from __future__ import annotations

import pytest
from mac_owners_world import cluster, node, service

from arpcheck.mac_owners import pod_gateways

IPIP, VXLAN = "projectcalico.org/IPv4IPIPTunnelAddr", "projectcalico.org/IPv4VXLANTunnelAddr"
CILIUM, OLD_CILIUM = "network.cilium.io/ipv4-cilium-host", "io.cilium.network.ipv4-cilium-host"


def gateways(spec=(), services=(), **annotations):
    found = pod_gateways(cluster([node("n", annotations=annotations) | {"spec": dict(spec)}], services))
    return [str(ip) for ip in found["n"]]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"podCIDR": "10.244.1.0/24"}, ["10.244.1.1"], id="the first of the pod CIDR"),
        pytest.param({"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}, ["10.244.1.1"], id="once"),
        pytest.param(
            {"podCIDR": "fd00::/64", "podCIDRs": ["fd00::/64", "10.244.1.0/24"]}, ["10.244.1.1"], id="dual stack, IPv6 first"
        ),
        pytest.param({"podCIDR": "10.244.1.4/30"}, ["10.244.1.5"], id="the smallest with an address for a pod"),
        pytest.param({"podCIDR": "10.244.1.4/31"}, [], id="two addresses"),
        pytest.param({"podCIDR": "10.244.1.4"}, [], id="one"),
        pytest.param({"podCIDR": "10.244.1.4/24"}, [], id="an address, no network"),
        pytest.param({"podCIDR": 7, "podCIDRs": [None, "x"]}, [], id="odd"),
    ],
)
def test_the_pod_cidr(spec, expected):
    assert gateways(spec) == expected


@pytest.mark.parametrize("key", [IPIP, VXLAN, CILIUM, OLD_CILIUM])
def test_the_annotations_of_the_cnis(key):
    assert gateways(**{key: "10.244.9.7"}) == ["10.244.9.7"]
    assert gateways({"podCIDR": "10.244.1.0/24"}, **{key: "10.244.9.7"}) == ["10.244.9.7", "10.244.1.1"]
    assert gateways(**{key: "fd00::7"}) == gateways(**{key: "x"}) == []


def test_an_address_of_a_service_is_no_gateway():
    """Whoever holds it as a Service's would answer for it, whatever its kernel does with its inner ones."""
    assert gateways({"podCIDR": "10.244.1.0/24"}, [service("s", "10.244.1.1")], **{IPIP: "10.244.9.7"}) == ["10.244.9.7"]
