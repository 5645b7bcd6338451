"""Runs in which a silent address was asked further, by unicast or with another sender: saved, merged, compared, captured and
with pseudonyms."""

from __future__ import annotations

import json
from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from saved_runs import NOW, evidence_of, scene_of
from test_recorded import judged as from_capture
from test_recorded import recording

from arpcheck import pipeline
from arpcheck.evidence import Evidence, views
from arpcheck.evidence_json import from_json, to_json
from arpcheck.lab.scene import Scene
from arpcheck.model import ReasonId, Report, TargetReport, Verdict
from arpcheck.reports.document import document
from arpcheck.runs.compare import compare
from arpcheck.runs.merge import merge
from arpcheck.runs.redact import redact

VIP = IPv4Address("10.0.0.50")
LATER = NOW + timedelta(minutes=5)
CLUSTER = """
title = "Two nodes and two hosts"
about = "worker-1 announces the address, or not."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
[hosts]
client = { addresses = ["10.0.0.5", "10.0.0.6"] }
desk = { addresses = "10.0.0.7" }
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
"""
SPEAKER = '[[announcers]]\nat = "worker-1"\nips = "10.0.0.50"\n'

MUTE = scene_of("mute", CLUSTER)
FILTERED = scene_of("filtered", f"{CLUSTER}{SPEAKER}broadcasts = false\n")
HEALTHY = scene_of("healthy-made", CLUSTER + SPEAKER)
SENDER = scene_of("sender-filtered")
FIRST = {
    "mute": (MUTE, ReasonId.ANNOUNCER_MUTE),
    "filtered": (FILTERED, ReasonId.BROADCAST_FILTERED),
    "sender": (SENDER, ReasonId.SENDER_FILTERED),
}
EACH = pytest.mark.parametrize("name", FIRST)


def of_vip(report: Report) -> TargetReport:
    return next(target for target in report.targets if target.target.ip == VIP)


def verdict_and_reasons(report: Report) -> tuple[Verdict | None, list[ReasonId]]:
    found = of_vip(report)
    return found.verdict, [reason.id for reason in found.reasons]


def further(evidence: Evidence) -> list[tuple[str, str | None]]:
    """Sender and MAC of what the address was asked beyond the usual requests."""
    asked = [question for question in evidence.questions if question.ip == VIP]
    return [(str(q.sender), q.to) for q in asked if q.to is not None or q.sender != asked[0].sender]


@EACH
def test_a_run_asks_further_and_says_why(name: str) -> None:
    scene, first = FIRST[name]
    evidence = evidence_of(scene)
    found = of_vip(pipeline.conclude(evidence))
    assert (found.reasons[0].id, found.responders) == (first, ())
    assert any(to for _, to in further(evidence))
    assert any(to is None for _, to in further(evidence))


def test_a_healthy_run_asks_nothing_further() -> None:
    assert further(evidence_of(HEALTHY)) == []


@EACH
def test_a_saved_run_says_the_same(name: str) -> None:
    evidence = evidence_of(FIRST[name][0])
    report = pipeline.conclude(evidence)
    saved = from_json(json.loads(json.dumps(to_json(evidence))), "run.json")
    assert further(saved) == further(evidence) != []
    assert document(pipeline.conclude(saved)) == document(report)


@EACH
def test_pseudonyms_hide_all_and_change_no_reason(name: str) -> None:
    evidence = evidence_of(FIRST[name][0])
    report = pipeline.conclude(redact(evidence).evidence)
    found = next(target for target in report.targets if target.verdict)
    before = of_vip(pipeline.conclude(evidence))
    assert (found.verdict, [one.id for one in found.reasons]) == (before.verdict, [one.id for one in before.reasons])
    said = " ".join(f"{one.subject} {one.evidence} {one.do}" for one in found.reasons)
    secrets = ("10.0.0.", "02:01:00:00:01:00", "worker-1", "web/nginx")
    assert any(secret in f"{one.subject} {one.evidence}" for one in before.reasons for secret in secrets)
    assert not any(secret in said for secret in secrets)


# --------------------------------------------------------------------------------------------------------- Two hosts asked


def merged(client: Scene, desk: Scene) -> tuple[Evidence, Report]:
    both = merge([("client", evidence_of(client)), ("desk", evidence_of(desk, prober="desk", at=LATER))])
    return both, pipeline.conclude(both)


def test_two_hosts_that_see_the_same_say_it_once() -> None:
    evidence, report = merged(FILTERED, FILTERED)
    assert verdict_and_reasons(report) == (Verdict.SILENT, [ReasonId.BROADCAST_FILTERED])
    assert [finding.id for finding in report.findings] == ["broadcast-filtered"]
    assert [(one.to, one.sender) for _, view in views(evidence) for one in view.questions if one.to] == [
        (one.to, one.sender) for one in evidence.questions if one.to
    ]


@pytest.mark.parametrize("scenes", [(FILTERED, HEALTHY), (HEALTHY, FILTERED)], ids=["the first", "the second"])
def test_where_one_host_gets_no_reply_to_broadcasts_the_address_is_not_in_order(scenes: tuple[Scene, Scene]) -> None:
    _, report = merged(*scenes)
    assert (of_vip(report).verdict, report.summary.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert [finding.id for finding in report.findings] == ["vantages-disagree"]


@pytest.mark.parametrize("scenes", [(FILTERED, MUTE), (MUTE, FILTERED)], ids=["the first", "the second"])
def test_where_unicast_reached_only_one_host_nothing_is_concluded_of_broadcasts(scenes: tuple[Scene, Scene]) -> None:
    _, report = merged(*scenes)
    assert verdict_and_reasons(report) == (Verdict.SILENT, [ReasonId.UNEXPLAINED])


# ---------------------------------------------------------------------------------------------------------- Before and after


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        pytest.param(HEALTHY, FILTERED, {"10.0.0.50": "new", "broadcast-filtered": "new"}, id="broadcasts are filtered now"),
        pytest.param(FILTERED, HEALTHY, {"10.0.0.50": "fixed"}, id="not any more"),
        pytest.param(FILTERED, FILTERED, {"10.0.0.50": "same", "broadcast-filtered": "same"}, id="still"),
        pytest.param(MUTE, FILTERED, {"10.0.0.50": "same", "broadcast-filtered": "new"}, id="it was mute"),
        pytest.param(FILTERED, MUTE, {"10.0.0.50": "same"}, id="it is mute now"),
    ],
)
def test_what_became_of_it(before: Scene, after: Scene, changes: dict[str, str]) -> None:
    runs = [
        (evidence := evidence_of(scene, at=at), pipeline.conclude(evidence)) for scene, at in ((before, NOW), (after, LATER))
    ]
    found = compare(runs[0], runs[1])
    every = {entry.subject: entry.change.value for entry in found.every}
    assert {subject: change for subject, change in every.items() if not subject.startswith("worker")} == changes


# ------------------------------------------------------------------------------------------------- The frames of such a run


@EACH
def test_a_capture_of_such_a_run_is_never_clean_and_accuses_nobody(name: str) -> None:
    """A file does not say which requests were only to find out why."""
    scene, _ = FIRST[name]
    report = from_capture(scene, recording(scene))
    found = of_vip(report)
    assert (found.verdict, report.summary.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert found.reasons == ()
