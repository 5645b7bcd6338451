"""One cluster, as every format has it that lists MACs: worker-1 has eth0, worker-2 has eth0 and eth1, which has no address.

Each is what the tool prints, with what stands beside the nodes in real life: ports without a MAC, guests, strangers."""

from __future__ import annotations

import json
from typing import NamedTuple

from arpcheck.model import MacListFormat

A, B, C = "02:01:00:00:01:00", "02:01:00:00:02:00", "02:01:00:00:02:01"
GUEST = "52:54:00:00:00:07"
STRANGER = "00:50:56:00:00:09"


class Sample(NamedTuple):
    name: str
    """The file's."""
    format: MacListFormat
    text: str
    nics: tuple[tuple[str, str, str | None], ...]
    """MAC, host and NIC of every entry."""
    blanks: tuple[int | str, ...] = ()


def _link(name: str, mac: str, ip: str | None = None, kind: str = "", **more: object) -> dict[str, object]:
    found: dict[str, object] = {"ifname": name, "link_type": "ether", "address": mac, **more}
    found |= {"addr_info": [{"family": "inet", "local": ip, "prefixlen": 24, "scope": "global"}] if ip else []}
    return found | ({"linkinfo": {"info_kind": kind}} if kind else {})


def _state(name: str, *nics: dict[str, object]) -> dict[str, object]:
    return {
        "apiVersion": "nmstate.io/v1beta1", "kind": "NodeNetworkState", "metadata": {"name": name},
        "status": {"currentState": {"interfaces": list(nics)}},
    }  # fmt: skip


def _nic(name: str, mac: str, kind: str = "ethernet") -> dict[str, object]:
    return {"name": name, "type": kind, "mac-address": mac.upper()}


def _facts(name: str, **macs: str) -> dict[str, object]:
    nics = {f"ansible_{nic}": {"device": nic, "macaddress": mac, "type": "ether"} for nic, mac in macs.items()}
    return {"ansible_facts": {"ansible_hostname": name, "ansible_interfaces": ["lo", *macs], **nics}, "changed": False}


_W1 = [_link("eth0", A, "10.0.0.11"), _link("docker0", "02:42:00:00:00:01", "172.17.0.1", "bridge")]
_W2 = [
    _link("eth0", B, "10.0.0.12"), _link("eth1", C), _link("vnet3", "fe:54:00:00:00:07", kind="tun"),
    _link("guest", GUEST, kind="macvtap"), _link("pod", GUEST, kind="macvlan"),
]  # fmt: skip
_W1_LINKS = [{key: value for key, value in link.items() if key != "addr_info"} for link in _W1]
_W2_LINKS = [{key: value for key, value in link.items() if key != "addr_info"} for link in _W2]

_LO = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
"""
_UP = "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP mode DEFAULT group default qlen 1000"
_IP_LINK_1 = f"{_LO}2: eth0: {_UP}\n    link/ether {A} brd ff:ff:ff:ff:ff:ff\n"
_IP_LINK_2 = f"""\
{_LO}2: eth0@if7: {_UP}
    link/ether {B} brd ff:ff:ff:ff:ff:ff link-netnsid 0
3: eth1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc fq state DOWN mode DEFAULT group default qlen 1000
    link/ether {B} brd ff:ff:ff:ff:ff:ff permaddr {C}
4: tap3: {_UP}
    link/ether {GUEST} brd ff:ff:ff:ff:ff:ff
5: ib0: {_UP}
    link/infiniband {"00:" * 19}01 brd ff:ff:ff:ff:ff:ff
6: guest@eth0: {_UP}
    link/ether {GUEST} brd ff:ff:ff:ff:ff:ff promiscuity 0
    macvtap mode bridge addrgenmode eui64
"""
_IP_ADDR_1 = (
    _IP_LINK_1 + "    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\n       valid_lft forever preferred_lft forever\n"
)
_IP_ADDR_2 = f"""\
1: eth0: {_UP}
    link/ether {B} brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.12/24 brd 10.0.0.255 scope global eth0
       valid_lft forever preferred_lft forever
    inet6 fe80::1/64 scope link
