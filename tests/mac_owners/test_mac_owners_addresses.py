from __future__ import annotations

import json

import pytest
from mac_owners_world import N1, N2, cluster, node, service

from arpcheck.mac_owners.addresses import (
    extra_addresses,
    node_addresses,
    node_ipv6,
    platform_addresses,
    service_addresses,
)

OVN, CALICO_IP, CALICO_NICS = "k8s.ovn.org/host-cidrs", "projectcalico.org/IPv4Address", "projectcalico.org/Interfaces"
ANTREA, FLANNEL = "node.antrea.io/transport-addresses", "flannel.alpha.coreos.com/public-ip"


def of_one(annotations, services=(), gaps=()):
    found = node_addresses(cluster([node("n", N1, annotations=annotations)], services, gaps))
    return [str(ip) for ip in found["n"]]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, [N1], id="none"),
        pytest.param({OVN: '["10.0.0.11/24","192.168.10.16/24","fd00::1/64"]'}, [N1, "192.168.10.16"], id="OVN-Kubernetes"),
        pytest.param({CALICO_IP: "192.168.1.105/24"}, [N1, "192.168.1.105"], id="Calico's address"),
        pytest.param(
            {CALICO_NICS: '[{"name":"eth1","addresses":["192.168.1.105"]},{"name":"docker0","addresses":["172.17.0.1"]}]'},
            [N1, "192.168.1.105"], id="Calico's interfaces without docker0",
        ),
        pytest.param({ANTREA: "172.18.0.2,fc00::2"}, [N1, "172.18.0.2"], id="Antrea"),
        pytest.param({FLANNEL: "172.18.0.3"}, [N1, "172.18.0.3"], id="flannel"),
        pytest.param(
            {OVN: '["127.0.0.1/8","169.254.169.2/29","224.0.0.1/4","0.0.0.0/0","255.255.255.255/32"]'}, [N1],
            id="what one host on a LAN can't have",
        ),
        pytest.param({FLANNEL: "172.18.0.3", ANTREA: "172.18.0.3", OVN: '["172.18.0.3/16"]'}, [N1, "172.18.0.3"], id="once"),
        *(
            pytest.param({key: value}, [N1], id=f"damaged: {key} {value[:12]}")
            for key in (OVN, CALICO_NICS, CALICO_IP, ANTREA, FLANNEL)
            for value in ("", "null", "{}", "[[]]", "[1, null, {}]", '[{"name": 1, "addresses": 2}]', "[" * 9999, "9" * 5000)
        ),
        pytest.param(
            {OVN: json.dumps([f"172.20.{n // 250}.{n % 250 + 1}/16" for n in range(1000)])},
            [N1, *(f"172.20.0.{n + 1}" for n in range(32))], id="no more than a polite number",
        ),
    ],
)  # fmt: skip
def test_addresses_of_a_node(annotations, expected):
    assert of_one(annotations) == expected


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({OVN: '["10.0.0.11/24","fd00::1/64","fe80::1/64"]'}, ["fd00::1"], id="OVN-Kubernetes"),
        pytest.param({CALICO_IP.replace("4", "6"): "fd00::2/64"}, ["fd00::2"], id="Calico's address"),
        pytest.param({CALICO_NICS: '[{"name":"eth1","addresses":["fd00::3"]}]'}, ["fd00::3"], id="Calico's interfaces"),
        pytest.param({ANTREA: "172.18.0.2,fc00::2"}, ["fc00::2"], id="Antrea"),
        pytest.param({f"{FLANNEL}v6": "fd00::4"}, ["fd00::4"], id="flannel"),
        pytest.param({f"{FLANNEL}v6": "fd00::50"}, [], id="a Service's"),
    ],
)
def test_ipv6_addresses_of_a_node(annotations, expected):
    objects = cluster([node("n", N1, annotations=annotations)], [service("s", "fd00::50")])
    assert [str(ip) for ip in node_ipv6(objects)["n"]] == expected
    assert [str(ip) for ip in node_addresses(objects)["n"]] == [N1, *(["172.18.0.2"] if ANTREA in annotations else [])]
    assert {str(ip) for ip in extra_addresses(objects)} >= {*expected}


