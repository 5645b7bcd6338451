"""Which of a Service's addresses a record speaks of: Cilium's external IPs, PureLB's entries, Kube-OVN's pods."""

from __future__ import annotations

from typing import Any

import pytest
from loadbalancers_objects import AT, ask, balanced, lease, lines, objects, refuse

from arpcheck.loadbalancers import cilium, kube_ovn, purelb

IP, EXTERNAL = "192.168.10.50", "192.168.10.80"
POLICIES, ADVERTISEMENTS = "ciliuml2announcementpolicies.cilium.io", "ciliumbgpadvertisements.cilium.io"


def policy(**spec: Any) -> dict[str, Any]:
    return {"kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": "lan"}, "spec": spec}


def advertisement(*advertisements: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "CiliumBGPAdvertisement", "metadata": {"name": "bgp"}, "spec": {"advertisements": advertisements}}


HELD = lease("kube-system/cilium-l2announce-shop-web", "worker-1")
BOTH = {"loadBalancerIPs": True, "externalIPs": True}
ANNOUNCED = ["current 0 worker-1 by Lease kube-system/cilium-l2announce-shop-web at 10:41:59"]
NO_POLICY = ["note: no CiliumL2AnnouncementPolicy takes it: Cilium answers nothing"]
NOT_HELD = ["note: a CiliumL2AnnouncementPolicy takes it, but no node holds its Lease"]


@pytest.mark.parametrize(
    ("service", "ip", "others", "expected"),
    [
        pytest.param(balanced(IP), IP, [policy(**BOTH), HELD], ANNOUNCED, id="a policy without a selector takes all"),
        pytest.param(balanced(IP), IP, [policy(), HELD], ANNOUNCED, id="one kind of address: the Lease says enough"),
        pytest.param(balanced(IP, external=[EXTERNAL]), IP, [policy(**BOTH), HELD], ANNOUNCED, id="both kinds, both taken"),
        pytest.param(
            balanced(IP, external=[EXTERNAL]), EXTERNAL, [policy(**BOTH), HELD], ANNOUNCED, id="external, both taken"
        ),
        pytest.param(
            balanced(IP, external=[EXTERNAL]), IP, [policy(externalIPs=True), HELD], NO_POLICY, id="only external is taken"
        ),
        pytest.param(
            balanced(IP, external=[EXTERNAL]), EXTERNAL, [policy(loadBalancerIPs=True), HELD], None, id="external is not taken"
        ),
        pytest.param(balanced(external=[EXTERNAL]), EXTERNAL, [policy(**BOTH)], None, id="external, and nothing is held"),
        pytest.param(
            balanced(external=[EXTERNAL], loadBalancerClass="io.cilium/l2-announcer"),
            EXTERNAL,
            [policy(**BOTH)],
            NOT_HELD,
            id="external by class",
        ),
        pytest.param(
            balanced(external=[EXTERNAL], loadBalancerClass="io.cilium/l2-announcer"), EXTERNAL, [], None,
            id="external by class without a policy",
        ),
        pytest.param(
            balanced(IP, labels={"a": "b"}), IP, [policy(serviceSelector={"matchLabels": {"a": "c"}}, **BOTH)], None,
            id="nothing is Cilium's",
        ),
    ],
)  # fmt: skip
def test_cilium(service: dict[str, Any], ip: str, others: list[dict[str, Any]], expected: list[str] | None) -> None:
    found = objects([service, *others], served=(POLICIES, ADVERTISEMENTS))
    said = ask(cilium, found, "shop/web", ip)
    assert (lines(said)[1:] if said else None) == expected


def test_cilium_where_the_policies_are_refused() -> None:
    """A Lease can only be for the one kind of address that the Service has; of two kinds it could be for either."""
    only = refuse(objects([balanced(external=[EXTERNAL]), HELD]), POLICIES)
    assert lines(ask(cilium, only, "shop/web", EXTERNAL))[1:] == ANNOUNCED
    either = refuse(objects([balanced(IP, external=[EXTERNAL]), HELD]), POLICIES)
    for ip in (IP, EXTERNAL):
        assert lines(ask(cilium, either, "shop/web", ip))[1:] == [
            "possibly-stale 0 worker-1 by Lease kube-system/cilium-l2announce-shop-web at 10:41:59",
            f"unread: {POLICIES}",
        ]


