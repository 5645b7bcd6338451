"""A small cluster and what was heard of it, written down in one line each, for the tests of `identities`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.model import Gap, Host, Interface, Mac, Question, Reply
from arpcheck.objects import Objects

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZERO = IPv4Address(0)
PROBER = IPv4Address("10.0.0.250")
CONTROL = "192.0.2.1"

M1, M2, M3, M4 = (Mac(f"02:00:00:00:00:0{n}") for n in range(1, 5))
N1, N2, N3 = "10.0.0.11", "10.0.0.12", "10.0.0.13"
OWN = Mac("02:00:00:00:00:fa")


def node(name: str, *addresses: str, annotations: Mapping[str, str] | None = None, hostname: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "annotations": dict(annotations or {}),
            "labels": {"kubernetes.io/hostname": hostname} if hostname else {},
        },
        "status": {"addresses": [{"type": "InternalIP", "address": ip} for ip in addresses]},
    }  # fmt: skip


def service(name: str, *ingress: str, cluster_ip: str = "10.96.0.1") -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "web", "name": name},
        "spec": {"type": "LoadBalancer", "clusterIPs": [cluster_ip]},
        "status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in ingress]}},
    }  # fmt: skip


THREE = (node("node1", N1), node("node2", N2), node("node3", N3))


def cluster(
    nodes: Iterable[dict[str, Any]] = THREE, services: Iterable[dict[str, Any]] = (), gaps: Sequence[str] = (), **more: Any
) -> Objects:
    return Objects(
        resources={"nodes": tuple(nodes), "services": tuple(services), **{k: tuple(v) for k, v in more.items()}},
        gaps=tuple(Gap(what=what, why="forbidden", costs="…") for what in gaps),
    )


def heard(ip: str, *macs: Mac, sender: IPv4Address = ZERO, interface: str = "eth0") -> tuple[Reply, ...]:
    """Each MAC's answer for an address."""
    return tuple(Reply(1.0, interface, 1, IPv4Address(ip), sender, None, mac, mac, 0.2) for mac in macs)


def asked(*ips: str, sender: IPv4Address = ZERO, interface: str = "eth0") -> tuple[Question, ...]:
    return tuple(Question(0.0, interface, 1, IPv4Address(ip), sender, None) for ip in ips)


PROBED = Interface(name="eth0", mac=OWN, addresses=(f"{PROBER}/24",))


def evidence(
    objects: Objects | None = None,
    replies: Iterable[Reply] = (),
    questions: Iterable[Question] = (),
    host: Host | None = None,
    mac_map: Iterable[MacEntry] = (),
    interfaces: Sequence[str] = ("eth0",),
    ips: Sequence[str] = (),
) -> Evidence:
    return Evidence(
        arpcheck="0", started_at=START, ended_at=START,
        options=Options(interfaces=tuple(interfaces), ips=tuple(IPv4Address(ip) for ip in ips)),
        host=host or Host(interfaces=(PROBED,)),
        objects=objects if objects is not None else cluster(),
        mac_map=tuple(mac_map), questions=tuple(questions), replies=tuple(replies),
    )  # fmt: skip
