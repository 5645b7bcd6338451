"""What every plug-in has in common, and what is said of a Service that several of them take."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from types import ModuleType
from typing import Any

import pytest
from loadbalancers_objects import AT, VERSIONS, balanced, cluster, documents, lease, lines, objects, refuse, service, trimmed

from arpcheck import loadbalancers
from arpcheck.loadbalancers import (
    IMPLEMENTATIONS,
    NEEDS,
    announcements,
    announcements_of_address,
    announcements_without_address,
    rivals,
    table,
    unrecorded,
)
from arpcheck.loadbalancers.common import demoted
from arpcheck.loadbalancers.unrecorded import ROWS
from arpcheck.model import Announcement, Claim, ClaimSource, Trust
from arpcheck.objects import Objects


@pytest.mark.parametrize("plugin", IMPLEMENTATIONS, ids=lambda plugin: plugin.NAME)
def test_a_plug_in_has_four_names(plugin: Any) -> None:
    assert isinstance(plugin, ModuleType)
    tree = ast.parse(inspect.getsource(plugin))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        name.id for node in tree.body for name in ast.walk(node) if isinstance(name, ast.Name) and _stored(name, node)
    }
    assert {"NAME", "NEEDS", "announcement", "reasons"} <= defined | assigned


def _stored(name: ast.Name, node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(name.ctx, ast.Store) and name.col_offset == 0


def test_no_two_have_one_name() -> None:
    names = [plugin.NAME for plugin in IMPLEMENTATIONS]
    assert len(set(names)) == len(names)
    assert not {row.implementation for row in ROWS} & {*names} - {"openelb"}, "of which older ones record nothing"
    assert all(name and name == name.lower() for name in names)


def test_the_table_has_a_row_an_implementation() -> None:
    names = [row[0] for row in table()]
    recorded = [plugin.NAME for plugin in IMPLEMENTATIONS if plugin is not unrecorded]
    assert names == [*recorded, *(row.title for row in ROWS)]
    assert all(cell and "\n" not in cell for row in table() for cell in row)


def test_the_table_says_in_words_how_a_service_is_recognised() -> None:
    said = {row[0]: row[1] for row in table()}
    assert said["loxilb"] == "loadBalancerClass `loxilb.io/loxilb`; annotation `loxilb.io/…`"
    openelb = "annotation `lb.kubesphere.io/v1alpha1`; finalizer `finalizer.lb.kubesphere.io/v1alpha1`"
    assert said["openelb 0.6"] == openelb
    assert said["cloud"] == "finalizer `service.kubernetes.io/load-balancer-cleanup` with a host name or ipMode Proxy"
    assert said["ovn-kubernetes"] == "not at all"


def test_what_names_an_announcer_by_itself_is_always_needed() -> None:
    """All else is optional: a cluster that refuses it is judged without it."""
    assert {need.resource for need in NEEDS if not need.optional} == {
        *("services", "nodes", "events", "leases.coordination.k8s.io", "servicel2statuses.metallb.io")
    }


def test_a_guess_stays_a_guess() -> None:
    said = [
        Claim(node="worker-1", source="…", kind=ClaimSource.GUESS, trust=trust)
        for trust in (Trust.CURRENT, Trust.STALE, Trust.GUESS)
    ]
    assert [claim.trust for claim in demoted(said)] == [Trust.STALE, Trust.STALE, Trust.GUESS]


@pytest.mark.parametrize(
    "version",
    VERSIONS,
)
def test_needs_name_every_field_that_is_used(version: str) -> None:
    """The objects cut down to what NEEDS says give the same, and none of their kinds is missing in NEEDS."""
    whole = cluster(version)
    needed = trimmed(whole, NEEDS)
    assert {resource for resource, objs in whole.resources.items() if objs} <= set(needed.resources)
    for of in whole.services():
        for ip in (*(entry.ip for entry in of.ingress), *of.external_ips):
            assert isinstance(ip, IPv4Address)
            before = announcements(of, ip, whole, AT)
            assert announcements(service(needed, of.full_name), ip, needed, AT) == before


# -------------------------------------------------------------------------------------------------------------- several


def both(*versions: str) -> Objects:
    """Two fixtures in one cluster: what the second has under the name of an object of the first is left out."""
    found: dict[tuple[str, str, str], Any] = {}
    for version in versions:
        for doc in documents(version):
            meta = doc["metadata"]
            found.setdefault((doc["kind"], meta.get("namespace", ""), meta["name"]), doc)
    return objects(found.values())


def changed(found: Objects, full_name: str, **annotations: str) -> Objects:
    """One Service with more annotations."""
    services = tuple(
        {**obj, "metadata": {**obj["metadata"], "annotations": {**obj["metadata"].get("annotations", {}), **annotations}}}
        if f"{obj['metadata']['namespace']}/{obj['metadata']['name']}" == full_name
        else obj
        for obj in found.of("services")
    )
    return replace(found, resources={**found.resources, "services": services})


def implementations(found: Objects, name: str, ip: str) -> tuple[list[str], tuple[str, ...]]:
    said = announcements(service(found, name), IPv4Address(ip), found, AT)
    return [one.implementation for one in said], rivals(said)


def test_two_live_records_are_two_controllers() -> None:
    found = both("metallb-0.14.9", "kube-vip-1.0.1")
    assert implementations(found, "shop/web", "192.168.10.50") == (["metallb", "kube-vip"], ("kube-vip", "metallb"))


def test_a_live_record_beside_an_old_one_is_a_controller() -> None:
    """kube-vip's annotation stays where it is while its Lease moves."""
    found = changed(cluster("kube-vip-1.0.1"), "shop/web", **{"purelb.io/announcing-IPv4": "worker-1,eth0,192.168.10.60"})
    expected = (["kube-vip", "purelb"], ("kube-vip", "purelb"))
    assert implementations(found, "shop/web", "192.168.10.60") == expected


