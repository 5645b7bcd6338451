"""acceptance: what is known is shown and not counted, up to its day; the rest counts as ever."""

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from itertools import permutations

import pytest
from judge_cases import IP, case, party
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.judge.acceptance import Acceptances, judged_with
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Acceptance, Accepted, Loss, Overflow, Verdict
from arpcheck.reports import FORMATS, render

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VIP = IPv4Address("10.0.0.50")
UNTIL = date(2026, 4, 1)
KNOWN = {"reason": "replaced in March", "until": UNTIL}


def concluded(name, *accepted):
    return pipeline.conclude(replace(concluded_from(name), accepted=accepted))


def concluded_from(name):
    scene = scene_file.load(name)
    return pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )


def verdict(word, **of):
    """Of the nodes that should not answer."""
    return Acceptance(verdict=Verdict(word), **{"responders": ("worker-2", "worker-3"), **KNOWN, **of})


def finding(name, **of):
    return Acceptance(finding=name, **{**KNOWN, **of})


DUPLICATE = verdict("duplicate", ip=VIP)
NON_STRICT = (
    verdict("non-strict", service="web/nginx"),
    finding("non-strict-nodes", node="worker-2"),
    finding("non-strict-nodes", node="worker-3"),
)

CASES = [
    pytest.param("split-brain", [], 1, id="nothing accepted"),
    pytest.param("split-brain", [DUPLICATE], 0, id="the verdict of an address"),
    pytest.param(
        "split-brain",
        [verdict("duplicate", ip=VIP, responders=("worker-1", "worker-2"))],
        0,
        id="of everybody, the announcer too",
    ),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, responders=("worker-1",))], 1, id="of the announcer alone"),
    pytest.param("split-brain", [verdict("duplicate", service="web/nginx")], 0, id="the verdict of a Service"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, service="web/nginx")], 0, id="of both"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, service="web/other")], 1, id="of both, one is another"),
    pytest.param("split-brain", [verdict("non-strict", ip=VIP)], 1, id="another verdict"),
    pytest.param("split-brain", [verdict("duplicate", ip=IPv4Address("10.0.0.5"))], 1, id="another address"),
    pytest.param("split-brain", [verdict("duplicate", service="web/ngin")], 1, id="part of a Service's name"),
    pytest.param("split-brain", [finding("split-announcers", ip=VIP)], 1, id="the finding alone leaves the verdict"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, until=date(2026, 3, 1))], 0, id="its last day"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, until=date(2026, 2, 28))], 1, id="the day after"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, responders=())], 1, id="nobody is named"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, responders=("worker-9",))], 1, id="another is named"),
    pytest.param(
        "split-brain",
        [verdict("duplicate", ip=VIP, responders=("worker-1",))],
        1,
        id="the announcer is named, and another is left",
    ),
    pytest.param(
        "two-non-strict",
        [verdict("non-strict", ip=VIP, responders=("worker-2",)), *NON_STRICT[1:]],
        1,
        id="one of two that answer is left",
    ),
    pytest.param(
        "half-rolled",
        [verdict("non-strict", ip=VIP, responders=("worker-3",)), finding("non-strict-nodes", node="worker-3")],
        0,
        id="one that answers",
    ),
    pytest.param(
        "proxy-arp-everything", [verdict("proxy-arp", ip=VIP, responders=())], 0, id="a proxy is known by the control"
    ),
    pytest.param("silent", [verdict("silent", ip=VIP, responders=())], 0, id="where nobody answers nobody is to be named"),
    pytest.param("two-non-strict", NON_STRICT, 0, id="the address and both nodes"),
    pytest.param("two-non-strict", NON_STRICT[:2], 1, id="one node is left"),
    pytest.param("two-non-strict", NON_STRICT[1:], 1, id="the address is left"),
    pytest.param(
        "two-non-strict", [*NON_STRICT[:2], finding("unreached-nodes", node="worker-3")], 1, id="another finding of the node"
    ),
    pytest.param("prober-is-node", [], 3, id="self-blind"),
    pytest.param("prober-is-node", [finding("self-blind", node="worker-3")], 0, id="self-blind, accepted"),
    pytest.param("prober-is-node", [finding("self-blind", node="worker-1")], 3, id="self-blind, of another node"),
]


