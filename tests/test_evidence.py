"""evidence: whatever was observed is in its JSON form, and the same again when that is read."""

import json
from dataclasses import MISSING, fields, replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.errors import InputError
from arpcheck.evidence import Capture, Evidence, MacEntry, Options, Vantage
from arpcheck.evidence_json import as_document, from_json, to_json
from arpcheck.model import (
    Acceptance,
    Gap,
    Gratuitous,
    Host,
    Interface,
    Loss,
    Mac,
    MacListFormat,
    Neighbour,
    NotAsked,
    Overflow,
    PassedOver,
    PassReason,
    Question,
    ReachReply,
    ReachRun,
    ReachSignal,
    ReachSkip,
    ReachTry,
    Reply,
    Verdict,
)
from arpcheck.objects import Objects
from arpcheck.reports.json import written

START, END = datetime(2026, 5, 4, 3, 0, tzinfo=UTC), datetime(2026, 5, 4, 3, 1, tzinfo=UTC)
VIP, CLIENT = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.5")
M1, M2 = Mac("02:00:00:00:00:11"), Mac("02:00:00:00:00:12")
ALL = Evidence(
    arpcheck="1.2.3",
    started_at=START,
    ended_at=END,
    options=Options(interfaces=("eth0",), rounds=1, rate=100.0, namespaces=("web",), service_names=("web/nginx",), load_balancer_classes=("",), ips=(VIP,), preflight=True),
    host=Host(
        interfaces=(Interface(name="eth0", mac=M2, addresses=("10.0.0.5/24",), arp_ignore=1, arp_announce=2),),
        node_name="worker-9",
        neighbours=(Neighbour(ip=VIP, mac=M1, interface="eth0"),),
    ),
    objects=Objects(
        resources={"nodes": ({"metadata": {"name": "worker-1"}},)},
        gaps=(Gap(what="leases", why="refused", costs="no announcer"),),
        context="lab",
        version="v1.31.0",
        read_at=START,
    ),
    mac_map=(MacEntry(mac=M1, node="worker-1", interface="eno1", where="macs.csv:3", format=MacListFormat.YAML),),
    vendors={"02:00:00": "Examples"},
    questions=(Question(0.125, "eth0", 1, VIP, CLIENT, None), Question(20.0, "eth0", 1, VIP, IPv4Address(0), M1)),
    replies=(Reply(1.25, "eth0", 1, VIP, CLIENT, None, M1, M2, 1.125),),
    losses=(Loss(interface="eth0", rounds=(1,), frames=7),),
    overflows=(Overflow(ip=VIP, replies=12),),
    ignored={"a request": 3},
    gratuitous=(Gratuitous(at=3.5, interface="eth0", ip=VIP, mac=M1, source=M2, frames=3),),
    passed_over=(PassedOver(interface="eth0", ip=VIP, mac=M2, reason=PassReason.VLAN, vlan=100, frames=2),),
    complete=False,
    interrupted=True,
    capture=Capture(name="lan.pcap", frames=9, unseen=2),
    vantages=(
        Vantage(
            name="worker-9", node_name="worker-9", first_round=1, rounds=1, rate=100.0, arpcheck="1.2.3",
            started_at=START, ended_at=END, complete=False,
        ),
    ),
    accepted=(Acceptance(reason="known", until=date(2026, 6, 1), verdict=Verdict.FOREIGN, ip=VIP),),
    trouble=("eth0 went down after 1.0 s",),
    outdated=(IPv4Address("10.0.0.50"),),
    reach=ReachRun(
        tries=(
            ReachTry(
                at=70.5, interface="eth0", ip=VIP, port=80, mac=M1, sender=CLIENT, sender_port=61000, service="web/nginx",
                replies=(
                    ReachReply(
                        at=70.75, signal=ReachSignal.UNREACHABLE, source=VIP, port=None, code=3, mac=M1, interface="eth1",
                        ttl=64,
                    ),
                ),
            ),
        ),
        skips=(ReachSkip(ip=VIP, service=None, port=None, interface="eth0", mac=M2, why=NotAsked.NO_SERVICE),),
        lost=3, complete=False, changed=("web/nginx",),
    ),
    after=Objects(resources={"leases.coordination.k8s.io": ()}, read_at=END, server_ahead=-7.5),
)  # fmt: skip


def test_every_field_of_this_evidence_says_something():
    """So that a field which is added to Evidence is added here, and what follows holds for it too."""
    plain = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(Evidence)
        if f.init and (f.default, f.default_factory) != (MISSING, MISSING)
    }
    assert [name for name, value in plain.items() if getattr(ALL, name) == value] == []


