"""MetalLB: each version's records, and what is said where some of them can't be read."""

from __future__ import annotations

import pytest
from loadbalancers_objects import ask, cluster, lines, refuse

from arpcheck.loadbalancers import metallb

BY_POOL = "metallb (4: annotation metallb.io/ip-allocated-from-pool)"


@pytest.mark.parametrize(
    ("version", "service", "expected"),
    [
        pytest.param(
            "metallb-0.14.9",
            "shop/web",
            [
                BY_POOL,
                "current 0 worker-2 by ServiceL2Status metallb-system/l2-7kzqd at 08:00:00",
                "current 1 worker-2 by Event shop/web nodeAssigned at 10:41:07",
            ],
            id="record and event",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/api",
            [BY_POOL, "current 0 worker-1 by ServiceL2Status metallb-system/l2-q2xvn at 10:41:59"],
            id="record not patched yet: labels only",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/db",
            [
                BY_POOL,
                "current 0 worker-1 by ServiceL2Status metallb-system/l2-aaaaa at 09:00:00",
                "current 0 worker-2 by ServiceL2Status metallb-system/l2-bbbbb at 10:00:00",
                "note: announced only on the interfaces ens192 of worker-1",
            ],
            id="two records are two claims",
        ),
        pytest.param("metallb-0.14.9", "shop/other", [], id="a wish for a pool is not MetalLB's word"),
    ],
)
def test_records(version: str, service: str, expected: list[str]) -> None:
    assert lines(ask(metallb, cluster(version), service)) == expected


def test_a_current_record_needs_no_event() -> None:
    said = ask(metallb, refuse(cluster("metallb-0.14.9"), "events"), "shop/web")
    assert lines(said) == [BY_POOL, "current 0 worker-2 by ServiceL2Status metallb-system/l2-7kzqd at 08:00:00"]


def test_a_current_event_needs_no_record() -> None:
    said = ask(metallb, refuse(cluster("metallb-0.14.9"), "servicel2statuses.metallb.io"), "shop/web")
    assert lines(said) == [BY_POOL, "current 1 worker-2 by Event shop/web nodeAssigned at 10:41:07"]


def test_without_any_record_the_refused_resources_are_named() -> None:
    refused = refuse(cluster("metallb-0.14.9"), "events", "servicel2statuses.metallb.io")
    assert lines(ask(metallb, refused, "shop/web")) == [
        BY_POOL,
        "unread: events",
        "unread: servicel2statuses.metallb.io",
    ]
