"""500 nodes, 20 segments and 2,000 addresses: forty nodes ask, each for its own hundred, by plans that a ConfigMap holds."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from arpcheck.commands.cluster_plan import SeenNode, Wishes, cluster_plan, plan_document
from arpcheck.evidence import Options
from arpcheck.model import Host, Interface, Mac
from arpcheck.objects import Objects
from arpcheck.vantages.jobs import pack
from arpcheck.vantages.manifests import MOST_BYTES
from arpcheck.vantages.segments import Candidate, links_of

NODES, SEGMENTS, ADDRESSES = 500, 20, 2000
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def node_ip(number):
    return f"10.{number % SEGMENTS}.0.{10 + number // SEGMENTS}"


def service_ip(number):
    return f"10.{number % SEGMENTS}.1.{1 + number // SEGMENTS}"


def seen(number):
    nic = Interface(
        name="eth0", mac=Mac(f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"), addresses=(f"{node_ip(number)}/16",)
    )
    name = f"n{number:03}"
    return SeenNode(name=name, host=Host(interfaces=(nic,), node_name=name), links=links_of(name, (nic,), {}))


def obj(api_version, kind, name, namespace="", **rest):
    metadata = {"name": name, "uid": f"{kind}-{name}", "creationTimestamp": "2026-03-01T11:00:00Z"} | (
        {"namespace": namespace} if namespace else {}
    )
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


@pytest.fixture(scope="module")
def planned():
    nodes = [
        obj("v1", "Node", f"n{n:03}", status={
            "addresses": [{"type": "InternalIP", "address": node_ip(n)}], "conditions": [{"type": "Ready", "status": "True"}],
        })
        for n in range(NODES)
    ]  # fmt: skip
    services = [
        obj("v1", "Service", f"s{n}", "web", spec={"type": "LoadBalancer", "clusterIP": f"172.16.{n >> 8}.{n & 255}", "clusterIPs": [f"172.16.{n >> 8}.{n & 255}"]},
            status={"loadBalancer": {"ingress": [{"ip": service_ip(n)}]}})
        for n in range(ADDRESSES)
    ]  # fmt: skip
    services.append(obj("v1", "Service", "kubernetes", "default", spec={"clusterIPs": ["172.16.255.1"]}))
    records = [
        obj("metallb.io/v1beta1", "ServiceL2Status", f"l2-{n}", "metallb-system",
            status={"node": f"n{n % SEGMENTS:03}", "serviceName": f"s{n}", "serviceNamespace": "web"})
        for n in range(ADDRESSES)
    ]  # fmt: skip
    slices = [
        obj("discovery.k8s.io/v1", "EndpointSlice", f"s{n}-x", "web", endpoints=[{"nodeName": "n000"}] * 5)
        for n in range(ADDRESSES)
    ]
    objects = Objects(
        resources={
            "nodes": tuple(nodes), "services": tuple(services), "servicel2statuses.metallb.io": tuple(records),
            "endpointslices.discovery.k8s.io": tuple(slices),
        },
        read_at=NOW,
    )  # fmt: skip
    every = [seen(number) for number in range(NODES)]
    return cluster_plan(Options(), objects, every, [Candidate(name=one.name) for one in every], Wishes())


def test_two_nodes_of_each_segment_ask_for_what_belongs_there(planned):
    assert (len(planned.segments), len(planned.points), planned.placed.everywhere) == (SEGMENTS, 2 * SEGMENTS, ())
    for one in planned.points:
        [name] = one.point.segments
        [segment] = [found for found in planned.segments if found.name == name]
        asked = {ip for ip in (ip_address(service_ip(n)) for n in range(ADDRESSES)) if segment.longest(ip) >= 0}
        assert (one.addresses, len(asked)) == (ADDRESSES // SEGMENTS, ADDRESSES // SEGMENTS)
        assert (len(one.objects.of("nodes")), len(one.objects.of("services"))) == (
            NODES // SEGMENTS,
            ADDRESSES // SEGMENTS + 1,
        )
        left = {ip for service in one.objects.services() for ip in (entry.ip for entry in service.ingress)}
        assert left == asked
    assert max(one.seconds for one in planned.points) < 120


def test_a_plan_fits_into_a_config_map(planned):
    sizes = [len(pack(plan_document("j", one, NOW, (), ()))) for one in planned.points[:3]]
    assert max(sizes) < MOST_BYTES // 2, sizes
