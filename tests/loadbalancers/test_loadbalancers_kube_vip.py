"""kube-vip: which Lease speaks for a Service, and which Node a host's name means."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from loadbalancers_objects import AT, ask, balanced, lease, member, objects

from arpcheck.loadbalancers import kube_vip, reasons_of_address
from arpcheck.model import Certainty, ReasonId

HOST = "kube-vip.io/vipHost"
LEASE = "kube-vip.io/leaseName"
NODES = [member("worker-1"), member("worker-2"), member("worker-3")]


def claims(*found: dict[str, Any], nodes: list[dict[str, Any]] = NODES, **annotations: str) -> list[str]:
    """Of `shop/web`, on which kube-vip was once."""
    web = balanced("192.168.10.60", annotations={HOST: "worker-3", **annotations})
    said = ask(kube_vip, objects([web, *nodes, *found]), "shop/web")
    assert said is not None
    return [f"{claim.trust} {claim.node} by {claim.source}" for claim in said.claims]


OLD = f"possibly-stale worker-3 by annotation {HOST}"
ALL = lease("kube-system/plndr-svcs-lock", "worker-2")


@pytest.mark.parametrize(
    ("leases", "annotations", "expected"),
    [
        pytest.param([], {}, [OLD], id="the annotation alone"),
        pytest.param([ALL], {}, ["current worker-2 by Lease kube-system/plndr-svcs-lock", OLD], id="one for all"),
        pytest.param(
            [ALL, lease("shop/kubevip-web", "worker-1")],
            {},
            ["current worker-1 by Lease shop/kubevip-web", OLD],
            id="its own decides",
        ),
        pytest.param(
            [ALL, lease("shop/kubevip-web", "worker-1", ago=60)],
            {},
            [
                "possibly-stale worker-1 by Lease shop/kubevip-web",
                OLD,
            ],
            id="though it has expired",
        ),
        pytest.param(
            [ALL], {"kube-vip.io/forcePerServiceElection": "true"}, [OLD], id="one for all is not for a Service of its own"
        ),
        pytest.param([lease("blog/kubevip-web", "worker-1")], {}, [OLD], id="another namespace's Service"),
        pytest.param(
            [lease("edge/common", "worker-1"), lease("shop/kubevip-web", "worker-2")],
            {LEASE: "edge/common"},
            ["current worker-1 by Lease edge/common", OLD],
            id="a common Lease, by namespace and name",
        ),
        pytest.param(
            [lease("shop/common", "worker-1"), lease("edge/common", "worker-2")],
            {LEASE: "common"},
            ["current worker-1 by Lease shop/common", OLD],
            id="a common Lease, by its name alone: the Service's namespace",
        ),
        pytest.param([lease("shop/kubevip-web", "")], {}, [OLD], id="given back"),
    ],
)
def test_which_lease(leases: list[dict[str, Any]], annotations: dict[str, str], expected: list[str]) -> None:
    assert claims(*leases, **annotations) == expected
    assert claims(*reversed(leases), **annotations) == expected


@pytest.mark.parametrize(
    ("holder", "nodes", "expected"),
    [
        pytest.param("worker-1", NODES, "current worker-1", id="the Node's name"),
        pytest.param("Worker-1", NODES, "current worker-1", id="in other letters"),
        pytest.param("worker-1.example.org", NODES, "current worker-1", id="fully qualified"),
        pytest.param("worker-1", [member("worker-1.example.org")], "current worker-1.example.org", id="not qualified"),
        pytest.param("alpha", [member("node-a", ("Hostname", "alpha"))], "current node-a", id="by the Node's host name"),
        pytest.param(
            "alpha", [member("node-a", **{"kubernetes.io/hostname": "alpha"})], "current node-a", id="by its label"
        ),
        pytest.param("alpha", [member("node-a", ("InternalDNS", "alpha.lan"))], "current node-a", id="by its DNS name"),
        pytest.param("alpha", NODES, "possibly-stale alpha", id="nobody's"),
        pytest.param(
            "alpha",
            [member("node-a", ("Hostname", "alpha")), member("node-b", ("Hostname", "alpha"))],
            "possibly-stale alpha",
            id="of two Nodes",
        ),
        pytest.param(
            "alpha",
            [member("alpha"), member("node-b", ("Hostname", "alpha"))],
            "current alpha",
            id="a Node's own name first",
        ),
        pytest.param(
            "a.one", [member("a.one"), member("a.two")], "current a.one", id="two domains, and the whole name fits one"
        ),
        pytest.param("a.three", [member("a.one"), member("a.two")], "possibly-stale a.three", id="two domains, and neither"),
    ],
)
def test_whose_name(holder: str, nodes: list[dict[str, Any]], expected: str) -> None:
    said = claims(lease("shop/kubevip-web", holder), nodes=nodes)
    assert f"{expected} by Lease shop/kubevip-web" in said


def doubts(*found: dict[str, Any], host: str) -> list[str]:
    of = objects([balanced("192.168.10.60", annotations={HOST: host}), *found])
    said = kube_vip.reasons(of.services()[0], IPv4Address("192.168.10.60"), of, AT)
    return [one.evidence for one in said if (one.id, one.certainty) == (ReasonId.RECORD_BEHIND, Certainty.POSSIBLE)]


def test_a_name_of_two_nodes_is_told_as_such() -> None:
    nodes = [member("node-a", ("Hostname", "alpha")), member("node-b", ("Hostname", "alpha"))]
    said = doubts(*nodes, lease("shop/kubevip-web", "alpha"), host="node-a")
    assert said == ["Lease shop/kubevip-web names the host alpha, which is more than one Node"]


def test_hosts_that_are_no_node_are_told_in_one_order() -> None:
    locks = [lease(f"{space}/plndr-svcs-lock", "x") for space in ("kube-system", *"cafebd")]
    strange = (f"Lease {space}/plndr-svcs-lock names x, but it is not in kube-system and is ignored" for space in "abcdef")
    names = ("Lease kube-system/plndr-svcs-lock", f"annotation {HOST}")
    assert doubts(*NODES, *locks, host="x") == [*strange, *(f"{name} names the host x, which is no Node" for name in names)]


def test_why_nobody_replies_for_the_control_plane() -> None:
    """An address without a Service."""
    down = {**NODES[0], "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    ip, holder = IPv4Address("192.168.10.5"), NODES[0]["metadata"]["name"]
    labelled = {**NODES[1], "metadata": {**NODES[1]["metadata"], "labels": {"kube-vip.io/has-ip": str(ip)}}}
    for node, found in ((down, ["node-down"]), (NODES[0], [])):
        of = objects([node, labelled, *NODES[2:], lease("kube-system/plndr-cp-lock", holder)])
        assert [one.id.value for one in reasons_of_address(ip, of, AT)] == found
    stranger = objects([labelled, lease("kube-system/plndr-cp-lock", "x")])
    assert [one.id.value for one in reasons_of_address(ip, stranger, AT)] == ["record-behind"]
    assert reasons_of_address(IPv4Address("192.168.10.6"), of, AT) == ()


@pytest.mark.parametrize(
    ("written", "macs"),
    [
        pytest.param("00:00:6C:0A:77:23", ["00:00:6c:0a:77:23"], id="colons"),
        pytest.param(" 00-00-6c-0a-77-23 ", ["00:00:6c:0a:77:23"], id="dashes"),
        pytest.param("none", [], id="no MAC"),
        pytest.param("", [], id="empty"),
    ],
)
def test_hardware_address(written: str, macs: list[str]) -> None:
    web = balanced("192.168.10.60", annotations={HOST: "worker-3", "kube-vip.io/hwaddr": written})
    said = ask(kube_vip, objects([web, *NODES]), "shop/web")
    assert said is not None
    assert [mac for mac, _ in said.macs] == macs


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"loadBalancerClass": "kube-vip.io/kube-vip-class"}, 3, id="class"),
        pytest.param({"annotations": {"kube-vip.io/loadbalancerIPs": "192.168.10.60"}}, 4, id="addresses"),
        pytest.param({"labels": {"implementation": "kube-vip"}}, 4, id="label"),
        pytest.param({"loadBalancerClass": "example.com/lb", "annotations": {HOST: "worker-1"}}, 4, id="a class of its own"),
        pytest.param({"annotations": {HOST: ""}}, None, id="an empty annotation"),
        pytest.param({"loadBalancerClass": "example.com/lb"}, None, id="another's class"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_recognised(fields: dict[str, Any], expected: int | None) -> None:
    said = ask(kube_vip, objects([balanced("192.168.10.60", **fields), ALL, *NODES]), "shop/web")
    assert (said.order if said else None) == expected