@pytest.mark.parametrize(("scene", "accepted", "code"), CASES)
def test_what_is_accepted_does_not_count(scene, accepted, code):
    assert concluded(scene, *accepted).summary.exit_code == code


HINDRANCES = [
    pytest.param({}, True, id="it went as ever"),
    pytest.param({"losses": (Loss(interface="eth0", rounds=(2,), frames=3),)}, False, id="frames were lost"),
    pytest.param({"overflows": (Overflow(ip=VIP, replies=9),)}, False, id="more came than was kept"),
    pytest.param({"complete": False}, False, id="it was not finished"),
]


@pytest.mark.parametrize(("hindrance", "counted"), HINDRANCES)
def test_an_unclear_answer_is_accepted_but_not_what_hinders_one_run(hindrance, counted):
    given = replace(
        concluded_from("prober-is-announcer"), accepted=(verdict("inconclusive", ip=VIP, responders=()),), **hindrance
    )
    found = next(found for found in pipeline.conclude(given).targets if found.target.ip == VIP)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.accepted is not None) == counted


@pytest.mark.parametrize(("scene", "accepted", "code"), CASES)
def test_the_order_of_the_entries_changes_nothing(scene, accepted, code):
    codes = {concluded(scene, *order).summary.exit_code for order in permutations(accepted)}
    assert codes == {code}


def test_it_is_shown_with_its_reason_in_the_entry_that_it_concerns():
    report = concluded("two-non-strict", *NON_STRICT)
    known = Accepted(reason="replaced in March", until=UNTIL)
    judged = next(t for t in report.targets if t.verdict)
    assert (judged.verdict, judged.accepted) == (Verdict.NON_STRICT, known)
    assert judged.reason.endswith("worker-1 should; accepted up to 2026-04-01: replaced in March")
    assert {node.name: node.accepted for node in report.nodes} == {"worker-1": None, "worker-2": known, "worker-3": known}
    assert {f.id: f.accepted for f in report.findings} == {"non-strict-nodes": known}
    assert report.summary.verdicts == {Verdict.NON_STRICT: 1}
    assert report.summary.non_strict_nodes == ("worker-2", "worker-3")
    assert report.summary.because == ("accepted and not counted: 1 non-strict, worker-2 non-strict, worker-3 non-strict",)


def test_a_finding_that_restates_an_accepted_verdict_is_accepted_with_it():
    assert {f.id: bool(f.accepted) for f in concluded("split-brain", DUPLICATE).findings} == {"split-announcers": True}


def test_a_finding_is_accepted_by_its_address_too():
    assert {f.id: bool(f.accepted) for f in concluded("split-brain", finding("split-announcers", ip=VIP)).findings} == {
        "split-announcers": True
    }


def test_a_finding_of_which_one_node_is_left_counts():
    assert {f.id: f.accepted for f in concluded("two-non-strict", *NON_STRICT[:2]).findings} == {"non-strict-nodes": None}


def test_two_reasons_are_both_said_and_the_earlier_day_holds():
    first, second = NON_STRICT[1], replace(NON_STRICT[2], reason="broken NIC", until=date(2026, 3, 9))
    [found] = concluded("two-non-strict", first, second).findings
    assert found.accepted == Accepted(reason="replaced in March; broken NIC", until=date(2026, 3, 9))


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name not in ("name", "matrix", "prometheus")])
def test_every_format_that_gives_reasons_shows_it(format_name):
    assert "replaced in March" in render(concluded("split-brain", DUPLICATE), format_name)


