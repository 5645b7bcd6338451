"""Which of a Service's addresses a record speaks of: Cilium's external IPs, PureLB's entries."""

from __future__ import annotations

from typing import Any

import pytest
from loadbalancers_objects import AT, ask, balanced, lease, lines, member, objects, refuse

from arpcheck.loadbalancers import (
    Implementation,
    cilium,
    kube_ovn,
    kube_vip,
    metallb,
    openelb,
    purelb,
    servicelb,
    unrecorded,
)

IP, EXTERNAL = "192.168.10.50", "192.168.10.80"
POLICIES, ADVERTISEMENTS = "ciliuml2announcementpolicies.cilium.io", "ciliumbgpadvertisements.cilium.io"


def policy(**spec: Any) -> dict[str, Any]:
    return {"kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": "lan"}, "spec": spec}


def advertisement(*advertisements: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "CiliumBGPAdvertisement", "metadata": {"name": "bgp"}, "spec": {"advertisements": advertisements}}


HELD = lease("kube-system/cilium-l2announce-shop-web", "worker-1")
BOTH = {"loadBalancerIPs": True, "externalIPs": True}
ANNOUNCED = ["current 0 worker-1 by Lease kube-system/cilium-l2announce-shop-web at 10:41:59"]
NOBODY: list[str] = []


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
            balanced(IP, external=[EXTERNAL]), IP, [policy(externalIPs=True), HELD], NOBODY, id="only external is taken"
        ),
        pytest.param(
            balanced(IP, external=[EXTERNAL]), EXTERNAL, [policy(loadBalancerIPs=True), HELD], None, id="external is not taken"
        ),
        pytest.param(balanced(external=[EXTERNAL]), EXTERNAL, [policy(**BOTH)], NOBODY, id="external, and nothing is held"),
        pytest.param(balanced(IP), IP, [policy(**BOTH)], None, id="not external: another implementation's"),
        pytest.param(
            balanced(external=[EXTERNAL], loadBalancerClass="io.cilium/l2-announcer"),
            EXTERNAL,
            [policy(**BOTH)],
            NOBODY,
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
        pytest.param(
            [{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}}], False, id="of nothing"
        ),
        pytest.param(
            [{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": {}}],
            True,
            id="of all",
        ),
        pytest.param(
            [{"advertisementType": "Service", "service": {"addresses": ["ClusterIP"]}, "selector": {}}],
            False,
            id="other kinds",
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


@pytest.mark.parametrize(
    ("implementation", "fields"),
    [
        pytest.param(metallb, {"annotations": {"metallb.io/ip-allocated-from-pool": "lan"}}, id="metallb"),
        pytest.param(kube_vip, {"annotations": {"kube-vip.io/vipHost": "worker-1"}}, id="kube-vip"),
        pytest.param(purelb, {"annotations": {"purelb.io/allocated-by": "PureLB"}}, id="purelb"),
        pytest.param(openelb, {"annotations": {"layer2.openelb.kubesphere.io/v1alpha1": "worker-1"}}, id="openelb"),
        pytest.param(kube_ovn, {"annotations": {"ovn.kubernetes.io/attachmentprovider": "net.shop"}}, id="kube-ovn"),
        pytest.param(servicelb, {}, id="servicelb"),
        pytest.param(unrecorded, {"loadBalancerClass": "calico"}, id="calico"),
    ],
)
def test_an_external_ip_is_nobody_elses(implementation: Implementation, fields: dict[str, Any]) -> None:
    """Not even where the Service is theirs; nor is one ServiceLB's because it is a node's own."""
    node = member("worker-1", ("InternalIP", IP), ("ExternalIP", EXTERNAL))
    found = objects([balanced(IP, external=[EXTERNAL], **fields), node])
    assert ask(implementation, found, "shop/web", IP) is not None
    assert ask(implementation, found, "shop/web", EXTERNAL) is None


def test_the_speakers_of_another_load_balancer_are_not_openelbs() -> None:
    """A DaemonSet of another name leaves what OpenELB before 0.6 recorded as it is."""
    web = balanced(IP, annotations={"layer2.openelb.kubesphere.io/v1alpha1": "worker-1"})
    for name, current in (("openelb-speaker", False), ("my-openelb-speaker-1", False), ("svclb-web-1a2b", True)):
        daemonset = {"kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system"}}
        said = ask(openelb, objects([web, daemonset]), "shop/web")
        assert ([claim.node for claim in said.claims] if said else []) == (["worker-1"] if current else [])


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
        pytest.param(
            f"a,eth0,{IP} b,eth0,{IP}", ["possibly-stale a", "possibly-stale b", "guess c"], id="two entries for one"
        ),
        pytest.param(f"a,eth0,{IP} a,eth1,{IP}", ["current a"], id="two interfaces of one node"),
        pytest.param(f"a,eth0,{IP} b,eth0,192.168.10.99 c,eth0,192.168.10.98", ["current a"], id="three addresses"),
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
        pytest.param({"purelb.io/subnets": "10.0.0.0/8,192.168.10.0/24"}, ["guess c"], id="on another subnet too"),
        pytest.param({"purelb.io/subnets": "192.168.10.13/24"}, ["guess c"], id="a subnet by the node's own address"),
    ],
)
def test_who_votes_in_purelb(changed: dict[str, Any], expected: list[str]) -> None:
    notes = {"purelb.io/announcing-IPv4": f"a,eth0,{IP} b,eth0,{IP}"}
    voter = lease("purelb-system/purelb-node-c", "c", **{"purelb.io/subnets": "192.168.10.0/24", **changed})
    said = ask(purelb, objects([balanced(IP, annotations=notes), voter]), "shop/web")
    assert said is not None
    assert [f"{claim.trust} {claim.node}" for claim in said.claims if claim.trust == "guess"] == expected


