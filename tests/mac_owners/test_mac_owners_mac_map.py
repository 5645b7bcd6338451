from __future__ import annotations

from itertools import permutations

import pytest
from mac_owners_world import M1, M2, M3, N1, N2, cluster, evidence, heard, node, service

from arpcheck import pipeline
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners import all_identities, mac_map
from arpcheck.mac_owners.mac_list import read_mac_map
from arpcheck.model import Gap, Identity, MacListFormat, SourceRank
from arpcheck.objects import Node


def entry(host: str, mac=M1, where="macs.csv:1", interface=None, form=MacListFormat.CSV) -> MacEntry:
    return MacEntry(mac=mac, node=host, interface=interface, where=where, format=form)


def match(names, *nodes):
    return mac_map.match_nodes([entry(name) for name in names], [Node.read(obj) for obj in nodes])


A, B = node("worker-1", N1), node("worker-2.example.com", N2, hostname="w2")


@pytest.mark.parametrize(
    ("names", "nodes", "expected"),
    [
        pytest.param(["worker-1"], [A, B], {"worker-1": "worker-1"}, id="the Node's name"),
        pytest.param(["WORKER-1"], [A, B], {"WORKER-1": "worker-1"}, id="in capitals"),
        pytest.param(["w2"], [A, B], {"w2": "worker-2.example.com"}, id="its label kubernetes.io/hostname"),
        pytest.param(
            ["W"], [node("w"), node("w.a")], {"W": "w"}, id="in capitals, where its first label would be two nodes'"
        ),
        pytest.param(["w"], [node("W"), node("w.a")], {"w": "W"}, id="a Node's name in capitals"),
        pytest.param(
            ["w2", "W3"],
            [node("n2", hostname="W2"), node("n3", hostname="w3")],
            {"w2": "n2", "W3": "n3"},
            id="a label in capitals",
        ),
        pytest.param(["WORKER-1.LAN"], [A, B], {"WORKER-1.LAN": "worker-1"}, id="a first label in capitals"),
        pytest.param(["worker-2"], [A, B], {"worker-2": "worker-2.example.com"}, id="the first label of the Node's name"),
        pytest.param(["worker-1.lan"], [A, B], {"worker-1.lan": "worker-1"}, id="the first label of the host's name"),
        pytest.param(["router"], [A, B], {}, id="no node"),
        pytest.param([""], [A, node("")], {}, id="no name"),
        pytest.param(["w.a.lan", "w.b.lan"], [node("w")], {}, id="two hosts with the first label of one node"),
        pytest.param(["w"], [node("w.a"), node("w.b")], {}, id="two nodes with that first label"),
        pytest.param(
            ["x", "w.lan"], [node("w.a", hostname="x"), node("w.b", hostname="x")], {}, id="two nodes with that label"
        ),
        pytest.param(["w", "w.b"], [node("w"), node("w.a")], {"w": "w"}, id="the exact name beside a doubtful one"),
        pytest.param(["w", "w.b"], [node("w")], {"w": "w", "w.b": "w"}, id="the exact name beside a longer one"),
        pytest.param(["a"], [node("a", hostname="b"), node("b", hostname="a")], {"a": "a"}, id="name before label"),
        pytest.param(["10.0.0.5"], [node("10", N1), node("10.0.0.5", N1)], {}, id="an address is no name"),
    ],
)
def test_match_nodes(names, nodes, expected):
    for order in permutations(nodes):
        assert match(names, *order) == expected
        assert match([*reversed(names)], *order) == expected


def test_identities_and_what_is_left():
    entries = [
        entry("worker-1", interface="eth0"),
        entry("router", M2, "macs.csv:2"),
        entry("10.0.0.1", M3, "arp:1 (arp-scan)"),
    ]
    given = evidence(cluster([A, B]), mac_map=entries)
    assert list(mac_map.identities(given)) == [
        Identity(
            mac=M1,
            node="worker-1",
            source="mac-map",
            detail="macs.csv:1",
            interface="eth0",
            rank=SourceRank.OWN_FILE,
            lists_nics=True,
            lists_all=True,
        )
    ]
    assert mac_map.unmatched(given) == (entries[1],)


def test_a_name_that_fits_no_node_is_one_gap_whose_cure_is_the_name():
    entries = [
        entry("router", M2, "macs.csv:2"),
        entry("worker-1"),
        entry("router", M3, "macs.csv:4"),
        entry("10.0.0.1", M3, "macs.csv:5"),
    ]
    (gap,) = mac_map.unmatched_hosts(evidence(cluster([A, B]), mac_map=entries))
    assert gap == Gap(
        what="mac-map", why="macs.csv:2: 'router' is not the name of one node of this cluster",
        costs=f"{M2} and 1 more have no owner; use the Node's name there, or remove the entry",
    )  # fmt: skip


