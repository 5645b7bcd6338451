"""Why a Service has no address yet, and what is no reason though it looks like one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from loadbalancers_objects import AT, balanced, objects, refuse, service, trimmed

from arpcheck import loadbalancers
from arpcheck.loadbalancers import NEEDS
from arpcheck.model import Certainty, Reason
from arpcheck.objects import Objects

POOLS, CILIUM_POOLS = "ipaddresspools.metallb.io", "ciliumloadbalancerippools.cilium.io"
STATES = "configurationstates.metallb.io"
SURE, LIKELY, POSSIBLE = Certainty.SURE, Certainty.LIKELY, Certainty.POSSIBLE
WANTED, IPS, SHARED = "metallb.io/address-pool", "metallb.io/loadBalancerIPs", "metallb.io/allow-shared-ip"


def pool(*addresses: str, called: str = "lan", home: str = "metallb-system", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": called, "namespace": home},
        "spec": {"addresses": list(addresses or ["10.0.0.50/31"]), **spec},
    }


def speakers(*args: str, image: str = "v0.15.2") -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"args": list(args), "image": f"quay.io/metallb/speaker:{image}"}]}}}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "speaker", "namespace": "metallb-system"},
        "spec": spec,
        "status": {"desiredNumberScheduled": 2, "numberReady": 2},
    }


def event(reason: str, minutes: int = 5) -> dict[str, Any]:
    seen = (AT - timedelta(minutes=minutes)).isoformat()
    about = {"kind": "Service", "namespace": "shop", "name": "web"}
    meta = {"name": f"web.{reason}", "namespace": "shop"}
    return {
        "kind": "Event",
        "metadata": meta,
        "involvedObject": about,
        "reason": reason,
        "message": "x",
        "lastTimestamp": seen,
    }


def world(
    *pools: dict[str, Any], extra: Any = (), flags: tuple[str, ...] | None = (), image: str = "v0.15.2", **of: Any
) -> Objects:
    """A Service without an address and MetalLB with these pools; `flags`: of its speakers, None: without any."""
    web = balanced(**{"clusterIP": "10.96.0.7", **of})
    found = objects([web, *([] if flags is None else [speakers(*flags, image=image)]), *extra])
    return trimmed(replace(found, resources={**found.resources, POOLS: pools}), NEEDS)


def other(ip: str, **of: Any) -> dict[str, Any]:
    return balanced(ip, name=f"at-{ip}", **of)


def asks(**annotations: str) -> dict[str, Any]:
    return {"annotations": annotations}


def found(of: Objects) -> tuple[Reason, ...]:
    return loadbalancers.unallocated(service(of, "shop/web"), of, AT)


FULL = (other("10.0.0.50"), other("10.0.0.51"))
HERE, ELSEWHERE = {"namespaces": ["shop"]}, {"namespaces": ["infra"]}
BY_NAME = {"namespaceSelectors": [{"matchLabels": {"kubernetes.io/metadata.name": "infra"}}]}
BY_LABEL = {"namespaceSelectors": [{"matchLabels": {"team": "infra"}}]}
OF_SERVICES = {"serviceSelectors": [{"matchLabels": {"app": "api"}}]}
SIX = {"clusterIPs": ["fd00::7"]}


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        pytest.param(world(), "no-pool", id="no pool"),
        pytest.param(world(pool(home="default")), "no-pool", id="a pool in another namespace"),
        pytest.param(world(pool(autoAssign=False)), "no-pool", id="no pool gives by itself"),
        pytest.param(world(pool(serviceAllocation=ELSEWHERE)), "no-pool", id="for another namespace"),
        pytest.param(
            world(pool(serviceAllocation=BY_NAME)), "no-pool", id="for another namespace, by a selector of its name"
        ),
        pytest.param(world(pool(serviceAllocation=OF_SERVICES), labels={"app": "web"}), "no-pool", id="for other Services"),
        pytest.param(
            world(pool(serviceAllocation={**HERE, **OF_SERVICES})), "no-pool", id="for other Services of this namespace"
        ),
        pytest.param(world(pool(serviceAllocation={**BY_LABEL, **OF_SERVICES})), "no-pool", id="for other Services anyway"),
        pytest.param(world(pool(), extra=FULL, **asks(**{SHARED: "a"})), "pool-exhausted", id="with nobody to share"),
        pytest.param(world(pool(serviceAllocation={}), image="v0.14.9"), "no-pool", id="for no Service before 0.15"),
        pytest.param(world(pool(serviceAllocation={"priority": 10}), image="v0.13.10"), "no-pool", id="nor with a priority"),
        pytest.param(world(pool("fd00::/120")), "no-pool", id="of IPv6 alone"),
        pytest.param(world(pool(), **SIX), "no-pool", id="of IPv4 alone"),
        pytest.param(world(pool(), extra=FULL), "pool-exhausted", id="all in use"),
        pytest.param(
            world(pool("10.0.0.254/31", avoidBuggyIPs=True), extra=[other("10.0.0.254")]), "pool-exhausted", id="but .255"
        ),
        pytest.param(
            world(pool(), pool("10.0.1.0/24", called="dmz", autoAssign=False), extra=FULL), "pool-exhausted", id="both"
        ),
        pytest.param(world(pool(), **asks(**{WANTED: "wan"})), "request-not-met", id="an unknown pool"),
        pytest.param(
            world(pool(), **asks(**{"metallb.universe.tf/address-pool": "wan"})), "request-not-met", id="by the older key"
        ),
        pytest.param(
            world(pool(serviceAllocation=ELSEWHERE), **asks(**{WANTED: "lan"})), "request-not-met", id="others' pool"
        ),
        pytest.param(world(pool(), extra=FULL, **asks(**{WANTED: "lan"})), "pool-exhausted", id="a full pool"),
        pytest.param(world(pool("fd00::/120"), **asks(**{WANTED: "lan"})), "request-not-met", id="a pool of IPv6"),
        pytest.param(world(pool(), **asks(**{IPS: "10.0.0.99"})), "request-not-met", id="an address of no pool"),
        pytest.param(world(pool(), loadBalancerIP="10.0.0.99"), "request-not-met", id="the same by the field"),
        pytest.param(
            world(pool(), loadBalancerIP="10.0.0.50", **asks(**{IPS: "10.0.0.50"})), "request-not-met", id="by both"
        ),
        pytest.param(world(pool(), **asks(**{IPS: "10.0.0"})), "request-not-met", id="no address"),
        pytest.param(world(pool("fd00::/120"), **asks(**{IPS: "fd00::7"})), "request-not-met", id="of another family"),
        pytest.param(world(pool(), extra=FULL, **asks(**{IPS: "10.0.0.50"})), "request-not-met", id="an address in use"),
        pytest.param(
            world(pool(), extra=[other("10.0.0.50", **asks(**{SHARED: "a"}))], **asks(**{IPS: "10.0.0.50", SHARED: "b"})),
            "request-not-met",
            id="shared with another key",
        ),
        pytest.param(
            world(pool(), pool("10.0.1.0/24", called="dmz"), **asks(**{IPS: "10.0.0.50", WANTED: "dmz"})),
            "request-not-met",
            id="an address of another pool than the wanted one",
        ),
        pytest.param(
            world(pool(serviceAllocation=ELSEWHERE), **asks(**{IPS: "10.0.0.50"})), "request-not-met", id="in others' pool"
        ),
    ],
)
def test_metallb_s_rules_give_it_no_address(of: Objects, wanted: str) -> None:
    [first] = found(of)
    assert (first.id.value, first.certainty, first.implementation) == (wanted, SURE, "metallb")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(pool()), id="a free address"),
        pytest.param(world(pool(), flags=None), id="whoever serves it"),
        pytest.param(world(pool("10.0.0.50/31", called="a"), pool("10.0.1.0/24"), extra=FULL), id="another pool has one"),
        pytest.param(world(pool(serviceAllocation=HERE)), id="a pool for this namespace"),
        pytest.param(world(pool(serviceAllocation=BY_LABEL)), id="the labels of namespaces are not read"),
        pytest.param(world(pool(serviceAllocation={})), id="for all"),
        pytest.param(world(pool(serviceAllocation={}), image="latest"), id="for all or for none, by the version"),
        pytest.param(world(pool(serviceAllocation={}), image="v0.14.9", **asks(**{WANTED: "lan"})), id="asked for, for all"),
        pytest.param(
            world(pool(serviceAllocation={**BY_NAME, **OF_SERVICES}), labels={"app": "api"}),
            id="the namespace may not exist",
        ),
        pytest.param(world(pool(serviceAllocation=BY_NAME), **asks(**{WANTED: "lan"})), id="nor then"),
        pytest.param(world(pool(serviceAllocation=OF_SERVICES), labels={"app": "api"}), id="for this Service"),
        pytest.param(world(pool("lan")), id="a range that cannot be understood"),
        pytest.param(
            world(pool(), extra=[FULL[0], other("10.0.0.51", **asks(**{SHARED: "a"}))], **asks(**{SHARED: "a"})),
            id="it may share an address",
        ),
        pytest.param(world(pool(autoAssign=False), **asks(**{WANTED: "lan"})), id="asked for, it gives"),
        pytest.param(world(pool(autoAssign=False), **asks(**{IPS: "10.0.0.50"})), id="asked for an address, it gives"),
        pytest.param(
            world(pool(), extra=[other("10.0.0.50", loadBalancerClass="a/b"), other("10.0.0.51")]), id="of another class"
        ),
        pytest.param(
            world(pool(), extra=[other("10.0.0.50", **asks(**{SHARED: "a"}))], **asks(**{IPS: "10.0.0.50", SHARED: "a"})),
            id="shared with the same key",
        ),
        pytest.param(refuse(world(), POOLS), id="pools are forbidden"),
        pytest.param(world(flags=None), id="no MetalLB"),
        pytest.param(world(pool(), clusterIPs=["10.96.0.7", "fd00::7"]), id="of two families, of which it has one"),
        pytest.param(
            world(pool(), extra=[event("AllocationFailed"), event("IPAllocated", 1)]), id="it had one for a while since then"
        ),
        pytest.param(world(pool(), extra=[event("AllocationFailed", 90)]), id="an old event"),
    ],
)
def test_what_looks_like_a_reason_and_is_none(of: Objects) -> None:
    assert found(of) == ()


def test_an_event_says_it_where_no_rule_does() -> None:
    of = world(pool(), extra=[event("AllocationFailed"), event("IPAllocated", 30)])
    assert [(one.id.value, one.certainty) for one in found(of)] == [("allocation-failed", LIKELY)]
    ruled = found(world(extra=[event("AllocationFailed")]))
    assert [one.id.value for one in ruled] == ["no-pool", "allocation-failed"]


def test_a_rejected_configuration_makes_the_rules_unsure() -> None:
    state = {
        "metadata": {"name": "c", "labels": {"metallb.io/component-type": "controller"}},
        "status": {"result": "Invalid"},
    }
    of = world()
    of = replace(of, resources={**of.resources, STATES: (state,)})
    assert [(one.id.value, one.certainty) for one in found(of)] == [("no-pool", LIKELY), ("invalid-configuration", LIKELY)]


def test_a_controller_that_is_not_ready() -> None:
    def pod(called: str, ready: str) -> dict[str, Any]:
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        meta = {"name": called, "namespace": "metallb-system"}
        return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": "worker-1"}, "status": status}

    speaker, down = pod("speaker-x7h2p", "True"), pod("controller-5c-x", "False")
    of = world(pool(), extra=[speaker, down])
    assert [(one.id.value, one.certainty) for one in found(of)] == [("allocator-not-running", LIKELY)]
    for other in (
        world(pool(), extra=[speaker, down, pod("controller-5c-y", "True")]),
        world(pool(), extra=[speaker]),
        refuse(of, "pods"),
        replace(of, read_at=None),
    ):
        assert found(other) == ()


def test_a_class_that_nobody_serves() -> None:
    """Not with the flag alone: a class may be an appliance's (metallb#1417)."""
    of = world(pool(), loadBalancerClass="example.com/lb")
    assert [(one.id.value, one.certainty, one.implementation) for one in found(of)] == [("class-not-served", LIKELY, None)]
    assert [one.certainty for one in found(refuse(of, "daemonsets.apps"))] == [POSSIBLE]
    unclassed = world(pool(), flags=("--lb-class=metallb",))
    assert [(one.id.value, one.certainty) for one in found(unclassed)] == [("class-not-served", LIKELY)]
    served = world(pool(), flags=("--lb-class=metallb",), loadBalancerClass="metallb")
    assert found(served) == found(world(pool(), loadBalancerClass="f5.com/bigip")) == ()


