"""kube-vip: why no node announces an address, or two, and what is no reason though it looks like one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from loadbalancers_objects import AT, balanced, first_ip, lease, member, objects, refuse, service, trimmed

from arpcheck.endpoints import NEEDS as ENDPOINTS
from arpcheck.loadbalancers import NEEDS, kube_vip
from arpcheck.model import Certainty, Reason
from arpcheck.objects import Objects

SLICES, LEASES = "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io"
COMMON, OWN = "kube-system/plndr-svcs-lock", "shop/kubevip-web"
ALIVE = lease("kube-node-lease/worker-2", "worker-2", ago=5, lasts=40)
ON = {"svc_enable": "true", "vip_arp": "true"}


def container(version: str, **env: str) -> dict[str, Any]:
    return {
        "image": f"ghcr.io/kube-vip/kube-vip:v{version}",
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }


def daemon_set(version: str = "1.2.3", ready: int = 2, desired: int = 2, **env: str) -> dict[str, Any]:
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "kube-vip-ds", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [container(version, **(env or ON))]}}},
        "status": {"desiredNumberScheduled": desired, "numberReady": ready},
    }


def pod(node: str, ready: str = "False", name: str = "kube-vip-ds", **env: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": f"{name}-{node}", "namespace": "kube-system"},
        "spec": {"nodeName": node, "containers": [container("1.2.3", **(env or ON))]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def slices(*nodes: str | None, ready: bool = True) -> dict[str, Any]:
    found = [{"addresses": [f"10.0.1.{at}"], "conditions": {"ready": ready}, "nodeName": n} for at, n in enumerate(nodes)]
    meta = {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}}
    return {"metadata": meta, "addressType": "IPv4", "endpoints": [{k: v for k, v in one.items() if v} for one in found]}


def world(*extra: dict[str, Any], **of: Any) -> Objects:
    """Two nodes, a DaemonSet that announces, its Lease for all Services, ready endpoints, and nothing that is wrong."""
    fields = {"externalTrafficPolicy": "Local"} if of.pop("local", False) else {}
    notes = {f"kube-vip.io/{key}": value for key, value in of.pop("annotations", {}).items()}
    web = balanced("10.0.0.50", labels={"implementation": "kube-vip"}, annotations=notes, **fields)
    nodes = of.pop("nodes", [member("worker-1"), member("worker-2")])
    given = [*nodes, *of.pop("leases", [lease(COMMON, "worker-1")]), *of.pop("sets", [daemon_set()])]
    endpoints = of.pop("endpoints", slices("worker-1"))
    assert not of
    found = objects([web, *given, ALIVE, *extra])
    return trimmed(replace(found, resources={**found.resources, SLICES: (endpoints,)}), (*NEEDS, *ENDPOINTS))


def found(of: Objects) -> tuple[Reason, ...]:
    web = service(of, "shop/web")
    return kube_vip.reasons(web, first_ip(web), of, AT)


def down(name: str) -> dict[str, Any]:
    node = member(name)
    return {**node, "status": {**node["status"], "conditions": [{"type": "Ready", "status": "Unknown"}]}}


def without(**env: str) -> list[dict[str, Any]]:
    return [daemon_set(**{**ON, **env})]


NOBODY: dict[str, Any] = {"leases": []}
EXPIRED = {"leases": [lease(COMMON, "worker-1", ago=600)]}

SURE = {
    "service-ignored": [pytest.param(world(annotations={"ignore": "true"}), id="by its annotation")],
    "arp-disabled": [
        pytest.param(world(sets=without(svc_enable="false"), **NOBODY), id="no Services"),
        pytest.param(world(sets=without(vip_arp="false"), **NOBODY), id="no ARP"),
    ],
    "announced-by-bgp": [pytest.param(world(sets=without(vip_arp="false", bgp_enable="true"), **NOBODY), id="BGP")],
    "no-advertisement": [pytest.param(world(sets=without(svc_namespace="other"), **NOBODY), id="of another namespace")],
    "announcer-not-running": [
        pytest.param(world(sets=[daemon_set(ready=0)], **NOBODY), id="no pod is ready"),
        pytest.param(world(sets=[daemon_set(ready=0, desired=0)], **NOBODY), id="for no node"),
    ],
    "no-ready-endpoint": [
        pytest.param(world(endpoints=slices(), **NOBODY), id="none"),
        pytest.param(world(endpoints=slices("worker-1", ready=False), **NOBODY), id="not ready"),
    ],
    "no-local-endpoint": [pytest.param(world(endpoints=slices(None), local=True, **NOBODY), id="on no node")],
}


@pytest.mark.parametrize(
    ("wanted", "of"),
    [pytest.param(key, *one.values, id=f"{key}: {one.id}") for key, every in SURE.items() for one in every],
)
def test_what_kube_vips_rules_exclude_is_sure(wanted: str, of: Objects) -> None:
    first = found(of)[0]
    assert (first.id.value, first.certainty) == (wanted, Certainty.SURE)


@pytest.mark.parametrize(
    ("wanted", "of"),
    [
        ("no-record", world(**NOBODY)),
        ("record-behind", world(**EXPIRED)),
        ("node-down", world(nodes=[down("worker-1"), member("worker-2")], **EXPIRED)),
        ("announcer-not-running", world(pod("worker-1"), pod("worker-2", "True"), **EXPIRED)),
        ("arp-disabled", world(sets=without(vip_arp="false"))),
        ("no-advertisement", world(annotations={"loadbalancerIPs": "10.0.0.51"})),
        ("invalid-configuration", world(annotations={"leaseName": "a"}, local=True)),
        ("no-ready-endpoint", world(endpoints=slices(), local=True, sets=[daemon_set("0.8.0", **ON)], **NOBODY)),
        ("left-on-interface", world(sets=without(vip_preserve_on_leadership_loss="true"))),
        ("left-on-interface", world(pod("worker-2"), pod("worker-1", "True"), annotations={"vipHost": "worker-2"})),
        ("two-announcers", world(leases=[lease(COMMON, "worker-1"), lease(OWN, "worker-2")])),
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
        pytest.param(world(sets=[daemon_set(vip_arp="true")]), id="what is not written may be an argument"),
        pytest.param(world(pod("a", svc_enable="false", vip_arp="true")), id="another is for the control plane alone"),
        pytest.param(world(pod("a", name="kube-vip-cloud-provider", svc_enable="false"), sets=[]), id="it gives addresses"),
        pytest.param(world(pod("worker-1", "True"), sets=[daemon_set(ready=0)]), id="a static pod runs"),
        pytest.param(world(pod("worker-2")), id="another node's pod is not ready"),
        pytest.param(world(annotations={"loadbalancerIPs": "0.0.0.0"}), id="an address of DHCP"),
        pytest.param(world(annotations={"loadbalancerIPs": "10.0.0.50, 10.0.0.51"}), id="one of its addresses"),
        pytest.param(
            world(annotations={"allow-reconcile-without-endpoints": "true"}, endpoints=slices()), id="without endpoints"
        ),
        pytest.param(world(leases=[lease(COMMON, "worker-1"), lease(OWN, "worker-1")]), id="two elections with one winner"),
        pytest.param(refuse(world(endpoints=slices(), **NOBODY), SLICES, LEASES), id="EndpointSlices are forbidden"),
        pytest.param(refuse(world(**NOBODY), LEASES), id="Leases are forbidden"),
        pytest.param(refuse(world(sets=without(vip_arp="false")), "daemonsets.apps"), id="DaemonSets are forbidden"),
        pytest.param(refuse(world(sets=[daemon_set(ready=0)]), "pods"), id="pods are forbidden"),
    ],
)
def test_what_looks_like_a_reason_and_is_none(of: Objects) -> None:
    assert [one for one in found(of) if one.certainty is not Certainty.POSSIBLE] == []


def test_an_old_version_announces_a_service_without_endpoints() -> None:
    of = world(endpoints=slices(), sets=[daemon_set("0.8.0", **ON)])
    assert [(one.id.value, one.certainty) for one in found(of)] == [("no-ready-endpoint", Certainty.POSSIBLE)]


def test_a_service_of_another_load_balancer_has_no_reason_of_kube_vip() -> None:
    assert found(objects([balanced("10.0.0.50"), *without(vip_arp="false")])) == ()
