"""Every resource refused, one by one, for every fixture: what can't be read is named, and never becomes a wrong claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from loadbalancers_objects import AT, VERSIONS, ask, balanced, cluster, lease, lines, member, objects, refuse, service

from arpcheck import loadbalancers
from arpcheck.loadbalancers import NEEDS, cilium, kube_ovn, kube_vip, metallb, openelb, purelb, servicelb, unrecorded
from arpcheck.loadbalancers.common import is_current
from arpcheck.model import Announcement, Gap, Trust
from arpcheck.objects import Objects

RESOURCES = sorted({need.resource for need in NEEDS} - {"services"})
OPTIONAL = {need.resource for need in NEEDS if need.optional} - {n.resource for n in NEEDS if not n.optional}


def addresses(found: Objects) -> Iterator[tuple[str, IPv4Address]]:
    for of in found.services():
        for ip in (*(entry.ip for entry in of.ingress), *of.external_ips):
            if isinstance(ip, IPv4Address):
                yield of.full_name, ip


def announcers(said: Iterable[Announcement]) -> set[str]:
    """The nodes of the strongest current claims of the deciding implementation that has any."""
    for one in said:
        current = [claim for claim in one.claims if claim.trust is Trust.CURRENT]
        if current:
            return {claim.node for claim in current if claim.rank == min(c.rank for c in current)}
    return set()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_resource_is_named_or_changes_nothing(version: str) -> None:
    for resource in RESOURCES:
        is_named_or_changes_nothing(version, resource)


def is_named_or_changes_nothing(version: str, resource: str) -> None:
    whole, part = cluster(version), refuse(cluster(version), resource)
    for name, ip in addresses(whole):
        before = loadbalancers.announcements(service(whole, name), ip, whole, AT)
        after = loadbalancers.announcements(service(part, name), ip, part, AT)
        missed = after[0].unread if after else loadbalancers.unread(service(part, name), ip, part)
        assert set(missed) <= {resource}
        if announcers(before) != announcers(after) or _silent(before) != _silent(after):
            assert missed == (resource,), (name, ip)
        assert _silent(before) or not _silent(after), "a silence must not come from what was not read"


def _silent(said: tuple[Announcement, ...]) -> bool:
    return bool(said) and all(one.silence for one in said)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_missed_where_nothing_was_refused(version: str) -> None:
    found = cluster(version)
    for name, ip in addresses(found):
        assert loadbalancers.unread(service(found, name), ip, found) == ()
        for one in loadbalancers.announcements(service(found, name), ip, found, AT):
            assert one.unread == ()


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_service_that_nobody_takes(resource: str) -> None:
    """What could name an announcer by itself is missed; what only explains a Service that somebody took is not."""
    found = refuse(cluster("metallb-0.12.1"), resource)
    missed = loadbalancers.unread(service(found, "shop/old"), IPv4Address("192.168.10.52"), found)
    assert missed == (() if resource in OPTIONAL else (resource,))


@pytest.mark.parametrize(
    ("name", "resource", "silent", "missed"),
    [
        pytest.param("shop/web", "l2advertisements.metallb.io", False, True, id="one for layer 2 could be missing"),
        pytest.param("shop/web", "bgpadvertisements.metallb.io", True, False, id="the one for BGP has come"),
        pytest.param("shop/nobody", "bgpadvertisements.metallb.io", False, True, id="the one for BGP could be missing"),
        pytest.param("shop/nobody", "l2advertisements.metallb.io", False, False, id="without BGP somebody should answer"),
    ],
)
def test_a_list_that_broke_off(name: str, resource: str, silent: bool, missed: bool) -> None:
    """The objects that came say what they say; those that did not come may say more."""
    gap = Gap(what=resource, why="timed out", costs="…")
    said = ask(metallb, replace(cluster("metallb-0.14.9-bgp"), gaps=(gap,)), name)
    assert said is not None
    assert bool(said.silence) == silent
    assert said.unread == ((resource,) if missed else ())


def came_in_part(version: str, resource: str) -> Objects:
    """As where one namespace may be read and no other: what is looked for came, and something is missing."""
    return replace(cluster(version), gaps=(Gap(what=resource, why="forbidden outside namespace shop", costs="…"),))


@pytest.mark.parametrize(
    ("implementation", "version", "name", "ip", "resource"),
    [
        pytest.param(metallb, "metallb-0.14.9", "shop/web", None, "servicel2statuses.metallb.io", id="metallb: the record"),
        pytest.param(cilium, "cilium-1.18", "shop/web", None, "leases.coordination.k8s.io", id="cilium: the Lease"),
        pytest.param(cilium, "cilium-1.18", "shop/nodal", "192.168.10.12", "nodes", id="cilium: the Node"),
        pytest.param(kube_vip, "kube-vip-1.0.1", "shop/web", None, "leases.coordination.k8s.io", id="kube-vip: the Lease"),
        pytest.param(purelb, "purelb-0.16.6", "shop/moved", None, "events", id="purelb: the event"),
        pytest.param(servicelb, "k3s-1.33", "kube-system/traefik", "192.168.10.11", "nodes", id="servicelb: the Node"),
        pytest.param(kube_ovn, "kube-ovn-1.13", "shop/web", None, "pods", id="kube-ovn: the pod"),
        pytest.param(unrecorded, "antrea-1.6.0", "shop/web", None, "nodes", id="antrea: the Node"),
    ],
)
def test_what_came_settles_it(
    implementation: loadbalancers.Implementation, version: str, name: str, ip: str | None, resource: str
) -> None:
    whole = ask(implementation, cluster(version), name, ip)
    assert whole is not None
    assert is_current(whole.claims)
    assert ask(implementation, came_in_part(version, resource), name, ip) == whole


def test_the_control_planes_lease_settles_it() -> None:
    ip, part = IPv4Address("192.168.10.5"), came_in_part("kube-vip-1.0.1", "leases.coordination.k8s.io")
    whole = loadbalancers.announcements_of_address(ip, cluster("kube-vip-1.0.1"), AT)
    assert loadbalancers.announcements_of_address(ip, part, AT) == whole


def test_a_service_that_came_is_whole() -> None:
    part = came_in_part("metallb-0.12.1", "services")
    assert loadbalancers.unread(service(part, "shop/old"), IPv4Address("192.168.10.52"), part) == ()


@pytest.mark.parametrize(
    ("lease_name", "own", "refused", "trust"),
    [
        pytest.param("edge/common", [], True, "possibly-stale", id="where nobody may look"),
        pytest.param("common", [], True, "current", id="beside the Service, and there is none"),
        pytest.param("edge/common", [], False, "current", id="elsewhere, and there is none"),
    ],
)
def test_the_lease_for_all_of_kube_vip_does_not_decide_where_the_services_own_may_be_alive(
    lease_name: str, own: list[dict[str, Any]], refused: bool, trust: str
) -> None:
    notes = {"kube-vip.io/leaseName": lease_name}
    web = balanced("192.168.10.60", labels={"implementation": "kube-vip"}, annotations=notes)
    found = objects([web, lease("kube-system/plndr-svcs-lock", "worker-2"), *own, member("worker-1"), member("worker-2")])
    gaps = (Gap(what=LEASES, why="forbidden outside namespace kube-system", costs="…"),) if refused else ()
    said = ask(kube_vip, replace(found, gaps=gaps), "shop/web")
    assert said is not None
    assert (said.claims[0].trust, said.claims[0].node) == (trust, "worker-2")
    assert said.unread == ((LEASES,) if trust == "possibly-stale" else ())


def test_an_address_without_a_service() -> None:
    found = refuse(cluster("kube-vip-1.0.1"), *RESOURCES)
    assert loadbalancers.unread(None, IPv4Address("192.168.10.5"), found) == ("nodes",)


def test_an_external_ip() -> None:
    """Only Cilium keeps a record of one, where a policy takes it, or it is a node's own."""
    found = refuse(cluster("cilium-1.18"), *RESOURCES)
    missed = loadbalancers.unread(service(found, "edge/both"), IPv4Address("192.168.10.80"), found)
    assert missed == ("ciliuml2announcementpolicies.cilium.io", "leases.coordination.k8s.io", "nodes")


