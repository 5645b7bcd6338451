"""Silence with a reply to a unicast request, or to another sender: a reason, a finding, and never a better verdict."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from judge_cases import IP, case, finding, judged, mac
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.judge.asked import DirectRequests, FurtherRequests
from arpcheck.judge.responders import wire_reasons
from arpcheck.judge.verdicts import judge
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Kind, Outcome, Owner, ReasonId, Reply, Report, Severity, Strength, Verdict

OTHER = IPv4Address("10.0.0.6")
OWNERS = {("eth0", mac(1)): Owner(mac=mac(1), node="worker-1", strength=Strength.LISTED)}
KNOWN = {"worker-1": frozenset({mac(1)})}


def direct(number: int, asked: int, answered: int) -> DirectRequests:
    return DirectRequests(nic=("eth0", mac(number)), asked=asked, answered=answered)


def further(answered: int, *numbers: int) -> FurtherRequests:
    return FurtherRequests(sender=OTHER, asked=2, answered=answered, nics=tuple(("eth0", mac(n)) for n in numbers))


def ids(**rest: object) -> list[ReasonId]:
    made = {"announcers": ("worker-1",), "owners": OWNERS, "nics_of_nodes": KNOWN, **rest}
    return [one.id for one in wire_reasons(case(**made))]


def test_each_reason() -> None:
    assert ids(direct=(direct(1, 2, 2),)) == [ReasonId.BROADCAST_FILTERED]
    assert ids(direct=(direct(1, 2, 0),)) == [ReasonId.ANNOUNCER_MUTE]
    assert ids(direct=(direct(1, 2, 0),), further=(further(2, 1),)) == [ReasonId.SENDER_FILTERED]
    assert ids() == [], "nothing was asked"


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param({"direct": (direct(1, 1, 1),)}, id="asked once"),
        pytest.param({"direct": (direct(1, 2, 1),)}, id="a failover between the two"),
        pytest.param(
            {"direct": (direct(1, 2, 2),), "owners": {("eth0", mac(1)): replace(OWNERS["eth0", mac(1)], proxied=frozenset({OTHER}))}},
            id="a proxy",
        ),
    ],
)  # fmt: skip
def test_what_does_not_prove_that_broadcasts_are_filtered(rest: dict[str, object]) -> None:
    assert ids(**rest) == []


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param({"direct": (direct(1, 1, 0),)}, id="asked once"),
        pytest.param({"nics_of_nodes": {"worker-1": frozenset({mac(1), mac(2)})}}, id="one of its NICs was not asked"),
        pytest.param({"nodes_heard": frozenset({"worker-2"})}, id="not heard"),
        pytest.param({"announcers": (), "claims": ()}, id="not recorded"),
        pytest.param({"announcers": ("worker-1", "worker-2")}, id="another recorded one was not asked"),
        pytest.param({"further": (further(2, 9),)}, id="somebody replied to another sender"),
    ],
)
def test_what_does_not_prove_that_the_announcer_is_mute(rest: dict[str, object]) -> None:
    assert ids(**{"direct": (direct(1, 2, 0),), **rest}) == []


def test_who_is_not_known_is_not_named_for_another_sender() -> None:
    assert ids(further=(further(2, 9),)) == []


def test_the_finding_counts_as_a_fault_only_of_a_silent_address() -> None:
    made = {"announcers": ("worker-1",), "nics_of_nodes": KNOWN, "direct": (direct(1, 2, 2),)}
    silent = finding("broadcast-filtered", judged(case(**made)))
    unclear = finding("broadcast-filtered", judged(case(**made, nodes_heard=frozenset())))
    assert (silent.ips, silent.severity, silent.outcome) == ((IP,), Severity.ERROR, Outcome.FAULT)
    assert (unclear.ips, unclear.severity, unclear.outcome) == ((IP,), Severity.WARNING, Outcome.UNSURE)
    assert finding("broadcast-filtered", judged(case(announcers=("worker-1",)))) is None


@pytest.mark.parametrize("apart", [{"direct": (direct(1, 2, 1),)}, {"further": (further(1, 1),)}])
def test_silence_that_is_right_is_not_clean_where_somebody_has_the_address(apart: dict[str, object]) -> None:
    for fine in ({"silence": "BGP alone announces it"}, {"kind": Kind.EXTERNAL_IP}):
        assert judge(case(**fine))[0] is Verdict.OK
        assert judge(case(**fine, **apart))[0] is Verdict.INCONCLUSIVE
    assert judge(case(announcers=("worker-1",), **apart))[0] is Verdict.SILENT


# ------------------------------------------------------------------------------------------------------------- A whole run

SILENT = """
title = "A case"
about = "A case."
[lans]
lan = "10.0.0.0/24"
[nodes]
worker-1 = { addresses = "10.0.0.11", ipvs = "strict" }
worker-2 = { addresses = "10.0.0.12", ipvs = "strict" }
[hosts.client]
lan = "lan"
addresses = ["10.0.0.5", "10.0.0.6"]
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
"""
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def concluded(*, unicast: bool = False, sender: bool = False) -> tuple[Report, Verdict | None, list[ReasonId]]:
    """A run in which nobody replies for the address, with a reply of worker-1 added to every request of these kinds."""
    scene = scene_file.parse(SILENT, "case")
    seen = pipeline.observe(
        Options(interfaces=("eth0",)),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
    )  # fmt: skip
    node = next(r.mac for r in seen.replies if r.ip == IPv4Address("10.0.0.11"))
    usual = next(q.sender for q in seen.questions if q.ip == IP and q.to is None)
    more = [
        Reply(q.at + 1.0, q.interface, q.round, q.ip, q.sender, q.to, node, node, 1.0)
        for q in seen.questions
        if q.ip == IP and ((unicast and q.to == node) or (sender and q.to is None and q.sender != usual))
    ]
    report = pipeline.conclude(replace(seen, replies=(*seen.replies, *more)))
    row = next(t for t in report.targets if t.target.ip == IP)
    asked = [q.to for q in seen.questions if q.ip == IP and q.to is not None]
    assert asked == [node, node], "only the NIC of the recorded announcer is asked, twice"
    return report, row.verdict, [one.id for one in row.reasons]


def test_a_whole_run() -> None:
    for kinds, first in (
        ({}, ReasonId.ANNOUNCER_MUTE),
        ({"unicast": True}, ReasonId.BROADCAST_FILTERED),
        ({"sender": True}, ReasonId.SENDER_FILTERED),
    ):
        report, verdict, reasons = concluded(**kinds)
        assert verdict is Verdict.SILENT
        assert first in reasons
        assert [f.id for f in report.findings if f.id == "broadcast-filtered"] == ["broadcast-filtered"] * (
            "unicast" in kinds
        )