@pytest.mark.parametrize(
    ("advertised", "silent"),
    [
        pytest.param([{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}}], False, id="of nothing"),
        pytest.param(
            [{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": {}}], True, id="of all"
        ),
        pytest.param(
            [{"advertisementType": "Service", "service": {"addresses": ["ClusterIP"]}, "selector": {}}], False, id="other kinds"
        ),
        pytest.param([{"advertisementType": "PodCIDR", "selector": {}}], False, id="pods"),
        pytest.param([7, None, {"advertisementType": 7}], False, id="junk"),
    ],
)
def test_cilium_by_bgp(advertised: list[Any], silent: bool) -> None:
    web = balanced(IP, annotations={"lbipam.cilium.io/ips": IP})
    said = ask(cilium, objects([web, advertisement(*advertised)], served=(POLICIES,)), "shop/web")
    assert said is not None
    assert bool(said.silence) == silent


# -------------------------------------------------------------------------------------------------------------- PureLB


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(f"a,eth0,{IP}", ["current a"], id="node, interface, address"),
        pytest.param("a,eth0", ["current a"], id="node, interface"),
        pytest.param("a,eth0.1,5", ["current a"], id="an interface with a comma"),
        pytest.param(f"a,eth0,1,{IP}", ["current a"], id="an interface with a comma, and an address"),
        pytest.param("a,eth0,192.168.10.99", [], id="another address"),
        pytest.param("a,eth0,fd00::1", [], id="an address of the other family"),
        pytest.param(f"a,eth0,{IP} b,eth0,192.168.10.99", ["current a"], id="two addresses"),
        pytest.param(f"a,eth0,{IP} b,eth0,{IP}", ["possibly-stale a", "possibly-stale b", "guess c"], id="two entries for one"),
        pytest.param(f"a,eth0,{IP} a,eth1,{IP}", ["current a"], id="two interfaces of one node"),
        pytest.param("kube-lb0", [], id="no node"),
        pytest.param(",eth0", [], id="an empty node"),
        pytest.param("", [], id="empty"),
    ],
)
def test_purelb_entries(written: str, expected: list[str]) -> None:
    notes = {"purelb.io/allocated-by": "PureLB", "purelb.io/announcing-IPv4": written}
    voter = lease("purelb-system/purelb-node-c", "c", **{"purelb.io/subnets": "192.168.10.0/24"})
    said = ask(purelb, objects([balanced(IP, annotations=notes), voter]), "shop/web")
    assert said is not None
    assert [f"{claim.trust} {claim.node}" for claim in said.claims] == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, ["guess c"], id="alive and on the subnet"),
        pytest.param({"ago": 60}, [], id="expired"),
        pytest.param({"purelb.io/subnets": "10.0.0.0/8,fd00::/64"}, [], id="on another subnet"),
        pytest.param({"purelb.io/subnets": "junk, 192.168.10.0/24"}, ["guess c"], id="junk beside it"),
    ],
)
def test_who_votes_in_purelb(changed: dict[str, Any], expected: list[str]) -> None:
    notes = {"purelb.io/announcing-IPv4": f"a,eth0,{IP} b,eth0,{IP}"}
    voter = lease("purelb-system/purelb-node-c", "c", **{"purelb.io/subnets": "192.168.10.0/24", **changed})
    said = ask(purelb, objects([balanced(IP, annotations=notes), voter]), "shop/web")
    assert said is not None
    assert [f"{claim.trust} {claim.node}" for claim in said.claims if claim.trust == "guess"] == expected


def test_purelb_says_which_address_in_its_event() -> None:
    events = [
        {
            "kind": "Event",
            "metadata": {"name": f"e-{node}", "namespace": "shop"},
            "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
            "reason": "AnnouncingLocal",
            "message": f"Node {node} announcing {ip} on interface eth0",
            "lastTimestamp": AT.isoformat(),
        }
        for node, ip in (("a", IP), ("b", "192.168.10.51"), ("c", "fd00::1"))
    ]
    web = balanced(IP, "192.168.10.51", annotations={"purelb.io/allocated-by": "PureLB"})
    found = objects([web, *events])
    for ip, node in ((IP, "a"), ("192.168.10.51", "b")):
        said = ask(purelb, found, "shop/web", ip)
        assert said is not None
        assert [claim.node for claim in said.claims] == [node]


# ------------------------------------------------------------------------------------------------------------ Kube-OVN


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
        pytest.param(
            "net.shop", [], ["note: no pod lb-svc-web is running: nobody holds the address"], id="no pod"
        ),
    ],
)
def test_kube_ovn(provider: str | None, pods: list[dict[str, Any]], expected: list[str]) -> None:
    notes = {"ovn.kubernetes.io/attachmentprovider": provider} if provider else {}
    assert lines(ask(kube_ovn, objects([balanced(IP, annotations=notes), *pods]), "shop/web"))[1:] == expected