LEASES = "leases.coordination.k8s.io"
POLICIES = "ciliuml2announcementpolicies.cilium.io"
ADVERTISEMENTS = "ciliumbgpadvertisements.cilium.io"
PEERINGS = "ciliumbgppeeringpolicies.cilium.io"
FELIX = "felixconfigurations.crd.projectcalico.org"


@pytest.mark.parametrize(
    ("implementation", "version", "name", "ip", "refused", "expected"),
    [
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/web",
            None,
            [LEASES],
            [f"unread: {LEASES}"],
            id="cilium: the Lease",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/web",
            None,
            [POLICIES, ADVERTISEMENTS, PEERINGS],
            ["current 0 worker-2 by Lease kube-system/cilium-l2announce-shop-web at 10:41:55"],
            id="cilium: a Lease needs no configuration",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/forgotten",
            None,
            [LEASES],
            [],
            id="cilium: without a policy there is no Lease to miss",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/routed",
            None,
            [POLICIES],
            [f"unread: {POLICIES}"],
            id="cilium: BGP only needs the policies",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/routed",
            None,
            [ADVERTISEMENTS],
            [f"unread: {ADVERTISEMENTS}"],
            id="cilium: BGP only needs the advertisements",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "edge/both",
            "192.168.10.56",
            [POLICIES],
            [
                "possibly-stale 0 worker-1 by Lease kube-system/cilium-l2announce-edge-both at 10:41:59",
                f"unread: {POLICIES}",
            ],
            id="cilium: whose address the Lease is for",
        ),
        pytest.param(
            cilium,
            "cilium-1.18",
            "shop/nodal",
            "192.168.10.12",
            ["nodes"],
            ["unread: nodes"],
            id="cilium: Node IPAM is known by the Nodes",
        ),
        pytest.param(
            kube_vip,
            "kube-vip-1.0.1",
            "shop/web",
            None,
            [LEASES],
            ["possibly-stale 2 worker-1 by annotation kube-vip.io/vipHost", f"unread: {LEASES}"],
            id="kube-vip: the annotation alone is not current",
        ),
        pytest.param(
            kube_vip,
            "kube-vip-0.6.4",
            "shop/web",
            None,
            ["nodes"],
            [
                "possibly-stale 1 worker-2.example.org by Lease kube-system/plndr-svcs-lock at 10:41:58",
                "possibly-stale 2 worker-1.example.org by annotation kube-vip.io/vipHost",
                "unread: nodes",
            ],
            id="kube-vip: a host name is held against no wire",
        ),
        pytest.param(
            purelb,
            "purelb-0.16.6",
            "shop/moved",
            None,
            ["events"],
            [
                "possibly-stale 0 worker-2 by annotation purelb.io/announcing-IPv4",
                "possibly-stale 0 worker-3 by annotation purelb.io/announcing-IPv4",
                "unread: events",
            ],
            id="purelb: several entries need the event",
        ),
        pytest.param(
            purelb,
            "purelb-0.9.0",
            "shop/web",
            None,
            ["events"],
            ["current 0 worker-2 by annotation purelb.io/announcing-IPv4"],
            id="purelb: one entry needs none",
        ),
        pytest.param(
            openelb,
            "openelb-0.5.1",
            "shop/web",
            None,
            ["daemonsets.apps"],
            [
                "possibly-stale 0 worker-3 by annotation layer2.openelb.kubesphere.io/v1alpha1",
                "unread: daemonsets.apps",
            ],
            id="openelb: its version is known by the speakers",
        ),
        pytest.param(
            servicelb,
            "k3s-1.33",
            "kube-system/traefik",
            "192.168.10.11",
            ["nodes"],
            ["unread: nodes"],
            id="servicelb: whose address it is",
        ),
        pytest.param(
            kube_ovn,
            "kube-ovn-1.13",
            "shop/web",
            None,
            ["pods"],
            ["unread: pods"],
            id="kube-ovn: the pod",
        ),
        pytest.param(
            unrecorded,
            "calico-3.30",
            "shop/web",
            None,
            [FELIX],
            [
                f"unread: {FELIX}",
            ],
            id="calico: BGP only needs Felix's configuration",
        ),
        pytest.param(
            unrecorded,
            "antrea-1.6.0",
            "shop/web",
            None,
            ["nodes"],
            [
                "unread: nodes",
            ],
            id="antrea: a host name is an announcer only if it is a Node's",
        ),
    ],
)
def test_refused(
    implementation: loadbalancers.Implementation,
    version: str,
    name: str,
    ip: str | None,
    refused: list[str],
    expected: list[str],
) -> None:
    assert lines(ask(implementation, refuse(cluster(version), *refused), name, ip))[1:] == expected