def test_a_file_of_addresses_none_of_which_is_a_nodes_is_said():
    """A neighbour table lists the hosts of a LAN: one node among them is enough."""
    others = [entry(ip, M2, f"arp.txt:{n} (arp)") for n, ip in enumerate(("10.0.0.1", "10.0.0.2"), 1)]
    (gap,) = mac_map.unmatched_hosts(evidence(cluster([A, B]), mac_map=others))
    assert (gap.what, gap.why) == ("mac-map", "arp.txt: none of its 2 addresses is a node's own")
    given = evidence(cluster([A, node("b", N2)]), mac_map=[*others, entry(N2, M3, "arp.txt:3 (arp)")])
    assert mac_map.unmatched_hosts(given) == ()


def test_where_the_nodes_were_refused_no_name_is_wrong():
    """That they were is a gap of its own; a hundred names are not."""
    assert mac_map.unmatched_hosts(evidence(cluster([], gaps=["nodes"]), mac_map=[entry("worker-1")])) == ()


def test_a_mac_that_is_listed_of_two_nodes_stays_with_both():
    given = evidence(mac_map=[entry("node1", where="a.csv:1"), entry("node2", where="b.csv:1", form=MacListFormat.ETHERS)])
    assert [(i.node, i.rank) for i in all_identities(given)] == [
        ("node1", SourceRank.OWN_FILE),
        ("node2", SourceRank.OTHER_FILE),
    ]
    report = pipeline.conclude(evidence(replies=heard("10.0.0.50", M1), mac_map=given.mac_map))
    assert "shared-mac" in {finding.id for finding in report.findings}


@pytest.mark.parametrize("form", MacListFormat)
def test_an_address_in_a_list_of_the_user_s_own_is_what_somebody_saw_there(form):
    """In a list that a host wrote, an address is only how the host is called."""
    (found,) = mac_map.identities(evidence(mac_map=[entry(N1, form=form)]))
    own = form in mac_map.BY_HAND
    assert (found.node, found.rank) == ("node1", SourceRank.SEEN if own else form.rank)
    assert found.lists_nics == (form.lists_nics and not own)


def test_without_nodes_nothing_is_matched():
    """A name in a file may not be the Node's, and a wrong name would make a wrong verdict."""
    assert mac_map.unmatched(evidence(cluster([], gaps=["nodes"]), mac_map=[entry("worker-1")])) == (entry("worker-1"),)


@pytest.mark.parametrize(
    ("services", "lines", "expected"),
    [
        pytest.param([], [(N1, M1), (N2, M2)], {M1: "node1", M2: "node2"}, id="by address"),
        pytest.param([], [("10.0.0.99", M1)], {}, id="an address of no node"),
        pytest.param([], [(N1, M1), (N1, M3)], {M1: "node1", M3: "node1"}, id="two MACs for an address"),
        pytest.param(
            [service("s", N1)], [(N1, M1), (N1, M3), (N2, M2)], {M2: "node2"}, id="two MACs, also a Service's address"
        ),
        pytest.param([service("s", N1)], [(N1, M1)], {}, id="one MAC, also a Service's address"),
    ],
)
def test_an_address_in_the_place_of_a_name(services, lines, expected):
    given = evidence(cluster(services=services), mac_map=[entry(ip, mac, "arp.txt:1 (arp-scan)") for ip, mac in lines])
    assert {i.mac: i.node for i in mac_map.identities(given)} == expected


def test_an_address_that_only_an_annotation_has_names_its_node_too():
    nodes = [node("node1", N1, annotations={"flannel.alpha.coreos.com/public-ip": "172.18.0.3"}), node("node2", N2)]
    given = evidence(cluster(nodes), mac_map=[entry("172.18.0.3")])
    assert [i.node for i in mac_map.identities(given)] == ["node1"]


def test_ipv6_neighbours_are_matched_with_the_nodes_ipv6_addresses():
    read = read_mac_map(
        f"2001:db8:0::11 dev eth0 lladdr {M1} router STALE\nfe80::1 dev eth0 lladdr {M2} STALE\n2001:db8::99 dev eth0 lladdr {M3} STALE\n",
        "neigh.txt",
    )
    given = evidence(cluster([node("b", "2001:db8::11")]), mac_map=read.entries)
    assert [(found.mac, found.node, found.rank, found.lists_nics) for found in mac_map.identities(given)] == [
        (M1, "b", SourceRank.SEEN, False)
    ]
    assert (mac_map.unmatched(given), mac_map.unmatched_hosts(given)) == ((), ())