def test_only_the_leases_of_purelbs_nodes_vote() -> None:
    notes = {"purelb.io/announcing-IPv4": f"a,eth0,{IP} b,eth0,{IP}"}
    others = [lease(f"kube-node-lease/{name}", name, **{"purelb.io/subnets": "192.168.10.0/24"}) for name in "abc"]
    said = ask(purelb, objects([balanced(IP, annotations=notes), *others]), "shop/web")
    assert said is not None
    assert [claim.trust for claim in said.claims] == ["possibly-stale", "possibly-stale"]


def test_what_purelb_to_0_4_wrote_says_nothing_beside_what_later_ones_wrote() -> None:
    notes = {"purelb.io/announcing-IPv4": f"a,eth0,{IP}", "purelb.io/announcing-node": "b"}
    said = ask(purelb, objects([balanced(IP, annotations=notes)]), "shop/web")
    assert said is not None
    assert [f"{claim.trust} {claim.node} by {claim.source}" for claim in said.claims] == [
        "current a by annotation purelb.io/announcing-IPv4"
    ]


def test_where_purelbs_events_are_refused_it_is_not_said_that_no_node_is_recorded() -> None:
    found = refuse(objects([balanced(IP, annotations={"purelb.io/allocated-by": "PureLB"})]), "events")
    assert lines(ask(purelb, found, "shop/web"))[1:] == ["unread: events"]


def announcing(node: str, ip: str, **fields: Any) -> dict[str, Any]:
    """PureLB's event."""
    return {
        "kind": "Event",
        "metadata": {"name": f"e-{node}", "namespace": "shop"},
        "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
        "reason": "AnnouncingLocal",
        "message": f"Node {node} announcing {ip} on interface eth0",
        "lastTimestamp": AT.isoformat(),
        **fields,
    }


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"reason": "AnnouncingNonLocal"}, id="another reason"),
        pytest.param({"message": "Node a announcing"}, id="another message"),
    ],
)
def test_other_events_of_purelb_name_nobody(fields: dict[str, str]) -> None:
    web = balanced(IP, annotations={"purelb.io/allocated-by": "PureLB"})
    said = ask(purelb, objects([web, announcing("a", IP, **fields)]), "shop/web")
    assert said is not None
    assert said.claims == ()


def test_purelb_says_which_address_in_its_event() -> None:
    events = [announcing(node, ip) for node, ip in (("a", IP), ("b", "192.168.10.51"), ("c", "fd00::1"))]
    web = balanced(IP, "192.168.10.51", annotations={"purelb.io/allocated-by": "PureLB"})
    found = objects([web, *events])
    for ip, node in ((IP, "a"), ("192.168.10.51", "b")):
        said = ask(purelb, found, "shop/web", ip)
        assert said is not None
        assert [claim.node for claim in said.claims] == [node]
