"""Whatever anybody wrote into the API: each value of each object replaced by each type that JSON has. Nothing raises."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadbalancers_objects import AT, JUNK, VERSIONS, cluster, documents, objects, spoilt

from arpcheck.loadbalancers import NEEDS, announcements, announcements_of_address, rivals, unread
from arpcheck.loadbalancers.common import fits
from arpcheck.model import Announcement, Trust
from arpcheck.objects import Objects


def judged(found: Objects, only: int | None = None) -> list[Announcement]:
    """Everything that is said of everything, or of one Service alone."""
    said: list[Announcement] = list(announcements_of_address(IPv4Address("192.168.10.5"), found, AT))
    for of in found.services()[only : None if only is None else only + 1]:
        for ip in (*(entry.ip for entry in of.ingress), *of.external_ips):
            if isinstance(ip, IPv4Address):
                every = announcements(of, ip, found, AT)
                said += every
                assert isinstance(rivals(every), tuple)
                assert unread(of, ip, found) == ()
    return said


@pytest.mark.parametrize("version", VERSIONS)
def test_each_value_of_each_type(version: str) -> None:
    whole = cluster(version)
    for resource, objs in whole.resources.items():
        for place, obj in enumerate(objs):
            if resource == "nodes" and version != "kube-vip-1.0.1":
                continue  # they are alike in all fixtures
            for other in spoilt(obj):
                changed = (*objs[:place], other, *objs[place + 1 :])
                found = replace(whole, resources={**whole.resources, resource: changed})
                for one in judged(found, place if resource == "services" else None):
                    assert all(claim.node and isinstance(claim.node, str) for claim in one.claims)
                    assert one.unread == ()


@pytest.mark.parametrize("resource", sorted({need.resource for need in NEEDS}))
@pytest.mark.parametrize("version", ["metallb-0.14.9-bgp", "cilium-1.18", "kube-vip-1.0.1", "purelb-0.16.6"])
def test_junk_in_place_of_objects(version: str, resource: str) -> None:
    whole = cluster(version)
    judged(replace(whole, resources={**whole.resources, resource: JUNK}))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["matchLabels", "matchExpressions", "key", "operator", "values", "a"]), inner)
        ),
        max_leaves=12,
    )
)
def test_a_selector_is_yes_no_or_unknown(selector: object) -> None:
    assert fits(selector, {"a": "b"}) in (True, False, None)


@pytest.mark.parametrize(
    ("renewed", "seconds", "trust"),
    [
        pytest.param("2026-08-20T10:41:45.000001Z", 15, Trust.CURRENT, id="alive"),
        pytest.param("2026-08-20T10:42:05Z", 15, Trust.CURRENT, id="clocks differ by less than that"),
        pytest.param("2026-08-20T10:41:45Z", 15, Trust.STALE, id="expired in this moment"),
        pytest.param("2026-08-20T10:42:30Z", 15, Trust.STALE, id="by a clock that is ahead"),
        pytest.param("2026-08-20T10:41:59.5Z", 1, Trust.CURRENT, id="one of a second"),
        pytest.param("2026-08-20T10:41:59Z", 86400, Trust.CURRENT, id="one of a day"),
        pytest.param("2026-08-20T10:41:59Z", 86401, Trust.STALE, id="longer than any election"),
        pytest.param(None, 15, Trust.STALE, id="never renewed"),
        pytest.param("2026-08-20T10:41:59Z", None, Trust.STALE, id="without a duration"),
        pytest.param("2026-08-20T10:41:59.5Z", True, Trust.STALE, id="a duration that is no number"),
        pytest.param("2026-08-20T10:41:59Z", 10**30, Trust.STALE, id="a duration that nobody can count"),
        pytest.param("2026-08-20T10:41:59Z", -5, Trust.STALE, id="a duration that is negative"),
    ],
)
def test_a_lease_is_alive_only_if_it_says_so(renewed: object, seconds: object, trust: Trust) -> None:
    changed = [
        {**doc, "spec": {"holderIdentity": "worker-2", "renewTime": renewed, "leaseDurationSeconds": seconds}}
        if doc["metadata"]["name"] == "cilium-l2announce-shop-web"
        else doc
        for doc in documents("cilium-1.18")
    ]
    found = objects(changed)
    of = next(one for one in found.services() if one.full_name == "shop/web")
    said = announcements(of, IPv4Address("192.168.10.50"), found, AT)
    assert [(claim.node, claim.trust) for claim in said[0].claims] == [("worker-2", trust)]