@pytest.mark.parametrize(
    ("annotations", "refused", "load_balancer_class", "expected"),
    [
        pytest.param({"ovn.kubernetes.io/mac_address": "00:00:00:4b:2e:01"}, True, None, True, id="its pods were refused"),
        pytest.param({"ovn.kubernetes.io/mac_address": "00:00:00:4b:2e:01"}, False, None, False, id="it has no such pod"),
        pytest.param({}, True, None, False, id="another network"),
        pytest.param({"ovn.kubernetes.io/mac_address": "x"}, True, "example.com/lb", False, id="another's Service"),
    ],
)
def test_in_a_cluster_of_kube_ovn_any_service_may_have_a_pod_that_could_not_be_read(
    annotations: dict[str, str], refused: bool, load_balancer_class: str | None, expected: bool
) -> None:
    fields = {"loadBalancerClass": load_balancer_class} if load_balancer_class else {}
    node = member("n1", ("InternalIP", "10.0.0.11"))
    node["metadata"]["annotations"] = annotations
    found = objects([balanced("10.0.0.50", **fields), node])
    said = ask(kube_ovn, refuse(found, "pods") if refused else found, "shop/web")
    assert (said is not None and said.macs_unread and said.unread == ("pods",)) == expected
    assert (said is None) == (not expected)


