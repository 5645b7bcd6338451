"""What reads bytes from outside, each as a function that takes any bytes: it returns, or raises an ArpcheckError.

`SEEDS` are good inputs to start from, by the target's name. Anything else that comes out is a fault."""

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

from arpcheck.errors import ArpcheckError
from arpcheck.model import Mac, Question

FIXTURES = Path(__file__).parent.parent
OUR_MAC, OUR_IP, VIP = Mac("02:00:00:00:00:05"), IPv4Address("10.0.0.5"), IPv4Address("10.0.0.50")
FOUND = Path(__file__).parent / "found"
"""Inputs that once broke something, kept for good: NAME-OF-THE-TARGET.ANYTHING."""


def frames(data: bytes) -> None:
    """frames.decode and the account, with a question that the frame may answer."""
    from arpcheck.wire.account import Account
    from arpcheck.wire.frames import decode_request
    from arpcheck.wire.seam import Arrival

    account = Account(0.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})})
    account.asked(Question(0.0, "eth0", 1, VIP, OUR_IP, None))
    account.asked(Question(0.0, "eth0", 1, VIP, IPv4Address(0), Mac("02:00:00:00:00:11")))
    account.arrived(Arrival("eth0", 1.0, data))
    account.arrived(Arrival("eth0", 1.0, bytes(6) + data[6:]))
    decode_request(data)


def capture(data: bytes) -> None:
    """pcap and pcapng, and what is made of them."""
    from arpcheck.wire.capture import captured
    from arpcheck.wire.pcap import entries

    captured(entries(io.BytesIO(data), "file"), [VIP, OUR_IP], "file")


def evidence(data: bytes) -> None:
    from arpcheck import pipeline
    from arpcheck.evidence import from_json
    from arpcheck.reports import render

    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    render(pipeline.conclude(from_json(value, "file")), "json")


def mac_map(data: bytes) -> None:
    from arpcheck.identities.files import read_mac_map

    read_mac_map(data.decode("utf-8", "replace"), "file")


def configuration(data: bytes) -> None:
    from arpcheck.kubeproxy.configuration import read

    read(data.decode("utf-8", "replace"))


def edit(data: bytes) -> None:
    """What is edited says strictARP, and editing it again changes nothing."""
    from arpcheck.kubeproxy.configuration import read
    from arpcheck.kubeproxy.edit import enable_strict_arp

    found = enable_strict_arp(data.decode("utf-8", "replace"))
    if found.changed:
        assert read(found.text).strict_arp is True
        assert not enable_strict_arp(found.text).changed


def cluster_file(data: bytes) -> None:
    from arpcheck.cluster.files import open_file

    open_file(data, "file")


def event(data: bytes) -> None:
    from arpcheck.loadbalancers.metallb_events import read_message

    read_message(data.decode("utf-8", "replace"))


def accept(data: bytes) -> None:
    from arpcheck.commands.acceptances import read_acceptances

    with tempfile.NamedTemporaryFile(dir=_memory()) as file:
        file.write(data)
        file.flush()
        read_acceptances(file.name)


def scene(data: bytes) -> None:
    from arpcheck.lab.scene_file import parse

    parse(data.decode("utf-8", "replace"), "file")


TARGETS = {
    target.__name__: target
    for target in (frames, capture, evidence, mac_map, configuration, edit, cluster_file, event, accept, scene)
}


def tried(name: str, data: bytes) -> None:
    """Runs a target; everything but a value or an ArpcheckError comes out. An error has a message."""
    try:
        TARGETS[name](data)
    except ArpcheckError as error:
        if not error.message:
            raise AssertionError("an error without a message") from error


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    return (*(path.read_bytes() for path in sorted(FOUND.glob(f"{name}.*"))), *SEEDS[name]())


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - many small files, none of them kept


def _reply() -> bytes:
    from arpcheck.wire.frames import ARP_FRAME

    mac, node = OUR_MAC.to_bytes(), Mac("02:00:00:00:00:11").to_bytes()
    return ARP_FRAME.pack(mac, node, 0x0806, 1, 0x0800, 6, 4, 2, node, VIP.packed, mac, OUR_IP.packed)


def _pcap() -> bytes:
    from arpcheck.wire.recorder import Recorder

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


def _evidence() -> bytes:
    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.lab import cluster_objects, scene_file
    from arpcheck.lab.simulation import SimulatedWire, scene_host
    from arpcheck.reports.document import document

    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    made = scene_file.load("healthy")
    observed = pipeline.observe(
        Options(interfaces=made.prober.interfaces, rounds=1), objects=cluster_objects.objects(made, now, pipeline.NEEDS),
        host=scene_host(made), wire=SimulatedWire(made), clock=lambda: now,
    )  # fmt: skip
    return json.dumps(document(pipeline.conclude(observed))["evidence"]).encode()


MAPS = (
    b"mac,node,interface\n02:00:00:00:00:01,worker-1,eth0\n",
    b"worker-1:\n  eth0: 02:00:00:00:00:01\n",
    b"02:00:00:00:00:01 worker-1\n",
    b'[{"ifname": "eth0", "link_type": "ether", "address": "02:00:00:00:00:01"}]',
    b'{"ansible_facts": {"ansible_hostname": "w", "ansible_interfaces": ["eth0"], "ansible_eth0": {"macaddress": "02:00:00:00:00:01"}}}',
    b'node_uname_info{nodename="w"} 1\nnode_network_info{address="02:00:00:00:00:01",device="eth0"} 1\n',
    b"10.0.0.11\t02:00:00:00:00:01\tAcme\n",
    b"node w1\neth0/address:02:00:00:00:00:01\n---end\n",
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
    b'{"apiVersion": "arpcheck/v1", "kind": "Snapshot", "takenAt": "2026-03-01T12:00:00Z", "read": ["nodes"], "gaps": []}',
)
SEEDS = {
    "frames": lambda: (_reply(), _reply().ljust(60, b"\0"), _reply()[:30]),
    "capture": lambda: (_pcap(), _pcapng()),
    "evidence": lambda: (_evidence(),),
    "mac_map": lambda: MAPS,
    "configuration": lambda: KUBE_PROXY,
    "edit": lambda: KUBE_PROXY,
    "cluster_file": lambda: CLUSTER,
    "event": lambda: (b'announcing from node "worker-1" with protocol "layer2"', rb'announcing from node "w\u00e9\n\x41"'),
    "accept": lambda: (
        b"- verdict: duplicate\n  ip: 10.0.0.50\n  reason: known\n  until: 2026-04-01\n",
        b"accept:\n- finding: non-strict-nodes\n  node: worker-1\n  reason: known\n  until: 2026-04-01\n",
    ),
    "scene": lambda: tuple(path.read_bytes() for path in _scenes()),
}


def _scenes() -> list[Path]:
    import arpcheck.lab

    return sorted((Path(arpcheck.lab.__file__).parent / "scenes").glob("*.toml"))
