"""Findings that no scene shows: drawn from a scene's evidence with one thing changed."""

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Acceptance, Mac, Neighbour, Question, Reply

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VIP, CANARY, OTHER = IPv4Address("10.0.0.50"), IPv4Address("10.96.0.1"), IPv4Address("10.0.0.77")
STRANGER = Mac("02:0f:00:00:00:09")


def observed(name):
    scene = scene_file.load(name)
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    options = Options(interfaces=scene.prober.interfaces)
    return pipeline.observe(options, objects=objects, host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW)


def finding(evidence, name):
    return next((found for found in pipeline.conclude(evidence).findings if found.id == name), None)


def test_own_entries_are_those_of_asked_addresses_on_probed_interfaces():
    evidence = observed("healthy")
    mac = next(reply.mac for reply in evidence.replies if reply.ip == VIP)
    entries = [(VIP, mac, "eth0"), (VIP, STRANGER, "eth9"), (OTHER, STRANGER, "eth0")]
    neighbours = tuple(Neighbour(ip=ip, mac=mac, interface=interface) for ip, mac, interface in entries)
    found = finding(replace(evidence, host=replace(evidence.host, neighbours=neighbours)), "own-cache")
    assert (found.because, found.ips) == ((f"{VIP} is at {mac} on eth0, worker-2",), (VIP,))
    assert finding(replace(evidence, host=replace(evidence.host, neighbours=neighbours[1:])), "own-cache") is None


def with_stranger(name):
    """A scene in which a MAC answers the canary, and none of the nodes' addresses when it is asked alone for them."""
    evidence = observed(name)
    asked = next(question for question in evidence.questions if question.ip == CANARY)
    answer = Reply(asked.at + 1, "eth0", asked.round, CANARY, asked.sender, None, STRANGER, STRANGER, 1.0)
    homes = sorted({ip for node in evidence.objects.nodes() for ip in node.addresses})
    alone = [Question(asked.at + 9000 + n, "eth0", 4, ip, IPv4Address(0), STRANGER) for n, ip in enumerate(homes * 2)]
    return replace(evidence, questions=(*evidence.questions, *alone), replies=(*evidence.replies, answer))


def test_who_answers_the_canary_and_may_be_a_node_is_unknown_and_else_foreign():
    for name, expected, other in (("mac-unknown", "unknown-mac", "foreign-mac"), ("healthy", "foreign-mac", "unknown-mac")):
        heard = with_stranger(name)
        assert any(str(STRANGER) in line for line in finding(heard, expected).because)
        assert CANARY in finding(heard, expected).ips
        assert STRANGER not in " ".join(getattr(finding(heard, other), "because", ()))
        assert (
            f"{STRANGER}, which belongs to no known node, replied for the canary" in pipeline.conclude(heard).summary.because
        )
        assert pipeline.conclude(heard).summary.exit_code == 3


@pytest.mark.parametrize(("name", "counts"), [("healthy", False), ("mac-unknown", True)], ids=["foreign", "may be a node's"])
def test_who_answers_the_canary_is_accepted_only_where_it_is_foreign(name, counts):
    """What is accepted is another cluster on this segment, and a node without strict ARP is none."""
    accepted = Acceptance(finding="foreign-mac", ip=CANARY, reason="the other cluster", until=date(2026, 4, 1))
    heard = replace(with_stranger(name), accepted=(accepted,))
    doubt = f"{STRANGER}, which belongs to no known node, replied for the canary"
    assert (doubt in pipeline.conclude(heard).summary.because) is counts
