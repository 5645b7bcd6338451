"""The sources that read what a host published: annotations and the objects of nmstate and SR-IOV."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from mac_owners_world import M1, M2, M3, M4, N1, N2, cluster, evidence, node

from arpcheck.mac_owners import all_identities, antrea, devices, node_network_state, ovn_kubernetes, sriov
from arpcheck.model import Identity, Mac, SourceRank

ODD = (None, 7, "", "x", [], {}, [None], {"a": None}, "[" * 9999)

L3 = "k8s.ovn.org/l3-gateway-config"
ANTREA = "node.antrea.io/mac-address"
NNS = "nodenetworkstates.nmstate.io"
PUBLISHED = {"rank": SourceRank.PUBLISHED, "lists_nics": True}
SRIOV = "sriovnetworknodestates.sriovnetwork.openshift.io"


def said(source, objects):
    return [(i.mac, i.node, i.interface) for i in source.identities(evidence(objects))]


def with_l3(config, name="node1"):
    return cluster([node(name, N1, annotations={L3: config if isinstance(config, str) else json.dumps(config)})])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            '{"default":{"mode":"shared","bridge-id":"br-ex","interface-id":"br-ex_node1","mac-address":"52:54:00:AB:67:26",'
            '"ip-addresses":["192.168.122.159/24"],"vlan-id":"0"}}', [("52:54:00:ab:67:26", "node1", "br-ex")], id="shared",
        ),
        pytest.param({"default": {"interface-id": "br-ex_node1", "mac-address": M1}}, [(M1, "node1", "br-ex")],
                     id="older, without bridge-id"),
        pytest.param(
            {"default": {"bridge-id": "br-ex", "mac-address": M1, "exgw-mac-address": M2, "exgw-interface-id": "br-ex1_node1"}},
            [(M1, "node1", "br-ex"), (M2, "node1", "br-ex1")], id="a second gateway",
        ),
        pytest.param({"default": {"mac-address": M1}, "blue": {"mac-address": M2}}, [(M1, "node1", None), (M2, "node1", None)],
                     id="several networks"),
        pytest.param({"default": {"mode": "disabled"}}, [], id="disabled"),
        pytest.param({"default": {"mac-address": "ff:ff:ff:ff:ff:ff"}}, [], id="a group address"),
        *(pytest.param({"default": odd, "x": {"mac-address": odd, "interface-id": odd}}, [], id=f"odd {n}") for n, odd in enumerate(ODD)),
        *(pytest.param(odd if isinstance(odd, str) else json.dumps(odd), [], id=f"odd whole {n}") for n, odd in enumerate(ODD)),
    ],
)  # fmt: skip
def test_ovn_kubernetes(config, expected):
    assert said(ovn_kubernetes, with_l3(config)) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("00:50:56:a7:e7:1c", 1), ("x", 0), ("", 0), ("00:00:00:00:00:00", 0), ("0" * 9999, 0)]
)
def test_antrea(value, expected):
    found = list(antrea.identities(evidence(cluster([node("node1", N1, annotations={ANTREA: value})]))))
    assert (
        found
        == [
            Identity(mac=Mac("00:50:56:a7:e7:1c"), node="node1", source="antrea", detail=f"annotation {ANTREA}", **PUBLISHED)
        ]
        * expected
    )


def state(name: str, *nics: object, at: object = "2026-03-01T11:59:00Z"):
    return {
        "metadata": {"name": name},
        "status": {"lastSuccessfulUpdateTime": at, "currentState": {"interfaces": list(nics)}},
    }


def test_node_network_state():
    nics = [
        {"name": "ens224", "type": "ethernet", "state": "up", "mac-address": "52:55:00:D1:55:01"},
        {"name": "bond0", "type": "bond", "mac-address": M1},
        {"name": "ens3.100", "type": "vlan", "mac-address": M2},
        {"type": "linux-bridge", "mac-address": M4},
        {"name": "veth1", "type": "ethernet", "mac-address": M3},
        {"name": "d0", "type": "dummy", "mac-address": M3},
        {"name": "lo", "type": "loopback", "mac-address": "00:00:00:00:00:00"},
        {"name": "ib0", "type": "ethernet", "mac-address": "00:" * 19 + "01"},
        *ODD, *({"name": odd, "type": "ethernet", "mac-address": odd} for odd in ODD),
    ]  # fmt: skip
    at = datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    objects = replace(cluster(**{NNS: [state("node1", *nics)]}, nodes=[READY]), read_at=at)
    found = list(node_network_state.identities(evidence(objects)))
    assert found == [
        Identity(
            mac=Mac(mac),
            node="node1",
            source="node-network-state",
            detail="NodeNetworkState node1",
            interface=nic,
            observed_at=at,
            lists_all=True,
            **PUBLISHED,
        )
        for mac, nic in (("52:55:00:d1:55:01", "ens224"), (M1, "bond0"), (M2, "ens3.100"), (M4, None))
    ]


READY = {"metadata": {"name": "node1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
DOWN = {"metadata": {"name": "node1"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}


@pytest.mark.parametrize(
    ("node", "minutes", "ahead", "fresh"),
    [
        pytest.param(READY, 1, None, True, id="of a minute ago"),
        pytest.param(READY, 11, None, False, id="of eleven minutes ago"),
        pytest.param(READY, 11, -120.0, True, id="of eleven minutes ago by this host's clock, which is two minutes ahead"),
        pytest.param(READY, None, None, False, id="in a file that does not say when it was read"),
        pytest.param(DOWN, 1, None, False, id="of a node that is not Ready"),
    ],
)
def test_an_old_report_lists_nothing(node, minutes, ahead, fresh):
    at = datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    nic = {"name": "ens224", "type": "ethernet", "mac-address": M1}
    read_at = None if minutes is None else at + timedelta(minutes=minutes)
    objects = replace(cluster(**{NNS: [state("node1", nic)]}, nodes=[node]), read_at=read_at, server_ahead=ahead)
    [found] = node_network_state.identities(evidence(objects))
    assert (found.lists_nics, found.lists_all, found.rank < SourceRank.WIRE) == (fresh, fresh, fresh)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_states_say_nothing_and_an_odd_time_is_none(odd):
    nic = {"name": "e", "type": "bond", "mac-address": M1}
    whole = [
        {"metadata": {"name": "n"}, "status": odd},
        {"metadata": odd, "status": {"interfaces": odd, "currentState": odd}},
    ]
    assert said(node_network_state, cluster(**{NNS: whole})) == said(sriov, cluster(**{SRIOV: whole})) == []
    given = evidence(cluster(**{NNS: [state("node1", nic, at=odd)]}))
    assert [i.observed_at for i in node_network_state.identities(given)] == [None]


@pytest.mark.parametrize("kind", ["ethernet", "bond", "team", "vlan", "linux-bridge", "ovs-bridge", "ovs-interface"])
def test_the_types_of_a_network_state_that_can_answer_on_a_lan(kind):
    nics = ({"name": "x", "type": kind, "mac-address": M1}, {"name": "y", "type": "vxlan", "mac-address": M2})
    assert said(node_network_state, cluster(**{NNS: [state("node1", *nics)]})) == [(M1, "node1", "x")]


def test_sriov():
    nics = [
        {
            "name": "ens1f0", "mac": M1,
            "Vfs": [{"name": "ens1f0v0", "mac": M2}, {"mac": M3}, {"name": "ens1f0v1", "mac": "00:00:00:00:00:00"}, *ODD],
        },
        {"name": "ens1f1"}, {"mac": M4}, *ODD,
    ]  # fmt: skip
    obj = {"metadata": {"namespace": "sriov", "name": "node1"}, "status": {"interfaces": nics}}
    found = list(sriov.identities(evidence(cluster(**{SRIOV: [obj]}))))
    assert found == [
        Identity(
            mac=mac, node="node1", source="sriov", detail="SriovNetworkNodeState sriov/node1", interface=nic, **PUBLISHED
        )
        for mac, nic in ((M1, "ens1f0"), (M2, "ens1f0v0"), (M4, None))
    ]


def test_a_state_of_no_node_of_this_cluster_is_left_out():
    nic = {"name": "e", "type": "bond", "mac-address": M1}
    assert all_identities(evidence(cluster(**{NNS: [state("gone", nic)]}))) == ()
    assert [i.node for i in all_identities(evidence(cluster(**{NNS: [state("gone", nic), state("node1", nic)]})))] == [
        "node1"
    ]


def test_overlays():
    nodes = [
        node("node2", N2, annotations={"flannel.alpha.coreos.com/backend-data": f'{{"VNI":1,"VtepMAC":"{M1}"}}'}),
        node("node1", N1, annotations={
            "projectcalico.org/VXLANTunnelMACAddr": "66:0a:36:50:3e:52",
            "ovn.kubernetes.io/mac_address": M2,
            "k8s.ovn.org/node-mgmt-port-mac-address": M3,
            "k8s.ovn.org/node-mgmt-port-mac-addresses": json.dumps({"default": M3, "blue": "02:00:00:00:00:05"}),
            "flannel.alpha.coreos.com/backend-v6-data": f'{{"VNI":1,"VtepMAC":"{M1}"}}',
        }),
    ]  # fmt: skip
    assert devices.overlays(cluster(nodes)) == {
        M1: "flannel's tunnel on node1",
        M2: "Kube-OVN's ovn0 on node1",
        M3: "OVN-Kubernetes' management port on node1",
        "02:00:00:00:00:05": "OVN-Kubernetes' management port on node1",
        "66:0a:36:50:3e:52": "Calico's VXLAN tunnel on node1",
        "ee:ee:ee:ee:ee:ee": "Calico's end of a pod, the same on every node",
    }


@pytest.mark.parametrize(
    "value", ["null", "", "7", "[]", '{"VtepMAC": 7}', '{"PublicKey": "x"}', "[" * 9999, "ff:ff:ff:ff:ff:ff"]
)
def test_odd_annotations_are_no_overlay(value):
    keys = [field.removeprefix("metadata annotations ") for need in devices.OVERLAY_NEEDS for field in need.fields]
    assert list(devices.overlays(cluster([node("n", N1, annotations=dict.fromkeys(keys, value))]))) == ["ee:ee:ee:ee:ee:ee"]


@pytest.mark.parametrize(
    ("nic", "expected"),
    [
        pytest.param({"type": "mac-vtap"}, [], id="a guest's"),
        pytest.param({"type": "mac-vtap", "ipv4": {"address": [{"ip": N1}]}}, [], id="a guest's whatever is on it"),
        pytest.param({"type": "mac-vlan"}, [], id="a mac-vlan without an address"),
        pytest.param({"type": "mac-vlan", "ipv4": {"address": []}, "ipv6": {"address": [{"ip": "fe80::1"}]}}, [],
                     id="a mac-vlan with the address alone that every interface has"),
        pytest.param({"type": "mac-vlan", "ipv4": {"address": [{"ip": N1, "prefix-length": 24}]}}, ["node1"], id="the node's own"),
        pytest.param({"type": "mac-vlan", "ipv6": {"address": [{"ip": "fd00::1"}]}}, ["node1"], id="the node's own by IPv6"),
        pytest.param({"type": "ethernet", "name": "vnet3"}, [], id="the host's end of a guest's NIC"),
        pytest.param({"type": "linux-bridge", "name": "br-0123456789ab"}, [], id="docker's bridge"),
        pytest.param({"type": "linux-bridge", "name": "br-lan"}, ["node1"], id="a bridge"),
    ],
)  # fmt: skip
def test_what_belongs_to_a_guest_is_not_the_node_s(nic, expected):
    found = said(node_network_state, cluster(**{NNS: [state("node1", {"name": "x", "mac-address": M1, **nic})]}))
    assert [node for _, node, _ in found] == expected
