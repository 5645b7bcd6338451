"""Cilium: what the configuration says where no Lease is alive, and which refused or absent part of it is missed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from loadbalancers_objects import ask, balanced, lease, lines, objects, refuse, service

from arpcheck.loadbalancers import cilium, unread
from arpcheck.model import Gap

IP, EXTERNAL = "192.168.10.50", "192.168.10.80"
LEASES, POLICIES = "leases.coordination.k8s.io", "ciliuml2announcementpolicies.cilium.io"
ADVERTISEMENTS, PEERINGS = "ciliumbgpadvertisements.cilium.io", "ciliumbgppeeringpolicies.cilium.io"
KINDS = (POLICIES, ADVERTISEMENTS, PEERINGS)

WEB = balanced(IP, annotations={"lbipam.cilium.io/ips": IP})
HELD = lease("kube-system/cilium-l2announce-shop-web", "worker-1")
EXPIRED = lease("kube-system/cilium-l2announce-shop-web", "worker-1", ago=600)
POLICY = {
    "kind": "CiliumL2AnnouncementPolicy",
    "metadata": {"name": "lan"},
    "spec": {"loadBalancerIPs": True, "externalIPs": True},
}


def advertised(**fields: Any) -> dict[str, Any]:
    """A CiliumBGPAdvertisement of load-balancer addresses; without more fields of none."""
    one = {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, **fields}
    return {"kind": "CiliumBGPAdvertisement", "metadata": {"name": "bgp"}, "spec": {"advertisements": [one]}}


def test_a_live_lease_outweighs_the_configuration() -> None:
    """As a policy that was deleted a second ago, beside an advertisement of all."""
    said = ask(cilium, objects([WEB, HELD, advertised(selector={})], served=KINDS), "shop/web")
    assert lines(said)[1:] == ["current 0 worker-1 by Lease kube-system/cilium-l2announce-shop-web at 10:41:59"]


def test_only_services_are_advertised_by_an_advertisement_of_services() -> None:
    pods = advertised(advertisementType="PodCIDR", selector={})
    said = ask(cilium, objects([WEB, pods], served=KINDS), "shop/web")
    assert lines(said)[1:] == []


@pytest.mark.parametrize(
    ("advertisement", "unread"),
    [
        pytest.param(advertised(), (), id="no advertisement selects it: policies would not make it BGP only"),
        pytest.param(advertised(selector={}), (POLICIES,), id="one does: only without a policy is it BGP only"),
    ],
)
def test_refused_policies_are_missed_where_bgp_takes_it(advertisement: dict[str, Any], unread: tuple[str, ...]) -> None:
    said = ask(cilium, refuse(objects([WEB, advertisement], served=KINDS), POLICIES), "shop/web")
    assert said is not None
    assert (said.silence, said.unread) == (None, unread)


@pytest.mark.parametrize(
    ("of", "ip"),
    [
        pytest.param(WEB, IP, id="a load-balancer address"),
        pytest.param(
            balanced(IP, external=[EXTERNAL], annotations={"lbipam.cilium.io/ips": IP}), IP, id="beside an external IP"
        ),
        pytest.param(balanced(external=[EXTERNAL]), EXTERNAL, id="an external IP"),
    ],
)
def test_where_a_policy_came_that_takes_it_no_other_is_missed(of: dict[str, Any], ip: str) -> None:
    gaps = tuple(Gap(what=kind, why="1 entries without a name", costs="…") for kind in KINDS)
    said = ask(cilium, replace(objects([of, POLICY]), gaps=gaps), "shop/web", ip)
    assert said is not None
    assert said.unread == ()


@pytest.mark.parametrize("found", [pytest.param([], id="no Lease"), pytest.param([EXPIRED], id="an expired one")])
def test_policies_are_missed_for_an_external_ip(found: list[dict[str, Any]]) -> None:
    """Nothing but a policy asks for an announcement of one; the advertisements of load-balancer addresses don't matter."""
    whole = objects([balanced(external=[EXTERNAL], loadBalancerClass="io.cilium/l2-announcer"), *found])
    said = ask(cilium, refuse(whole, *KINDS), "shop/web", EXTERNAL)
    assert said is not None
    assert said.unread == (POLICIES,)
    in_file = ask(cilium, replace(whole, read_at=None), "shop/web", EXTERNAL)
    assert in_file is not None
    assert in_file.silence_not_in_file == (POLICIES,)


def test_an_external_ip_is_ciliums_by_a_policy_alone() -> None:
    """Where it could not be read, nothing shows that Cilium has to do with it, and it is named as what could."""
    plain = objects([balanced(external=[EXTERNAL]), POLICY])
    assert lines(ask(cilium, plain, "shop/web", EXTERNAL)) == [
        "cilium (5: a CiliumL2AnnouncementPolicy)",
    ]
    refused = refuse(plain, POLICIES)
    assert ask(cilium, refused, "shop/web", EXTERNAL) is None
    assert unread(service(refused, "shop/web"), IPv4Address(EXTERNAL), refused) == (POLICIES,)


def test_no_policy_is_missed_for_an_external_ip_whose_lease_is_alive() -> None:
    by_class = balanced(external=[EXTERNAL], loadBalancerClass="io.cilium/l2-announcer")
    said = ask(cilium, refuse(objects([by_class, HELD]), *KINDS), "shop/web", EXTERNAL)
    assert said is not None
    assert (said.unread, said.silence_not_in_file) == ((), ())


def test_all_that_is_missed_is_named_by_name() -> None:
    said = ask(cilium, refuse(objects([WEB]), *KINDS, LEASES), "shop/web")
    assert said is not None
    assert said.unread == tuple(sorted((*KINDS, LEASES)))


@pytest.mark.parametrize(
    ("found", "served", "not_in_file"),
    [
        pytest.param([], (), KINDS, id="a file with none of it"),
        pytest.param([HELD], (), (), id="the Lease is alive"),
        pytest.param([POLICY], (), (), id="a policy takes it"),
        pytest.param([advertised(selector={})], KINDS, (), id="nobody made a policy beside the advertisement"),
        pytest.param([], KINDS, (), id="nobody made a policy"),
        pytest.param([], (POLICIES,), tuple(k for k in KINDS if k != POLICIES), id="one kind was asked for"),
    ],
)
def test_a_file_that_may_lack_the_configuration(
    found: list[dict[str, Any]], served: tuple[str, ...], not_in_file: tuple[str, ...]
) -> None:
    said = ask(cilium, replace(objects([WEB, *found], served), read_at=None), "shop/web")
    assert said is not None
    assert said.silence_not_in_file == tuple(sorted(not_in_file))