def test_a_service_address_is_taken_from_the_status_only():
    """The holder of a virtual address lists it among its own; its MAC must not be credited by it (OVN-Kubernetes)."""
    annotations = {OVN: '["10.0.0.50/32","10.0.0.60/32","10.96.0.1/32","172.18.0.3/16"]'}
    services = [service("s", N1, "10.0.0.50", cluster_ip="10.96.0.1")]
    services[0]["spec"]["externalIPs"] = ["10.0.0.60"]
    assert of_one(annotations, services) == [N1, "172.18.0.3"]
    assert {str(ip) for ip in service_addresses(cluster([], services))} == {N1, "10.0.0.50", "10.0.0.60", "10.96.0.1"}


def test_an_address_of_the_platform_is_no_nodes_own():
    """keepalived and OVN-Kubernetes move them between nodes, and the holder lists them among its own."""
    annotations = {OVN: '["10.0.0.2/32","10.0.0.3/32","10.0.0.4/32","10.0.0.31/32","10.0.0.32/32","172.18.0.3/16"]'}
    single = {"apiServerInternalIP": "10.0.0.2", "ingressIP": "10.0.0.4"}
    several = {"apiServerInternalIPs": ["10.0.0.2", "fd00::2"], "ingressIPs": ["10.0.0.3"]}
    platform = {
        "kind": "Infrastructure",
        "status": {"platformStatus": {"type": "BareMetal", "baremetal": {**single, **several}}},
    }
    egress = {
        "metadata": {"name": "web"},
        "spec": {"egressIPs": ["10.0.0.31"]},
        "status": {"items": [{"egressIP": "10.0.0.32"}]},
    }
    more = {"infrastructures.config.openshift.io": [platform], "egressips.k8s.ovn.org": [egress]}
    objects = cluster([node("n", N1, annotations=annotations)], **more)
    assert [str(ip) for ip in node_addresses(objects)["n"]] == [N1, "172.18.0.3"]
    assert {str(ip): what for ip, what in platform_addresses(objects).items()} == {
        "10.0.0.2": "OpenShift's API address", "fd00::2": "OpenShift's API address", "10.0.0.3": "OpenShift's ingress address",
        "10.0.0.4": "OpenShift's ingress address", "10.0.0.31": "EgressIP web", "10.0.0.32": "EgressIP web",
    }  # fmt: skip


@pytest.mark.parametrize("resource", ["services", "infrastructures.config.openshift.io", "egressips.k8s.ovn.org"])
def test_without_what_moves_between_nodes_annotations_are_left_out(resource):
    assert of_one({OVN: '["172.18.0.3/16"]'}, gaps=[resource]) == [N1]


@pytest.mark.parametrize("status", [None, 1, [], {"baremetal": 1}, {"baremetal": {"ingressIPs": 1, "ingressIP": {}}}])
def test_a_damaged_platform_is_none(status):
    objects = cluster([], **{"infrastructures.config.openshift.io": [{"status": {"platformStatus": status}}]})
    assert platform_addresses(objects) == {}


def test_without_services_annotations_are_left_out():
    assert of_one({FLANNEL: "172.18.0.3"}, gaps=["services"]) == [N1]


def test_what_two_nodes_list_or_one_has_in_its_status_is_nobodys_extra():
    listed = {OVN: f'["172.17.0.1/16","{N2}/32"]'}
    objects = cluster([node("node1", N1, annotations=listed), node("node2", N2, annotations={OVN: '["172.17.0.1/16"]'})])
    assert {name: [str(ip) for ip in ips] for name, ips in node_addresses(objects).items()} == {"node1": [N1], "node2": [N2]}
    assert extra_addresses(objects) == {}


def test_nodes_are_sorted_and_one_without_a_name_is_none():
    objects = cluster([node("b", N2), node("a", N1), node("", "10.0.0.9"), {"metadata": 7}])
    assert list(node_addresses(objects)) == ["a", "b"]
