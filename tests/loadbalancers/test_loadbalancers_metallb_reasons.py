"""MetalLB: why no node announces an address, and what is no reason though it looks like one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from loadbalancers_objects import AT, balanced, first_ip, member, objects, refuse, service

from arpcheck.loadbalancers import metallb
from arpcheck.model import Certainty, Reason
from arpcheck.objects import Objects

POOLS, LAYER2, BGP = "ipaddresspools.metallb.io", "l2advertisements.metallb.io", "bgpadvertisements.metallb.io"
SLICES, STATUSES, SPEAKERS = "endpointslices.discovery.k8s.io", "servicel2statuses.metallb.io", "daemonsets.apps"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
HOME = {"namespace": "metallb-system"}
POOL = {"kind": "IPAddressPool", "metadata": {"name": "lan", **HOME}, "spec": {"addresses": ["10.0.0.50-10.0.0.59"]}}
BARRED = {EXCLUDED: ""}


def advertisement(namespace: str = "metallb-system", **spec: Any) -> dict[str, Any]:
    return {"kind": "L2Advertisement", "metadata": {"name": "l2", "namespace": namespace}, "spec": spec}


def speakers(*args: str, image: str = "quay.io/metallb/speaker:v0.15.2", ready: int = 2, **spec: Any) -> dict[str, Any]:
    container = {"args": list(args), "image": image}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "speaker", **HOME},
        "spec": {"template": {"spec": {"containers": [container], **spec}}},
        "status": {"desiredNumberScheduled": 2, "numberReady": ready},
    }


def endpoint(node: str | None = "worker-1", *, ready: bool = True, serving: bool | None = None) -> dict[str, Any]:
    conditions = {"ready": ready, "serving": ready if serving is None else serving}
    return {"addresses": ["10.244.0.7"], "conditions": conditions} | ({"nodeName": node} if node else {})


def slices(*found: dict[str, Any]) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "web"}
    meta = {"name": "web-x", "namespace": "shop", "labels": labels}
    return {"metadata": meta, "addressType": "IPv4", "endpoints": list(found)}


def nodes(first: dict[str, str] | None = None, second: dict[str, str] | None = None) -> list[dict[str, Any]]:
    return [member("worker-1", **(first or {})), member("worker-2", **(second or {}))]


def world(*extra: dict[str, Any], endpoints: dict[str, Any] | None = None, local: bool = False, **of: Any) -> Objects:
    """Two nodes, a pool and a ready endpoint on worker-1, and nothing that is wrong; `extra` and `of` change it."""
    fields = {"externalTrafficPolicy": "Local"} if local else {}
    annotations = {"metallb.io/ip-allocated-from-pool": "lan", **of.pop("annotations", {})}
    web = balanced("10.0.0.50", annotations=annotations, **fields, **of.pop("spec", {}))
    given = {
        "nodes": of.pop("nodes", nodes()),
        "pools": of.pop("pools", [POOL]),
        "ads": of.pop("ads", [advertisement()]),
        "speakers": of.pop("speakers", [speakers()]),
    }
    assert not of
    found = objects(
        [web, *(one for every in given.values() for one in every), *extra], served=(POOLS, LAYER2, BGP, STATUSES)
    )
    return replace(found, resources={**found.resources, SLICES: (endpoints or slices(endpoint()),)})


def found(of: Objects) -> tuple[Reason, ...]:
    web = service(of, "shop/web")
    return metallb.reasons(web, first_ip(web), of, AT)


SURE = {
    "no-advertisement": [
        pytest.param(world(ads=[]), id="no L2Advertisement at all"),
        pytest.param(world(ads=[advertisement(ipAddressPools=["other"])]), id="of another pool"),
        pytest.param(
            world(ads=[advertisement(ipAddressPoolSelectors=[{"matchLabels": {"on": "x"}}])]), id="of other labels"
        ),
        pytest.param(world(ads=[advertisement("default")]), id="in another namespace"),
        pytest.param(world(ads=[advertisement(serviceSelectors=[{"matchLabels": {"a": "b"}}])]), id="of other Services"),
        pytest.param(
            world(ads=[advertisement(serviceSelectors=[{}])], annotations={"metallb.io/allow-shared-ip": "k"}),
            id="with a shared address",
        ),
        pytest.param(world(pools=[{**POOL, "spec": {"addresses": ["10.0.0.60/32"]}}]), id="no pool has the address"),
        pytest.param(
            world(pools=[{**POOL, "metadata": {"name": "lan", "namespace": "default"}}], ads=[advertisement("default")]),
            id="the pool is not in MetalLB's namespace",
        ),
    ],
    "announced-by-bgp": [
        pytest.param(
            world({"kind": "BGPAdvertisement", "metadata": {"name": "b", **HOME}, "spec": {}}, ads=[]), id="BGP alone"
        )
    ],
    "no-node-may-announce": [
        pytest.param(world(nodes=nodes(BARRED, BARRED)), id="the label on all"),
        pytest.param(world(ads=[advertisement(nodeSelectors=[{"matchLabels": {"zone": "a"}}])]), id="no node selected"),
        pytest.param(
            world(nodes=nodes(BARRED, {"zone": "b"}), ads=[advertisement(nodeSelectors=[{"matchLabels": {"zone": "a"}}])]),
            id="one by the label, one by the selector",
        ),
        pytest.param(world(speakers=[speakers(nodeSelector={"metallb": "yes"})]), id="no node runs a speaker"),
        pytest.param(world(nodes=nodes(BARRED, BARRED), local=True), id="before the endpoints of Local"),
    ],
    "no-ready-endpoint": [
        pytest.param(world(endpoints=slices()), id="none"),
        pytest.param(world(endpoints=slices(endpoint(ready=False))), id="not ready"),
        pytest.param(world(endpoints=slices(endpoint(ready=False)), local=True), id="not ready, and Local"),
        pytest.param(
            world(
                endpoints=slices(endpoint(ready=True, serving=False)),
                speakers=[speakers(image="quay.io/metallb/speaker:v0.14.3")],
            ),
            id="published by 0.14.3 without being ready",
        ),
    ],
    "no-local-endpoint": [
        pytest.param(world(nodes=nodes(BARRED), local=True), id="on an excluded node"),
        pytest.param(world(endpoints=slices(endpoint(None)), local=True), id="without a node"),
        pytest.param(world(endpoints=slices(endpoint("worker-9")), local=True), id="on a node that is not here"),
        pytest.param(
            world(nodes=nodes({}, {"m": "y"}), speakers=[speakers(nodeSelector={"m": "y"})], local=True),
            id="on a node without a speaker",
        ),
    ],
    "announcer-not-running": [pytest.param(world(speakers=[speakers(ready=0)]), id="none is ready")],
    "class-not-served": [
        pytest.param(world(speakers=[speakers("--lb-class=metallb")]), id="no class, and the speakers want one"),
        pytest.param(world(spec={"loadBalancerClass": "x/y"}), id="another class"),
    ],
}


@pytest.mark.parametrize(
    ("wanted", "of"),
    [pytest.param(key, *one.values, id=f"{key}: {one.id}") for key, every in SURE.items() for one in every],
)
def test_what_metallbs_rules_exclude_is_sure(wanted: str, of: Objects) -> None:
    first = found(of)[0]
    assert (first.id.value, first.certainty) == (wanted, Certainty.SURE)


SELECTED = [advertisement(ipAddressPools=["other"]), advertisement(ipAddressPoolSelectors=[{"matchLabels": {"on": "lan"}}])]


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(), id="nothing is wrong"),
        pytest.param(world(local=True), id="Local, with an endpoint"),
        pytest.param(
            world(pools=[{**POOL, "metadata": {**POOL["metadata"], "labels": {"on": "lan"}}}], ads=SELECTED),
            id="another advertisement selects the pool by its label",
        ),
        pytest.param(
            world(nodes=nodes(BARRED, BARRED), speakers=[speakers("--ignore-exclude-lb")]), id="the label is ignored"
        ),
        pytest.param(
            world(nodes=nodes(BARRED, BARRED), speakers=[speakers(image="quay.io/metallb/speaker:v0.13.12")]),
            id="0.13 does not know the label",
        ),
        pytest.param(world(nodes=nodes(BARRED)), id="the endpoint's node is excluded, and the policy is Cluster"),
        pytest.param(world(endpoints=slices(endpoint(None))), id="an endpoint without a node, and the policy is Cluster"),
        pytest.param(world(endpoints=slices(endpoint(ready=False, serving=True))), id="terminating and still serving"),
        pytest.param(world(endpoints=slices(endpoint(ready=True, serving=False))), id="published without being ready"),
        pytest.param(
            world(
                speakers=[
                    speakers("--lb-class=a"),
                ],
                spec={"loadBalancerClass": "a"},
            ),
            id="the class is served",
        ),
        pytest.param(refuse(world(endpoints=slices()), SLICES), id="EndpointSlices are forbidden"),
        pytest.param(refuse(world(ads=[]), LAYER2), id="L2Advertisements are forbidden"),
        pytest.param(refuse(world(pools=[]), POOLS), id="pools are forbidden"),
        pytest.param(refuse(world(nodes=nodes(BARRED, BARRED)), "nodes"), id="nodes are forbidden"),
        pytest.param(refuse(world(speakers=[speakers(ready=0)]), SPEAKERS), id="DaemonSets are forbidden"),
    ],
)
def test_what_looks_like_a_reason_and_is_none(of: Objects) -> None:
    assert found(of) == ()


def test_the_label_is_not_sure_where_the_speakers_flags_are_unknown() -> None:
    of = refuse(world(nodes=nodes(BARRED, BARRED)), SPEAKERS)
    assert [(one.id.value, one.certainty) for one in found(of)] == [("no-node-may-announce", Certainty.LIKELY)]


def test_a_record_that_contradicts_the_configuration_makes_it_less_sure() -> None:
    labels = {"metallb.io/node": "worker-1", "metallb.io/service-name": "web", "metallb.io/service-namespace": "shop"}
    record = {"kind": "ServiceL2Status", "metadata": {"name": "l2-a", **HOME, "labels": labels}, "status": {}}
    for extra, wanted in (((), Certainty.SURE), ((record,), Certainty.LIKELY)):
        assert found(world(*extra, endpoints=slices()))[0].certainty is wanted


def test_the_interfaces_that_an_elected_node_does_not_have() -> None:
    message = (
        'the interfaces specified by LB IP "10.0.0.50" doesn\'t exist in assigned node "worker-2" with protocol "layer2"'
    )
    event = {
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": "shop"},
        "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
        "reason": "announceFailed",
        "message": message,
        "lastTimestamp": "2026-08-20T10:40:00Z",
    }
    first = found(world(event, ads=[advertisement(interfaces=["eth0"])]))[0]
    assert (first.id.value, first.nodes, first.certainty) == ("interface-mismatch", ("worker-2",), Certainty.SURE)
    assert found(world({**event, "message": message.replace(".50", ".51")})) == (), "of another address of the Service"


def test_a_file_without_slices_of_a_service_does_not_say_that_it_has_no_endpoint() -> None:
    of = world()
    for read_at, wanted in ((None, []), (AT, ["no-ready-endpoint"])):
        other = {**slices(endpoint()), "metadata": {"name": "x", "namespace": "a", "labels": {}}}
        file = replace(of, read_at=read_at, resources={**of.resources, SLICES: (other,)})
        assert [one.id.value for one in found(file)] == wanted
