"""Every format that lists MACs: what is read of it, and that its MACs end with the nodes that have them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from mac_lists import SAMPLES, A, B, C
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.errors import InputError
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.mac_owners import all_identities
from arpcheck.mac_owners.mac_list import FORMATS, read_mac_map
from arpcheck.model import MacListFormat, Verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OF_NAMES = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)

SCENE = """
title = "Two announcers, one of them on a second NIC"
about = "Worker-2 answers too, on eth1, which has no address."
[nodes.worker-1]
ipvs = "strict"
[nodes.worker-2]
ipvs = "strict"
nics = { eth0 = { addresses = "10.0.0.12" }, eth1 = {} }
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
[[announcers]]
at = "worker-2"
ips = "10.0.0.50"
nics = "eth1"
"""


@OF_NAMES
def test_what_is_read_of_a_file(sample):
    found = read_mac_map(sample.text, sample.name)
    assert [(entry.mac, entry.node, entry.interface) for entry in found.entries] == list(sample.nics)
    assert found.blanks == sample.blanks
    assert {entry.format for entry in found.entries} == {sample.format}


@OF_NAMES
def test_one_format_and_no_other_takes_it_first(sample):
    """Lines in another order are the same file: no format is known by what happens to stand first."""
    if sample.format in (MacListFormat.ETHERS, MacListFormat.IP_NEIGH, MacListFormat.ARP, MacListFormat.PROC_NET_ARP):
        text = "\n".join(reversed(sample.text.splitlines()))
        assert {entry.format for entry in read_mac_map(text, sample.name).entries} == {sample.format}


def test_every_format_has_a_sample():
    assert (
        {sample.format for sample in SAMPLES}
        == {form.format for form in FORMATS}
        == {*MacListFormat} - {MacListFormat.CAPTURE, MacListFormat.HEARD, MacListFormat.PART}
    )


@OF_NAMES
def test_windows_line_ends_change_nothing(sample):
    text = sample.text.replace("\n", "\r\n")
    assert read_mac_map(text, sample.name) == read_mac_map(sample.text, sample.name)


@OF_NAMES
def test_every_mac_ends_with_the_node_that_has_it(sample):
    scene = scene_file.parse(SCENE, "two-announcers")
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces), objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), mac_map=read_mac_map(sample.text, sample.name).entries, wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )  # fmt: skip
    nodes = {A: "worker-1", B: "worker-2", C: "worker-2"}
    listed = {mac: nodes[mac] for mac, _, _ in sample.nics}
    assert {claim.mac: claim.node for claim in all_identities(evidence) if claim.source == "mac-map"} == listed
    (target,) = (target for target in pipeline.conclude(evidence).targets if str(target.target.ip) == "10.0.0.50")
    owners = {mac: responder.node for responder in target.responders for mac in responder.macs}
    assert owners.get(A) == "worker-1"
    assert owners[C] == listed.get(C)
    if C in listed:
        assert target.verdict is Verdict.DUPLICATE


def test_hosts_that_share_a_virtual_router_are_several():
    """With all NICs in one host, the file's name would be the node of them all."""
    links = [
        [
            {"ifname": "eth0", "link_type": "ether", "address": mac, "addr_info": [{"family": "inet", "local": ip}]},
            {"ifname": "vrrp.51", "link_type": "ether", "address": "00:00:5e:00:01:33"},
        ]
        for mac, ip in ((A, "10.0.0.11"), (B, "10.0.0.12"))
    ]
    found = read_mac_map("\n".join(map(json.dumps, links)), "worker-1.json").entries
    assert [(entry.mac, entry.node) for entry in found if entry.interface == "eth0"] == [(A, "10.0.0.11"), (B, "10.0.0.12")]


