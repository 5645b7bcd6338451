from __future__ import annotations

import pytest
from mac_owners_world import M1, N1, N2, OWN, START, cluster, evidence, node, service

from arpcheck.mac_owners import own
from arpcheck.model import Host, Identity, Interface, Mac, SourceRank


def nic(name: str, *addresses: str, mac: Mac | None = OWN, up: bool = True) -> Interface:
    return Interface(name=name, mac=mac, addresses=tuple(f"{ip}/24" for ip in addresses), up=up)


@pytest.mark.parametrize(
    ("interfaces", "node_name", "services", "expected"),
    [
        pytest.param([nic("eth0", "10.0.0.250")], None, [], None, id="a LAN host"),
        pytest.param([nic("eth0", N1)], None, [], "node1", id="it has the node's address"),
        pytest.param([nic("eth0", N1)], "node2", [], "node2", id="it was told"),
        pytest.param([nic("eth0", N1)], "no-such-node", [], "node1", id="it was told a node that is none"),
        pytest.param([nic("eth0", "10.0.0.250")], "no-such-node", [], None, id="told a node that is none, no address"),
        pytest.param([nic("eth0", N1), nic("eth1", N2)], None, [], None, id="two nodes' addresses"),
        pytest.param(
            [nic("eth0", N1)], None, [service("s", N1)], "node1", id="the address is also a Service's, as with ServiceLB"
        ),
        pytest.param(
            [nic("eth0", N1), nic("eth0.1", N2)], None, [service("s", N2)], "node1", id="one of two is a Service's"
        ),
        pytest.param([nic("eth0", "10.0.0.250"), nic("kube-ipvs0", N1, up=False)], None, [], None, id="on kube-ipvs0"),
        pytest.param([nic("kube-dummy-if", N1)], None, [], None, id="on kube-dummy-if"),
        pytest.param([nic("dummy7", N1)], None, [], None, id="on a dummy"),
        pytest.param([nic("tun0", N1, mac=None)], None, [], None, id="on an interface without MAC"),
        pytest.param([nic("lo", N1)], None, [], None, id="on the loopback"),
        pytest.param([nic("eth1", N1, up=False)], None, [], None, id="on an interface that is down"),
        pytest.param(
            [Interface(name="eth0", mac=OWN, addresses=("bad", "::1/128", N1))], None, [], "node1", id="odd addresses"
        ),
    ],
)
def test_own_node(interfaces, node_name, services, expected):
    host = Host(interfaces=tuple(interfaces), node_name=node_name)
    assert own.own_node(evidence(cluster(services=services), host=host)) == expected


def test_without_nodes_it_is_no_node():
    assert own.own_node(evidence(cluster([]), host=Host(node_name="node1"))) is None


def test_a_node_without_a_name_is_not_the_one_that_it_was_told():
    nodes = [node("", N2), node("node1", N1)]
    assert own.own_node(evidence(cluster(nodes), host=Host(interfaces=(nic("eth0", N1),), node_name=""))) == "node1"


def test_an_address_in_an_annotation_makes_no_node_of_this_host():
    """docker0 has 172.17.0.1 everywhere."""
    nodes = [node("node1", N1, annotations={"k8s.ovn.org/host-cidrs": '["172.17.0.1/16"]'})]
    assert own.own_node(evidence(cluster(nodes), host=Host(interfaces=(nic("eth0", "172.17.0.1"),)))) is None


def test_its_nics_without_the_ends_of_pods():
    inside = ["lo", "veth12ab", "cali1234", "kube-ipvs0", "docker0", "flannel.1", "cni0"]
    host = Host(
        interfaces=(
            nic("eth0", N1), nic("eth1", mac=M1, up=False), nic("tun0", mac=None), *(nic(name) for name in inside),
            nic("ib0", mac=Mac("00:00:00:00:00:00")),
        )
    )  # fmt: skip
    assert list(own.identities(evidence(host=host))) == [
        Identity(
            mac=mac,
            node="node1",
            source="self",
            detail="a NIC of this host",
            interface=name,
            observed_at=START,
            rank=SourceRank.LIVE_HOST,
            lists_nics=True,
            lists_all=True,
        )
        for mac, name in ((OWN, "eth0"), (M1, "eth1"))
    ]


def test_a_lan_host_claims_nothing():
    assert not list(own.identities(evidence()))
