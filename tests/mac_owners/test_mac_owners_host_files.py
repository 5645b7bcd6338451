"""Files that a host or a tool wrote of itself."""

from __future__ import annotations

import json
import subprocess

import pytest

from arpcheck.commands.inventory import SCRIPT
from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list import read_mac_map

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
IB = "00:" * 19 + "01"


def rows(text: str, name: str):
    return [(e.mac, e.node, e.interface, e.where) for e in read_mac_map(text, name).entries]


def link(name, mac, kind="ether", **more):
    return {"ifindex": 2, "ifname": name, "link_type": kind, "address": mac, "broadcast": "ff:ff:ff:ff:ff:ff", **more}


LINKS = [
    link("lo", "00:00:00:00:00:00", "loopback"), {}, link("eth0", A, addr_info=[{"family": "inet", "local": "10.0.0.11"}]),
    link("eth1", B, permaddr=C), link("ib0", IB, "infiniband"), link("veth1@if2", "02:00:00:00:00:0d"),
    link("x", "02:00:00:00:00:0e", linkinfo={"info_kind": "dummy"}), link("six", "0.0.0.0", "sit"),
]  # fmt: skip

FACTS = {
    "ansible_hostname": "w1", "ansible_nodename": "w1.lan", "ansible_interfaces": ["lo", "eth0", "bond0", "eth1"],
    "ansible_default_ipv4": {"interface": "eth0", "macaddress": A},
    "ansible_lo": {"device": "lo", "type": "loopback"},
    "ansible_eth0": {"device": "eth0", "macaddress": A, "type": "ether"},
    "ansible_eth1": {"device": "eth1", "macaddress": B, "perm_macaddress": C, "type": "ether"},
    "ansible_ib0": {"device": "ib0", "macaddress": IB, "type": "infiniband"},
}  # fmt: skip
ANSIBLE = [
    (A, "w1.lan", "eth0", "f:entry 1 (Ansible)"), (B, "w1.lan", "eth1", "f:entry 2 (Ansible)"),
    (C, "w1.lan", "eth1", "f:entry 3 (Ansible)"),
]  # fmt: skip

EXPORTER = f"""\
# HELP node_network_info Non-numeric data.
# TYPE node_network_info gauge
node_network_info{{address="{A}",adminstate="up",broadcast="ff:ff:ff:ff:ff:ff",device="bond0",duplex="full",ifalias=""}} 1
node_network_info{{address="{B}",broadcast="",interface="eth1"}} 1
node_network_info{{address="00:00:00:00:00:00",device="lo"}} 1
node_network_info{{address="{IB}",device="ib0"}} 1
node_network_info{{address="",device="tun7"}} 1
node_network_info{{address="00:00:00:00",device="six0"}} 1
"""


def nic(mac: str, **labels: str) -> str:
    found = {"address": mac, "device": "eth0", **labels}
    return "node_network_info{" + ",".join(f'{key}="{value}"' for key, value in found.items()) + "} 1 1761000000000\n"


FEDERATED = f"""\
{nic(A, instance="10.0.0.11:9100")}{nic(B, instance="10.0.0.12:9100", device="eth1")}\
node_uname_info{{nodename="w1",instance="10.0.0.11:9100"}} 1 1761000000000
node_uname_info{{nodename="w2",instance="10.0.0.12:9100"}} 1 1761000000000
"""
UNAME = 'node_uname_info{domainname="(none)",machine="x86_64",nodename="w1",sysname="Linux"} 1\n'

JOB = f"""\
node w1
bond0/address:{A}
eth0/address:{A}
eth1/address:{A}
ib0/address:{IB}
lo/address:00:00:00:00:00:00
veth12/address:02:00:00:00:00:0d
wlan0/address:02:00:00:00:00:0e
eth0/type:1
lo/type:772
wlan0/type:801
eth0/master/ifindex:5
eth0/bonding_slave/perm_hwaddr:{A}
eth1/bonding_slave/perm_hwaddr:{B}
---route
Iface\tDestination\tGateway
eth0\t0000000A\t00000000
---vlan
---end
"""