def link(mac: str) -> str:
    return json.dumps([{"ifname": "eth0", "link_type": "ether", "address": mac}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Vlan    Mac Address       Type        Ports\n----    -----------       --------    -----\n"
                     "  10    0201.0000.0100    DYNAMIC     Gi1/0/1\n", "f: a switch's MAC table names the switch's ports, not nodes", id="a switch"),
        pytest.param("*  All   0201.0000.0100  static  CPU\n", "f: a switch's MAC table names the switch's ports, not nodes", id="a switch's own"),
        pytest.param(f"{A} dev eth0 master br0\n", "f: `bridge fdb` names the ports of a bridge, not nodes", id="a bridge"),
        pytest.param("lease 10.0.0.11 {\n  hardware ethernet zz;\n}\n", "f:1: not a MAC address: 'zz'", id="dhcpd, no MAC"),
        pytest.param("host worker-1 {\n  hardware ethernet 02:01:00:00:01:00;\n}\n", "f: not a MAC list in a supported format", id="dhcpd.conf"),
        pytest.param("2: eth0: <BROADCAST,UP> mtu 1500\n    link/ether zz brd ff:ff:ff:ff:ff:ff\n", "f:1: not a MAC address: 'zz'", id="ip link, no MAC"),
        pytest.param("1: lo: <LOOPBACK,UP> mtu 65536\n    link/loopback 00:00:00:00:00:00\n", "f: no MAC address in it (format: ip link)",
                     id="ip link, a host without a NIC"),
        pytest.param(f"1: e: <UP> mtu 1\n    link/ether {A} brd f\n1: e: <UP> mtu 1\n    link/ether {B} brd f\n",
                     "f:1: this list of NICs does not name its host", id="ip link, two hosts without a name or an address"),
        pytest.param("[all]\nworker-1 ansible_host=10.0.0.11\n", "f: not a MAC list in a supported format", id="an inventory of Ansible"),
        pytest.param(f"nodes:\n  worker-1:\n    eth0: {A}\n",
                     "f:3: a mapping in the place of text; the list is [{mac, node}] or {node: {nic: mac}}", id="YAML, a level more"),
        pytest.param(f"{link(A)}\n{link(B)}",
                     "f:1: this list of NICs does not name its host", id="two hosts without a name or an address"),
        pytest.param(f"w1\n{link(A)}\n\n{link(B)}",
                     "f:4: this list of NICs does not name its host", id="a host without a name below one with"),
        pytest.param(f"10.0.0.11 dev eth0 lladdr {A} REACHABLE\n10.0.0.12 dev eth0 lladdr zz STALE\n",
                     "f:2: not a line of ip neigh: '10.0.0.12 dev eth0 lladdr zz STALE'", id="ip neigh, no MAC"),
        pytest.param(f"? (10.0.0.11) at {A} on eth0\n? (10.0.0.12) at zz on eth0\n", "f:2: not a line of arp: '? (10.0.0.12) at zz on eth0'", id="arp, no MAC"),
        pytest.param(f"10.0.0.11\t{A}\n10.0.0.12{' ' * 1000}{B}\n", "f:2: not an IP address and its MAC address: 10.0.0.12",
                     id="arp-scan, wider than a line is read"),
        pytest.param(f"10.0.0.999 dev eth0 lladdr {A} STALE\n", "f:1: not an IP address: 10.0.0.999", id="ip neigh, no address"),
        pytest.param('[{"dst": "10.0.0.11", "dev": "eth0", "lladdr": "zz"}]', "f:entry 1: not a MAC address: 'zz'", id="ip -j neigh, no MAC"),
        pytest.param("address,mac\n10.0.0.11,zz\n", "f:2: not a MAC address: 'zz'", id="CSV by address, no MAC"),
        pytest.param("address,mac\n10.0.0.11,1,2\n", "f:2: 3 fields, expected address,mac", id="CSV by address, too long"),
        pytest.param("device,name,mac_address\nw1,eth0,zz\n", "f:2: not a MAC address: 'zz'", id="NetBox, no MAC"),
        pytest.param("kind: BareMetalHost\nmetadata: [\n", "f:3: the YAML is not valid from here on", id="objects, cut off"),
        pytest.param("kind: BareMetalHost\na: &a {}\nb: *a\n", "f:3: YAML aliases are not supported", id="objects, an alias"),
        pytest.param("kind: BareMetalHost\na: " + "[" * 100000, "f:2: the YAML is nested too deeply", id="objects, deep"),
        pytest.param("kind: BareMetalHost\n#" + "x" * (4 << 20), "f: 4,194,325 characters of YAML; the limit is 4,194,304", id="objects, large"),
        pytest.param("kind: BareMetalHost\nmetadata: {name: w1}\n", "f: no MAC address in it (format: objects)", id="objects, not inspected"),
        pytest.param('{"kind": "NodeNetworkState", "metadata": {"name": "w"}, "status": {"currentState": {"interfaces": '
                     '[{"name": "e", "type": "bond", "mac-address": "zz"}]}}}', "f:entry 1: not a MAC address: 'zz'", id="objects, no MAC"),
    ],
)  # fmt: skip
def test_what_is_refused_says_its_name_or_its_line(text, message):
    with pytest.raises(InputError) as caught:
        read_mac_map(text, "f")
    assert caught.value.message == message
    assert "\n" not in str(caught.value)


def test_what_is_not_recognised_names_what_is():
    with pytest.raises(InputError) as caught:
        read_mac_map("error: no such host\n", "f")
    for word in (
        "CSV",
        "NetBox",
        "ip neigh",
        "arp -an",
        "dnsmasq",
        "Ansible",
        "node_exporter",
        "BareMetalHost",
        "NodeNetworkState",
    ):
        assert word in caught.value.hint


def test_rows_are_bounded_whether_they_have_a_mac_or_not():
    with pytest.raises(InputError, match="more than 262,144 rows"):
        read_mac_map("mac,node\n" + ",w1\n" * 262_145, "f")