def test_all_of_it_survives_its_json_form():
    document = to_json(ALL)
    assert from_json(json.loads(json.dumps(document)), "x") == ALL


def test_a_report_holds_it_unchanged():
    assert json.loads(written(as_document(ALL))) == json.loads(json.dumps(to_json(ALL)))


def test_a_run_of_an_earlier_version_is_read_as_one_that_noted_no_announcement():
    document = to_json(ALL)
    del document["gratuitous"], document["passedOver"]
    assert from_json(json.loads(json.dumps(document)), "x") == replace(ALL, gratuitous=(), passed_over=())


def test_a_run_of_an_earlier_version_is_read_as_one_that_read_the_cluster_once():
    document = to_json(ALL)
    del document["after"], document["objects"]["serverAhead"]
    before = replace(ALL, after=None, objects=replace(ALL.objects, server_ahead=None))
    assert from_json(json.loads(json.dumps(document)), "x") == before


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("macs.csv:3", MacListFormat.CSV), ("a (job):3", MacListFormat.CSV), ("logs.txt:3 (job)", MacListFormat.JOB),
        ("w1.json:entry 2 (ip -j)", MacListFormat.IP_JSON), ("lan.pcap: asked as 10.0.0.11 (capture)", MacListFormat.CAPTURE),
    ],
)  # fmt: skip
def test_a_mac_list_s_format_is_read_from_its_place_where_an_earlier_version_wrote_no_more(where, expected):
    document = to_json(ALL)
    document["macMap"][0]["where"] = where
    del document["macMap"][0]["format"]
    assert [entry.format for entry in from_json(document, "run.json").mac_map] == [expected]


def test_a_format_that_is_none_is_a_fault_of_the_file():
    document = to_json(ALL)
    document["macMap"][0]["format"] = "tarot"
    with pytest.raises(InputError, match=r"run\.json: .*macMap\[0\]\.format"):
        from_json(document, "run.json")


def test_what_was_asked_without_an_own_sender():
    other, zero = IPv4Address("10.0.0.51"), IPv4Address(0)
    questions = (
        Question(0.0, "eth0", 1, VIP, zero, None), Question(1.0, "eth0", 1, VIP, CLIENT, None),
        Question(2.0, "eth1", 1, VIP, zero, None), Question(3.0, "eth0", 1, other, zero, None), Question(4.0, "eth0", 4, other, CLIENT, M1),
    )  # fmt: skip
    assert replace(ALL, questions=questions).without_own_sender() == {("eth1", VIP), ("eth0", other)}


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        pytest.param(("options", "rounds"), "x", "evidence.options.rounds is 'x', expected a whole number", id="a word"),
        pytest.param(("startedAt",), "today", "evidence.startedAt is 'today', expected a time with its zone", id="no time"),
        pytest.param(
            ("host", "interfaces", 0, "mac"),
            5,
            "evidence.host.interfaces[0].mac is 5, expected a MAC address",
            id="a number",
        ),
        pytest.param(("replies",), 5, "evidence.replies is 5, expected a list", id="no list"),
        pytest.param(
            ("options", "namespaces"), "web", "evidence.options.namespaces is 'web', expected a list", id="letters"
        ),
        pytest.param(("options",), [], "evidence.options is []", id="a list for an object"),
        pytest.param(("objects",), None, "evidence.objects is None", id="nothing"),
    ],
)
def test_a_fault_is_told_with_its_place_and_its_value(keys, value, said):
    document = json.loads(json.dumps(to_json(ALL)))
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(InputError) as refused:
        from_json(document, "run.json")
    assert refused.value.message.startswith(f"run.json: {said}")


def test_a_field_that_is_missing_is_told_by_its_name_in_the_file():
    document = to_json(ALL)
    del document["startedAt"]
    with pytest.raises(InputError, match=r"run\.json: evidence\.startedAt is missing"):
        from_json(document, "run.json")


@pytest.mark.parametrize(
    ("before", "namespaces", "classes"),
    [
        ({"namespace": "web", "loadBalancerClass": ""}, ("web",), ("",)),
        ({"namespace": None, "loadBalancerClass": None}, (), ()),
    ],
)
def test_a_selection_of_an_earlier_version_is_read(before, namespaces, classes):
    document = to_json(ALL)
    options = {key: value for key, value in document["options"].items() if key not in ("namespaces", "loadBalancerClasses")}
    found = from_json({**document, "options": {**options, **before}}, "run.json").options
    assert (found.namespaces, found.load_balancer_classes) == (namespaces, classes)
