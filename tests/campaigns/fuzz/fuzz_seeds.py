"""Good inputs to start from, by the target's name: small, since a fuzzer changes a small one to more effect."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from arpcheck.model import Mac

sys.path.append(str(Path(__file__).parents[2]))

OUR_MAC, OUR_IP, VIP = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5"), IPv4Address("10.0.0.50")
FOUND = Path(__file__).parent / "found"
"""Inputs that once broke something, kept for good: NAME-OF-THE-TARGET.ANYTHING."""


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    return (*(path.read_bytes() for path in sorted(FOUND.glob(f"{name}.*"))), *SEEDS[name]())


def _reply() -> bytes:
    from arpcheck.wire.packets import ARP_FRAME

    mac, node = OUR_MAC.to_bytes(), Mac("02:00:00:00:00:11").to_bytes()
    return ARP_FRAME.pack(mac, node, 0x0806, 1, 0x0800, 6, 4, 2, node, VIP.packed, mac, OUR_IP.packed)


def _discovery() -> tuple[bytes, ...]:
    from ipaddress import IPv6Address

    from arpcheck.model import Request
    from arpcheck.wire.neighbour_discovery import encode

    asked = encode(Request(interface="eth0", ip=IPv6Address("2001:db8::50"), sender=IPv6Address("fe80::5")), OUR_MAC)
    # The checksum of the answer is wrong; its target sets it right.
    answer = asked[:54] + b"\x88\0" + asked[56:58] + b"\x60\0\0\0" + asked[62:78] + b"\2" + asked[79:]
    return asked, answer, answer.ljust(110, b"\0"), asked[:70], answer + answer[78:]


def _pcap() -> bytes:
    from arpcheck.wire.scapy_library import Recorder

    file = io.BytesIO()
    recorder = Recorder(file)
    recorder(datetime(2026, 3, 1, tzinfo=UTC), _reply())
    return file.getvalue()


def _pcapng() -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        length = (len(body) + 12).to_bytes(4, "little")
        return kind.to_bytes(4, "little") + length + body + length

    head = block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a\x01\0\0\0" + b"\xff" * 8)
    interface = block(1, b"\x01\0\0\0\0\0\x04\0" + b"\x09\0\x01\0\x09\0\0\0")
    frame = _reply()
    packet = block(6, b"\0" * 12 + len(frame).to_bytes(4, "little") * 2 + frame)
    return head + interface + packet + block(5, b"\0" * 12 + b"\x05\0\x08\0" + b"\x01" + b"\0" * 7)


def evidence_of(scene: str) -> dict[str, Any]:
    from simulated.wire import SimulatedWire, scene_host

    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.evidence_json import to_json
    from arpcheck.lab import cluster_objects, scene_file

    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    made = scene_file.load(scene)
    observed = pipeline.observe(
        Options(interfaces=made.prober.interfaces, rounds=1), objects=cluster_objects.objects(made, now, pipeline.NEEDS),
        host=scene_host(made), wire=SimulatedWire(made), clock=lambda: now,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps(to_json(observed)))
    return found


@cache
def evidences() -> tuple[dict[str, Any], ...]:
    """One of each load balancer, and of what makes most findings."""
    scenes = (
        "healthy",
        "two-controllers",
        "cilium-lease",
        "kube-vip",
        "servicelb",
        "purelb",
        "kube-ovn-lb-svc",
        "second-nic-nmstate",
    )
    return tuple(_cut(evidence_of(scene), 2 if number else 1) for number, scene in enumerate(scenes))


def _cut(found: dict[str, Any], pods: int) -> dict[str, Any]:
    """Two nodes, and kube-proxy in the first alone: half of what judging costs is its YAML."""
    most = {"nodes": 2, "leases.coordination.k8s.io": 2, "pods": 1, "configmaps": 2 - pods, "daemonsets.apps": 2 - pods}
    resources = {what: objs[: most.get(what, 3)] for what, objs in found["objects"]["resources"].items()}
    return found | {"objects": found["objects"] | {"resources": resources}}


def _small_evidence() -> bytes:
    """Every key, and one of each row."""
    found = evidence_of("healthy")
    short = {key: value[:1] if isinstance(value, list) else value for key, value in found.items()}
    objects = found["objects"]
    resources = {key: objects["resources"][key][:1] for key in ("services", "nodes")}
    return json.dumps(short | {"objects": objects | {"resources": resources, "gaps": objects["gaps"][:1]}}).encode()


@contextmanager
def memory_file(data: bytes) -> Iterator[str]:
    """For what reads a path: a file that no disk sees."""
    file = _memory_file()
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)
    yield f"/proc/self/fd/{file}"


@cache
def _memory_file() -> int:
    return os.memfd_create("fuzz")


MAPS = (
    b"mac,node,interface\n02:00:00:00:00:01,worker-1,eth0\n",
    b"worker-1:\n  eth0: 02:00:00:00:00:01\n",
    b"02:00:00:00:00:01 worker-1\n",
    b'[{"ifname": "eth0", "link_type": "ether", "address": "02:00:00:00:00:01"}]',
    b'{"ansible_facts": {"ansible_hostname": "w", "ansible_interfaces": ["eth0"], "ansible_eth0": {"device": "eth0", "macaddress": "02:00:00:00:00:01"}}}',
    b'node_uname_info{nodename="w"} 1\nnode_network_info{address="02:00:00:00:00:01",device="eth0"} 1\n',
    b"10.0.0.11\t02:00:00:00:00:01\tAcme\n",
    b"node w1\neth0/address:02:00:00:00:00:01\n---end\n",
    b"10.0.0.11 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n",
    b'[{"dst": "10.0.0.11", "dev": "eth0", "lladdr": "02:00:00:00:00:01", "state": ["STALE"]}]',
    b"? (10.0.0.11) at 02:00:00:00:00:01 [ether] on eth0\n",
    b"10.0.0.11        0x1         0x2         02:00:00:00:00:01     *        eth0\n",
    b"1761000000 02:00:00:00:00:01 10.0.0.11 worker-1 *\n",
    b"device;name;mac_address\nworker-1;eth0;02:00:00:00:00:01\n",
    b"address,mac\n10.0.0.11,02:00:00:00:00:01\n",
    b"eth0             UP             02:00:00:00:00:01 <BROADCAST,UP>\n",
    b'w1 | SUCCESS => {"ansible_facts": {"ansible_interfaces": [], "ansible_e": {"device": "e", "macaddress": "02:00:00:00:00:01"}}}\n'
    b'w2 | UNREACHABLE! => {"unreachable": true}\n',
    b"worker-1\n2: eth0@if7: <BROADCAST,UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff permaddr 02:00:00:00:00:02\n"
    b"    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\n1: e: <UP> x\\    link/ether 02:00:00:00:00:03\n",
    b"lease 10.0.0.11 {\n  binding state active;\n  next binding state free;\n  hardware ethernet 02:00:00:00:00:01;\n}\n",
    b"worker-1;eth0;02:00:00:00:00:01\n",
    b"- hostname: worker-1\n  macAddress: 02:00:00:00:00:01\n",
    b"mac,node,interface,note\n02:00:00:00:00:01,worker-1,,heard at 10.0.0.11\n",
    b"kind: BareMetalHost\nmetadata: {name: w}\nspec: {bootMACAddress: '02:00:00:00:00:01'}\n",
    b'{"kind": "NodeNetworkState", "metadata": {"name": "w"}, "status": {"currentState": {"interfaces": '
    b'[{"name": "e", "type": "ethernet", "mac-address": "02:00:00:00:00:01"}]}}}',
)
KUBE_PROXY = (
    b"apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\nipvs:\n  strictARP: false\n  scheduler: rr\n",
    b'{"mode": "ipvs", "ipvs": {"strictARP": false}}',
    b"mode: ipvs\nipvs: {excludeCIDRs: null, strictARP: false} # why\n",
    b"mode: ipvs\r\nipvs:\r\n    minSyncPeriod: 0s\r\n",
)
CLUSTER = (
    b"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec:\n  type: LoadBalancer\n---\napiVersion: v1\nkind: List\nitems: []\n",
    b'{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "w"}, "status": {"addresses": []}}]}',
    b'{"apiVersion": "v1", "kind": "List", "arpcheck": {"takenAt": "2026-03-01T12:00:00Z", "context": "c", "serverVersion": "v1.33.4", "read": ["nodes"], '
    b'"gaps": [{"what": "pods", "why": "forbidden", "costs": "a"}]}, "items": []}',
)
KUBECONFIG = (
    b"clusters: [{name: c, cluster: {server: 'https://a:1'}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
    b"current-context: x\nusers: [{name: u, user: {token: t, exec: {command: c}}}]\n",
    b'{"clusters": [{"name": "c", "cluster": {"server": "[::1]"}}], "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}',
)
SCENE = (
    b'title = "a"\nabout = "b"\n[nodes]\nw = { ipvs = "strict" }\n[[services]]\nname = "a/b"\nips = "10.0.0.50"\n'
    b'[[announcers]]\nat = "w"\nips = "10.0.0.50"\n[expect]\nexit = 0\nverdicts = { "10.0.0.50" = "ok" }\n',
)
SEEDS = {
    "discovery": _discovery,
    "frames": lambda: (_reply(), _reply().ljust(60, b"\0"), _reply()[:30]),
    "capture": lambda: (_pcap(), _pcapng()),
    "evidence": lambda: (_small_evidence(),),
    "fields": lambda: tuple(bytes((scene, what)) for scene in range(8) for what in (0, 1, 2, 8)),
    "mac_map": lambda: MAPS,
    "configuration": lambda: KUBE_PROXY,
    "edit": lambda: KUBE_PROXY,
    "cluster_file": lambda: CLUSTER,
    "event": lambda: (b'announcing from node "worker-1" with protocol "layer2"', rb'announcing from node "w\u00e9\n\x41"'),
    "accept": lambda: (
        b"- verdict: duplicate\n  ip: 10.0.0.50\n  reason: known\n  until: 2026-04-01\n",
        b"accept:\n- finding: non-strict-nodes\n  node: worker-1\n  reason: known\n  until: 2026-04-01\n",
    ),
    "kubeconfig": lambda: KUBECONFIG,
    "command_line": lambda: (
        b"/usr/local/bin/kube-proxy\0--config=/var/lib/kube-proxy/config.conf\0--ipvs-strict-arp=true",
        b"sh\0-c\0exec kube-proxy --proxy-mode ipvs --hostname-override='$(N)' >x",
    ),
    "scene": lambda: SCENE,
}
