"""Cilium: why no node announces an address, and what is no reason though it looks like one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from loadbalancers_objects import AT, balanced, first_ip, lease, member, objects, refuse, service, trimmed

from arpcheck.endpoints import NEEDS as ENDPOINTS
from arpcheck.loadbalancers import NEEDS, cilium
from arpcheck.model import Certainty, Reason
from arpcheck.objects import Ingress, Objects

POLICIES, ADVERTISEMENTS = "ciliuml2announcementpolicies.cilium.io", "ciliumbgpadvertisements.cilium.io"
PEERINGS, SLICES, LEASES = (
    "ciliumbgppeeringpolicies.cilium.io",
    "endpointslices.discovery.k8s.io",
    "leases.coordination.k8s.io",
)
LEASE = "kube-system/cilium-l2announce-shop-web"
HELD, EXPIRED = lease(LEASE, "worker-1"), lease(LEASE, "worker-1", ago=600)
ALIVE = lease("kube-node-lease/worker-2", "worker-2", ago=5, lasts=40)


def policy(name: str = "lan", **spec: Any) -> dict[str, Any]:
    given = {"loadBalancerIPs": True, **spec}
    return {"kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": name}, "spec": given}


def rejected(kind: str, status: str = "True") -> dict[str, Any]:
    return {**policy(), "status": {"conditions": [{"type": kind, "status": status, "message": "x"}]}}


def agents(version: str = "1.20.2", ready: int = 2) -> dict[str, Any]:
    container = {"name": "cilium-agent", "image": f"quay.io/cilium/cilium:v{version}@sha256:0"}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "cilium", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"desiredNumberScheduled": 2, "numberReady": ready},
    }


def agent(node: str, ready: str = "False") -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": f"cilium-{node}", "namespace": "kube-system", "labels": {"k8s-app": "cilium"}},
        "spec": {"nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def slices(*nodes: str | None, ready: bool = True) -> dict[str, Any]:
    found = [{"addresses": [f"10.0.1.{at}"], "conditions": {"ready": ready}, "nodeName": n} for at, n in enumerate(nodes)]
    meta = {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}}
    return {"metadata": meta, "addressType": "IPv4", "endpoints": [{k: v for k, v in one.items() if v} for one in found]}


def world(*extra: dict[str, Any], **of: Any) -> Objects:
    """Two nodes, a policy for all, a Lease that a node holds, ready endpoints, and nothing that is wrong; `of` changes it."""
    fields = {"externalTrafficPolicy": "Local"} if of.pop("local", False) else {}
    web = balanced("10.0.0.50", annotations={"lbipam.cilium.io/ips": "10.0.0.50"}, **fields, **of.pop("spec", {}))
    nodes = [member("worker-1", zone="a"), member("worker-2", zone="b")]
    given = [*of.pop("nodes", nodes), *of.pop("policies", [policy()]), *of.pop("leases", [HELD]), of.pop("agents", agents())]
    endpoints = of.pop("endpoints", slices("worker-1"))
    config = {"enable-l2-announcements": "true", "kube-proxy-replacement": "true", **of.pop("config", {})}
    config_map = {"metadata": {"name": "cilium-config", "namespace": "kube-system"}, "data": config}
    assert not of
    found = objects([web, *given, ALIVE, *extra], served=(POLICIES, ADVERTISEMENTS, PEERINGS))
    whole = replace(found, resources={**found.resources, SLICES: (endpoints,), "configmaps": (config_map,)})
    return trimmed(whole, (*NEEDS, *ENDPOINTS))


def found(of: Objects) -> tuple[Reason, ...]:
    web = service(of, "shop/web")
    return cilium.reasons(web, first_ip(web), of, AT)


def down(name: str) -> dict[str, Any]:
    node = member(name)
    return {**node, "status": {**node["status"], "conditions": [{"type": "Ready", "status": "Unknown"}]}}


NOBODY: dict[str, Any] = {"leases": []}
ZONE_C = policy(nodeSelector={"matchLabels": {"zone": "c"}})
OTHERS = policy(serviceSelector={"matchLabels": {"a": "b"}})
BGP = {
    "kind": "CiliumBGPAdvertisement",
    "metadata": {"name": "bgp"},
    "spec": {
        "advertisements": [{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": {}}]
    },
}

SURE = {
    "no-advertisement": [
        pytest.param(world(policies=[], **NOBODY), id="no policy"),
        pytest.param(world(policies=[OTHERS], **NOBODY), id="of other Services"),
        pytest.param(world(policies=[policy(loadBalancerIPs=False)]), id="not of this kind of address, though held"),
    ],
    "announced-by-bgp": [
        pytest.param(world(BGP, policies=[], **NOBODY), id="BGP alone"),
        pytest.param(world(spec={"loadBalancerClass": "io.cilium/bgp-control-plane"}), id="the class of BGP"),
    ],
    "arp-disabled": [
        pytest.param(world(config={"enable-l2-announcements": "false"}, **NOBODY), id="off"),
        pytest.param(world(config={"enable-l2-announcements": "false"}, policies=[], **NOBODY), id="before the policies"),
    ],
    "no-node-may-announce": [pytest.param(world(policies=[ZONE_C], **NOBODY), id="no node selected")],
    "no-local-endpoint": [
        pytest.param(world(endpoints=slices(None), local=True, **NOBODY), id="that of a Gateway"),
        pytest.param(
            world(
                endpoints=slices("worker-2"),
                policies=[policy(nodeSelector={"matchLabels": {"zone": "a"}})],
                local=True,
                **NOBODY,
            ),
            id="on a node that no policy selects",
        ),
    ],
    "no-ready-endpoint": [
        pytest.param(world(endpoints=slices(), local=True, **NOBODY), id="none"),
        pytest.param(world(endpoints=slices("worker-1", ready=False), local=True, **NOBODY), id="not ready"),
    ],
    "announcer-not-running": [pytest.param(world(agents=agents(ready=0), **NOBODY), id="no agent is ready")],
    "owned-by-no-node": [pytest.param(world(spec={"loadBalancerClass": "io.cilium/node"}), id="Node IPAM")],
}


@pytest.mark.parametrize(
    ("wanted", "of"),
    [pytest.param(key, *one.values, id=f"{key}: {one.id}") for key, every in SURE.items() for one in every],
)
def test_what_ciliums_rules_exclude_is_sure(wanted: str, of: Objects) -> None:
    first = found(of)[0]
    assert (first.id.value, first.certainty) == (wanted, Certainty.SURE)


@pytest.mark.parametrize(
    ("wanted", "of"),
    [
        ("no-record", world(**NOBODY)),
        ("record-behind", world(leases=[EXPIRED])),
        ("record-behind", world(policies=[policy(nodeSelector={"matchLabels": {"zone": "b"}})])),
        ("node-down", world(leases=[EXPIRED], nodes=[down("worker-1"), member("worker-2")])),
        ("node-down", world(leases=[EXPIRED], nodes=[member("worker-2")])),
        ("announcer-not-running", world(agent("worker-1"), leases=[EXPIRED])),
        ("invalid-configuration", world(policies=[rejected("io.cilium/bad-interface-regex")], **NOBODY)),
        ("no-advertisement", world(policies=[OTHERS])),
        ("no-local-endpoint", world(endpoints=slices(None), local=True, agents=agents("1.21.0-pre.1"), **NOBODY)),
        ("interface-mismatch", world(policies=[policy(interfaces=["^enp"])], config={"devices": "eth0 eno1"})),
    ],
)
def test_what_explains_it_and_is_not_sure(wanted: str, of: Objects) -> None:
    first = next(one for one in found(of) if one.certainty is not Certainty.POSSIBLE)
    assert (first.id.value, first.certainty) == (wanted, Certainty.LIKELY)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(), id="nothing is wrong"),
        pytest.param(world(local=True), id="Local, with an endpoint"),
        pytest.param(world(endpoints=slices(None)), id="an endpoint on no node, and the policy is Cluster"),
        pytest.param(world(endpoints=slices(None), local=True, agents=agents("1.20.1")), id="1.20.1 announces it anyway"),
        pytest.param(world(policies=[ZONE_C, policy("all")]), id="another policy selects a node"),
        pytest.param(world(policies=[rejected("io.cilium/bad-node-selector", "False")]), id="a condition that is over"),
        pytest.param(world(agent("worker-1", "True"), agent("worker-2")), id="another node's agent is not ready"),
        pytest.param(refuse(world(policies=[]), POLICIES), id="policies are forbidden"),
        pytest.param(refuse(world(policies=[ZONE_C]), "nodes"), id="nodes are forbidden"),
        pytest.param(refuse(world(endpoints=slices(), local=True), SLICES), id="EndpointSlices are forbidden"),
        pytest.param(refuse(world(config={"enable-l2-announcements": "false"}), "configmaps"), id="ConfigMaps are forbidden"),
        pytest.param(refuse(world(agents=agents(ready=0)), "daemonsets.apps"), id="DaemonSets are forbidden"),
        pytest.param(refuse(world(agent("worker-1")), "pods"), id="pods are forbidden"),
        pytest.param(refuse(world(**NOBODY), LEASES), id="Leases are forbidden"),
        pytest.param(replace(world(policies=[OTHERS]), read_at=None, resources={"services": world().of("services")}), id="a file of Services"),
    ],
)  # fmt: skip
def test_what_looks_like_a_reason_and_is_none(of: Objects) -> None:
    assert found(of) == ()


def test_without_endpoint_slices_a_gateway_s_label_shows_that_its_endpoint_is_on_no_node() -> None:
    """cilium#48799. Without the label it is only possible."""
    of = refuse(world(endpoints=slices(), local=True, **NOBODY), SLICES)
    assert ("no-local-endpoint", Certainty.POSSIBLE) in [(one.id.value, one.certainty) for one in found(of)]
    web = of.services()[0].raw
    named = {**web, "metadata": {**web["metadata"], "labels": {"gateway.networking.k8s.io/gateway-name": "edge"}}}
    gateway = replace(of, resources={**of.resources, "services": (named,)})
    assert (found(gateway)[0].id.value, found(gateway)[0].certainty) == ("no-local-endpoint", Certainty.LIKELY)


