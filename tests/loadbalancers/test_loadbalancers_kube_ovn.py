"""Kube-OVN: whose pod it is, on which node it runs, and which MAC it has."""

from __future__ import annotations

from typing import Any

import pytest
from loadbalancers_objects import ask, balanced, lines, member, objects, refuse

from arpcheck.loadbalancers import kube_ovn

IP = "192.168.10.50"
PROVIDER = "ovn.kubernetes.io/attachmentprovider"
DEFAULT = "lb-svc-attachment.kube-system"


def pod(number: int, phase: str, provider: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"lb-svc-web-{number}",
            "namespace": "shop",
            "labels": {"app": "lb-svc-web", "namespace": "shop", "service": "web"},
            "annotations": {
                "ovn.kubernetes.io/mac_address": "00:00:00:00:00:01",
                f"{provider}.kubernetes.io/mac_address": f"00:00:00:00:0a:0{number}",
            },
        },
        "spec": {"nodeName": f"worker-{number}"},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("provider", "pods", "expected"),
    [
        pytest.param(
            "net.shop",
            [pod(1, "Pending", "net.shop"), pod(2, "Running", "net.shop")],
            ["current 0 worker-2 by Pod shop/lb-svc-web-2", "mac 00:00:00:00:0a:02: macvlan of Pod shop/lb-svc-web-2"],
            id="the one that runs",
        ),
        pytest.param(
            None,
            [pod(1, "Running", "lb-svc-attachment.kube-system")],
            ["current 0 worker-1 by Pod shop/lb-svc-web-1", "mac 00:00:00:00:0a:01: macvlan of Pod shop/lb-svc-web-1"],
            id="the default network",
        ),
        pytest.param(
            "net.shop",
            [pod(1, "Running", "other.shop")],
            ["current 0 worker-1 by Pod shop/lb-svc-web-1"],
            id="its MAC is not known",
        ),
        pytest.param("net.shop", [], [], id="no pod"),
    ],
)
def test_kube_ovn(provider: str | None, pods: list[dict[str, Any]], expected: list[str]) -> None:
    notes = {"ovn.kubernetes.io/attachmentprovider": provider} if provider else {}
    assert lines(ask(kube_ovn, objects([balanced(IP, annotations=notes), *pods]), "shop/web"))[1:] == expected


def labelled(**labels: str) -> dict[str, Any]:
    """The pod of `shop/web`, running on worker-1, with other labels."""
    found = pod(1, "Running", DEFAULT)
    found["metadata"]["labels"] |= labels
    return found


ELSEWHERE = labelled()
ELSEWHERE["metadata"]["namespace"] = "tenant"


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        pytest.param(labelled(), True, id="its own"),
        pytest.param(labelled(app="web"), False, id="of another application"),
        pytest.param(labelled(service="api"), False, id="of another Service"),
        pytest.param(labelled(service=""), False, id="of no Service"),
        pytest.param(labelled(namespace="blog"), False, id="of another namespace's Service"),
        pytest.param(ELSEWHERE, False, id="in another namespace, whose tenant can write any label and any MAC"),
    ],
)
def test_whose_pod(found: dict[str, Any], believed: bool) -> None:
    said = ask(kube_ovn, objects([balanced(IP), found]), "shop/web")
    assert lines(said) == (
        [
            "kube-ovn (5: Pod shop/lb-svc-web-1)",
            "current 0 worker-1 by Pod shop/lb-svc-web-1",
            "mac 00:00:00:00:0a:01: macvlan of Pod shop/lb-svc-web-1",
        ]
        if believed
        else []
    )


def test_several_pods_are_told_in_one_order() -> None:
    found = [pod(number, "Running", DEFAULT) for number in (3, 1, 6, 2, 5, 4)]
    said = ask(kube_ovn, objects([balanced(IP, annotations={PROVIDER: DEFAULT}), *found]), "shop/web")
    assert said is not None
    assert [mac for mac, _ in said.macs] == [f"00:00:00:00:0a:0{number}" for number in range(1, 7)]


def test_one_node_shows_that_it_is_the_clusters_network() -> None:
    """Another may not have its annotation yet. Any Service can then have a pod that could not be read."""
    nodes = [member("worker-1"), member("worker-2")]
    nodes[1]["metadata"]["annotations"] = {"ovn.kubernetes.io/mac_address": "00:00:00:4b:2e:01"}
    said = ask(kube_ovn, refuse(objects([balanced(IP), *nodes]), "pods"), "shop/web")
    assert said is not None
    assert said.macs_unread
    assert lines(said) == [
        "kube-ovn (5: Nodes with annotation ovn.kubernetes.io/mac_address; its pods could not be read)",
        "unread: pods",
    ]