NAMES = ("felixconfigurations.crd.projectcalico.org", "felixconfigurations.projectcalico.org")


@pytest.mark.parametrize("version", ["calico-3.30", "calico-3.34"])
def test_what_one_name_told_is_not_missed_under_the_other(version: str) -> None:
    """Calico serves the same objects by two names. Nothing but what tells of layer 2 is missed, Nodes neither."""
    said, whole = (
        ask(unrecorded, refuse(cluster(version), NAMES[1], "nodes"), "shop/web"),
        ask(unrecorded, cluster(version), "shop/web"),
    )
    assert said is not None
    assert whole is not None
    assert (said.unread, said.silence_not_in_file, said.silence) == ((), (), whole.silence)


@pytest.mark.parametrize(
    ("known", "silence", "not_in_file"),
    [
        pytest.param((), None, NAMES[:1], id="a file with neither"),
        pytest.param(NAMES[:1], "announced by BGP only", (), id="none, asked for by the first name"),
        pytest.param(NAMES[1:], "announced by BGP only", (), id="none, asked for by the second name"),
    ],
)
def test_a_file_that_may_lack_the_switch(known: tuple[str, ...], silence: str | None, not_in_file: tuple[str, ...]) -> None:
    whole = cluster("calico-3.34")
    kept = {resource: found for resource, found in whole.resources.items() if resource not in NAMES}
    said = ask(unrecorded, replace(whole, resources={**kept, **dict.fromkeys(known, ())}, read_at=None), "shop/web")
    assert said is not None
    assert (said.silence, said.silence_not_in_file) == (silence, not_in_file)
