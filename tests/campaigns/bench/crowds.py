"""Evidence of any size: a cluster without strict ARP, in which every node answers for every address.

What the API shows is cut down as a reader of it keeps it; what is asked is what a run plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_interface
from itertools import count

from arpcheck import pipeline
from arpcheck.cluster.requirements import fold, merge
from arpcheck.evidence import Evidence, Options
from arpcheck.lab import cluster_objects
from arpcheck.lab.scene import Cluster, KubeNode, KubeProxyConfig, KubeService, Prober, Scene
from arpcheck.lab.scene_file import ALLOCATED, ALWAYS, VERSION
from arpcheck.model import Address, Families, Host, Interface, Mac, Question, Reply, Request
from arpcheck.objects import Objects
from arpcheck.targets import ipv6_controls

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NIC = Interface(name="eth0", mac=Mac("02:00:00:ff:00:05"), addresses=("10.0.0.5/16",))
NIC6 = replace(NIC, ipv6=("fe80::5/64", "2001:db8:10::5/64"))
FIRST_CLUSTER_IP = IPv4Address("10.96.1.0")
FIRST: Mapping[Families, tuple[Address, Address]] = {
    Families.IPV4: (IPv4Address("10.0.0.11"), IPv4Address("10.0.64.0")),
    Families.IPV6: (IPv6Address("2001:db8:10::11"), IPv6Address("2001:db8:10::1:0")),
}
"""Of the nodes and of the Services."""
KERNEL = 0x60
"""The flags of a Neighbor Advertisement that Linux sends when it is asked: solicited, override."""
ROUND = 60_000.0
"""Milliseconds from one round to the next."""


def evidence(addresses: int, nodes: int, rounds: int = 1, family: Families = Families.IPV4) -> Evidence:
    """`addresses` × `nodes` × `rounds` replies for Services, beside those for the canary and the nodes' own addresses."""
    objects = cluster(addresses, nodes, family)
    host = Host(interfaces=(NIC if family is Families.IPV4 else NIC6,))
    options = Options(interfaces=("eth0",), families=family, rounds=rounds, rate=100.0)
    asks = pipeline.plan(options, objects, host).requests
    questions = tuple(_questions(asks, rounds))
    return Evidence(
        arpcheck="0.1.0",
        started_at=NOW,
        ended_at=NOW + timedelta(milliseconds=ROUND * rounds),
        options=options,
        host=host,
        objects=objects,
        questions=questions,
        replies=tuple(_replies(questions, nodes, FIRST[family][0])),
    )


def cluster(addresses: int, nodes: int, family: Families = Families.IPV4) -> Objects:
    """Each Service announced by one node, as MetalLB records it; kube-proxy in IPVS mode without strict ARP."""
    first_node, first_address = FIRST[family]
    workers = [f"worker-{number}" for number in range(nodes)]
    services = (
        KubeService(
            namespace=f"team-{number % 40}",
            name=f"service-{number}",
            cluster_ip=str(FIRST_CLUSTER_IP + number),
            ips=(str(first_address + number),),
            annotations=ALLOCATED,
            l2_status=(workers[number % nodes],),
        )
        for number in range(addresses)
    )
    shown = Cluster(
        version=VERSION,
        nodes=tuple(KubeNode(name=name, addresses=(str(first_node + number),)) for number, name in enumerate(workers)),
        services=(*ALWAYS, *services),
        kube_proxy=KubeProxyConfig(mode="ipvs", strict_arp=False),
    )
    scene = Scene(
        name="crowd",
        title="",
        about="",
        lans={},
        stations=(),
        announcers=(),
        cluster=shown,
        prober=Prober(station=""),
        expect=None,
    )
    found, wants = cluster_objects.objects(scene, NOW, ()), merge(pipeline.NEEDS)
    cuts = [(want, [cut for obj in found.of(want.resource) if (cut := want.cut(obj))]) for want in wants]
    return replace(found, resources={name: objs for name, objs in fold(cuts).items() if name in found.resources})


def _questions(asks: Iterable[Request], rounds: int) -> Iterator[Question]:
    """At 100 a second."""
    for number in range(rounds):
        for place, ask in enumerate(asks):
            yield Question(number * ROUND + place * 10.0, ask.interface, number + 1, ask.ip, ask.sender, ask.to)


def _replies(questions: Iterable[Question], nodes: int, first: Address) -> Iterator[Reply]:
    """Of a kernel without strict ARP: for its own address and for those of Services, the canary's included. In IPv6, of
    nodes that all have each address."""
    owners = {first + number: mac(number) for number in range(nodes)}
    nobodys = {IPv4Address("192.0.2.1"), *ipv6_controls([first], [ip_interface(NIC6.ipv6[-1]).network])}
    ticks = count()
    for question in questions:
        answering = () if question.ip in nobodys else owners.items()
        for owner in [owners[question.ip]] if question.ip in owners else [found for _, found in answering]:
            after = round(0.08 + next(ticks) % 977 / 1000, 3)
            beyond = (None, question.ip, KERNEL) if question.ip.version == 6 else ()
            yield Reply(
                round(question.at + after, 3), question.interface, question.round, question.ip, question.sender, None, owner, owner, after,
                *beyond,
            )  # fmt: skip


def mac(number: int) -> Mac:
    return Mac.from_bytes(bytes((2, 0, 0, 0)) + number.to_bytes(2, "big"))