SCAN = f"""\
Interface: eth0, type: EN10MB, MAC: {C}, IPv4: 10.0.0.250
Starting arp-scan 1.10.0 with 256 hosts (https://github.com/royhills/arp-scan)
10.0.0.11\t{A}\tQEMU
10.0.0.12\t{B}\t(Unknown: locally administered) (DUP: 2)

2 packets received by filter, 0 packets dropped by kernel
Ending arp-scan 1.10.0: 256 hosts scanned in 1.9 seconds (134.74 hosts/sec). 2 responded
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("w1.json", json.dumps(LINKS),
                     [(A, "w1", "eth0", "w1.json:entry 3 (ip -j)"), (B, "w1", "eth1", "w1.json:entry 4 (ip -j)"),
                      (C, "w1", "eth1", "w1.json:entry 4 (ip -j)")], id="ip -j, the node by the file"),
        pytest.param("dir/w1.example.com", json.dumps([link("e", A)]),
                     [(A, "w1.example.com", "e", "dir/w1.example.com:entry 1 (ip -j)")], id="ip -j, a file without ending"),
        pytest.param("all", json.dumps({"w1": [link("eth0", A)], "w2": [link("eth0", B)], "w3": []}),
                     [(A, "w1", "eth0", "all:entry 1 (ip -j)"), (B, "w2", "eth0", "all:entry 2 (ip -j)")], id="ip -j by node"),
        pytest.param("f", json.dumps({"ansible_facts": FACTS, "changed": False}), ANSIBLE, id="Ansible, setup --tree"),
        pytest.param("f", json.dumps(FACTS), ANSIBLE, id="Ansible, fact cache"),
        pytest.param("f", json.dumps({"x": {"ansible_facts": FACTS}}), ANSIBLE, id="Ansible, by host"),
        pytest.param("w9", json.dumps({"ansible_interfaces": [], "e": {"device": "e", "macaddress": A}}),
                     [(A, "w9", "e", "w9:entry 1 (Ansible)")], id="Ansible, no name in it"),
        pytest.param("f", json.dumps({key: value for key, value in FACTS.items() if key != "ansible_nodename"}),
                     [(mac, "w1", nic, where) for mac, _, nic, where in ANSIBLE], id="Ansible, the short name alone"),
        pytest.param(".json", json.dumps([link("e", A)]), [(A, ".json", "e", ".json:entry 1 (ip -j)")],
                     id="ip -j, a file whose name is an ending"),
        pytest.param("x.prom", EXPORTER + UNAME,
                     [(A, "w1", "bond0", "x.prom:3 (node_exporter)"), (B, "w1", "eth1", "x.prom:4 (node_exporter)")],
                     id="node_exporter"),
        pytest.param("w7.prom", f'node_network_info{{address="{A}"}} 1', [(A, "w7", None, "w7.prom:1 (node_exporter)")],
                     id="node_exporter, no name of the NIC"),
        pytest.param("w7.prom", EXPORTER.splitlines()[2], [(A, "w7", "bond0", "w7.prom:1 (node_exporter)")],
                     id="node_exporter, the node by the file"),
        pytest.param("all.prom", FEDERATED,
                     [(A, "w1", "eth0", "all.prom:1 (node_exporter)"), (B, "w2", "eth1", "all.prom:2 (node_exporter)")],
                     id="node_exporter, two nodes by instance"),
        pytest.param("all.prom", "".join(reversed(FEDERATED.splitlines(keepends=True))),
                     [(B, "w2", "eth1", "all.prom:3 (node_exporter)"), (A, "w1", "eth0", "all.prom:4 (node_exporter)")],
                     id="node_exporter, two nodes, the names first"),
        pytest.param("all.prom", nic(A, instance="10.0.0.11:9100") + nic(B, instance="w2:9100") + nic(C, instance="w3"),
                     [(A, "10.0.0.11", "eth0", "all.prom:1 (node_exporter)"), (B, "w2", "eth0", "all.prom:2 (node_exporter)"),
                      (C, "w3", "eth0", "all.prom:3 (node_exporter)")], id="node_exporter, instances without a nodename"),
        pytest.param("all.prom", nic(A, instance="10.0.0.11:9100", nodename="w1") + nic(B, instance="10.0.0.12:9100", node="w2"),
                     [(A, "w1", "eth0", "all.prom:1 (node_exporter)"), (B, "w2", "eth0", "all.prom:2 (node_exporter)")],
                     id="node_exporter, joined with the nodename"),
        pytest.param("all.prom", FEDERATED + 'node_uname_info{nodename="w1",instance="10.0.0.11:9100",job="b"} 1\n',
                     [(A, "w1", "eth0", "all.prom:1 (node_exporter)"), (B, "w2", "eth1", "all.prom:2 (node_exporter)")],
                     id="node_exporter, one node by two jobs"),
        pytest.param("l", JOB,
                     [(A, "w1", "bond0", "l:2 (job)"), (A, "w1", "eth0", "l:3 (job)"), (A, "w1", "eth1", "l:4 (job)"),
                      (B, "w1", "eth1", "l:14 (job)")], id="the job's log"),
        pytest.param("l", f"node w1\neth0/address:{A}\n---end\nnode w2\neth0/address:{B}\n---end\n",
                     [(A, "w1", "eth0", "l:2 (job)"), (B, "w2", "eth0", "l:5 (job)")], id="two logs"),
        pytest.param("l", f"[pod/arpcheck-1-r/inventory] node w1\n[pod/arpcheck-1-r/inventory] eth0/address:{A}\n"
                     "[pod/arpcheck-1-r/inventory] ---end\n", [(A, "w1", "eth0", "l:2 (job)")], id="logs --prefix"),
        pytest.param("w3.txt", f"/sys/class/net/eth0/address:{A}\n---end\n", [(A, "w3", "eth0", "w3.txt:1 (job)")],
                     id="by hand, the node by the file"),
        pytest.param("s", SCAN, [(A, "10.0.0.11", None, "s:3 (arp-scan)"), (B, "10.0.0.12", None, "s:4 (arp-scan)")],
                     id="arp-scan"),
    ],
)  # fmt: skip
def test_what_a_host_lists(name, text, expected):
    assert rows(text, name) == expected


@pytest.mark.parametrize("kind", ["veth", "dummy", "tun", "vxlan", "geneve", "ifb", "vrf", "nlmon", "wireguard"])
def test_a_link_that_is_none_on_a_lan_by_its_kind(kind):
    links = [link("x", B, linkinfo={"info_kind": kind}), link("y", A, linkinfo={"info_kind": "vlan"})]
    assert [row[:3] for row in rows(json.dumps(links), "w1")] == [(A, "w1", "y")]


@pytest.mark.parametrize("ending", ["csv", "yaml", "yml", "json", "txt", "log", "out", "prom", "ethers", "JSON"])
def test_the_node_is_the_file_s_name_without_its_ending(ending):
    assert [row[:2] for row in rows(json.dumps([link("eth0", A)]), f"w1.lan.{ending}")] == [(A, "w1.lan")]


def test_the_script_of_the_job_on_this_host():
    """Every line that it prints is understood, whatever NICs there are."""
    environment = {"NODE_NAME": "here", "PATH": "/usr/bin:/bin"}
    log = subprocess.run(["/bin/sh", "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True).stdout
    assert log.startswith("node here\n")
    assert log.endswith("---end\n")
    another = f"node there\neth0/address:{A}\n---end\n"
    assert {entry.node for entry in read_mac_map(log + another, "log").entries} - {"here"} == {"there"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(json.dumps([link("eth0", "52:54:00:12:34")]), "f:entry 1: not a MAC address: '52:54:00:12:34'",
                     id="ip, five octets"),
        pytest.param(json.dumps([link("eth0", "03:00:00:00:00:01")]),
                     "f:entry 1: 03:00:00:00:00:01 is a group address", id="ip, group"),
        pytest.param(json.dumps([link("eth0", ["x"])]), "f:entry 1: not a MAC address: \"['x']\"",
                     id="ip, a list for a MAC"),
        pytest.param(json.dumps([link("lo", "00:00:00:00:00:00", "loopback")]), "f: no MAC address in it (format: ip -j)",
                     id="ip, loopback alone"),
        pytest.param(json.dumps([link("eth0", A)])[:-9], "f:1: the JSON is not valid from here on", id="ip, cut off"),
        pytest.param(json.dumps({**FACTS, "ansible_eth0": {"device": "eth0", "macaddress": "zz"}}),
                     "f:entry 1: not a MAC address: 'zz'", id="Ansible, no MAC"),
        pytest.param('{"w1": 7, "w2": ["ansible_interfaces"]}', "f: not a MAC list in a supported format",
                     id="Ansible's word, but no facts"),
        pytest.param("# HELP node_load1 x\nnode_load1 0.1\n", "f: no MAC address in it (format: node_exporter)",
                     id="node_exporter, another collector"),
        pytest.param('node_network_info{address="52:54:00:12:34",device="e"} 1',
                     "f:1: not a MAC address: '52:54:00:12:34'", id="node_exporter, five octets"),
        pytest.param(EXPORTER + UNAME + nic(C) + UNAME.replace("w1", "w2"),
                     "f:11: a second node_uname_info ('w2' after 'w1') without a label instance, so the node of each NIC is unknown",
                     id="node_exporter, two nodes behind one another"),
        pytest.param(EXPORTER + UNAME + UNAME,
                     "f:10: a second node_uname_info ('w1' after 'w1') without a label instance, so the node of each NIC is unknown",
                     id="node_exporter, two hosts of one name"),
        pytest.param(FEDERATED + nic(C), "f:5: this NIC has no label instance, so its node is unknown", id="node_exporter, a NIC of nobody"),
        pytest.param(FEDERATED + FEDERATED.replace("w2", "w3"), "f:8: instance '10.0.0.12:9100' is 'w3' here and 'w2' in an earlier line",
                     id="node_exporter, an instance of two names"),
        pytest.param(JOB.removesuffix("---end\n"), "f:1: the log that begins here is cut off; its last line ---end is missing",
                     id="job, cut off"),
        pytest.param(JOB.removesuffix("---end\n") + JOB, "f:1: the log that begins here is cut off; its last line ---end is missing",
                     id="job, the first cut off"),
        pytest.param("node w1\n" + JOB, "f:1: the log that begins here is cut off; its last line ---end is missing", id="job, the first cut off at once"),
        pytest.param("---end\n", "f: no MAC address in it (format: job)", id="job, its end alone"),
        pytest.param(f"[pod/a/b] [pod/a/b] eth0/address:{A}\n---end\n",
                     f"f:1: not a line that the Job prints: '[pod/a/b] eth0/address:{A}'", id="job, prefixed twice"),
        pytest.param(f"node w1\nhello\neth0/address:{A}\n---end\n", "f:2: not a line that the Job prints: 'hello'",
                     id="job, a strange line"),
        pytest.param("node w1\nlo/address:00:00:00:00:00:00\n---end\n", "f: no MAC address in it (format: job)", id="job, no NIC"),
        pytest.param(f"node w1\neth0/address:{A}\neth1/address:01:00:00:00:00:01\n---end\n",
                     "f:3: 01:00:00:00:00:01 is a group address", id="job, group"),
        pytest.param(f"10.0.0.1\t{A}\n10.0.0.2\tzz\n10.0.0.999\t{A}\n",
                     "f:2: not a MAC address: 'zz'; f:3: not an IP address: 10.0.0.999", id="arp-scan, wrong lines"),
    ],
)  # fmt: skip
def test_wrong_host_files(text, message):
    with pytest.raises(InputError) as caught:
        read_mac_map(text, "f")
    assert caught.value.message == message