2: eth1: {_UP}
    link/ether {C} brd ff:ff:ff:ff:ff:ff
"""

NAMED = ((A, "worker-1", "eth0"), (B, "worker-2", "eth0"), (C, "worker-2", "eth1"))
_BONDED = (NAMED[1], (B, "worker-2", "eth1"), NAMED[2])
NAMELESS = tuple((mac, node, None) for mac, node, _ in NAMED)
SEEN = ((A, "10.0.0.11", None), (B, "10.0.0.12", None))
BY_ADDRESS = ((A, "10.0.0.11", "eth0"), (B, "10.0.0.12", "eth0"), (C, "10.0.0.12", "eth1"))

SAMPLES = (
    Sample("own.csv", MacListFormat.CSV, f"mac,node,interface\n{A},worker-1,eth0\n{B},worker-2,eth0\n{C},worker-2,eth1\n", NAMED),
    Sample("hosts.csv", MacListFormat.CSV, f"hostname,mac\nworker-1,{A}\nworker-2,{B}\nworker-2,{C}\n", NAMELESS),
    Sample("semicolons.csv", MacListFormat.CSV, f"Host;NIC;MAC Address\nworker-1;eth0;{A}\nworker-2;eth0;{B}\nworker-2;eth1;{C}\n", NAMED),
    Sample("tabs.tsv", MacListFormat.CSV, f"mac\tnode\tinterface\n{A}\tworker-1\teth0\n{B}\tworker-2\teth0\n{C}\tworker-2\teth1\n", NAMED),
    Sample("two-columns.tsv", MacListFormat.CSV, f"mac\thostname\n{A}\tworker-1\n{B}\tworker-2\n{C}\tworker-2\n", NAMELESS),
    Sample("no-header.csv", MacListFormat.CSV, f"{A};worker-1;eth0\n{B};worker-2;eth0\n{C};worker-2;eth1\n", NAMED),
    Sample("ports.csv", MacListFormat.CSV,
           f"node,name,mac,status\nworker-1,eth0,{A},active\nworker-1,ilo,,active\nworker-2,eth0,{B},active\n"
           f"worker-2,eth1,{C},active\nworker-2,ib0,{'00:' * 19}01,active\nworker-2,eno9,N/A,\nworker-2,eno8,00:00:00:00:00:00,\n",
           NAMED, (3, 6, 7, 8)),
    Sample("host-first.csv", MacListFormat.CSV, f"worker-1,{A}\nworker-2,{B}\nworker-2,{C}\n", NAMELESS),
    Sample("nic-second.csv", MacListFormat.CSV, f"worker-1;eth0;{A}\nworker-2;eth0;{B}\nworker-2;eth1;{C}\n", NAMED),
    Sample("inventory.csv", MacListFormat.CSV,
           f"Name;MAC-Adresse;IP\nworker-1;{A};10.0.0.11\nworker-2;{B};10.0.0.12\nworker-2;{C};\n", NAMELESS),
    Sample("other-keys.yaml", MacListFormat.YAML,
           f"- hostname: worker-1\n  macAddress: {A}\n- hostname: worker-2\n  macAddress: {B}\n- name: worker-2\n  mac: {C}\n", NAMELESS),
    Sample("other-keys.json", MacListFormat.YAML, json.dumps([
        {"host": "worker-1", "mac_address": A, "interface": "eth0"}, {"host": "worker-2", "mac_address": B, "interface": "eth0"},
        {"host": "worker-2", "mac_address": C, "interface": "eth1"}]), NAMED),
    Sample("own.yaml", MacListFormat.YAML, f"worker-1:\n  eth0: {A}\n  ilo:\nworker-2:\n  eth0: {B}\n  eth1: {C}\n", NAMED, (3,)),
    Sample("rows.yaml", MacListFormat.YAML, f"- {{node: worker-1, mac: {A}}}\n- {{node: worker-1, mac: ''}}\n- {{node: worker-2, mac: {B}}}\n"
           f"- {{node: worker-2, mac: {C}}}\n", NAMELESS, (2,)),
    Sample("interfaces.csv", MacListFormat.NETBOX,
           f"device,name,mac_address\nworker-1,eth0,{A.upper()}\nworker-1,idrac,\nworker-2,eth0,{B.upper()}\nworker-2,eth1,{C.upper()}\n",
           NAMED, (3,)),
    Sample("view.csv", MacListFormat.NETBOX,
           f'Device,Name,Enabled,Type,MAC Address,Description\nworker-1,eth0,True,1000BASE-T,{A},"a, b"\nworker-2,eth0,True,,{B},\nworker-2,eth1,False,,{C},\n',
           NAMED),
    Sample("worker-2_links.txt", MacListFormat.IP_BRIEF,
           "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n"
           f"eth0             UP             {B} <BROADCAST,MULTICAST,UP,LOWER_UP> \n"
           f"eth1@if3         DOWN           {C} <NO-CARRIER,BROADCAST,MULTICAST,UP> \n"
           "tunl0@NONE       DOWN           0.0.0.0 <NOARP> \n"
           "wg7              UNKNOWN        <POINTOPOINT,NOARP,UP,LOWER_UP> \n"
           "veth0a@if2       UP             ee:ee:ee:ee:ee:ee <BROADCAST,MULTICAST,UP,LOWER_UP> \n",
           NAMED[1:]),
    Sample("worker-2_ip-link.txt", MacListFormat.IP_LINK, _IP_LINK_2, _BONDED),
    Sample("worker-2", MacListFormat.IP_LINK, _IP_LINK_2.replace("\n    link", "\\    link"), _BONDED),
    Sample("links.txt", MacListFormat.IP_LINK, f"### worker-1\n{_IP_LINK_1}worker-2 | CHANGED | rc=0 >>\n{_IP_LINK_2}"
           'worker-3 | UNREACHABLE! => {\n    "changed": false,\n    "unreachable": true\n}\n', (NAMED[0], *_BONDED), ("worker-3 (not reached)",)),
    Sample("addresses.txt", MacListFormat.IP_LINK, _IP_ADDR_1 + _IP_ADDR_2, BY_ADDRESS),
    Sample("all.json", MacListFormat.IP_JSON, json.dumps({"worker-1": _W1_LINKS, "worker-2": _W2_LINKS}), NAMED),
    Sample("worker-2.json", MacListFormat.IP_JSON, json.dumps(_W2_LINKS) + "\n" + json.dumps(_W2, indent=2), (*NAMED[1:], *NAMED[1:])),
    Sample("loop.txt", MacListFormat.IP_JSON, f"{json.dumps(_W1)}\n{json.dumps(_W2)}\n", BY_ADDRESS),
    Sample("loop-twice.txt", MacListFormat.IP_JSON,
           "\n".join(map(json.dumps, (_W1_LINKS, _W2_LINKS, _W1, _W2))), (*BY_ADDRESS, *BY_ADDRESS)),
    Sample("echo.txt", MacListFormat.IP_JSON, f"== worker-1 ==\n{json.dumps(_W1_LINKS)}\n== worker-2 ==\n{json.dumps(_W2_LINKS)}\n", NAMED),
    Sample("shell.txt", MacListFormat.IP_JSON,
           f"worker-1 | CHANGED | rc=0 >>\n{json.dumps(_W1_LINKS)}\nworker-2 | CHANGED | rc=0 >>\n{json.dumps(_W2_LINKS)}\n"
           'worker-3 | UNREACHABLE! => {\n    "changed": false,\n    "unreachable": true\n}\n', NAMED, ("worker-3 (not reached)",)),
    Sample("setup.txt", MacListFormat.ANSIBLE,
           f"worker-1 | SUCCESS => {json.dumps(_facts('worker-1', eth0=A), indent=4)}\n"
           'worker-3 | UNREACHABLE! => {\n    "changed": false,\n    "msg": "Failed to connect",\n    "unreachable": true\n}\n'
           'worker-4 | FAILED! => {"failed": true, "msg": "no python"}\n'
           f"worker-2 | SUCCESS => {json.dumps(_facts('worker-2', eth0=B, eth1=C, vnet7=GUEST, docker0=GUEST), indent=4)}\n",
           NAMED, ("worker-3 (not reached)", "worker-4 (not reached)")),
    Sample("setup-one-line.txt", MacListFormat.ANSIBLE,
           f"worker-1 | SUCCESS => {json.dumps(_facts('worker-1', eth0=A))}\nworker-2 | SUCCESS => {json.dumps(_facts('worker-2', eth0=B, eth1=C))}\n", NAMED),
    Sample("metal3.yaml", MacListFormat.OBJECTS, f"""\
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata:
  name: rack4-u7
