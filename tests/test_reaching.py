"""What `--reach` asks of whom, and what is left out; from a simulated scene to its report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest
from simulated.reach_network import Network, rst, syn_ack
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.endpoints import ENDPOINT_SLICES
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Gap, Interface, Mac, MacListFormat, NotAsked, ReachDoubt, ReachResult, Verdict
from arpcheck.objects import Objects
from arpcheck.wire.reach import MOST_MACS, ReachPlan, reach

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
VIP = IPv4Address("10.0.0.50")
TCP = {"name": "web", "port": 8443, "protocol": "TCP"}


def observed(name: str = "split-brain", *, ports: list[dict[str, Any]] | None = None, **spec: Any) -> Evidence:
    """The ARP run of a scene, whose Services have these ports."""
    scene = scene_file.load(name)
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    changed = {"ports": [TCP] if ports is None else ports, **spec}
    services = [{**obj, "spec": {**obj["spec"], **changed}} for obj in objects.of("services")]
    objects = replace(objects, resources={**objects.resources, "services": tuple(services)})
    return pipeline.observe(
        Options(interfaces=scene.prober.interfaces, reach=True),
        objects=objects,
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )


def planned(evidence: Evidence) -> ReachPlan:
    return pipeline.reach_plan(evidence, pipeline.conclude(evidence))


def whys(evidence: Evidence) -> set[NotAsked]:
    plan = planned(evidence)
    assert not plan.aims
    return {skip.why for skip in plan.skips}


def test_each_responder_is_asked_for_the_first_tcp_port_of_the_service() -> None:
    udp, second = {"port": 53, "protocol": "UDP"}, {"name": "x", "port": 81}
    plan = planned(observed(ports=[udp, TCP, second]))
    assert {(aim.ip, aim.port, aim.service, aim.party) for aim in plan.aims} == {
        (VIP, 8443, "web/nginx", "worker-1"),
        (VIP, 8443, "web/nginx", "worker-2"),
    }
    assert {(aim.interface, aim.sender) for aim in plan.aims} == {("eth0", IPv4Address("10.0.0.5"))}
    assert len({aim.mac for aim in plan.aims}) == 2
    assert plan.skips == ()


def test_the_announcer_is_asked_first() -> None:
    assert [aim.party for aim in planned(observed()).aims] == ["worker-1", "worker-2"]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, NotAsked.NO_TCP_PORT),
        ({"ports": []}, NotAsked.NO_TCP_PORT),
        ({"loadBalancerSourceRanges": ["192.168.0.0/16", "nonsense"]}, NotAsked.SOURCE_RANGES),
    ],
)
def test_what_lies_in_the_service_is_not_asked(spec, why) -> None:
    assert whys(observed(**spec)) == {why}


def test_source_ranges_with_this_host_let_it_ask() -> None:
    assert planned(observed(loadBalancerSourceRanges=["10.0.0.0/24"])).aims


def test_an_address_without_a_service_has_no_port() -> None:
    evidence = observed()
    objects = replace(evidence.objects, resources={**evidence.objects.resources, "services": ()})
    alone = replace(evidence, objects=objects, options=replace(evidence.options, ips=(VIP,)))
    assert whys(alone) == {NotAsked.NO_SERVICE}


def test_this_host_and_groups_are_not_asked() -> None:
    evidence = observed()
    own = next(reply.mac for reply in evidence.replies if reply.ip == VIP)
    mine = Interface(name="eth7", mac=own, addresses=())
    host = replace(evidence.host, interfaces=(*evidence.host.interfaces, mine))
    plan = planned(replace(evidence, host=host))
    assert [(skip.mac, skip.why) for skip in plan.skips] == [(own, NotAsked.OWN_MAC)]
    group = Mac("03:00:00:00:00:01")
    replies = tuple(replace(one, mac=group, source=group) if one.mac == own else one for one in evidence.replies)
    plan = planned(replace(evidence, replies=replies))
    assert [(skip.mac, skip.why) for skip in plan.skips] == [(group, NotAsked.GROUP_MAC)]


def test_without_an_own_address_here_nothing_is_asked() -> None:
    evidence = observed()
    interfaces = tuple(replace(one, addresses=("172.20.0.5/24",)) for one in evidence.host.interfaces)
    assert whys(replace(evidence, host=replace(evidence.host, interfaces=interfaces))) == {NotAsked.OFF_SUBNET}


def test_silence_of_a_node_whose_known_addresses_are_elsewhere_is_a_doubt() -> None:
    """It may have an unlisted address here, or reply over a router that does not let it."""
    evidence = observed()
    entries = tuple(
        MacEntry(mac=aim.mac, node=aim.party, interface=None, where="macs.csv:1", format=MacListFormat.CSV)
        for aim in planned(evidence).aims
    )
    for address, doubt in (("10.1.0.12", ReachDoubt.OFF_SUBNET), ("10.0.0.12", None)):
        status = {"addresses": [{"type": "InternalIP", "address": address}]}
        nodes = tuple(
            {**obj, "status": {**obj["status"], **status}} if obj["metadata"]["name"] == "worker-2" else obj
            for obj in evidence.objects.of("nodes")
        )
        objects = replace(evidence.objects, resources={**evidence.objects.resources, "nodes": nodes})
        found = with_tries(replace(evidence, objects=objects, mac_map=entries), "worker-1")
        report = pipeline.conclude(found)
        rows = {row.node: row.doubt for target in report.targets for row in target.reach}
        assert rows == {"worker-1": None, "worker-2": doubt}
        assert ("dead-responder" in {finding.id for finding in report.findings}) == (doubt is None)


def test_of_two_own_networks_within_each_other_the_smaller_one_asks() -> None:
    evidence = observed()
    interfaces = tuple(replace(one, addresses=("10.0.9.5/8", *one.addresses)) for one in evidence.host.interfaces)
    aims = planned(replace(evidence, host=replace(evidence.host, interfaces=interfaces))).aims
    assert {str(aim.sender) for aim in aims} == {"10.0.0.5"}


def test_a_node_of_a_second_network_on_the_nic_is_asked_by_this_hosts_address_there() -> None:
    """Over the other address its replies would pass a router, and silence would mean nothing."""
    evidence = observed()
    nodes = [
        {**obj, "status": {**obj["status"], "addresses": [{"type": "InternalIP", "address": "10.1.0.12"}]}}
        if obj["metadata"]["name"] == "worker-2"
        else obj
        for obj in evidence.objects.of("nodes")
    ]
    objects = replace(evidence.objects, resources={**evidence.objects.resources, "nodes": tuple(nodes)})
    interfaces = tuple(replace(one, addresses=(*one.addresses, "10.1.0.5/24")) for one in evidence.host.interfaces)
    second = replace(evidence, objects=objects, host=replace(evidence.host, interfaces=interfaces))
    entries = tuple(
        MacEntry(mac=aim.mac, node=aim.party, interface=None, where="macs.csv:1", format=MacListFormat.CSV)
        for aim in planned(evidence).aims
        if aim.party == "worker-2"
    )
    aims = planned(replace(second, mac_map=entries)).aims
    assert {aim.party: str(aim.sender) for aim in aims} == {"worker-1": "10.0.0.5", "worker-2": "10.1.0.5"}


def test_sixteen_macs_of_an_address_are_asked_and_the_others_named() -> None:
    evidence = observed()
    sample = next(reply for reply in evidence.replies if reply.ip == VIP)
    many = tuple(
        replace(sample, mac=Mac(f"02:99:00:00:00:{number:02x}"), source=Mac(f"02:99:00:00:00:{number:02x}"))
        for number in range(20)
    )
    plan = planned(replace(evidence, replies=(*evidence.replies, *many)))
    assert len(plan.aims) == MOST_MACS
    assert {skip.why for skip in plan.skips} == {NotAsked.TOO_MANY}
    assert len(plan.skips) == 6


def with_tries(evidence: Evidence, serving: str, later: Objects | None = None) -> Evidence:
    """Only this node answers a SYN."""
    plan = planned(evidence)
    macs = {aim.mac for aim in plan.aims if aim.party == serving}
    network = Network({mac: lambda to: [(0.001, syn_ack(to, to.to))] for mac in macs})
    return pipeline.with_reach(evidence, reach(network, plan, begun=network.now()), later)


def slices(objects: Objects, *nodes: str) -> Objects:
    found = {
        "metadata": {"namespace": "web", "name": "x", "labels": {"kubernetes.io/service-name": "nginx"}},
        "addressType": "IPv4",
        "ports": [{"name": "web", "port": 8443}],
        "endpoints": [{"addresses": [f"10.42.0.{n}"], "nodeName": node} for n, node in enumerate(nodes)],
    }
    return replace(objects, resources={**objects.resources, ENDPOINT_SLICES.resource: (found,)}, gaps=())


def test_the_report_has_both_and_the_verdict_stays() -> None:
    evidence = observed(externalTrafficPolicy="Local")
    evidence = replace(evidence, objects=slices(evidence.objects, "worker-1"))
    report = pipeline.conclude(with_tries(evidence, "worker-1"))
    (target,) = (target for target in report.targets if target.target.ip == VIP)
    assert target.verdict is Verdict.DUPLICATE
    assert [(row.node, row.result) for row in target.reach] == [
        ("worker-1", ReachResult.ACCEPTED),
        ("worker-2", ReachResult.NO_ANSWER),
    ]
    assert [finding.nodes for finding in report.findings if finding.id == "dead-responder"] == [("worker-2",)]
    before = pipeline.conclude(evidence)
    assert before.summary.verdicts == report.summary.verdicts


def test_silence_beside_a_host_that_passes_packets_on_is_a_doubt() -> None:
    evidence = observed()
    plan = planned(evidence)
    first, behind = plan.aims[0].mac, Mac("02:99:00:00:00:01")
    network = Network({first: lambda to: [(0.001, syn_ack(to, behind))]})
    report = pipeline.conclude(pipeline.with_reach(evidence, reach(network, plan, begun=network.now())))
    assert [row.result for target in report.targets for row in target.reach] == [
        ReachResult.OTHER_MAC,
        ReachResult.NO_ANSWER,
    ]
    assert {finding.id: finding.nodes for finding in report.findings}["partly-reached"] == ("worker-2",)


def test_one_syn_with_two_replies_that_exclude_each_other_makes_a_clean_run_unsure() -> None:
    evidence = observed("healthy")
    plan = planned(evidence)
    network = Network({aim.mac: lambda to: [(0.001, rst(to, to.to)), (0.002, syn_ack(to, to.to))] for aim in plan.aims})
    report = pipeline.conclude(pipeline.with_reach(evidence, reach(network, plan, begun=network.now())))
    assert "partly-reached" in {finding.id for finding in report.findings}
    assert report.summary.exit_code == 3
    assert len(network.resets()) >= len(network.syns())


def test_an_unreached_address_makes_a_clean_run_unsure() -> None:
    evidence = observed("healthy")
    assert pipeline.conclude(evidence).summary.exit_code == 0
    report = pipeline.conclude(with_tries(evidence, "nobody"))
    assert report.summary.exit_code == 3
    assert "not-reached" in {finding.id for finding in report.findings}


def test_an_accepted_connection_leaves_a_clean_run_clean() -> None:
    evidence = observed("healthy")
    announcers = {aim.party for aim in planned(evidence).aims}
    plan = planned(evidence)
    network = Network({aim.mac: lambda to: [(0.001, syn_ack(to, to.to))] for aim in plan.aims})
    report = pipeline.conclude(pipeline.with_reach(evidence, reach(network, plan, begun=0.0), None))
    assert announcers
    assert report.summary.exit_code == 0


def test_endpoints_that_changed_meanwhile_forbid_a_conclusion() -> None:
    evidence = observed(externalTrafficPolicy="Local")
    evidence = replace(evidence, objects=slices(evidence.objects, "worker-1"))
    moved = with_tries(evidence, "worker-1", later=slices(evidence.objects, "worker-2"))
    assert moved.reach is not None
    assert moved.reach.changed == ("web/nginx",)
    assert "dead-responder" not in {finding.id for finding in pipeline.conclude(moved).findings}
    same = with_tries(evidence, "worker-1", later=slices(evidence.objects, "worker-1"))
    assert same.reach is not None
    assert same.reach.changed == ()


L2_STATUS = "servicel2statuses.metallb.io"


def test_an_announcer_that_changed_during_the_tries_forbids_a_conclusion() -> None:
    """The node that announced before may have gone down."""
    evidence = observed(externalTrafficPolicy="Local")
    evidence = replace(evidence, objects=slices(evidence.objects, "worker-1"))
    (record,) = evidence.objects.of(L2_STATUS)
    moved = {
        **record,
        "metadata": {**record["metadata"], "uid": "other"},
        "status": {**record["status"], "node": "worker-3"},
    }
    for now, changed in ((record, ()), (moved, ("web/nginx",))):
        objects = slices(replace(evidence.objects, resources={L2_STATUS: (now,)}, read_at=NOW), "worker-1")
        found = with_tries(evidence, "worker-1", later=objects)
        assert found.reach is not None
        assert found.reach.changed == changed
        findings = {finding.id for finding in pipeline.conclude(found).findings}
        assert ("dead-responder" in findings) == (not changed)


GONE = Gap(what=ENDPOINT_SLICES.resource, why="forbidden", costs="")


@pytest.mark.parametrize("later", [None, Objects(), Objects(gaps=(GONE,))], ids=["API gone", "not served", "refused"])
@pytest.mark.parametrize("policy", ["Local", "Cluster"])
def test_slices_that_the_api_does_not_give_again_leave_the_conclusion_in_doubt(later, policy) -> None:
    evidence = observed(externalTrafficPolicy=policy)
    api = replace(slices(evidence.objects, "worker-1"), account="kubeconfig x")
    report = pipeline.conclude(with_tries(replace(evidence, objects=api), "worker-1", later=later))
    accepted, silent = (row for target in report.targets for row in target.reach)
    assert (accepted.result, accepted.doubt) == (ReachResult.ACCEPTED, None)
    assert (silent.result, silent.doubt) == (ReachResult.NO_ANSWER, ReachDoubt.UNCONFIRMED)
    assert "does not serve" not in silent.text
    found = {finding.id for finding in report.findings}
    assert "partly-reached" in found
    assert "dead-responder" not in found


def test_slices_that_were_never_read_are_not_missed_afterwards() -> None:
    evidence = observed()
    objects = replace(evidence.objects, resources={**evidence.objects.resources}, gaps=(GONE,), account="kubeconfig x")
    report = pipeline.conclude(with_tries(replace(evidence, objects=objects), "worker-1"))
    assert [row.doubt for target in report.targets for row in target.reach] == [None, None]
    assert "dead-responder" in {finding.id for finding in report.findings}


def test_endpoints_that_changed_ports_changed() -> None:
    evidence = observed(externalTrafficPolicy="Local")
    before = slices(evidence.objects, "worker-1")
    (found,) = before.of(ENDPOINT_SLICES.resource)
    other = replace(before, resources={ENDPOINT_SLICES.resource: ({**found, "ports": [{"name": "x", "port": 8443}]},)})
    moved = with_tries(replace(evidence, objects=before), "worker-1", later=other)
    assert moved.reach is not None
    assert moved.reach.changed == ("web/nginx",)


def test_what_was_interrupted_ends_with_130() -> None:
    evidence = observed()
    plan, network = planned(evidence), Network({})
    run = reach(network, plan, begun=0.0, stop=lambda: True)
    report = pipeline.conclude(pipeline.with_reach(evidence, run, None))
    assert report.summary.exit_code == 130


def test_the_estimate_before_the_run_covers_the_tries() -> None:
    evidence = observed()
    targets = pipeline.plan(evidence.options, evidence.objects, evidence.host).targets
    tries, least, most = pipeline.expected_seconds(targets, evidence.objects, evidence.options)
    assert tries == 1
    assert 0 < least <= most
    empty = observed(ports=[])
    targets = pipeline.plan(empty.options, empty.objects, empty.host).targets
    assert pipeline.expected_seconds(targets, empty.objects, empty.options) == (0, 0.0, 0.0)
