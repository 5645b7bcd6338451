"""MetalLB: what is said where records can't be read, what the configuration means, and who would be elected."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from loadbalancers_objects import ask, balanced, cluster, documents, lines, objects, refuse

from arpcheck.loadbalancers import metallb

BY_POOL = "metallb (4: annotation metallb.io/ip-allocated-from-pool)"
STATUSES = "servicel2statuses.metallb.io"
POOLS, LAYER2, BGP = "ipaddresspools.metallb.io", "l2advertisements.metallb.io", "bgpadvertisements.metallb.io"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@pytest.mark.parametrize(
    ("version", "service", "refused", "expected"),
    [
        pytest.param(
            "metallb-0.14.9",
            "shop/web",
            ["events"],
            ["current 0 worker-2 by ServiceL2Status metallb-system/l2-7kzqd at 08:00:00"],
            id="a current record needs no event",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/web",
            ["events", POOLS, LAYER2, BGP],
            ["current 0 worker-2 by ServiceL2Status metallb-system/l2-7kzqd at 08:00:00"],
            id="nor any configuration",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/web",
            [STATUSES],
            ["current 1 worker-2 by Event shop/web nodeAssigned at 10:41:07", f"unread: {STATUSES}"],
            id="a current event stands without the record, which is named beside it",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/web",
            ["events", STATUSES],
            ["unread: events", f"unread: {STATUSES}"],
            id="without both nothing is known",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/api",
            [STATUSES],
            [f"unread: {STATUSES}"],
            id="no guess where a record could be",
        ),
        pytest.param(
            "metallb-0.14.9",
            "shop/idle",
            ["events"],
            ["note: MetalLB keeps a ServiceL2Status for other Services and none for this one: no node announces it now"],
            id="events add nothing where records are kept",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            ["events", STATUSES],
            ["silence: pool routed is announced by BGP only"],
            id="BGP only is known by the configuration alone",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [BGP],
            ["note: its events speak of BGP only, which says nothing of ARP", f"unread: {BGP}"],
            id="BGP only needs the BGPAdvertisements",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [LAYER2],
            ["note: its events speak of BGP only, which says nothing of ARP", f"unread: {LAYER2}"],
            id="BGP only needs the L2Advertisements",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [POOLS],
            ["note: its events speak of BGP only, which says nothing of ARP", f"unread: {POOLS}"],
            id="BGP only needs the pool's labels where the advertisements select by them",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/quiet",
            [BGP],
            [
                "guess 2 worker-2 by recomputed election (sha256 of node#address)",
                "note: no ServiceL2Status and no event: events expire after an hour",
            ],
            id="where an L2Advertisement covers the pool, BGPAdvertisements are not missed",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/quiet",
            [LAYER2],
            ["note: no ServiceL2Status and no event: events expire after an hour"],
            id="where no BGPAdvertisement covers the pool, L2Advertisements only cost the guess",
        ),
    ],
)
def test_refused(version: str, service: str, refused: list[str], expected: list[str]) -> None:
    assert lines(ask(metallb, refuse(cluster(version), *refused), service)) == [BY_POOL, *expected]


# ------------------------------------------------------------------------------------------------------- configuration


def configured(
    layer2: list[Mapping[str, Any]],
    bgp: list[Mapping[str, Any]],
    annotated: bool = True,
    labels: Mapping[str, str] | None = None,
    refused: tuple[str, ...] = (),
    spaces: tuple[str, ...] = ("m",),
) -> list[str]:
    """What is said of 192.168.10.50 in pool `lan` under these specs of advertisements, without the first line."""
    notes = {"metallb.io/ip-allocated-from-pool": "lan"} if annotated else {}
    event = {
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": "shop"},
        "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
        "reason": "nodeAssigned",
        "message": 'announcing from node "worker-1" with protocol "bgp"',
    }
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": labels or {}, "annotations": notes},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.168.10.50"}]}},
    }
    pools = [
        {"kind": "IPAddressPool", "metadata": {"name": name, "namespace": "m", "labels": {"on": name}}, "spec": spec}
        for name, spec in (
            ("lan", {"addresses": ["192.168.10.50-192.168.10.59", "fd00::/64"]}),
            ("other", {"addresses": ["192.168.10.0/27", "junk", 7, "192.168.10.9-x"]}),
        )
    ]
    ads = [
        {"kind": kind, "metadata": {"name": f"ad-{number}", "namespace": space}, "spec": spec}
        for space in spaces
        for kind, specs in (("L2Advertisement", layer2), ("BGPAdvertisement", bgp))
        for number, spec in enumerate(specs)
    ]
    found = objects([service, event, *pools, *ads], served=(STATUSES, POOLS, LAYER2, BGP))
    return lines(ask(metallb, refuse(found, *refused), "shop/web"))[1:]


BGP_NOTE = "note: its events speak of BGP only, which says nothing of ARP"
SILENCE = ["silence: pool lan is announced by BGP only", BGP_NOTE]
NOTHING = [BGP_NOTE, "note: no L2Advertisement covers pool lan: MetalLB answers nothing"]
EXPECTED = [BGP_NOTE, "note: no ServiceL2Status and no event: events expire after an hour"]


@pytest.mark.parametrize("annotated", [True, False], ids=["pool by annotation", "pool by address"])
@pytest.mark.parametrize(
    ("layer2", "bgp", "expected"),
    [
        pytest.param([], [{}], SILENCE, id="a BGPAdvertisement for all"),
        pytest.param([{"ipAddressPools": ["other"]}], [{"ipAddressPools": ["lan"]}], SILENCE, id="by name"),
        pytest.param(
            [{"ipAddressPoolSelectors": [{"matchLabels": {"on": "other"}}]}],
            [{"ipAddressPoolSelectors": [{"matchLabels": {"on": "other"}}, {"matchLabels": {"on": "lan"}}]}],
            SILENCE,
            id="by label, one of several selectors",
        ),
        pytest.param([{}], [{}], EXPECTED, id="both for all"),
        pytest.param([{"ipAddressPools": [], "ipAddressPoolSelectors": []}], [{}], EXPECTED, id="empty lists are all"),
        pytest.param([{"ipAddressPools": ["other"]}, {"ipAddressPools": ["lan"]}], [{}], EXPECTED, id="the second of two"),
        pytest.param(
            [{"ipAddressPools": ["other"], "ipAddressPoolSelectors": [{}]}], [{}], EXPECTED, id="an empty selector is all"
        ),
        pytest.param([], [], NOTHING, id="nothing covers it"),
        pytest.param([{"ipAddressPools": ["other"]}], [{"ipAddressPools": ["other"]}], NOTHING, id="nor by another pool's"),
        pytest.param(
            [{"serviceSelectors": [{"matchLabels": {"tier": "public"}}]}], [{}], SILENCE, id="of other Services only"
        ),
        pytest.param([{"ipAddressPools": 7}], [{}], EXPECTED, id="what can't be understood is no certain silence"),
        pytest.param([{"ipAddressPoolSelectors": [{"matchLabels": 7}]}], [{}], EXPECTED, id="nor a strange selector"),
        pytest.param(
            [{"ipAddressPoolSelectors": [{"matchExpressions": [{"key": "on", "operator": "Like"}]}]}],
            [{}],
            EXPECTED,
            id="nor an operator of the future",
        ),
        pytest.param([{"serviceSelectors": "all"}], [{}], EXPECTED, id="nor strange Services"),
    ],
)
def test_who_covers_the_pool(
    layer2: list[Mapping[str, Any]], bgp: list[Mapping[str, Any]], expected: list[str], annotated: bool
) -> None:
    assert configured(layer2, bgp, annotated) == expected


def test_without_the_pools_the_advertisements_say_where_metallb_runs() -> None:
    by_name: list[Mapping[str, Any]] = [{"ipAddressPools": ["lan"]}]
    assert configured([], by_name, refused=(POOLS,)) == SILENCE
    assert configured([], by_name, refused=(POOLS,), spaces=("m", "elsewhere")) == [BGP_NOTE, f"unread: {POOLS}"]


@pytest.mark.parametrize("order", [1, -1], ids=["as written", "reversed"])
def test_an_address_in_two_pools_is_in_neither_for_sure(order: int) -> None:
    """As after a change of the pools: which one gave the address is not known, only that one did."""
    pools = [
        {"kind": "IPAddressPool", "metadata": {"name": name, "namespace": "m"}, "spec": {"addresses": ["192.168.10.0/24"]}}
        for name in ("lan", "wan")
    ]
    event = next(doc for doc in documents("metallb-0.14.9-bgp") if doc["kind"] == "Event")
    about = {"kind": "Service", "namespace": "shop", "name": "web"}
    event = {**event, "involvedObject": about, "lastTimestamp": "2026-08-20T08:00:00Z"}  # too old to say anything
    advertised = {"kind": "BGPAdvertisement", "metadata": {"name": "a", "namespace": "m"}}
    for named, silent in ((["lan"], False), ([], True)):
        bgp = {**advertised, "spec": {"ipAddressPools": named}}
        found = objects([balanced("192.168.10.50"), event, bgp, *pools[::order]], served=(STATUSES, LAYER2))
        said = ask(metallb, found, "shop/web")
        assert said is not None
        assert bool(said.silence) == silent


BY_EVENTS = "silence: announced by BGP only, as its events say"
LAYER2_AD = {"kind": "L2Advertisement", "metadata": {"name": "a", "namespace": "m"}, "spec": {}}
BGP_AD = {"kind": "BGPAdvertisement", "metadata": {"name": "a", "namespace": "m"}, "spec": {"ipAddressPools": ["other"]}}


@pytest.mark.parametrize("served", [(), (STATUSES, POOLS, LAYER2)], ids=["no advertisement is served", "or there is none"])
def test_recent_events_of_bgp_alone_say_that_nobody_should_answer(served: tuple[str, ...]) -> None:
    assert BY_EVENTS in lines(ask(metallb, objects([balanced("192.168.10.50"), bgp_event()], served=served), "shop/web"))


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        pytest.param([LAYER2_AD], (), id="layer 2 is advertised too"),
        pytest.param([BGP_AD], (), id="no BGPAdvertisement covers it"),
        pytest.param([], (LAYER2,), id="the advertisements could not be read"),
        pytest.param([], (STATUSES,), id="nor the records"),
    ],
)
def test_events_of_bgp_do_not_outweigh_what_is_known_or_refused(
    more: list[Mapping[str, Any]], refused: tuple[str, ...]
) -> None:
    notes = {"metallb.io/ip-allocated-from-pool": "lan"}
    service = {**balanced("192.168.10.50"), "metadata": {"name": "web", "namespace": "shop", "annotations": notes}}
    found = objects([service, bgp_event(), *more], served=(STATUSES, POOLS, LAYER2, BGP))
    said = ask(metallb, refuse(found, *refused), "shop/web")
    assert said is not None
    assert said.silence is None


@pytest.mark.parametrize("seen", ["2026-08-20T09:30:00Z", None], ids=["an hour ago", "without a time"])
def test_an_old_event_of_bgp_says_nothing(seen: str | None) -> None:
    said = ask(metallb, objects([balanced("192.168.10.50"), bgp_event(lastTimestamp=seen)]), "shop/web")
    assert said is not None
    assert said.silence is None


def bgp_event(**fields: Any) -> Mapping[str, Any]:
    event = next(doc for doc in documents("metallb-0.14.9-bgp") if doc["kind"] == "Event")
    return {**event, "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"}, **fields}


def test_services_are_selected_by_their_labels() -> None:
    by_tier = {"serviceSelectors": [{"matchExpressions": [{"key": "tier", "operator": "Exists"}]}]}
    assert configured([by_tier], [{}], labels={"tier": "public"}) == EXPECTED
    assert configured([by_tier], [{}], labels={"team": "public"}) == SILENCE


# ------------------------------------------------------------------------------------------------------------ election


def elected(*changes: tuple[int, str, Any], spec: Mapping[str, Any] | None = None, **service: Any) -> list[str]:
    """What is said of 192.168.10.50 when nothing is recorded, with worker N's label, condition or `ready` changed."""
    nodes: list[dict[str, Any]] = [
        {
            "kind": "Node",
            "metadata": {"name": f"worker-{number}", "labels": {"n": str(number)}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for number in (1, 2, 3)
    ]
    for number, key, value in changes:
        node = nodes[number - 1]
        if key in ("Ready", "NetworkUnavailable"):
            node["status"]["conditions"] = [{"type": key, "status": value}]
        else:
            node["metadata"]["labels"][key] = value
    others = [obj for obj in documents("metallb-0.13.12") if obj["kind"] == "IPAddressPool"]
    advertisement = {"kind": "L2Advertisement", "metadata": {"name": "a", "namespace": "metallb-system"}, "spec": spec or {}}
    web = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"metallb.io/ip-allocated-from-pool": "lan"}},
        "spec": {"type": "LoadBalancer", **service},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.168.10.50"}, {"ip": "192.168.10.51"}]}},
    }
    found = objects([web, advertisement, *nodes, *others], served=(STATUSES, LAYER2, BGP))
    first = lines(ask(metallb, found, "shop/web"))
    assert lines(ask(metallb, found, "shop/web", "192.168.10.51")) == first, "all addresses go to the first one's node"
    return first[1:]