spec:
  bmc: {{address: "ipmi://10.9.0.7"}}
  bootMACAddress: {A}
status:
  hardware:
    hostname: worker-1
    nics:
    - {{name: eth0, mac: "{A}", ip: 10.0.0.11}}
    - {{name: eth0, mac: "{A}", ip: "fe80::1"}}
    - {{name: eth5, mac: "", ip: ""}}
---
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata:
  name: worker-2
spec:
  bootMACAddress: {B}
status:
  hardware:
    hostname: localhost.localdomain
    nics:
    - {{name: eth1, mac: "{C}"}}
""", ((A, "worker-1", "eth0"), (C, "worker-2", "eth1"), (B, "worker-2", None)), ("entry 1",)),
    Sample("hardware.json", MacListFormat.OBJECTS, json.dumps({"kind": "List", "items": [
        {"kind": "HardwareData", "metadata": {"name": "worker-1"}, "spec": {"hardware": {"nics": [{"name": "eth0", "mac": A}]}}},
        {"kind": "HardwareData", "metadata": {"name": "worker-2"},
         "spec": {"hardware": {"hostname": "worker-2", "nics": [{"name": "eth0", "mac": B}, {"name": "eth1", "mac": C}]}}},
    ]}), NAMED),
    Sample("states.json", MacListFormat.OBJECTS, json.dumps({"kind": "NodeNetworkStateList", "items": [
        _state("worker-1", _nic("eth0", A), _nic("br-0123456789ab", GUEST, "linux-bridge"), {"name": "lo", "type": "loopback"}),
        _state("worker-2", _nic("eth0", B), _nic("eth1", C), _nic("g", GUEST, "mac-vtap"), _nic("h", GUEST, "mac-vlan"),
               _nic("vnet0", GUEST), {"name": "eth7", "type": "ethernet"}),
    ]}), NAMED, ("entry 2",)),
    Sample("states.yaml", MacListFormat.OBJECTS, f"""\
