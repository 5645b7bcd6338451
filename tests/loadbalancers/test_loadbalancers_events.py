"""Events: the message, its age, and which of several counts."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadbalancers_objects import AT, ask, balanced, objects, service

from arpcheck.loadbalancers import metallb
from arpcheck.loadbalancers.metallb import Assigned, read_message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param('announcing from node "w" with protocol "layer2"', Assigned("w", "layer2"), id="layer2"),
        pytest.param('announcing from node "w" with protocol "bgp"', Assigned("w", "bgp"), id="bgp"),
        pytest.param('announcing from node "w"', Assigned("w", ""), id="before 0.13"),
        pytest.param(r'announcing from node "a\"b\\c\n\x01\u00e9\U0001f600"', Assigned('a"b\\c\n\x01é😀', ""), id="quoted"),
        pytest.param('announcing from node "w" with protocol "ndp"', None, id="another protocol"),
        pytest.param('announcing from node ""', None, id="no node"),
        pytest.param("announcing from node w", None, id="no quotes"),
        pytest.param(r'announcing from node "\q"', None, id="no escape of Go's"),
        pytest.param(r'announcing from node "\xff"', None, id="half a character"),
        pytest.param(r'announcing from node "\x7f"', Assigned("\x7f", ""), id="the last that is a character of its own"),
        pytest.param(r'announcing from node "\x80"', None, id="the first that is none"),
        pytest.param(r'announcing from node "\ud800"', None, id="half a pair"),
        pytest.param(r'announcing from node "\Uffffffff"', None, id="beyond Unicode, and beyond an int of C"),
        pytest.param(r'announcing from node "w\"', None, id="never closed"),
        pytest.param('announcing from node "w" twice', None, id="more behind it"),
        pytest.param('announcing from node "w"\n', None, id="a line end behind it"),
        pytest.param("", None, id="empty"),
    ],
)
def test_message(message: str, expected: Assigned | None) -> None:
    assert read_message(message) == expected


@given(st.text())
def test_any_text_is_a_message_or_none(message: str) -> None:
    found = read_message(message)
    assert found is None or found.node


@given(st.text(alphabet=st.sampled_from('"\\xuUnabfrtv0189dDfF w'), max_size=20))
def test_any_quoted_text_is_a_name_that_can_be_written_down_or_none(name: str) -> None:
    found = read_message(f'announcing from node "{name}" with protocol "layer2"')
    assert found is None or found.node.encode()


@given(st.text(min_size=1))
def test_what_go_quotes_is_read_back(name: str) -> None:
    quoted = "".join(_quoted(character) for character in name)
    assert read_message(f'announcing from node "{quoted}"') == Assigned(name, "")


def _quoted(character: str) -> str:
    """As strconv.Quote does with what is not plain ASCII."""
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


# ----------------------------------------------------------------------------------------------------- age, and newest


def event(node: str, protocol: str = "layer2", **fields: Any) -> dict[str, Any]:
    said = f' with protocol "{protocol}"' if protocol else ""
    return {
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
        "reason": "nodeAssigned",
        "message": f'announcing from node "{node}"{said}',
        **fields,
    }


def ago(**span: float) -> str:
    return (AT - timedelta(**span)).isoformat()


def claims(*events: dict[str, Any]) -> list[str]:
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.168.10.50"}]}},
    }
    said = ask(metallb, objects([service, *events]), "shop/web")
    return [f"{claim.trust} {claim.node}" for claim in said.claims] if said else []


@pytest.mark.parametrize(
    ("fields", "trust"),
    [
        pytest.param({"lastTimestamp": ago(seconds=1)}, "current", id="a second ago"),
        pytest.param({"lastTimestamp": ago(seconds=-5)}, "current", id="clocks differ by less than that"),
        pytest.param({"lastTimestamp": ago(minutes=59, seconds=59)}, "current", id="an hour less a second"),
        pytest.param({"lastTimestamp": ago(hours=1)}, "possibly-stale", id="an hour"),
        pytest.param({"lastTimestamp": ago(seconds=-30)}, "possibly-stale", id="by a clock that is ahead"),
        pytest.param(
            {"lastTimestamp": ago(hours=2), "series": {"lastObservedTime": ago(minutes=1)}}, "current", id="series"
        ),
        pytest.param({"eventTime": ago(minutes=1), "lastTimestamp": None}, "current", id="eventTime alone"),
        pytest.param({"deprecatedLastTimestamp": ago(minutes=1)}, "current", id="of the newer API"),
        pytest.param({"firstTimestamp": ago(hours=3), "count": 9}, "possibly-stale", id="only the first of several"),
        pytest.param({}, "possibly-stale", id="no time at all"),
        pytest.param({"lastTimestamp": "yesterday"}, "possibly-stale", id="a time that is none"),
        pytest.param({"lastTimestamp": 1}, "possibly-stale", id="a number"),
    ],
)
def test_age(fields: dict[str, Any], trust: str) -> None:
    assert claims(event("worker-1", **fields)) == [f"{trust} worker-1"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                event("worker-1", lastTimestamp=ago(minutes=30)),
                event("worker-2", lastTimestamp=ago(minutes=20)),
                event("worker-3", "bgp", lastTimestamp=ago(minutes=1)),
            ],
            ["current worker-1", "current worker-2"],
            id="of an hour every one that is not of BGP",
        ),
        pytest.param(
            [event("worker-1"), event("worker-2", lastTimestamp=ago(hours=9))],
            ["possibly-stale worker-2"],
            id="one without a time is the oldest",
        ),
        pytest.param(
            [event("worker-1", lastTimestamp=ago(minutes=1)), event("worker-2", lastTimestamp=ago(minutes=1))],
            ["current worker-1", "current worker-2"],
            id="two in one moment are two claims",
        ),
        pytest.param(
            [event("worker-1", "", lastTimestamp=ago(minutes=2)), event("worker-2", "", lastTimestamp=ago(minutes=1))],
            ["possibly-stale worker-1", "possibly-stale worker-2"],
            id="several without a protocol may be BGP",
        ),
        pytest.param(
            [event("worker-1", "", lastTimestamp=ago(hours=2)), event("worker-2", "", lastTimestamp=ago(minutes=1))],
            ["current worker-2"],
            id="unless the other is history",
        ),
    ],
)
def test_newest(events: list[dict[str, Any]], expected: list[str]) -> None:
    for order in permutations(events):
        assert claims(*order) == expected


def status(node: str, made: str | None, name: str = "web") -> dict[str, Any]:
    return {
        "kind": "ServiceL2Status",
        "metadata": {
            "name": f"l2-{node}-{name}",
            "namespace": "metallb-system",
            "labels": {
                "metallb.io/node": node,
                "metallb.io/service-name": name,
                "metallb.io/service-namespace": "shop",
            },
            **({"creationTimestamp": made} if made else {}),
        },
    }


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param([status("worker-1", ago(minutes=5))], ["current worker-1", "current worker-1"], id="the same node"),
        pytest.param(
            [status("worker-2", ago(minutes=5))], ["current worker-2", "possibly-stale worker-1"], id="a newer record"
        ),
        pytest.param([status("worker-2", ago(minutes=50))], ["current worker-2", "current worker-1"], id="an older record"),
        pytest.param(
            [status("worker-2", None)], ["current worker-2", "possibly-stale worker-1"], id="a record without a time"
        ),
        pytest.param(
            [status("worker-2", ago(minutes=10))], ["current worker-2", "possibly-stale worker-1"], id="of the same second"
        ),
        pytest.param(
            [status("worker-2", ago(minutes=50)), status("worker-3", ago(minutes=5))],
            ["current worker-2", "current worker-3", "possibly-stale worker-1"],
            id="an older and a newer record",
        ),
        pytest.param([status("worker-2", ago(minutes=5), "api")], ["possibly-stale worker-1"], id="of other Services only"),
    ],
)
def test_a_record_beside_an_event(statuses: list[dict[str, Any]], expected: list[str]) -> None:
    """The event is ten minutes old."""
    assert claims(event("worker-1", lastTimestamp=ago(minutes=10)), *statuses) == expected


def test_an_event_without_a_time_beside_a_record() -> None:
    assert claims(event("worker-1"), status("worker-2", ago(minutes=5))) == ["current worker-2", "possibly-stale worker-1"]


@pytest.mark.parametrize(
    ("uid", "about", "believed"),
    [
        pytest.param("1", "1", True, id="about this very Service"),
        pytest.param("1", "2", False, id="about a former one of the same name"),
        pytest.param("1", None, True, id="the event does not say"),
        pytest.param(None, "2", True, id="the Service does not say, as in a file"),
    ],
)
def test_which_service_of_that_name(uid: str | None, about: str | None, believed: bool) -> None:
    of = {"kind": "Service", "namespace": "shop", "name": "web"} | ({"uid": about} if about else {})
    web = balanced("192.168.10.50")
    web["metadata"] |= {"uid": uid} if uid else {}
    said = ask(metallb, objects([web, event("worker-1", lastTimestamp=ago(minutes=1), involvedObject=of)]), "shop/web")
    assert ([claim.node for claim in said.claims] if said else []) == (["worker-1"] if believed else [])


def test_an_event_that_names_no_namespace_is_about_its_own() -> None:
    of = {"kind": "Service", "name": "web"}
    assert claims(event("worker-1", lastTimestamp=ago(minutes=1), involvedObject=of)) == ["current worker-1"]


# ------------------------------------------------------------------------------------------------------------- reasons


def reasons(*events: dict[str, Any]) -> list[tuple[str, tuple[str, ...], str]]:
    web = balanced("192.168.10.50", annotations={"metallb.io/ip-allocated-from-pool": "lan"})
    found = objects([web, *events])
    said = metallb.reasons(service(found, "shop/web"), IPv4Address("192.168.10.50"), found, AT)
    return [(one.id.value, one.nodes, one.evidence) for one in said]


def test_why_it_is_not_announced_is_told_in_one_order() -> None:
    failed = [event("x", reason="announceFailed", message=why, lastTimestamp=ago(minutes=1)) for why in "cafebd"]
    assert reasons(*failed)[:6] == [("announce-failed", (), f"event announceFailed: {why}") for why in "abcdef"]


def test_several_nodes_without_a_protocol_are_told_in_one_order() -> None:
    said = reasons(*(event(node, "", lastTimestamp=ago(minutes=1)) for node in "cafebd"))
    assert ("announced-by-bgp", tuple("abcdef")) in [one[:2] for one in said]
    assert "announced-by-bgp" not in [one[0] for one in reasons(event("a", "", lastTimestamp=ago(minutes=1)))]


def test_beside_events_of_another_kind_those_of_bgp_are_told() -> None:
    allocated = event("x", reason="IPAllocated", message='Assigned IP ["192.168.10.50"]', lastTimestamp=ago(minutes=1))
    said = [one[:2] for one in reasons(allocated, event("worker-1", "bgp", lastTimestamp=ago(minutes=1)))]
    assert ("announced-by-bgp", ("worker-1",)) in said


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"}}, id="about a pod"),
        pytest.param({"involvedObject": {"kind": "Service", "namespace": "blog", "name": "web"}}, id="another namespace"),
        pytest.param({"reason": "IPAllocated"}, id="another reason"),
        pytest.param({"message": "announcing"}, id="another message"),
    ],
)
def test_not_about_this_service(changed: dict[str, Any]) -> None:
    assert claims({**event("worker-1", lastTimestamp=ago(minutes=1)), **changed}) == []