def test_controllers_are_told_by_name_whichever_decides() -> None:
    current = Claim(node="worker-1", source="Lease shop/web", kind=ClaimSource.LEASE, trust=Trust.CURRENT)
    names = ("purelb", "metallb", "cilium", "openelb", "kube-vip", "antrea")
    said = [Announcement(implementation=name, because="…", order=4, claims=(current,)) for name in names]
    assert rivals(said) == tuple(sorted(names))


def test_an_annotation_that_was_left_behind_is_no_second_controller() -> None:
    found = changed(cluster("metallb-0.14.9"), "shop/web", **{"kube-vip.io/vipHost": "worker-1"})
    assert implementations(found, "shop/web", "192.168.10.50") == (["metallb", "kube-vip"], ())


def test_among_annotations_the_one_with_a_current_record_decides() -> None:
    """As after a migration: MetalLB's annotation stays on the Service, kube-vip's Lease lives."""
    found = changed(cluster("kube-vip-1.0.1"), "shop/api", **{"metallb.io/ip-allocated-from-pool": "lan"})
    assert implementations(found, "shop/api", "192.168.10.61") == (["kube-vip", "metallb"], ())


def test_a_nodes_own_address_is_a_hint_and_no_controller() -> None:
    """A pool that holds a node's address: the node's kernel answers, ServiceLB need not be there."""
    found = changed(cluster("k3s-1.33"), "shop/web", **{"purelb.io/announcing-IPv4": "worker-1,eth0,192.168.10.13"})
    assert implementations(found, "shop/web", "192.168.10.13") == (["purelb", "servicelb"], ())


def test_servicelb_that_was_not_disabled_is_a_second_controller() -> None:
    expected = (["metallb", "servicelb"], ("metallb", "servicelb"))
    assert implementations(cluster("k3s-1.33"), "shop/api", "192.168.10.50") == expected


def test_one_implementation_speaks_once() -> None:
    """OpenELB's older and newer recognition both fit a Service of the older one."""
    found = cluster("openelb-0.5.1")
    assert implementations(found, "shop/web", "192.168.10.80") == (["openelb"], ())


