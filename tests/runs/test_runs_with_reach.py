"""What `--reach` observed, saved, merged and with pseudonyms."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from simulated.reach_network import OWN, OWN_MAC, Network, icmp, segment, syn_ack
from test_reaching import VIP, observed, planned, slices

from arpcheck import pipeline
from arpcheck.evidence import Evidence, views
from arpcheck.evidence_json import from_json, to_json
from arpcheck.model import Mac, ReachDoubt, ReachResult
from arpcheck.runs.merge import merge
from arpcheck.runs.redact import redact
from arpcheck.wire.reach import reach
from arpcheck.wire.reach_packets import Flow, decode, rst, syn

POD, NODE = IPv4Address("10.42.0.7"), Mac("02:00:00:00:00:01")
FLOW = Flow(OWN_MAC, NODE, OWN, 61234, VIP, 443)


def with_tries() -> tuple[Evidence, list[bytes]]:
    """worker-1 accepts, worker-2's pod replies itself."""
    evidence = observed(externalTrafficPolicy="Local")
    evidence = replace(evidence, objects=slices(evidence.objects, "worker-1"))
    plan, frames = planned(evidence), list[bytes]()
    stations = {
        aim.mac: (lambda to: [(0.001, syn_ack(to, to.to))])
        if aim.party == "worker-1"
        else (lambda to: [(0.001, syn_ack(to, to.to, source=POD, port=8080))])
        for aim in plan.aims
    }
    run = reach(Network(stations), plan, begun=100.0, tap=lambda _, frame: frames.append(frame))
    return pipeline.with_reach(evidence, run), frames


def results(evidence: Evidence) -> list[tuple[ReachResult, int | None]]:
    return [(row.result, row.port) for target in pipeline.conclude(evidence).targets for row in target.reach]


def test_a_saved_run_is_judged_alike() -> None:
    evidence, _ = with_tries()
    assert results(evidence) == [(ReachResult.ACCEPTED, 8443), (ReachResult.WRONG_SOURCE, 8443)]
    saved = from_json(json.loads(json.dumps(to_json(evidence))), "run.json")
    assert saved.reach == evidence.reach
    assert results(saved) == results(evidence)


def test_slices_that_were_not_read_again_stay_a_doubt_in_a_saved_and_a_redacted_run() -> None:
    evidence, frames = with_tries()
    assert evidence.reach is not None
    evidence = replace(evidence, reach=replace(evidence.reach, unconfirmed=("web/nginx",)))
    saved = from_json(json.loads(json.dumps(to_json(evidence))), "run.json")
    for one in (saved, redact(evidence, frames).evidence):
        doubts = [row.doubt for target in pipeline.conclude(one).targets for row in target.reach]
        assert doubts == [None, ReachDoubt.UNCONFIRMED]


def test_pseudonyms_hide_all_and_change_no_result() -> None:
    evidence, frames = with_tries()
    redacted = redact(evidence, frames)
    assert results(redacted.evidence) == results(evidence)
    text = json.dumps(to_json(redacted.evidence)["reach"])
    for secret in (VIP, POD, "10.0.0.5", "web", "nginx", *(one.mac for one in evidence.reach.tries)):
        assert str(secret) not in text.replace("web_", "")
    for frame in frames:
        other = redacted.frame(frame)
        for secret in (VIP.packed, POD.packed, frame[:6], frame[6:12]):
            assert secret not in other
        before, after = decode(frame), decode(other)
        assert (before and before[:3]) == (after and after[:3])


@pytest.mark.parametrize(
    "frame",
    [
        syn(FLOW, 5),
        rst(FLOW, 5),
        syn_ack(segment(0, "eth0", syn(FLOW, 5)), NODE),
        icmp(segment(0, "eth0", syn(FLOW, 5)), NODE, 3, 1, POD),
        icmp(segment(0, "eth0", syn(FLOW, 5)), NODE, 5, 1, POD) + b"secret",
    ],
    ids=["syn", "rst", "syn-ack", "unreachable", "redirect"],
)
def test_a_frame_with_pseudonyms_has_valid_checksums_and_no_tail(frame) -> None:
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether

    evidence, _ = with_tries()
    redacted = redact(evidence, [frame]).frame(frame)
    assert b"secret" not in redacted
    read = Ether(redacted)
    again = Ether(redacted)
    for layer in (again[IP], again[IP].payload):
        del layer.chksum
    assert bytes(again) == redacted
    assert read[IP].len == len(redacted) - 14


