"""MetalLB: what is said where records can't be read, what the configuration means, and who would be elected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any

import pytest
from loadbalancers_objects import AT, ask, balanced, cluster, documents, lines, member, objects, refuse

from arpcheck.loadbalancers import metallb
from arpcheck.model import Certainty, Gap, ReasonId
from arpcheck.objects import Objects

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
            [
                "current 1 worker-1 by Event shop/web nodeAssigned at 09:50:00",
                "current 1 worker-2 by Event shop/web nodeAssigned at 10:41:07",
                f"unread: {STATUSES}",
            ],
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
            [],
            id="events add nothing where records are kept",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            ["events", STATUSES],
            ["silence: pool routed is announced only by BGP"],
            id="BGP only is known by the configuration alone",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [BGP],
            [f"unread: {BGP}"],
            id="BGP only needs the BGPAdvertisements",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [LAYER2],
            [f"unread: {LAYER2}"],
            id="BGP only needs the L2Advertisements",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/web",
            [POOLS],
            [f"unread: {POOLS}"],
            id="BGP only needs the pool's labels where the advertisements select by them",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/quiet",
            [BGP],
            [
                "guess 2 worker-2 by recomputed election (sha256 of node#address)",
            ],
            id="where an L2Advertisement covers the pool, BGPAdvertisements are not missed",
        ),
        pytest.param(
            "metallb-0.14.9-bgp",
            "shop/quiet",
            [LAYER2],
            [],
            id="where no BGPAdvertisement covers the pool, L2Advertisements only cost the guess",
        ),
    ],
)
def test_refused(version: str, service: str, refused: list[str], expected: list[str]) -> None:
    assert lines(ask(metallb, refuse(cluster(version), *refused), service)) == [BY_POOL, *expected]


def test_all_that_is_missed_is_named_by_name() -> None:
    every = (STATUSES, "events", POOLS, LAYER2, BGP)
    said = ask(metallb, refuse(cluster("metallb-0.14.9"), *every), "shop/web")
    assert said is not None
    assert said.unread == tuple(sorted(every))


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
    of = refuse(found, *refused)
    web = of.services()[0]
    sure = [one for one in metallb.reasons(web, IPv4Address("192.168.10.50"), of, AT) if one.certainty is Certainty.SURE]
    return [*lines(ask(metallb, of, "shop/web"))[1:], *(f"reason: {one.id}" for one in sure)]


SILENCE = ["silence: pool lan is announced only by BGP", "reason: announced-by-bgp"]
NOTHING = ["reason: no-advertisement"]
EXPECTED: list[str] = []


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
        pytest.param([{"ipAddressPoolSelectors": 7}], [{}], EXPECTED, id="nor strange selectors"),
        pytest.param([{"serviceSelectors": "all"}], [{}], EXPECTED, id="nor strange Services"),
        pytest.param([], [{"serviceSelectors": "all"}], NOTHING, id="nor those of a BGPAdvertisement"),
    ],
)
def test_who_covers_the_pool(
    layer2: list[Mapping[str, Any]], bgp: list[Mapping[str, Any]], expected: list[str], annotated: bool
) -> None:
    assert configured(layer2, bgp, annotated) == expected


def test_without_the_pools_the_advertisements_say_where_metallb_runs() -> None:
    by_name: list[Mapping[str, Any]] = [{"ipAddressPools": ["lan"]}]
    assert configured([], by_name, refused=(POOLS,)) == SILENCE
    assert configured([], by_name, refused=(POOLS,), spaces=("m", "elsewhere")) == [f"unread: {POOLS}", *NOTHING]


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
    one_of_them = {**LAYER2_AD, "spec": {"ipAddressPools": ["lan"]}}
    for layer2, named, silent in (([], ["lan"], False), ([], [], True), ([one_of_them], [], False)):
        bgp = {**advertised, "spec": {"ipAddressPools": named}}
        found = objects([balanced("192.168.10.50"), event, bgp, *layer2, *pools[::order]], served=(STATUSES, LAYER2))
        said = ask(metallb, found, "shop/web")
        assert said is not None
        assert said.silence == ("its pool is announced only by BGP" if silent else None)


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        pytest.param("192.168.10.48/29", True, id="a network"),
        pytest.param("192.168.10.49/29", True, id="a network by one of its addresses"),
        pytest.param("192.168.10.40/29", False, id="the network before it"),
        pytest.param("192.168.10.50-192.168.10.50", True, id="that address alone"),
        pytest.param("192.168.10.40 - 192.168.10.59", True, id="with blanks"),
        pytest.param("192.168.10.40-192.168.10.49", False, id="addresses below it"),
        pytest.param("192.168.10.51-192.168.10.60", False, id="addresses above it"),
        pytest.param("fd00::-fd00::ffff", False, id="IPv6"),
        pytest.param("x-192.168.10.59", False, id="no first address"),
        pytest.param("192.168.10.40-x", False, id="no last address"),
    ],
)
def test_which_pool_holds_the_address(written: str, holds: bool) -> None:
    pool = {"kind": "IPAddressPool", "metadata": {"name": "lan", "namespace": "m"}, "spec": {"addresses": [written]}}
    found = objects([balanced("192.168.10.50"), bgp_event(), pool], served=(STATUSES, LAYER2, BGP))
    first = metallb.reasons(found.services()[0], IPv4Address("192.168.10.50"), found, AT)[0]
    assert first.id is ReasonId.NO_ADVERTISEMENT
    assert (first.subject == "IPAddressPool m/lan") is holds


# ------------------------------------------------------------------------------------------------------------- records


def status(labels: Mapping[str, str], interfaces: tuple[str, ...] = (), **fields: str) -> dict[str, Any]:
    """A ServiceL2Status."""
    return {
        "kind": "ServiceL2Status",
        "metadata": {"name": "l2-a", "namespace": "metallb-system", "labels": labels},
        "status": {**fields, "interfaces": [{"name": name} for name in interfaces]},
    }


ABOUT = {"metallb.io/service-name": "web", "metallb.io/service-namespace": "shop"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            status({}, node="worker-1", serviceName="web", serviceNamespace="shop"),
            ["current 0 worker-1 by ServiceL2Status metallb-system/l2-a"],
            id="no label, and the status says it",
        ),
        pytest.param(status({}, node="worker-1"), [], id="of no Service"),
        pytest.param(status(ABOUT, interfaces=("eth0",)), [], id="of no node"),
        pytest.param(
            status(ABOUT, interfaces=("eth0",), node="worker-1"),
            [
                "current 0 worker-1 by ServiceL2Status metallb-system/l2-a",
            ],
            id="of one interface",
        ),
    ],
)
def test_a_record(found: dict[str, Any], expected: list[str]) -> None:
    assert lines(ask(metallb, objects([balanced("192.168.10.50"), found]), "shop/web"))[1:] == expected


def test_where_some_records_were_refused_one_may_be_of_this_service() -> None:
    """It is not said that there is none, and what the event says stands beside what was refused."""
    gap = Gap(what=STATUSES, why="forbidden outside namespace metallb-system", costs="…")
    said = ask(metallb, replace(cluster("metallb-0.14.9"), gaps=(gap,)), "shop/idle")
    assert lines(said) == [BY_POOL, "current 1 worker-1 by Event shop/idle nodeAssigned at 10:30:00", f"unread: {STATUSES}"]


BY_EVENTS = "silence: announced only by BGP, according to its events"
LAYER2_AD = {"kind": "L2Advertisement", "metadata": {"name": "a", "namespace": "m"}, "spec": {}}
BGP_AD = {"kind": "BGPAdvertisement", "metadata": {"name": "a", "namespace": "m"}, "spec": {"ipAddressPools": ["other"]}}
BGP_FOR_ALL = {**BGP_AD, "spec": {}}


@pytest.mark.parametrize("served", [(), (STATUSES, POOLS, LAYER2)], ids=["no advertisement is served", "or there is none"])
def test_recent_events_of_bgp_alone_say_that_nobody_should_answer(served: tuple[str, ...]) -> None:
    assert BY_EVENTS in lines(ask(metallb, objects([balanced("192.168.10.50"), bgp_event()], served=served), "shop/web"))


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        pytest.param([LAYER2_AD], (), id="layer 2 is advertised"),
        pytest.param([LAYER2_AD, BGP_FOR_ALL], (), id="layer 2 is advertised too"),
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


@pytest.mark.parametrize("resource", [STATUSES, "events"])
def test_events_of_bgp_are_not_all_where_a_record_could_be(resource: str) -> None:
    found = objects([balanced("192.168.10.50", annotations={"metallb.io/ip-allocated-from-pool": "lan"}), bgp_event()])
    gap = Gap(what=resource, why="forbidden outside namespace shop", costs="…")
    said = ask(metallb, replace(found, gaps=(gap,)), "shop/web")
    assert said is not None
    assert (said.silence, said.unread) == (None, (resource,))


def test_an_old_event_of_layer_2_keeps_the_events_of_bgp_from_saying_that_nobody_should() -> None:
    at_layer2 = 'announcing from node "worker-1" with protocol "layer2"'
    old = bgp_event(message=at_layer2, lastTimestamp="2026-08-20T08:00:00Z")
    said = lines(ask(metallb, objects([balanced("192.168.10.50"), bgp_event(), old]), "shop/web"))
    assert said[1:] == ["possibly-stale 1 worker-1 by Event shop/web nodeAssigned at 08:00:00"]


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


CHOSEN = {"serviceSelectors": [{"matchLabels": {"tier": "public"}}]}


@pytest.mark.parametrize(
    ("advertisements", "silent"),
    [
        pytest.param([{**LAYER2_AD, "spec": CHOSEN}, BGP_AD, BGP_FOR_ALL], ["internal"], id="one at layer 2, both by BGP"),
        pytest.param([{**BGP_AD, "spec": CHOSEN}], ["public"], id="one by BGP, none at layer 2"),
    ],
)
def test_two_services_of_one_pool_may_be_announced_in_two_ways(
    advertisements: list[Mapping[str, Any]], silent: list[str]
) -> None:
    notes = {"metallb.io/ip-allocated-from-pool": "lan"}
    services = [
        balanced("192.168.10.50", name=tier, labels={"tier": tier}, annotations=notes) for tier in ("public", "internal")
    ]
    found = objects([*services, *advertisements], served=(STATUSES, POOLS, LAYER2, BGP))
    said = {one.name: ask(metallb, found, one.full_name) for one in found.services()}
    assert [name for name, one in said.items() if one and one.silence] == silent


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
    ]


@pytest.mark.parametrize(
    ("changes", "spec", "expected"),
    [
        pytest.param([], {}, winner("worker-1", "worker-2", "worker-3"), id="all take part"),
        pytest.param([(2, EXCLUDED, "")], {}, winner("worker-1", "worker-3"), id="an excluded node does not"),
        pytest.param([(2, "NetworkUnavailable", "True")], {}, winner("worker-1", "worker-3"), id="nor one without network"),
        pytest.param([(2, "Ready", "Unknown")], {}, winner("worker-1", "worker-3"), id="nor one that is not Ready"),
        pytest.param(
            [],
            {"nodeSelectors": [{"matchLabels": {"n": "1"}}, {"matchLabels": {"n": "3"}}]},
            winner("worker-1", "worker-3"),
            id="nor one that no L2Advertisement selects",
        ),
        pytest.param(
            [(1, EXCLUDED, ""), (2, EXCLUDED, ""), (3, "Ready", "False")],
            {},
            [],
            id="nobody may",
        ),
        pytest.param(
            [(1, "Ready", "False"), (2, EXCLUDED, ""), (3, EXCLUDED, "")],
            {},
            [],
            id="in whatever order",
        ),
        pytest.param([], {"nodeSelectors": 7}, winner("worker-1", "worker-2", "worker-3"), id="no selectors, but a number"),
        pytest.param(
            [],
            {"nodeSelectors": [{"matchLabels": {"n": "9"}}]},
            [],
            id="nobody is selected",
        ),
    ],
)
def test_election(changes: list[tuple[int, str, Any]], spec: Mapping[str, Any], expected: list[str]) -> None:
    assert elected(*changes, spec=spec) == expected


def test_no_election_where_endpoints_decide() -> None:
    assert elected(externalTrafficPolicy="Local") == []


def test_no_election_where_the_first_address_is_none() -> None:
    """It is the one that the speakers elect by."""
    web = balanced("lb", "192.168.10.50", annotations={"metallb.io/ip-allocated-from-pool": "lan"})
    found = objects([web, LAYER2_AD, member("worker-1")], served=(STATUSES, POOLS, BGP))
    assert lines(ask(metallb, found, "shop/web", "192.168.10.50"))[1:] == []


# ------------------------------------------------------------------------------------------------------ objects in files


@pytest.mark.parametrize(
    ("key", "served", "announcer", "silence"),
    [
        pytest.param("metallb.io", (), (STATUSES,), (BGP, LAYER2), id="a file with none of it"),
        pytest.param("metallb.io", (STATUSES,), (), (BGP, LAYER2), id="no record, asked for"),
        pytest.param("metallb.io", (BGP,), (STATUSES,), (), id="kubectl may have been refused the records alone"),
        pytest.param("metallb.universe.tf", (), ("events",), (BGP, LAYER2), id="before 0.14.9 only events are sure"),
        pytest.param("metallb.universe.tf", ("events",), (), (BGP, LAYER2), id="no event, asked for"),
    ],
)
def test_a_file_that_may_lack_the_records(
    key: str, served: tuple[str, ...], announcer: tuple[str, ...], silence: tuple[str, ...]
) -> None:
    web = balanced("192.168.10.50", annotations={f"{key}/ip-allocated-from-pool": "lan"})
    said = ask(metallb, Objects(resources={"services": (web,), **dict.fromkeys(served, ())}), "shop/web")
    assert said is not None
    assert (said.announcer_not_in_file, said.silence_not_in_file) == (announcer, silence)


@pytest.mark.parametrize(
    ("advertisement", "served", "silent", "not_in_file"),
    [
        pytest.param(BGP_FOR_ALL, (), False, (LAYER2,), id="BGP, and of layer 2 nothing is known"),
        pytest.param(BGP_FOR_ALL, (LAYER2,), True, (), id="BGP, and the other was asked for"),
        pytest.param(LAYER2_AD, (), False, (), id="layer 2, which decides"),
    ],
)
def test_a_file_that_has_one_kind_of_advertisement_may_lack_the_other(
    advertisement: Mapping[str, Any], served: tuple[str, ...], silent: bool, not_in_file: tuple[str, ...]
) -> None:
    web = balanced("192.168.10.50", annotations={"metallb.io/ip-allocated-from-pool": "lan"})
    found = replace(objects([web, advertisement], served=(STATUSES, *served)), read_at=None)
    said = ask(metallb, found, "shop/web")
    assert said is not None
    assert (bool(said.silence), said.silence_not_in_file) == (silent, not_in_file)


def test_a_file_that_may_lack_the_configuration_of_a_service_that_names_no_pool() -> None:
    """MetalLB before 0.13.8: the configuration is a ConfigMap."""
    old = bgp_event(lastTimestamp="2026-08-20T08:00:00Z")
    found = Objects(resources={"services": (balanced("192.168.10.50"),), "events": (old,)})
    said = ask(metallb, found, "shop/web")
    assert said is not None
    assert (said.announcer_not_in_file, said.silence_not_in_file) == ((), ())
