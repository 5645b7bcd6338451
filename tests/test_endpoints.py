"""EndpointSlices as kube-proxy reads them."""

from __future__ import annotations

from typing import Any

import pytest

from arpcheck.endpoints import (
    ENDPOINT_SLICES,
    Handling,
    HandlingBecause,
    ServicePort,
    are_read,
    endpoints,
    expectation,
    ports,
    publishes_not_ready,
    source_ranges,
)
from arpcheck.model import Gap
from arpcheck.objects import Objects, Service

HTTP = ServicePort(name="http", port=80, protocol="TCP")


def service(**spec: Any) -> Service:
    meta = {"namespace": "web", "name": "nginx", "annotations": spec.pop("annotations", {})}
    return Service.read({"metadata": meta, "spec": {"type": "LoadBalancer", **spec}})


def entry(ip: str, node: str | None = None, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [ip], "conditions": conditions, **({"nodeName": node} if node else {})}


def slice_of(
    *entries: dict[str, Any], port: dict[str, Any] | None = None, name: str = "nginx", **more: Any
) -> dict[str, Any]:
    meta = {"namespace": "web", "name": "x", "labels": {"kubernetes.io/service-name": name}}
    found = [{"name": "http", "port": 8080, "protocol": "TCP"} if port is None else port]
    return {"metadata": meta, "addressType": "IPv4", "ports": found, "endpoints": list(entries), **more}


def objects(*slices: dict[str, Any]) -> Objects:
    return Objects(resources={ENDPOINT_SLICES.resource: slices})


def test_what_could_not_be_read_is_not_no_endpoint() -> None:
    gap = Gap(what=ENDPOINT_SLICES.resource, why="forbidden", costs="")
    for unread in (Objects(), Objects(gaps=(gap,)), Objects(resources={ENDPOINT_SLICES.resource: ()}, gaps=(gap,))):
        assert not are_read(unread)
        assert endpoints(service(), unread) is None
    assert endpoints(service(), objects()) == ()


def test_several_slices_are_joined_by_service_and_port_name() -> None:
    found = objects(
        slice_of(entry("10.1.0.10", "n1")),
        slice_of(entry("10.1.0.9", "n2")),
        slice_of(entry("10.1.0.3", "n3"), name="other"),
        slice_of(entry("10.1.0.4", "n3"), port={"name": "https", "port": 8443, "protocol": "TCP"}),
        slice_of(entry("10.1.0.5", "n3"), port={"name": "http", "port": 8443, "protocol": "UDP"}),
        slice_of(entry("10.1.0.6", "n3"), port={"name": "http", "protocol": "TCP"}),
        slice_of(entry("fd00::1", "n3"), addressType="IPv6"),
    )
    behind = endpoints(service(), found, HTTP)
    assert behind is not None
    assert [one.address for one in behind] == ["10.1.0.9", "10.1.0.10"]
    every = endpoints(service(), found)
    assert every is not None
    assert len(every) == 5


def test_missing_conditions_mean_ready_and_serving() -> None:
    found = endpoints(service(), objects(slice_of({"addresses": ["10.1.0.1"]}, entry("10.1.0.2", ready=False))))
    assert found is not None
    assert [(one.ready, one.serving, one.terminating, one.node) for one in found] == [
        (True, True, False, None),
        (False, False, False, None),
    ]


def test_an_endpoint_in_two_slices_is_one_and_ready_if_one_says_so() -> None:
    twice = objects(slice_of(entry("10.1.0.1", "n1", ready=False)), slice_of(entry("10.1.0.1", "n1", ready=True)))
    assert [one.ready for one in endpoints(service(), twice) or ()] == [True]


READY, GONE = entry("10.1.0.1", "n1", ready=True), entry("10.1.0.1", "n1", ready=False)
TERMINATING = entry("10.1.0.2", "n2", ready=False, serving=True, terminating=True)


@pytest.mark.parametrize(
    ("entries", "local", "node", "handling", "because"),
    [
        ((READY,), True, "n1", Handling.SERVE, HandlingBecause.READY),
        ((READY,), True, "n2", Handling.DROP, HandlingBecause.NO_LOCAL_ENDPOINT),
        ((READY,), False, "n2", Handling.SERVE, HandlingBecause.READY),
        ((GONE,), True, "n1", Handling.REJECT, HandlingBecause.NO_ENDPOINT),
        ((GONE,), False, "n1", Handling.REJECT, HandlingBecause.NO_ENDPOINT),
        ((), False, "n1", Handling.REJECT, HandlingBecause.NO_ENDPOINT),
        ((TERMINATING,), False, "n1", Handling.SERVE, HandlingBecause.TERMINATING),
        ((TERMINATING,), True, "n2", Handling.SERVE, HandlingBecause.TERMINATING),
        ((TERMINATING,), True, "n1", Handling.DROP, HandlingBecause.NO_LOCAL_ENDPOINT),
        ((READY, TERMINATING), True, "n2", Handling.SERVE, HandlingBecause.TERMINATING),
        ((entry("10.9.0.1"),), True, "n1", Handling.DROP, HandlingBecause.NO_LOCAL_ENDPOINT),
    ],
)
def test_what_kube_proxy_does(
    entries: tuple[dict[str, Any], ...], local: bool, node: str, handling: Handling, because: HandlingBecause
) -> None:
    found = endpoints(service(), objects(slice_of(*entries)))
    assert found is not None
    expected = expectation(found, node, local=local)
    assert (expected.handling, expected.because) == (handling, because)


def test_ports_and_source_ranges_of_a_service() -> None:
    made = service(ports=[{"port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"port": "80"}, {"port": 70000}])
    assert [(one.name, one.port, one.protocol) for one in ports(made)] == [("", 80, "TCP"), ("dns", 53, "UDP")]
    assert source_ranges(made) == ()
    assert source_ranges(service(loadBalancerSourceRanges=["10.0.0.0/8"])) == ("10.0.0.0/8",)
    annotated = {"service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8, 192.168.0.0/16"}
    assert source_ranges(service(annotations=annotated)) == ("10.0.0.0/8", "192.168.0.0/16")
    assert publishes_not_ready(service(publishNotReadyAddresses=True))
    assert not publishes_not_ready(service())
