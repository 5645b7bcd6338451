"""Which interface `--iface auto` comes to, and when it comes to none."""

import itertools
import json
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Families, Host, Interface, Mac
from arpcheck.objects import Objects
from arpcheck.pipeline.interfaces import NeverChosen, choose
from arpcheck.reports import Style, render

NODES = ("10.0.0.11", "10.0.0.12")


def nic(name, *addresses):
    return Interface(name=name, mac=Mac("02:00:00:00:00:01"), addresses=addresses)


ETH0, ETH1 = nic("eth0", "10.0.0.5/24"), nic("eth1", "172.20.5.9/24")
OVERLAYS = (nic("cni0", "10.244.1.1/24"), nic("docker0", "172.17.0.1/16"), nic("flannel.1", "10.244.1.0/32"))
IPVS = nic("kube-ipvs0", "10.0.0.50/32", "10.96.0.1/32")


def chosen(interfaces, asked, nodes=NODES):
    return choose(interfaces, map(IPv4Address, asked), map(IPv4Address, nodes))


CLEAR = [
    pytest.param([ETH0], ["10.0.0.50"], NODES, "eth0", id="one for both"),
    pytest.param([ETH0, ETH1], ["172.20.5.50"], NODES, "eth1", id="the addresses in a VLAN of their own"),
    pytest.param([ETH0, *OVERLAYS, IPVS], ["10.0.0.50"], NODES, "eth0", id="a node with an overlay and IPVS"),
    pytest.param([ETH0, ETH1], [], NODES, "eth0", id="no address yet: where the nodes are"),
    pytest.param([ETH0, ETH1], ["192.168.77.1"], NODES, "eth0", id="a pool in no subnet: where the nodes are"),
    pytest.param(
        [ETH0, ETH1], ["10.0.0.50", "192.168.77.1"], NODES, "eth0", id="some in no subnet, the nodes beside the others"
    ),
    pytest.param([ETH0, ETH1], ["10.0.0.50", "172.20.5.50"], NODES, "eth0 eth1", id="two pools, two interfaces"),
    pytest.param([ETH0, nic("eth1", "10.0.0.6/28")], ["10.0.0.9"], NODES, "eth1", id="the longer prefix"),
    pytest.param(
        [nic("eth0", "10.0.0.5/24", "172.20.5.9/24")], ["10.0.0.50", "172.20.5.50"], NODES, "eth0", id="two subnets on one"
    ),
    pytest.param([ETH0, nic("eth1")], ["10.0.0.50"], (), "eth0", id="nodes refused"),
]


@pytest.mark.parametrize(("interfaces", "asked", "nodes", "names"), CLEAR)
def test_it_is_the_one_whose_subnet_holds_them(interfaces, asked, nodes, names):
    for order in itertools.permutations(interfaces):
        assert sorted(chosen(order, asked, nodes).names) == names.split()


UNCLEAR = [
    pytest.param(
        [ETH0, nic("eth1", "10.0.0.6/24")],
        ["10.0.0.50"],
        NODES,
        "eth0 and eth1 are in the same subnet",
        id="two in one subnet",
    ),
    pytest.param(
        [ETH0, ETH1], [], ["10.0.0.11", "172.20.5.11"], "the nodes are in the subnets of eth0 and eth1", id="nodes in two"
    ),
    pytest.param([ETH1], ["10.0.0.50"], NODES, "no subnet of this host contains", id="elsewhere"),
    pytest.param([], ["10.0.0.50"], NODES, "No interface is up", id="no interface"),
    pytest.param([ETH0], [], [], "no subnet of this host contains", id="nothing known"),
    pytest.param(
        [ETH0, ETH1],
        ["172.20.5.50", "192.168.77.1"],
        NODES,
        "some addresses are in no subnet",
        id="the nodes elsewhere than the rest",
    ),
    pytest.param([IPVS], ["10.0.0.50"], NODES, "no subnet", id="an address of our own is no subnet"),
]


@pytest.mark.parametrize(("interfaces", "asked", "nodes", "words"), UNCLEAR)
def test_where_it_is_not_clear_it_says_so_and_names_the_candidates(interfaces, asked, nodes, words):
    for order in itertools.permutations(interfaces):
        with pytest.raises(UsageError) as refused:
            chosen(order, asked, nodes)
        assert words in str(refused.value)
        assert [line.split()[0] for line in refused.value.details] == [interface.name for interface in order]