apiVersion: v1
items:
- apiVersion: nmstate.io/v1beta1
  kind: NodeNetworkState
  metadata: {{name: worker-1}}
  status:
    currentState:
      interfaces:
      - {{name: eth0, type: ethernet, mac-address: "{A.upper()}"}}
- apiVersion: nmstate.io/v1beta1
  kind: NodeNetworkState
  metadata: {{name: worker-2}}
  status:
    currentState:
      interfaces:
      - {{name: eth0, type: ethernet, mac-address: "{B.upper()}"}}
      - {{name: eth1, type: ethernet, mac-address: "{C.upper()}"}}
kind: List
""", NAMED),
    Sample("neighbours.txt", MacListFormat.IP_NEIGH,
           f"10.0.0.11 dev eth0 lladdr {A} REACHABLE\n10.0.0.12 dev eth0 lladdr {B} router extern_learn STALE\n"
           "10.0.0.13 dev eth0 FAILED\n10.0.0.14 dev eth0 INCOMPLETE\n"
           f"10.0.0.15 dev eth0 lladdr {C} FAILED\n10.0.0.16 dev eth0 proxy\nfe80::1 dev eth0 lladdr {C} STALE\n"
           "224.0.0.22 dev eth0 lladdr 01:00:5e:00:00:16 NOARP\n10.0.0.17 dev lo lladdr 00:00:00:00:00:00 NOARP\n",
           SEEN, (3, 4, 5, 6, 8, 9)),
    Sample("eth0-neighbours.txt", MacListFormat.IP_NEIGH, f"10.0.0.13 FAILED\n10.0.0.11 lladdr {A} REACHABLE\n10.0.0.12 lladdr {B} DELAY\n", SEEN, (1,)),
    Sample("statistics.txt", MacListFormat.IP_NEIGH,
           f"10.0.0.11 dev eth0 lladdr {A} ref 1 used 12/12/3 probes 1 REACHABLE\n10.0.0.12 dev eth0 lladdr {B} used 1/1/1 probes 4 STALE\n", SEEN),
    Sample("neighbours6.txt", MacListFormat.IP_NEIGH,
           f"fe80::1 dev eth0 lladdr {C} router STALE\n10.0.0.11 dev eth0 lladdr {A} REACHABLE\n2001:db8::13 dev eth0 FAILED\n"
           f"10.0.0.12 dev eth0 lladdr {B} STALE\n2001:db8::5 dev eth0 proxy\n", SEEN, (3, 5)),
    Sample("brief-neighbours.txt", MacListFormat.IP_NEIGH,
           f"10.0.0.13                               eth0\n10.0.0.11                               eth0             {A} \n"
           f"10.0.0.12                               eth0.7@eth0      {B} \n", SEEN, (1,)),
    Sample("neighbours.json", MacListFormat.IP_NEIGH, json.dumps([
        {"dst": "10.0.0.11", "dev": "eth0", "lladdr": A, "state": ["REACHABLE"]}, {},
        {"dst": "10.0.0.12", "dev": "eth0", "lladdr": B, "state": ["STALE"]},
        {"dst": "10.0.0.13", "dev": "eth0", "state": ["FAILED"]},
        {"dst": "10.0.0.14", "dev": "eth0", "lladdr": C, "state": ["INCOMPLETE"]},
        {"dst": "fe80::1", "dev": "eth0", "lladdr": C, "state": ["STALE"]},
    ]), SEEN, ("entry 4", "entry 5")),
    Sample("arp.txt", MacListFormat.ARP,
           f"? (10.0.0.11) at {A} [ether] on eth0\n? (10.0.0.13) at <incomplete> on eth0\nw2.lan (10.0.0.12) at {B} [ether] PERM on eth0\n"
           f"? (10.0.0.9) at <from_interface> PERM PUB on eth0\n? (10.0.0.8) at {C} [ether] PERM PUB on eth0\n", SEEN, (2, 4, 5)),
    Sample("arp-bsd.txt", MacListFormat.ARP,
           "? (10.0.0.11) at 2:1:0:0:1:0 on en0 ifscope [ethernet]\n? (10.0.0.12) at 2:1:0:0:2:0 on en0 ifscope [ethernet]\n"
           "? (10.0.0.13) at (incomplete) on en0 ifscope [ethernet]\n? (224.0.0.251) at 1:0:5e:0:0:fb on en0 ifscope permanent [ethernet]\n",
           SEEN, (3, 4)),
    Sample("arp-n.txt", MacListFormat.ARP,
           "Address                  HWtype  HWaddress           Flags Mask            Iface\n"
           f"10.0.0.11                ether   {A}   C                     eth0\n10.0.0.12                ether   {B}   CM                    eth0\n"
           f"10.0.0.13                        (incomplete)                              eth0\n10.0.0.8                 ether   {C}   CMP                   eth0\n",
           SEEN, (4, 5)),
    Sample("router.txt", MacListFormat.ARP,
           "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n"
           "Internet  10.0.0.11               5   0201.0000.0100  ARPA   Vlan10\nInternet  10.0.0.12               -   0201.0000.0200  ARPA   Vlan10\n"
           "Internet  10.0.0.13               0   Incomplete      ARPA\n", SEEN, (4,)),
    Sample("proc.txt", MacListFormat.PROC_NET_ARP,
           "IP address       HW type     Flags       HW address            Mask     Device\n"
           "10.0.0.13        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
           f"10.0.0.11        0x1         0x2         {A}     *        eth0\n10.0.0.12        0x1         0x6         {B}     *        eth0\n"
           f"10.0.0.14        0x1         0x0         {C}     *        eth0\n10.0.0.15        0x1         0xc         {C}     *        eth0\n",
           SEEN, (2, 5, 6)),
    Sample("dnsmasq.leases", MacListFormat.DNSMASQ,
           f"1761000000 {A} 10.0.0.11 worker-1 ff:01\n0 01-{B} 10.0.0.12 * *\nduid 00:01:00:01:2a\n1761000000 7 fd00::11 worker-1 00:01\n", SEEN),
    Sample("dhcpd.leases", MacListFormat.DHCPD, f"""\
# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;
lease 10.0.0.11 {{
  starts 0 2026/03/01 10:00:00;
  binding state active;
  next binding state free;
  hardware ethernet {C};
}}
lease 10.0.0.11 {{
  starts 0 2026/03/01 11:00:00;
  binding state active;
  next binding state free;
  hardware ethernet {A};
  client-hostname "worker-1";
}}
lease 10.0.0.12 {{ binding state active; next binding state free; hardware ethernet {B}; }}
lease 10.0.0.13 {{
  binding state free;
  hardware ethernet {C};
}}
lease 10.0.0.14 {{
  binding state active;
  hardware ethernet {C};
""", SEEN, (17,)),
    Sample("kea.csv", MacListFormat.ADDRESS_CSV,
           "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n"
           f"10.0.0.11,{C},,3600,1760000000,1,0,0,worker-2,0\n10.0.0.12,{B},,3600,1761000000,1,0,0,worker-2,0\n"
           f"10.0.0.11,{A},,3600,1761000000,1,0,0,worker-1,0\n10.0.0.13,{C},,3600,1761000000,1,0,0,,2\n10.0.0.14,{C},,0,1761000000,1,0,0,,0\n"
           "10.0.0.15,,,3600,1761000000,1,0,0,,1\n", SEEN, (5, 6, 7)),
    Sample("addresses.csv", MacListFormat.ADDRESS_CSV, f"IP Address;MAC\n10.0.0.11;{A}\n10.0.0.12;{B}\n10.0.0.13;\n", SEEN, (4,)),
    Sample("scan.txt", MacListFormat.ARP_SCAN,
           f"Interface: eth0, type: EN10MB, MAC: {STRANGER}, IPv4: 10.0.0.9\n10.0.0.11\t{A}\tQEMU\n10.0.0.12\t{B}\t(Unknown)\n", SEEN),
    Sample("windows.txt", MacListFormat.ARP_SCAN,
           "Interface: 10.0.0.9 --- 0xb\n  Internet Address      Physical Address      Type\n"
           f"  10.0.0.11             {A.replace(':', '-')}     dynamic\n  10.0.0.12             {B.replace(':', '-')}     dynamic\n"
           "  10.0.0.255            ff-ff-ff-ff-ff-ff     static\n", SEEN, (5,)),
    Sample("ethers", MacListFormat.ETHERS, f"{A} worker-1\n{B} 10.0.0.12\n", ((A, "worker-1", None), (B, "10.0.0.12", None))),
    Sample("words.txt", MacListFormat.ETHERS, f"worker-1\t{A}\nworker-2  {B} # rack 4\nworker-2 {C}\n", NAMELESS),
    Sample("federate.prom", MacListFormat.NODE_EXPORTER,
           f'node_network_info{{address="{A}",device="eth0",instance="10.0.0.11:9100"}} 1 1761000000000\n'
           f'node_network_info{{address="{B}",device="eth0",instance="10.0.0.12:9100"}} 1 1761000000000\n'
           f'node_network_info{{address="{C}",device="eth1",instance="10.0.0.12:9100"}} 1 1761000000000\n'
           'node_uname_info{nodename="worker-1",instance="10.0.0.11:9100"} 1 1761000000000\n'
           'node_uname_info{nodename="worker-2",instance="10.0.0.12:9100"} 1 1761000000000\n', NAMED),
    Sample("job.log", MacListFormat.JOB,
           f"node worker-1\neth0/address:{A}\n---end\nnode worker-2\neth0/address:{B}\neth1/address:{C}\nvnet3/address:{GUEST}\n---end\n", NAMED),
)  # fmt: skip