def winner(*names: str) -> list[str]:
    """By the definition, written out: the lowest sha256 of `node#ip`."""
    found = sorted(names, key=lambda name: sha256((name + "#192.168.10.50").encode()).hexdigest())[0]
    return [
        f"guess 2 {found} by recomputed election (sha256 of node#address)",
        "note: no ServiceL2Status and no event: events expire after an hour",
    ]


@pytest.mark.parametrize(
    ("changes", "spec", "expected"),
    [
        pytest.param([], {}, winner("worker-1", "worker-2", "worker-3"), id="all take part"),
        pytest.param([(2, EXCLUDED, "")], {}, winner("worker-1", "worker-3"), id="an excluded node does not"),
        pytest.param([(2, "NetworkUnavailable", "True")], {}, winner("worker-1", "worker-3"), id="nor one without network"),
        pytest.param([(2, "Ready", "Unknown")], {}, winner("worker-1", "worker-3"), id="nor one that is not Ready"),
        pytest.param(
            [], {"nodeSelectors": [{"matchLabels": {"n": "1"}}, {"matchLabels": {"n": "3"}}]},
            winner("worker-1", "worker-3"), id="nor one that no L2Advertisement selects",
        ),
        pytest.param(
            [(1, EXCLUDED, ""), (2, EXCLUDED, ""), (3, "Ready", "False")], {},
            [f"note: no node may announce it: 2 × label {EXCLUDED}, 1 × not Ready"], id="nobody may",
        ),
        pytest.param(
            [], {"nodeSelectors": [{"matchLabels": {"n": "9"}}]},
            ["note: no node may announce it: 3 × not selected by an L2Advertisement"], id="nobody is selected",
        ),
    ],
)
def test_election(changes: list[tuple[int, str, Any]], spec: Mapping[str, Any], expected: list[str]) -> None:
    assert elected(*changes, spec=spec) == expected


def test_no_election_where_endpoints_decide() -> None:
    expected = ["note: no ServiceL2Status and no event: events expire after an hour"]
    assert elected(externalTrafficPolicy="Local") == expected