def test_short_frames_do_not_raise() -> None:
    evidence, _ = with_tries()
    whole = icmp(segment(0, "eth0", syn(FLOW, 5)), NODE, 3, 1, POD)
    frames = [whole[:length] for length in range(14, len(whole))]
    found = redact(evidence, frames)
    assert [len(found.frame(frame)) <= len(frame) for frame in frames] == [True] * len(frames)


def test_a_merged_run_has_the_tries_of_both_hosts() -> None:
    one, _ = with_tries()
    eth0 = one.host.interfaces[0]
    nic = replace(eth0, mac=Mac("02:00:00:00:00:77"), addresses=("10.0.0.7/24",))
    later = timedelta(seconds=30)
    other = replace(
        one, host=replace(one.host, interfaces=(nic,)), started_at=one.started_at + later, ended_at=one.ended_at + later
    )
    merged = merge([("a", one), ("b", other)])
    assert merged.reach is not None
    assert len(merged.reach.tries) == 4
    assert {one.interface for one in merged.reach.tries} == {"a:eth0", "b:eth0"}
    assert [view.reach for _, view in views(merged)] == [one.reach, other.reach]
    assert sorted(results(merged)) == sorted((*results(one), *results(other)))
    assert other.reach is not None
    unread = replace(other, reach=replace(other.reach, unconfirmed=("web/nginx",)))
    in_doubt = merge([("a", one), ("b", unread)]).reach
    assert in_doubt is not None
    assert in_doubt.unconfirmed == ("web/nginx",)


def test_a_host_that_a_firewall_leaves_out_accuses_no_node_that_serves_another_host() -> None:
    def run(number: int, *, let_in: bool) -> Evidence:
        evidence = observed()
        (nic, *_) = evidence.host.interfaces
        nic = replace(nic, mac=Mac(f"02:00:00:00:00:{number:02x}"), addresses=(f"10.0.0.{number}/24",))
        moment = evidence.started_at + timedelta(seconds=30 * number)
        evidence = replace(evidence, host=replace(evidence.host, interfaces=(nic,)), started_at=moment, ended_at=moment)
        plan = planned(evidence)
        stations = {aim.mac: lambda to: [(0.001, syn_ack(to, to.to))] for aim in plan.aims if let_in}
        return pipeline.with_reach(evidence, reach(Network(stations), plan, begun=100.0))

    merged = merge([("a", run(5, let_in=False)), ("b", run(7, let_in=True))])
    report = pipeline.conclude(merged)
    found = {finding.id for finding in report.findings}
    assert "dead-responder" not in found
    assert "partly-reached" in found
    assert [row.result for target in report.targets for row in target.reach] == [
        *([ReachResult.NO_ANSWER] * 2),
        *([ReachResult.ACCEPTED] * 2),
    ]


def test_session_affinity_is_no_secret() -> None:
    """It leaves the silence of a node in doubt, in a redacted run too."""
    evidence = observed(sessionAffinity="ClientIP")
    evidence = replace(evidence, objects=slices(evidence.objects, "worker-1", "worker-2"))
    plan = planned(evidence)
    first = plan.aims[0].mac
    network, frames = Network({first: lambda to: [(0.001, syn_ack(to, to.to))]}), list[bytes]()
    run = reach(network, plan, begun=100.0, tap=lambda _, frame: frames.append(frame))
    evidence = pipeline.with_reach(evidence, run)
    for one in (evidence, redact(evidence, frames).evidence):
        doubts = [row.doubt for target in pipeline.conclude(one).targets for row in target.reach]
        assert doubts == [None, ReachDoubt.ONE_ENDPOINT]


def test_a_node_of_the_same_network_stays_one_with_pseudonyms() -> None:
    evidence = observed()
    plan, frames = planned(evidence), list[bytes]()
    run = reach(Network({}), plan, begun=100.0, tap=lambda _, frame: frames.append(frame))
    evidence = pipeline.with_reach(evidence, run)
    for one in (evidence, redact(evidence, frames).evidence):
        assert [row.doubt for target in pipeline.conclude(one).targets for row in target.reach] == [None, None]