def conditioned(reason: str, status: str = "False", pools: Any = (), **of: Any) -> Objects:
    said = {"type": "cilium.io/IPAMRequestSatisfied", "status": status, "reason": reason, "message": "as it says"}
    web = balanced(clusterIP="10.96.0.7", **of)
    web["status"]["conditions"] = [said]
    made = objects([web])
    return trimmed(replace(made, resources={**made.resources, CILIUM_POOLS: tuple(pools)}), NEEDS)


def cilium_pool(called: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": called}, "spec": spec}


SOME = (cilium_pool("a"),)


@pytest.mark.parametrize(
    ("of", "wanted", "certainty"),
    [
        (conditioned("no_pool"), "no-pool", SURE),
        (conditioned("no_pool", annotations={"lbipam.cilium.io/ips": "10.0.0.99"}), "no-pool", SURE),
        (conditioned("no_pool", pools=SOME, annotations={"lbipam.cilium.io/ips": "10.0.0.99"}), "request-not-met", SURE),
        (conditioned("no_pool", pools=SOME, loadBalancerIP="10.0.0.99"), "request-not-met", SURE),
        (conditioned("out_of_ips"), "pool-exhausted", SURE),
        (conditioned("pool_selector_mismatch"), "request-not-met", SURE),
        (conditioned("already_allocated"), "request-not-met", SURE),
        (conditioned("of tomorrow"), "allocation-failed", SURE),
        (refuse(conditioned("no_pool"), CILIUM_POOLS), "no-pool", LIKELY),
    ],
)
def test_cilium_s_condition_says_it(of: Objects, wanted: str, certainty: Certainty) -> None:
    [first] = found(of)
    assert (first.id.value, first.certainty, first.implementation) == (wanted, certainty, "cilium")


def test_cilium_s_pools_say_more() -> None:
    chosen = {"matchLabels": {"app": "api"}}
    pools = [cilium_pool("a", disabled=True), cilium_pool("b", serviceSelector=chosen), cilium_pool("c")]
    [first] = found(conditioned("no_pool", pools=pools))
    assert first.evidence.endswith("(it is disabled (a); its serviceSelector does not select it (b))")


def test_cilium_without_a_pool_says_nothing_itself() -> None:
    """LB-IPAM sleeps until there is a pool. A policy alone does not show that it should give the address."""

    def without(policies: tuple[Any, ...] = (), **of: Any) -> Objects:
        made = objects([balanced(clusterIP="10.96.0.7", **of)], served=(CILIUM_POOLS,))
        return replace(made, resources={**made.resources, "ciliuml2announcementpolicies.cilium.io": policies})

    of_class = found(without(loadBalancerClass="io.cilium/l2-announcer"))
    assert [(one.id.value, one.certainty) for one in of_class] == [("no-pool", SURE)]
    assert [(one.id.value, one.certainty) for one in found(without(({"spec": {}},)))] == [("no-pool", LIKELY)]
    assert found(without()) == found(conditioned("satisfied", "True")) == ()


def test_of_two_that_give_addresses_none_is_sure() -> None:
    of = world(pool(autoAssign=False))
    both = replace(of, resources={**of.resources, CILIUM_POOLS: (cilium_pool("a"),)})
    assert [one.certainty for one in found(both)] == [LIKELY]


def test_kube_vip_announces_what_the_service_asks_for() -> None:
    chosen = {"loadBalancerClass": "kube-vip.io/kube-vip-class"}
    [first] = found(world(**chosen))
    assert (first.id.value, first.certainty, first.implementation) == ("no-pool", SURE, "kube-vip")
    assert found(world(loadBalancerIP="10.0.0.50", **chosen)) == ()
    pod = {"kind": "Pod", "metadata": {"name": "kube-vip-x", "namespace": "kube-system"}, "spec": {"containers": [{}]}}
    for value, said in (("true", [("no-pool", LIKELY)]), ("false", [])):
        env = [{"name": "svc_enable", "value": value}]
        running = {**pod, "spec": {"containers": [{"env": env}]}}
        assert [(one.id.value, one.certainty) for one in found(world(flags=None, extra=[running]))] == said
    assert [one.id.value for one in found(world(**chosen, **asks(**{"kube-vip.io/ignore": "true"})))] == ["service-ignored"]