def test_an_interface_that_is_never_chosen_is_listed_with_the_reason_and_with_what_it_holds():
    """Also where its network holds all addresses, as that of virtual machines on this host."""
    virbr0 = NeverChosen(nic("virbr0", "10.0.0.1/24"), "a bridge of virtual machines")
    with pytest.raises(UsageError) as refused:
        choose([ETH1], [IPv4Address("10.0.0.50")], map(IPv4Address, NODES), {"virbr0": virbr0})
    assert [line.split()[:2] for line in refused.value.details] == [["eth1", "172.20.5.0/24"], ["virbr0", "10.0.0.1/24"]]
    assert "a bridge of virtual machines" in refused.value.details[1]
    assert "holds 3 of 3 addresses" in refused.value.details[1]


@pytest.mark.parametrize(("ready", "names"), [(True, None), (False, ("eth0",))])
def test_the_network_of_a_node_that_is_not_ready_does_not_count(ready, names):
    """A node of another network that was powered off makes nothing unclear."""

    def node(name, ip, ready):
        conditions = [{"type": "Ready", "status": str(ready)}]
        return {
            "metadata": {"name": name},
            "status": {"addresses": [{"type": "InternalIP", "address": ip}], "conditions": conditions},
        }

    objects = Objects(resources={"nodes": (node("a", "10.0.0.11", True), node("b", "172.20.5.11", ready))})
    host = Host(interfaces=(ETH0, ETH1))

    def settled():
        return pipeline.settle(Options(interfaces=("auto",)), objects, host, ("eth0", "eth1")).interfaces

    if names is None:
        with pytest.raises(UsageError, match="the nodes are in the subnets of eth0 and eth1"):
            settled()
    else:
        assert settled() == names


@pytest.mark.parametrize(
    ("own", "listed", "names"),
    [
        pytest.param(((), ()), ("2001:db8::11",), ("eth0",), id="IPv6 alone"),
        pytest.param((("10.0.0.5/24",), ()), ("2001:db8::11",), ("eth0",), id="nodes with IPv6 alone"),
        pytest.param(((), ("10.0.0.5/24",)), ("10.0.0.11", "2001:db8::11"), ("eth1",), id="IPv4 decides where it is known"),
    ],
)
def test_a_cluster_with_ipv6_alone_is_found_by_its_ipv6_network(own, listed, names):
    addresses = [{"type": "InternalIP", "address": ip} for ip in listed]
    objects = Objects(resources={"nodes": ({"metadata": {"name": "a"}, "status": {"addresses": addresses}},)})
    networks = ("fe80::1/64", "2001:db8::5/64"), ("fe80::2/64", "2001:db8:1::5/64")
    host = Host(
        interfaces=tuple(
            Interface(name=name, mac=Mac("02:00:00:00:00:01"), addresses=four, ipv6=six)
            for name, four, six in zip(("eth0", "eth1"), own, networks, strict=True)
        )
    )
    options = Options(interfaces=("auto",), families=Families.AUTO)
    assert pipeline.settle(options, objects, host, ("eth0", "eth1")).interfaces == names


def test_the_reason_counts():
    because = chosen([ETH0, ETH1], ["10.0.0.50", "10.0.0.51", "192.168.77.1"]).because
    assert because == "eth0, whose subnet 10.0.0.0/24 holds 2 of 3 addresses and 2 of 2 node addresses"
    assert chosen([ETH0], [], ["10.0.0.11"]).because == "eth0, whose subnet 10.0.0.0/24 holds 1 of 1 node addresses"


def test_the_report_says_which_and_why():
    scene = scene_file.load("two-non-strict")
    host, now = scene_host(scene), datetime(2026, 3, 1, 12, tzinfo=UTC)
    objects = cluster_objects.objects(scene, now, pipeline.NEEDS)
    options = pipeline.settle(Options(interfaces=("auto",)), objects, host, ("eth0", "lo"))
    evidence = pipeline.observe(options, objects=objects, host=host, wire=SimulatedWire(scene), clock=lambda: now)
    report = pipeline.conclude(evidence)
    reason = "eth0, whose subnet 10.0.0.0/24 holds 1 of 1 addresses and 3 of 3 node addresses"
    run = json.loads(render(report, "json", Style()))["run"]
    assert ([interface["name"] for interface in run["interfaces"]], run["interfacesBecause"]) == (["eth0"], reason)
    assert f"(chosen: {reason})" in " ".join(render(report, "table", Style()).split())


def test_an_interface_that_the_user_named_has_no_reason():
    options = Options(interfaces=("eth0",))
    assert pipeline.settle(options, None, None, ()) == options