def test_an_address_of_nobody() -> None:
    found = cluster("metallb-0.14.9")
    assert announcements(service(found, "shop/web"), IPv4Address("192.168.10.200"), found, AT) == ()


# -------------------------------------------------------------------------------------------------- without a Service


def test_the_control_plane_address() -> None:
    said = announcements_of_address(IPv4Address("192.168.10.5"), cluster("kube-vip-1.0.1"), AT)
    assert [line for one in said for line in lines(one)] == [
        "kube-vip (5: label kube-vip.io/has-ip)",
        "current 0 worker-3 by Lease kube-system/plndr-cp-lock at 10:41:58",
        "possibly-stale 1 control-1 by label kube-vip.io/has-ip of Node control-1",
    ]


def test_the_control_planes_lease_says_nothing_of_other_addresses() -> None:
    assert announcements_of_address(IPv4Address("192.168.10.6"), cluster("kube-vip-1.0.1"), AT) == ()


def test_the_control_plane_address_without_leases() -> None:
    found = refuse(cluster("kube-vip-1.0.1"), "leases.coordination.k8s.io")
    said = announcements_of_address(IPv4Address("192.168.10.5"), found, AT)
    assert [line for one in said for line in lines(one)] == [
        "kube-vip (5: label kube-vip.io/has-ip)",
        "possibly-stale 1 control-1 by label kube-vip.io/has-ip of Node control-1",
        "unread: leases.coordination.k8s.io",
    ]


def test_a_host_name_alone() -> None:
    """As a cloud gives one; where there is an address, it is that which is asked."""
    web = balanced(name="web", loadBalancerClass="loxilb.io/loxilb")
    named = {**web, "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}}
    for obj, expected in ((named, ["loxilb"]), (balanced("192.168.10.93", loadBalancerClass="loxilb.io/loxilb"), [])):
        found = objects([obj])
        said = announcements_without_address(service(found, "shop/web"), found, AT)
        assert [one.implementation for one in said] == expected


def test_the_base_needs_come_first() -> None:
    assert NEEDS[:2] == (loadbalancers.SERVICES, loadbalancers.NODES)
    assert len({need.costs for need in NEEDS if need.resource == "services"}) == 1


def test_what_was_answered_once_is_answered_for_its_moment_and_its_service_alone() -> None:
    held = lease("kube-system/cilium-l2announce-shop-web", "worker-1")
    found = objects(
        [balanced("10.0.0.50"), {"kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": "lan"}, "spec": {}}, held]
    )
    [of], ip = found.services(), IPv4Address("10.0.0.50")
    now, later = announcements(of, ip, found, AT), announcements(of, ip, found, AT + timedelta(hours=2))
    assert now != later, "by then the Lease has expired"
    assert announcements(of, ip, found, AT) == now
    assert announcements(replace(of, ingress=()), ip, found, AT) != now, "another Service of the same name"


@pytest.mark.parametrize(
    ("version", "name", "once"),
    [
        ("metallb-0.16.1", "metallb", False), ("metallb-0.14.4", "metallb", False), ("openelb-0.5.1", "openelb", False),
        ("openelb-0.6.0", "openelb", False), ("antrea-2.1", "antrea", False), ("calico-3.34", "calico", False),
        ("kube-vip-1.0.1", "kube-vip", True), ("kube-vip-0.6.4", "kube-vip", True), ("cilium-1.18", "cilium", True),
        ("purelb-0.16.6", "purelb", True), ("purelb-0.4.0", "purelb", True), ("k3s-1.33", "servicelb", True),
    ],
)  # fmt: skip
def test_who_may_answer_beside_a_kernel(version: str, name: str, once: bool) -> None:
    """Where the kernel itself answers, or an eBPF program in its place, no process does beside it."""
    found = cluster(version)
    said = [
        one for of in found.services() for entry in of.ingress if entry.ip for one in announcements(of, entry.ip, found, AT)
    ]
    assert {one.answers_once for one in said if one.implementation == name} == {once}
