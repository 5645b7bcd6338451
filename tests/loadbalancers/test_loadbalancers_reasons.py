"""Why no node announces an address: PureLB, Kube-OVN, OpenELB, ServiceLB, those that record nothing, and a class of nobody."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from loadbalancers_objects import AT, balanced, first_ip, lease, member, objects, refuse, service, trimmed

from arpcheck import loadbalancers
from arpcheck.judge.reasons import best
from arpcheck.loadbalancers import NEEDS
from arpcheck.model import Certainty, Reason
from arpcheck.objects import Objects

IP = "10.0.0.50"
LEASES, EIPS, FELIX = "leases.coordination.k8s.io", "eips.network.kubesphere.io", "felixconfigurations.crd.projectcalico.org"
SURE, LIKELY, POSSIBLE = Certainty.SURE, Certainty.LIKELY, Certainty.POSSIBLE


def down(name: str) -> dict[str, Any]:
    node = member(name)
    return {**node, "status": {**node["status"], "conditions": [{"type": "Ready", "status": "False"}]}}


def world(annotations: dict[str, str], *extra: dict[str, Any], nodes: tuple[dict[str, Any], ...] = (), **of: Any) -> Objects:
    eips = of.pop("eips", [])
    web = balanced(IP, annotations=annotations, **of)
    found = objects([web, *(nodes or (member("worker-1"), member("worker-2"))), *extra], served=(FELIX,))
    return trimmed(replace(found, resources={**found.resources, EIPS: tuple(eips)}), NEEDS)


def found(of: Objects) -> tuple[Reason, ...]:
    web = service(of, "shop/web")
    return loadbalancers.reasons(web, first_ip(web), of, AT)


def voter(node: str, subnets: str = "10.0.0.0/24", ago: float = 1) -> dict[str, Any]:
    return lease(f"purelb-system/purelb-node-{node}", node, ago=ago, lasts=5, **{"purelb.io/subnets": subnets})


def pod(phase: str, node: str = "worker-1") -> dict[str, Any]:
    labels = {"app": "lb-svc-web", "namespace": "shop", "service": "web"}
    return {
        "kind": "Pod",
        "metadata": {"name": "lb-svc-web-x", "namespace": "shop", "labels": labels},
        "spec": {"nodeName": node},
        "status": {"phase": phase},
    }


def daemon_set(name: str, ready: int = 0, **labels: str) -> dict[str, Any]:
    status = {"desiredNumberScheduled": 2, "numberReady": ready}
    return {"kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system", "labels": labels}, "status": status}


def eip(protocol: str) -> dict[str, Any]:
    return {"metadata": {"name": "lan"}, "spec": {"protocol": protocol}}


LOCAL = {"purelb.io/allocated-by": "PureLB", "purelb.io/pool-type": "local"}
ANNOUNCED = {**LOCAL, "purelb.io/announcing-IPv4": f"worker-1,eth0,{IP}"}
LB_SVC = {"ovn.kubernetes.io/attachmentprovider": "net.shop"}
CHOSEN = {"layer2.openelb.kubesphere.io/v1alpha1": "worker-1"}
OPENELB = {"lb.kubesphere.io/v1alpha1": "openelb"}
OF_EIP = {"eip.openelb.kubesphere.io/v1alpha2": "lan"}
SVCLB = {"svccontroller.k3s.cattle.io/svcname": "web", "svccontroller.k3s.cattle.io/svcnamespace": "shop"}
CALICO = {"projectcalico.org/loadBalancerIPs": IP}
OFF = {"kind": "FelixConfiguration", "metadata": {"name": "default"}, "spec": {"localSubnetL2Reachability": "Disabled"}}
DOWN = (down("worker-1"), member("worker-2"))
OWN = member("worker-1", ("InternalIP", IP))


@pytest.mark.parametrize(
    ("of", "implementation", "wanted", "certainty"),
    [
        (world({**LOCAL, "purelb.io/pool-type": "remote"}), "purelb", "announced-by-bgp", SURE),
        (world(LOCAL, voter("worker-1", "10.1.0.0/24")), "purelb", "no-node-may-announce", SURE),
        (world({"purelb.io/allocated-by": "PureLB"}, voter("worker-1", "10.1.0.0/24")), "purelb", "no-node-may-announce", LIKELY),
        (world(LOCAL, voter("worker-1")), "purelb", "no-record", LIKELY),
        (world(ANNOUNCED, nodes=DOWN), "purelb", "node-down", LIKELY),
        (world(ANNOUNCED, nodes=(member("worker-2"),)), "purelb", "node-down", LIKELY),
        (world(ANNOUNCED, voter("worker-1", ago=60), voter("worker-2")), "purelb", "announcer-not-running", LIKELY),
        (world(LB_SVC), "kube-ovn", "announcer-not-running", SURE),
        (world({}, pod("Pending")), "kube-ovn", "announcer-not-running", SURE),
        (world(LB_SVC, pod("Running"), nodes=DOWN), "kube-ovn", "node-down", LIKELY),
        (world(CHOSEN, nodes=DOWN), "openelb", "node-down", LIKELY),
        (world(OPENELB, daemon_set("openelb-speaker")), "openelb", "announcer-not-running", SURE),
        (world(OPENELB, labels=OF_EIP, eips=[eip("bgp")]), "openelb", "announced-by-bgp", SURE),
        (world({}, daemon_set("svclb-web", **SVCLB)), "servicelb", "owned-by-no-node", SURE),
        (world({}, nodes=({**OWN, "status": {**OWN["status"], **down("x")["status"], "addresses": OWN["status"]["addresses"]}},)), "servicelb", "node-down", LIKELY),
        (world(CALICO, OFF), "calico", "announced-by-bgp", SURE),
        (world(CALICO, externalTrafficPolicy="Local"), "calico", "announced-by-bgp", SURE),
        (world({}, loadBalancerClass="x/y"), None, "class-not-served", LIKELY),
        (refuse(world({}, loadBalancerClass="x/y"), "daemonsets.apps"), None, "class-not-served", POSSIBLE),
    ],
)  # fmt: skip
def test_why_nobody_replies(of: Objects, implementation: str | None, wanted: str, certainty: Certainty) -> None:
    first = found(of)[0]
    assert (first.implementation, first.id.value, first.certainty) == (implementation, wanted, certainty)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(ANNOUNCED, voter("worker-1")), id="PureLB announces it"),
        pytest.param(world(ANNOUNCED), id="PureLB before 0.15 has no Leases"),
        pytest.param(world(ANNOUNCED, voter("worker-1", ago=60)), id="all Leases of PureLB are old: a clock, or a file"),
        pytest.param(refuse(world(ANNOUNCED, voter("worker-1", "10.1.0.0/24")), LEASES), id="Leases are forbidden"),
        pytest.param(world(LB_SVC, pod("Running")), id="the pod of Kube-OVN runs"),
        pytest.param(refuse(world(LB_SVC), "pods"), id="pods are forbidden"),
        pytest.param(world(CHOSEN), id="OpenELB chose a node"),
        pytest.param(refuse(world(CHOSEN, nodes=DOWN), "nodes"), id="nodes are forbidden"),
        pytest.param(world(OPENELB, daemon_set("openelb-speaker", ready=2)), id="OpenELB's speakers run"),
        pytest.param(world(OPENELB, labels=OF_EIP, eips=[eip("layer2")]), id="an Eip of layer 2"),
        pytest.param(refuse(world(OPENELB, labels=OF_EIP, eips=[eip("bgp")]), EIPS), id="Eips are forbidden"),
        pytest.param(world({}, daemon_set("svclb-web", **SVCLB), nodes=(OWN,)), id="a node of ServiceLB has it"),
        pytest.param(
            refuse(world({}, daemon_set("svclb-web", **SVCLB)), "nodes"), id="nodes are forbidden, and ServiceLB's addresses"
        ),
        pytest.param(refuse(world(CALICO), FELIX), id="Felix's configuration is forbidden"),
        pytest.param(world({}), id="a Service of nobody known"),
    ],
)
def test_what_looks_like_a_reason_and_is_none(of: Objects) -> None:
    assert best(found(of)) is None


def test_who_records_nothing_says_why_nothing_explains_it() -> None:
    """Not of an address that no node should announce, nor where it is known why."""
    antrea = found(world({"service.antrea.io/external-ip-pool": "lan"}))
    assert [(one.id.value, one.implementation) for one in antrea] == [("unexplained", "antrea")]
    avi, off = found(world({"ako.vmware.com/x": "y"})), found(world(CALICO, OFF))
    assert "unexplained" not in [one.id.value for one in (*avi, *off)]


def test_openelb_s_leading_manager_replies_for_the_node() -> None:
    assert [(one.id.value, one.certainty, one.nodes) for one in found(world(CHOSEN))] == [
        ("record-behind", POSSIBLE, ("worker-1",))
    ]


def test_two_load_balancers_that_record_an_announcer() -> None:
    """Also where one of them has a reason of its own; a leftover annotation is none."""
    of = world({**ANNOUNCED, "layer2.openelb.kubesphere.io/v1alpha1": "worker-2"}, voter("worker-1"))
    first = found(of)[0]
    assert (first.id.value, first.certainty, first.implementation) == ("two-announcers", LIKELY, None)
    assert "two-announcers" not in [one.id.value for one in found(world({**ANNOUNCED, "kube-vip.io/vipHost": "worker-2"}))]


def test_several_entries_of_purelb_are_only_odd() -> None:
    of = world({**LOCAL, "purelb.io/announcing-IPv4": f"worker-1,eth0,{IP} worker-2,eth0,{IP}"})
    assert [(one.id.value, one.certainty, one.nodes) for one in found(of)] == [
        ("record-behind", Certainty.POSSIBLE, ("worker-1", "worker-2"))
    ]


def test_metallb_s_rules_say_nothing_of_a_service_that_another_serves() -> None:
    """Avi beside MetalLB, and a Service that nothing marks: MetalLB's may be it, and that is not sure."""
    pools = {"ipaddresspools.metallb.io": ({"metadata": {"name": "lan"}, "spec": {"addresses": ["10.9.0.0/24"]}},)}

    def beside(**of: Any) -> Objects:
        made = world({}, daemon_set("speaker", ready=2), **of)
        return replace(made, resources={**made.resources, **pools})

    assert found(beside(loadBalancerClass="ako.vmware.com/avi-lb")) == ()
    unmarked = found(beside())
    assert (unmarked[0].implementation, unmarked[0].id.value, unmarked[0].certainty) == (
        "metallb",
        "no-advertisement",
        LIKELY,
    )


def test_an_external_ip_is_no_matter_of_a_load_balancer_that_announces_none() -> None:
    """MetalLB's pools and records say nothing of `spec.externalIPs`, whatever other Services have."""
    web = balanced("10.0.0.60")
    web["status"] = {"loadBalancer": {}}
    web["spec"]["externalIPs"] = ["10.0.0.60"]
    pools = {"ipaddresspools.metallb.io": ({"metadata": {"name": "lan"}, "spec": {"addresses": ["10.0.0.50-10.0.0.59"]}},)}
    of = objects([web, member("worker-1")], served=("l2advertisements.metallb.io", "bgpadvertisements.metallb.io"))
    of = trimmed(replace(of, resources={**of.resources, **pools}), NEEDS)
    asked = service(of, "shop/web")
    assert loadbalancers.reasons(asked, IPv4Address("10.0.0.60"), of, AT) == ()