def test_a_ci_system_skips_what_is_accepted():
    text = render(concluded("two-non-strict", *NON_STRICT), "junit")
    assert "<failure" not in text
    assert text.count("<skipped") == 4


def test_what_expired_and_what_is_nowhere_is_said():
    old = verdict("duplicate", ip=VIP, until=date(2026, 2, 1), reason="until the move")
    idle = finding("self-blind", node="worker-9", reason="cron")
    found = {f.id: f for f in concluded("split-brain", old, idle).findings}
    assert found["stale-acceptance"].because == (
        "duplicate of 10.0.0.50: expired on 2026-02-01 (until the move)",
        "self-blind of worker-9: nothing in this run matches it (cron)",
    )


IDLE = [
    pytest.param("two-non-strict", NON_STRICT, [], id="the address and both nodes"),
    pytest.param("split-brain", [verdict("duplicate", ip=VIP, until=date(2026, 3, 1))], [], id="its last day"),
    pytest.param("split-brain", [finding("split-announcers", ip=VIP)], [], id="the address of a finding"),
    pytest.param(
        "prober-is-servicelb-node", [verdict("inconclusive", ip=IPv4Address("10.0.0.11"))], [], id="one address of three"
    ),
    pytest.param("two-controllers", [finding("two-controllers", ip=VIP)], [], id="one finding of two"),
    pytest.param(
        "split-brain", [verdict("duplicate", ip=IPv4Address("10.0.0.5"))], ["duplicate of 10.0.0.5"], id="another address"
    ),
    pytest.param("split-brain", [verdict("foreign", ip=VIP)], ["foreign of 10.0.0.50"], id="another verdict"),
    pytest.param(
        "two-non-strict", [finding("non-strict-nodes", node="worker-1")], ["non-strict-nodes of worker-1"], id="another node"
    ),
    pytest.param(
        "two-non-strict",
        [finding("unreached-nodes", node="worker-2")],
        ["unreached-nodes of worker-2"],
        id="another finding",
    ),
]


@pytest.mark.parametrize(("scene", "accepted", "idle"), IDLE)
def test_an_entry_that_does_something_is_not_called_stale(scene, accepted, idle):
    because = [line for f in concluded(scene, *accepted).findings if f.id == "stale-acceptance" for line in f.because]
    assert because == [f"{words}: nothing in this run matches it (replaced in March)" for words in idle]


def test_a_foreign_kernel_on_the_canary_can_be_accepted():
    plain = concluded("former-node")
    ips = next(f.ips for f in plain.findings if f.id == "foreign-mac")
    entries = [finding("foreign-mac", ip=ip) for ip in ips]
    wrong = {t.target.ip: [mac for found in t.responders if not found.expected for mac in found.macs] for t in plain.targets}
    faulty = [t for t in plain.targets if t.verdict not in (None, Verdict.OK)]
    entries += [verdict(t.verdict, ip=t.target.ip, responders=tuple(wrong[t.target.ip])) for t in faulty]
    assert (plain.summary.exit_code, concluded("former-node", *entries).summary.exit_code) == (1, 0)


def test_a_saved_report_keeps_it():
    report = concluded("split-brain", DUPLICATE)
    again = from_json(report.evidence, "x")
    assert again.accepted == (DUPLICATE,)
    assert to_json(again) == report.evidence
    assert pipeline.conclude(again) == report


def test_where_nothing_records_the_announcer_it_is_one_of_those_who_are_accepted():
    a, b, c, d = (party(number, 1, 2, 3, node=name) for number, name in enumerate("abcd", 1))
    entries = Acceptances(entries=(verdict("duplicate", ip=IP, responders=("a", "b")),), today=UNTIL)
    taken = judged_with(case(a, b), entries)
    assert (taken.verdict, taken.accepted) == (Verdict.DUPLICATE, Accepted(reason="replaced in March", until=UNTIL))
    assert judged_with(case(a, b, c, d), entries).accepted is None, "two are left"
