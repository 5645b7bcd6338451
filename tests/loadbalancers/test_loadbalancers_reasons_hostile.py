"""Whatever anybody wrote into the API, the reasons are found: each value of each object replaced by each type that JSON has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import test_loadbalancers_cilium_reasons as cilium
import test_loadbalancers_metallb_records as metallb
import test_loadbalancers_unallocated as unallocated
from loadbalancers_objects import AT, JUNK, balanced, objects, spoilt
from test_loadbalancers_metallb_reasons import POOL

from arpcheck import loadbalancers
from arpcheck.model import Reason
from arpcheck.objects import Objects

STATE = {
    "metadata": {"name": "c", "namespace": "metallb-system", "labels": {"metallb.io/component-type": "controller"}},
    "status": {"result": "Invalid", "lastError": "peer x"},
}
CHOSEN = {
    "autoAssign": True,
    "avoidBuggyIPs": True,
    "serviceAllocation": {
        "priority": 1,
        "namespaces": ["shop"],
        "namespaceSelectors": [{"matchLabels": {"kubernetes.io/metadata.name": "shop"}}],
        "serviceSelectors": [{"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}],
    },
}
ASKS = {"annotations": {"metallb.io/address-pool": "lan", "metallb.io/allow-shared-ip": "a"}}


def recorded() -> Objects:
    found = metallb.world(
        metallb.record("worker-1"),
        metallb.event("announceFailed", "x"),
        metallb.pod("worker-1"),
        nodes=[metallb.tainted("worker-1", metallb.CONTROL_PLANE), metallb.DOWN],
        pools=[{**POOL, "spec": {**POOL["spec"], **CHOSEN}}],
        speakers=[metallb.speakers(tolerations=[metallb.TOLERATED])],
        local=True,
    )
    return replace(found, resources={**found.resources, "configurationstates.metallb.io": (STATE,)})


def waiting(**of: Any) -> Objects:
    extra = (
        *unallocated.FULL,
        unallocated.event("AllocationFailed"),
        metallb.pod("worker-1"),
        metallb.pod("x", called="controller"),
    )
    return unallocated.world(unallocated.pool(**CHOSEN), extra=extra, **of)


def of_kube_vip() -> Objects:
    env = [{"name": "svc_enable", "value": "true"}]
    container = {"name": "kube-vip", "image": "ghcr.io/kube-vip/kube-vip:v1.2.3", "env": env}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "kube-vip-x", "namespace": "kube-system"},
        "spec": {"nodeName": "worker-1", "containers": [container]},
    }
    web = balanced("10.0.0.50", annotations={"kube-vip.io/vipHost": "worker-1"})
    return objects([web, {**balanced(name="new"), "status": {}}, pod])


WORLDS = {
    "MetalLB": recorded(),
    "MetalLB, without an address": waiting(),
    "MetalLB, and a pool is asked for": waiting(**ASKS),
    "MetalLB, and an address is asked for": waiting(annotations={"metallb.io/loadBalancerIPs": "10.0.0.50"}),
    "Cilium": cilium.world(cilium.agent("worker-1"), local=True, policies=[cilium.rejected("io.cilium/bad-node-selector")]),
    "Cilium, without an address": unallocated.conditioned(
        "no_pool", pools=[unallocated.cilium_pool("a", disabled=True, serviceSelector={"matchLabels": {"a": "b"}})]
    ),
    "kube-vip": of_kube_vip(),
}


def reasons(of: Objects) -> list[Reason]:
    found: list[Reason] = []
    for one in of.services():
        if one.type == "LoadBalancer" and not one.ingress:
            found += loadbalancers.unallocated(one, of, AT)
        for entry in one.ingress:
            found += loadbalancers.reasons(one, entry.ip, of, AT) if entry.ip else ()
    return found


@pytest.mark.parametrize("of", WORLDS.values(), ids=list(WORLDS))
def test_each_value_of_each_type(of: Objects) -> None:
    assert reasons(of)
    for resource, objs in of.resources.items():
        for place, obj in enumerate(objs):
            for other in spoilt(obj):
                changed = (*objs[:place], other, *objs[place + 1 :])
                for one in reasons(replace(of, resources={**of.resources, resource: changed})):
                    assert one.evidence
                    assert all(isinstance(node, str) for node in one.nodes)


@pytest.mark.parametrize("of", WORLDS.values(), ids=list(WORLDS))
def test_junk_in_place_of_objects(of: Objects) -> None:
    for resource in of.resources:
        reasons(replace(of, resources={**of.resources, resource: JUNK}))
