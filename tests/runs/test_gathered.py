"""The evidence of the vantages of `arpcheck cluster` together, however many of them there are."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

from saved_runs import NOW, evidence_of, scene_of

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.objects import Objects
from arpcheck.runs.gathered import ClusterReadings, FailedJob, JobKind, gaps_of, gathered, in_time, outdated


def heard(*stations, scene="healthy"):
    """As vantages give it: without what they were told."""
    found = []
    for number, station in enumerate(stations):
        at = NOW + timedelta(seconds=30 * number)
        evidence = evidence_of(scene_of(scene), prober=station, at=at)
        found.append((station, replace(evidence, objects=Objects(), ended_at=at + timedelta(seconds=10))))
    return found


def readings(scene="healthy", **more):
    objects = evidence_of(scene_of(scene), at=NOW - timedelta(seconds=1)).objects
    after = replace(objects, read_at=NOW + timedelta(seconds=100))
    given = {"options": Options(), "objects": objects, "after": after, "started_at": NOW, "ended_at": NOW, "version": "0"}
    return ClusterReadings(**{**given, **more})


def concluded(found, failed=(), **more):
    return pipeline.conclude(gathered(found, failed, readings(**more)))


def arp(report):
    return {node.name: str(node.arp) for node in report.nodes}


CUT = FailedJob(node="worker-2", kind=JobKind.VANTAGE, why="its log was cut")


def test_two_hear_all():
    report = concluded(heard("worker-1", "worker-3"))
    assert (report.summary.exit_code, set(arp(report).values()), report.gaps) == (0, {"quiet"}, ())


def test_one_alone_is_blind_to_itself_and_says_so():
    report = concluded(heard("worker-1"), [CUT])
    assert (report.summary.exit_code, arp(report)["worker-1"]) == (3, "self")
    assert [(gap.what, gap.why) for gap in report.gaps] == [("evidence of worker-2", "its log was cut")]


def test_none_is_never_clean():
    report = concluded([], [CUT], unheard=("10.0.0.0/24",))
    assert report.summary.exit_code == 3
    assert any("10.0.0.0/24" in why for why in report.summary.because)


def test_a_segment_of_which_nothing_was_heard_is_never_clean_whatever_the_others_show():
    report = concluded(heard("worker-1", "worker-3"), [CUT], unheard=("10.7.0.0/24",))
    assert report.summary.exit_code == 3


def test_one_that_failed_beside_others_takes_nothing_from_what_they_heard():
    report = concluded(heard("worker-1", "worker-3"), [CUT])
    assert (report.summary.exit_code, [str(t.verdict) for t in report.targets if t.verdict]) == (0, ["ok"])


def test_an_interrupted_run_says_so_and_keeps_its_verdicts():
    report = concluded(heard("worker-1", "worker-3"), interrupted=True)
    assert (report.summary.exit_code, [str(t.verdict) for t in report.targets if t.verdict]) == (130, ["ok"])


def test_the_records_of_before_and_after_hold_for_every_vantage():
    evidence = gathered(heard("worker-1", "worker-3"), (), readings())
    assert (evidence.objects.read_at < evidence.started_at, evidence.after.read_at > evidence.ended_at) == (True, True)


def test_two_nodes_with_one_mac_address_are_shown_and_not_refused():
    found = heard("worker-1", "worker-3")
    [(_, first), (name, second)] = found
    mac = first.host.interfaces[0].mac
    cloned = replace(
        second, host=replace(second.host, interfaces=tuple(replace(i, mac=mac) for i in second.host.interfaces))
    )
    evidence = gathered([found[0], (name, cloned)], (), readings())
    assert [vantage.name for vantage in evidence.vantages] == ["worker-1", "worker-3"]


def test_alike_failures_are_one_gap():
    failed = [FailedJob(node=f"n{number}", kind=JobKind.INTERFACES, why="refused") for number in range(20)]
    [gap] = gaps_of(failed)
    assert gap.what == "interfaces of n0, n1, n2, n3, n4, n5 and 14 more"
    assert len([*gaps_of([*failed, CUT])]) == 2


def test_times_of_a_node_whose_clock_differs_are_moved_between_what_is_known():
    [(_, evidence)] = heard("worker-1")
    begun, ended = NOW + timedelta(hours=1), NOW + timedelta(hours=1, seconds=60)
    moved = in_time(evidence, begun, ended)
    assert (moved.started_at, moved.ended_at - moved.started_at) == (begun, evidence.ended_at - evidence.started_at)
    early = in_time(evidence, NOW - timedelta(hours=2), NOW - timedelta(hours=2) + timedelta(seconds=60))
    assert early.ended_at == NOW - timedelta(hours=2) + timedelta(seconds=60)
    assert in_time(evidence, NOW - timedelta(seconds=1), NOW + timedelta(seconds=60)) is evidence


def test_addresses_of_services_that_changed():
    before = readings().objects
    services = before.resources["services"]
    gone = replace(
        before, resources={**before.resources, "services": tuple(s for s in services if s["metadata"]["name"] != "nginx")}
    )
    assert ip_address("10.0.0.50") in outdated(before, gone)
    assert outdated(before, before) == ()
    assert outdated(before, replace(before, resources={})) == ()