@pytest.mark.parametrize(
    "of",
    [
        world(policies=[policy(interfaces=["^enp"])]),
        world(config={"devices": "eth1"}),
        world(policies=[policy(interfaces=["^enp", "("])], config={"devices": "en+"}),
        world(config={"kube-proxy-replacement": "false"}),
    ],
)
def test_what_is_odd_is_only_possible(of: Objects) -> None:
    assert {one.certainty for one in found(of)} == {Certainty.POSSIBLE}


def test_a_service_of_another_load_balancer_has_no_reason_of_cilium() -> None:
    for other in (balanced("10.0.0.50"), balanced("10.0.0.50", loadBalancerClass="x/y")):
        of = objects([other], served=(POLICIES,))
        assert found(of) == ()


@pytest.mark.parametrize(
    ("version", "ip", "said"),
    [
        ("1.17.8", "fd00::50", [("family-not-announced", Certainty.SURE)]),
        ("1.18.0", "fd00::50", []),
        ("1.17.8", "10.0.0.50", []),
        ("latest", "fd00::50", []),
    ],
)
def test_before_1_18_no_ipv6_address_is_announced(version: str, ip: str, said: list[tuple[str, Certainty]]) -> None:
    """Though a node holds the Lease, which is for the addresses of both families."""
    of = world(agents=agents(version))
    reasons = cilium.reasons(replace(service(of, "shop/web"), ingress=(Ingress.read({"ip": ip}),)), ip_address(ip), of, AT)
    assert [(one.id.value, one.certainty) for one in reasons] == said
