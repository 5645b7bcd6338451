"""Implementations that record nothing: by which sign a Service is taken for theirs, and whose host name is a node."""

from __future__ import annotations

from typing import Any

import pytest
from loadbalancers_objects import AT, ask, balanced, lines, member, objects, refuse, service

from arpcheck.loadbalancers import announcements_without_address, unrecorded

IP = "192.168.10.92"
CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
ANTREA = "service.antrea.io/external-ip-pool"


def answered(*ingress: dict[str, str], finalizers: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """A Service with these entries in `status.loadBalancer.ingress[]`."""
    web = balanced(**fields)
    web["metadata"]["finalizers"] = list(finalizers)
    return {**web, "status": {"loadBalancer": {"ingress": list(ingress)}}}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param(answered({"ip": IP}, loadBalancerClass="calico"), "calico (3: loadBalancerClass calico)", id="class"),
        pytest.param(answered({"ip": IP}, annotations={ANTREA: "lan"}), f"antrea (4: annotation {ANTREA})", id="annotation"),
        pytest.param(answered({"ip": IP}, annotations={f"{ANTREA}s": "lan"}), None, id="an annotation that only begins so"),
        pytest.param(
            answered({"ip": IP}, annotations={"a": "b", "loxilb.io/ipam": "c"}),
            "loxilb (4: annotation loxilb.io/ipam)",
            id="any annotation of one prefix",
        ),
        pytest.param(
            answered({"ip": IP}, annotations={ANTREA: "lan"}, loadBalancerClass="example.com/lb"), None, id="another's class"
        ),
        pytest.param(
            answered({"ip": IP}, finalizers=("a", "finalizer.lb.kubesphere.io/v1alpha1", "b")),
            "openelb (4: finalizer finalizer.lb.kubesphere.io/v1alpha1)",
            id="finalizer",
        ),
        pytest.param(answered({"ip": IP}, finalizers=(CLEANUP,)), None, id="a finalizer that others have too"),
        pytest.param(
            answered({"ip": IP, "hostname": "lb.example.org"}, finalizers=(CLEANUP,)),
            f"cloud (4: finalizer {CLEANUP})",
            id="and a host name beside the address",
        ),
        pytest.param(
            answered({"ip": IP}, {"ip": IP, "ipMode": "Proxy"}, finalizers=(CLEANUP,)),
            f"cloud (4: finalizer {CLEANUP})",
            id="or one of two entries with ipMode Proxy",
        ),
        pytest.param(
            answered({"ip": IP}, {"ip": "192.168.10.93", "ipMode": "Proxy"}, {"hostname": "lb"}, finalizers=(CLEANUP,)),
            None,
            id="but not of another address",
        ),
        pytest.param(answered({"ip": IP}), None, id="nothing"),
    ],
)
def test_recognised(service: dict[str, Any], expected: str | None) -> None:
    said = lines(ask(unrecorded, objects([service]), "shop/web", IP))
    assert (said[0] if said else None) == expected


def test_a_cloud_by_its_host_name_alone() -> None:
    found = objects([answered({"hostname": "lb.example.org"}, {}, finalizers=(CLEANUP,))])
    [said] = announcements_without_address(service(found, "shop/web"), found, AT)
    assert said.implementation == "cloud"


@pytest.mark.parametrize(
    ("ingress", "fields", "expected"),
    [
        pytest.param([{"ip": IP, "hostname": "worker-1"}], {"annotations": {ANTREA: "lan"}}, ["worker-1"], id="a node's"),
        pytest.param([{"ip": IP, "hostname": "lb"}], {"annotations": {ANTREA: "lan"}}, [], id="nobody's"),
        pytest.param(
            [{"ip": IP}, {"ip": "192.168.10.93", "hostname": "worker-1"}], {"annotations": {ANTREA: "lan"}}, [],
            id="beside another address",
        ),
        pytest.param([{"ip": IP, "hostname": "worker-1"}], {"loadBalancerClass": "calico"}, [], id="not by Calico"),
    ],
)  # fmt: skip
def test_whose_host_name(ingress: list[dict[str, str]], fields: dict[str, Any], expected: list[str]) -> None:
    said = ask(unrecorded, objects([answered(*ingress, **fields), member("worker-1")]), "shop/web", IP)
    assert said is not None
    assert [claim.node for claim in said.claims] == expected


@pytest.mark.parametrize(
    ("reach", "policy", "silence"),
    [
        pytest.param("PodsAndLoadBalancers", "Cluster", None, id="Felix replies"),
        pytest.param("PodsAndLoadBalancers", "Local", "Cluster", id="but not for this Service"),
        pytest.param("Disabled", "Cluster", "announced by BGP only", id="it is off"),
        pytest.param("Disabled", "Local", "announced by BGP only", id="and would not reply for this Service"),
        pytest.param(None, "Local", "Cluster", id="its configuration is refused"),
        pytest.param(None, "Cluster", None, id="its configuration is refused, and it may reply"),
    ],
)
def test_when_calicos_responder_keeps_silent(reach: str | None, policy: str, silence: str | None) -> None:
    service = answered({"ip": IP}, loadBalancerClass="calico", externalTrafficPolicy=policy)
    felix = {"kind": "FelixConfiguration", "metadata": {"name": "default"}, "spec": {"localSubnetL2Reachability": reach}}
    names = [f"felixconfigurations.{group}" for group in ("crd.projectcalico.org", "projectcalico.org")]
    given = objects([service, felix], names[1:]) if reach else refuse(objects([service]), *names)
    said = ask(unrecorded, given, "shop/web", IP)
    assert said is not None
    assert (said.silence or "").endswith(silence or "")
    assert bool(said.silence) == bool(silence)
    assert bool(said.unread) == (reach is None and policy == "Cluster")


@pytest.mark.parametrize(
    ("ingress", "fields", "missed"),
    [
        pytest.param(
            [{"ip": IP, "hostname": "worker-1"}], {"annotations": {ANTREA: "lan"}}, ("nodes",), id="it may be one's"
        ),
        pytest.param(
            [{"ip": IP}, {"ip": IP, "hostname": "worker-1"}], {"annotations": {ANTREA: "lan"}}, ("nodes",), id="one of two"
        ),
        pytest.param([{"ip": IP}], {"annotations": {ANTREA: "lan"}}, (), id="there is none"),
        pytest.param(
            [{"ip": IP, "hostname": "worker-1"}], {"loadBalancerClass": "loxilb.io/loxilb"}, (), id="it says nothing"
        ),
    ],
)
def test_the_nodes_are_missed_where_a_host_name_may_be_ones(
    ingress: list[dict[str, str]], fields: dict[str, Any], missed: tuple[str, ...]
) -> None:
    said = ask(unrecorded, refuse(objects([answered(*ingress, **fields)]), "nodes"), "shop/web", IP)
    assert said is not None
    assert said.unread == missed
