from __future__ import annotations

import inspect
from itertools import permutations

import pytest
from identities_world import M1, M2, M3, N1, N2, cluster, evidence, heard, node

from arpcheck import identities
from arpcheck.evidence import MacEntry
from arpcheck.identities import NEEDS, SOURCES, all_identities, rank, table, unread
from arpcheck.model import Identity, Need


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.NAME)
def test_a_source_is_a_name_its_needs_and_one_function(source):
    assert isinstance(source.NAME, str)
    assert all(isinstance(need, Need) for need in source.NEEDS)
    assert set(source.NEEDS) <= set(NEEDS)
    assert list(inspect.signature(source.identities).parameters) == ["evidence"]


def test_names_are_unique():
    assert len({source.NAME for source in SOURCES}) == len(SOURCES)


def test_the_table_has_a_full_row_for_each_source():
    rows = table()
    assert [row.name for row in rows] == [source.NAME for source in SOURCES]
    assert all(row.needs and row.gives and "\n" not in row.gives for row in rows)
    assert {row.on_by_default for row in rows} <= {"yes", "no", "with the flag"}


def test_what_is_public_exists():
    assert all(hasattr(identities, name) for name in identities.__all__)


def test_every_word_is_kept_the_strongest_first_whatever_the_order():
    entries = [
        MacEntry(mac=M1, node="node2", interface=None, where="ethers:3 (ethers)"),
        MacEntry(mac=M1, node="node1", interface="eth0", where="macs.csv:1"),
        MacEntry(mac=M2, node="node2", interface=None, where="job.log:4 (job)"),
    ]
    replies = [*heard(N1, M1), *heard(N2, M2)]
    expected = [
        (M1, 1, "node1", "macs.csv:1"), (M1, 4, "node1", N1), (M1, 6, "node2", "ethers:3 (ethers)"),
        (M2, 2, "node2", "job.log:4 (job)"), (M2, 4, "node2", N2),
    ]  # fmt: skip
    for order in permutations(entries):
        for answers in permutations(replies):
            found = all_identities(evidence(replies=answers, mac_map=order))
            assert [(i.mac, rank(i), i.node, i.detail) for i in found] == expected


def test_claims_that_differ_in_their_interface_alone_are_in_its_order_whatever_the_files():
    nics = [(None, "c.csv:1"), ("eth0", "b.csv:1"), ("eth1", "a.csv:1")]
    entries = [MacEntry(mac=M1, node="node1", interface=nic, where=where) for nic, where in nics]
    for order in permutations(entries):
        assert [(i.interface, i.detail) for i in all_identities(evidence(mac_map=order))] == nics


def test_every_resource_that_could_not_be_read_might_have_named_a_node():
    resources = sorted({need.resource for source in SOURCES for need in source.NEEDS})
    assert resources == ["nodenetworkstates.nmstate.io", "nodes", "services", "sriovnetworknodestates.sriovnetwork.openshift.io"]
    assert unread(cluster(gaps=[*resources, "leases.coordination.k8s.io"])) == tuple(resources)
    assert unread(cluster(gaps=["leases.coordination.k8s.io"])) == ()


def test_a_tunnel_is_nobodys_nic_whoever_claims_it():
    nodes = [node("node1", N1, annotations={"flannel.alpha.coreos.com/backend-data": f'{{"VNI":1,"VtepMAC":"{M3}"}}'})]
    entries = [MacEntry(mac=M3, node="node1", interface="flannel.1", where="macs.csv:1")]
    assert all_identities(evidence(cluster(nodes), heard(N1, M3), mac_map=entries)) == ()


@pytest.mark.parametrize(
    ("source", "detail", "expected"),
    [
        pytest.param("mac-map", "macs.csv:3", 1, id="the user's own file"),
        pytest.param("mac-map", "a (job):3", 1, id="a file with an odd name"),
        pytest.param("mac-map", "logs.txt:3 (job)", 2, id="what a job printed"),
        pytest.param("self", "", 2, id="this host"),
        pytest.param("node-network-state", "NodeNetworkState node1", 3, id="what a host published"),
        pytest.param("node-ip", N1, 4, id="the wire"),
        pytest.param("mac-map", "ethers:3 (ethers)", 6, id="another file"),
    ],
)
def test_rank(source, detail, expected):
    assert rank(Identity(mac=M1, node="n", source=source, detail=detail)) == expected
