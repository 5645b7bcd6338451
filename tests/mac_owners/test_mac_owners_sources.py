from __future__ import annotations

import inspect
from itertools import permutations

import pytest
from mac_owners_world import M1, M2, M3, N1, N2, cluster, evidence, heard, node

from arpcheck import mac_owners
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners import NEEDS, SOURCES, all_identities, rank, table, unread
from arpcheck.model import MacListFormat, Need, SourceRank


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
    assert all(hasattr(mac_owners, name) for name in mac_owners.__all__)


def test_every_word_is_kept_the_strongest_first_whatever_the_order():
    entries = [
        MacEntry(mac=M1, node="node2", interface=None, where="ethers:3 (ethers)", format=MacListFormat.ETHERS),
        MacEntry(mac=M1, node="node1", interface="eth0", where="macs.csv:1", format=MacListFormat.CSV),
        MacEntry(mac=M2, node="node2", interface=None, where="job.log:4 (job)", format=MacListFormat.JOB),
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
    entries = [MacEntry(mac=M1, node="node1", interface=nic, where=where, format=MacListFormat.CSV) for nic, where in nics]
    for order in permutations(entries):
        assert [(i.interface, i.detail) for i in all_identities(evidence(mac_map=order))] == nics


def test_every_resource_that_could_not_be_read_might_have_named_a_node():
    resources = sorted({need.resource for source in SOURCES for need in source.NEEDS})
    assert {"nodenetworkstates.nmstate.io", "nodes", "services"} <= {*resources}
    assert unread(cluster(gaps=[*resources, "leases.coordination.k8s.io"])) == tuple(resources)
    assert unread(cluster(gaps=["leases.coordination.k8s.io"])) == ()


def test_a_tunnel_is_nobodys_nic_whoever_claims_it():
    nodes = [node("node1", N1, annotations={"flannel.alpha.coreos.com/backend-data": f'{{"VNI":1,"VtepMAC":"{M3}"}}'})]
    entries = [MacEntry(mac=M3, node="node1", interface="flannel.1", where="macs.csv:1", format=MacListFormat.CSV)]
    assert all_identities(evidence(cluster(nodes), heard(N1, M3), mac_map=entries)) == ()


@pytest.mark.parametrize(
    ("form", "strength", "lists_nics"),
    [
        (MacListFormat.CSV, SourceRank.OWN_FILE, True), (MacListFormat.YAML, SourceRank.OWN_FILE, True),
        (MacListFormat.JOB, SourceRank.LIVE_HOST, True), (MacListFormat.ANSIBLE, SourceRank.OTHER_FILE, True),
        (MacListFormat.IP_JSON, SourceRank.OTHER_FILE, True), (MacListFormat.NODE_EXPORTER, SourceRank.OTHER_FILE, True),
        (MacListFormat.ETHERS, SourceRank.OTHER_FILE, True), (MacListFormat.ARP_SCAN, SourceRank.SEEN, False),
        (MacListFormat.IP_NEIGH, SourceRank.SEEN, False), (MacListFormat.DHCPD, SourceRank.SEEN, False),
        (MacListFormat.HEARD, SourceRank.SEEN, False), (MacListFormat.PART, SourceRank.OTHER_FILE, True),
        (MacListFormat.CAPTURE, SourceRank.WIRE, False),
    ],
)  # fmt: skip
def test_a_list_is_as_strong_as_its_format_whatever_the_file_is_called(form, strength, lists_nics):
    entry = MacEntry(mac=M1, node="node1", interface=None, where="a (job):3 (ethers)", format=form)
    (found,) = all_identities(evidence(mac_map=[entry]))
    assert (found.rank, rank(found), found.lists_nics) == (strength, strength, lists_nics)


def test_what_only_answered_at_an_address_lists_no_nics():
    (found,) = all_identities(evidence(replies=heard(N1, M1)))
    assert (found.source, found.rank, found.lists_nics) == ("node-ip", SourceRank.WIRE, False)


def test_every_format_has_its_strength():
    assert {form: (form.rank, form.lists_nics) for form in MacListFormat}.keys() == {*MacListFormat}
