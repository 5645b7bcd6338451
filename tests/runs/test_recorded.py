"""A capture judged: the same frames give the same faults, and what a file can't know is said."""

import io
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from saved_runs import NOW, scene_of
from simulated.sampling import sampled
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import MacEntry, Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Arp, Certainty, Families, Mac, MacListFormat, ReasonId, Request, Verdict
from arpcheck.wire import families
from arpcheck.wire.neighbour_discovery import Advertisement, Solicitation
from arpcheck.wire.neighbour_discovery import decode_request as decode_solicitation
from arpcheck.wire.packets import decode, decode_request, encode
from arpcheck.wire.pcap import entries
from arpcheck.wire.scapy_library import Recorder

ALL_NODES_MAC = bytes.fromhex("333300000001")
VIP, CANARY = IPv4Address("10.0.0.50"), IPv4Address("10.96.0.1")


def objects(scene):
    return cluster_objects.objects(scene, NOW, pipeline.NEEDS)


def recording(scene, keep=lambda frame: True):
    """What tcpdump would have beside the prober while it asks: (moment, frame)."""
    wire, taken = SimulatedWire(scene), []
    pipeline.observe(
        Options(interfaces=scene.prober.interfaces, families=Families.AUTO),
        objects=objects(scene), host=scene_host(scene), wire=wire, clock=lambda: NOW,
        tap=lambda moment, frame: taken.append((moment, frame)),
    )  # fmt: skip
    return [(moment, frame) for moment, frame in taken if keep(frame)]


def judged(scene, frames, **how):
    file = io.BytesIO()
    recorder = Recorder(file)
    for moment, frame in [*frames, (NOW + timedelta(hours=1), bytes(60))]:
        recorder(moment, frame)
    file.seek(0)
    how = {"objects": objects(scene), "options": Options(families=Families.BOTH), **how}
    evidence = pipeline.recorded(how.pop("options"), entries=entries(file, "lan.pcap"), name="lan.pcap", **how)
    assert to_json(from_json(to_json(evidence), "x")) == to_json(evidence)
    return pipeline.conclude(evidence)


def asks_for(*ips):
    """Keeps the questions and the answers for these addresses."""
    wanted = {ip.packed for ip in ips}
    return lambda frame: getattr(decode_request(frame), "ip", None) in wanted or getattr(decode(frame), "ip", None) in wanted


def scene_nodes(scene):
    return objects(scene).nodes()


def who_has(ip, mac, sender):
    return encode(Request(interface="x", ip=IPv4Address(ip), sender=IPv4Address(sender)), mac)


def verdict_of(report, ip=VIP):
    return next(t for t in report.targets if t.target.ip == ip)


CAPTURED = [
    "two-non-strict", "all-non-strict", "split-brain", "foreign-host", "proxy-arp-everything", "wrong-node",
    "ipv6-split-brain-of-speakers", "ipv6-split-brain-of-kernels", "ipv6-wrong-in-ipv6-alone",
    "ipv6-non-strict-in-ipv4-alone",
]  # fmt: skip


@pytest.mark.parametrize("name", CAPTURED)
def test_a_capture_of_a_probe_proves_what_the_probe_proved(name):
    scene = scene_of(name)
    report = judged(scene, recording(scene))
    assert {str(t.target.ip): t.verdict for t in report.targets if t.verdict} == scene.expect.verdicts
    assert report.summary.exit_code == scene.expect.exit_code == 1


@pytest.mark.parametrize("name", sampled(scene_file.names()))
def test_a_capture_is_never_clean(name):
    scene = scene_file.load(name)
    report = judged(scene, recording(scene))
    assert report.summary.exit_code in (1, 3)
    assert {node.arp for node in report.nodes} <= {Arp.NON_STRICT, Arp.UNKNOWN, Arp.UNREACHED, Arp.IPV6_ALONE}
    assert not [t for t in report.targets if t.verdict is Verdict.SILENT]
    assert (
        "the frames are from a capture, which may be incomplete" in report.summary.because or report.summary.exit_code == 1
    )


def test_the_gaps_say_what_is_not_known():
    scene = scene_of("healthy")
    report = judged(scene, recording(scene, asks_for(VIP)))
    assert [(gap.what, gap.why) for gap in report.gaps] == [
        ("canary", "the capture has no request for it"),
        ("capture", "a capture does not show what it missed"),
        ("control", "the capture has no request for it"),
    ]


def test_several_macs_of_unknown_owners_are_inconclusive_and_a_mac_map_helps():
    scene = scene_of("two-non-strict")
    frames = recording(scene, asks_for(VIP))
    report = judged(scene, frames)
    found = verdict_of(report)
    assert (found.verdict, report.summary.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert found.reason.startswith("the owner of 02:01:00:00:01:00")
    macs = {node: Mac(f"02:01:00:00:0{n}:00") for n, node in enumerate(("worker-1", "worker-2", "worker-3"), 1)}
    named = tuple(
        MacEntry(mac=mac, node=node, interface=None, where="macs.csv:1", format=MacListFormat.CSV)
        for node, mac in macs.items()
    )
    report = judged(scene, frames, mac_map=named)
    assert (verdict_of(report).verdict, report.summary.exit_code) == (Verdict.DUPLICATE, 1)


def test_node_addresses_that_were_answered_give_owners():
    scene = scene_of("two-non-strict")
    own = [IPv4Address(f"10.0.0.1{n}") for n in (1, 2, 3)]
    report = judged(scene, recording(scene, asks_for(VIP, *own)))
    assert {responder.node for responder in verdict_of(report).responders} == {"worker-1", "worker-2", "worker-3"}
    assert verdict_of(report).verdict is Verdict.DUPLICATE


def test_a_node_that_asks_says_whose_its_mac_is():
    scene = scene_of("healthy")
    [announcer] = verdict_of(judged(scene, recording(scene))).responders
    own = next(node.addresses[0] for node in scene_nodes(scene) if node.name == announcer.node)
    asks = who_has("10.0.0.254", announcer.macs[0], str(own))
    report = judged(scene, [(NOW, asks), *recording(scene, asks_for(VIP))])
    found = verdict_of(report)
    assert (found.verdict, found.responders[0].node) == (Verdict.OK, announcer.node)
    assert [mac.source for node in report.nodes for mac in node.macs] == ["mac-map"]
    assert report.summary.exit_code == 3


def test_replies_alone_prove_two_that_answered_together():
    scene = scene_of("split-brain")
    report = judged(scene, recording(scene, lambda frame: frame[20:22] == b"\x00\x02"))
    assert verdict_of(report).verdict is Verdict.DUPLICATE
    assert "replies without a recorded request" in str(report.gaps)


def test_one_answer_without_a_question_to_all_is_not_enough():
    scene = scene_of("healthy")
    found = verdict_of(judged(scene, recording(scene, lambda frame: frame[20:22] == b"\x00\x02")))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "the capture has no broadcast request for it")


def test_questions_alone_prove_nothing():
    scene = scene_of("healthy")
    report = judged(scene, recording(scene, lambda frame: frame[20:22] == b"\x00\x01"))
    assert (verdict_of(report).verdict, report.summary.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "the capture has no reply for it" in verdict_of(report).reason


def test_objects_of_another_day_are_said():
    scene = scene_of("healthy")
    late = objects(scene)
    late = replace(late, read_at=NOW + timedelta(days=3))
    report = judged(scene, recording(scene), objects=late)
    assert any("the cluster was read 2026-03-04 12:00 UTC" in gap.why for gap in report.gaps)


def test_the_selection_of_the_options():
    scene = scene_of("all-non-strict")
    report = judged(scene, recording(scene), options=Options(selector="no=such", ips=(VIP,)))
    assert {str(t.target.ip) for t in report.targets if t.verdict} == {"10.0.0.50"}


V6 = IPv6Address("2001:db8:10::50")


def about(frame):
    """Whether it is a request or reply for the IPv6 address, and the request or reply."""
    found = [one for one in (families.decode(frame), decode_solicitation(frame)) if getattr(one, "ip", None) == V6.packed]
    return found[0] if found else None


def test_who_replies_to_all_but_the_group_is_not_ok_and_proves_no_fault():
    """A capture may lack the reply to the group."""
    scene = scene_of("ipv6-group-lost")
    report = judged(scene, recording(scene))
    found = verdict_of(report, V6)
    assert (found.verdict, found.responders) == (Verdict.INCONCLUSIVE, ())
    assert [(reason.id, reason.certainty) for reason in found.reasons][:1] == [
        (ReasonId.MULTICAST_FILTERED, Certainty.LIKELY)
    ]
    assert "multicast-filtered" not in {finding.id for finding in report.findings}


def test_a_reply_to_who_remembers_the_mac_address_is_a_clients():
    """Unicast to the address itself (RFC 4861 section 7.3.3), and not to the node's link-local address."""
    scene = scene_of("ipv6-healthy")
    frames = recording(scene)
    others = [(at, frame) for at, frame in frames if not about(frame)]
    asked = next((at, frame) for at, frame in frames if isinstance(about(frame), Solicitation) and frame[0] != 0x33)
    reply = next((at, frame) for at, frame in frames if isinstance(about(frame), Advertisement) and at > asked[0])
    mac, sender = Mac.from_bytes(asked[1][:6]), IPv6Address(asked[1][22:38])

    def responders(destination):
        request = Request(interface="eth0", ip=V6, sender=sender, to=mac, destination=destination)
        report = judged(scene, [*others, (asked[0], families.encode(request, Mac.from_bytes(asked[1][6:12]))), reply])
        return [one.node for one in verdict_of(report, V6).responders]

    assert (responders(V6), responders(IPv6Address("fe80::1:ff:fe00:100"))) == (["worker-1"], [])


def test_a_request_to_all_nodes_is_not_a_clients():
    scene = scene_of("ipv6-healthy")
    frames = recording(scene)
    assert verdict_of(judged(scene, frames), V6).verdict is Verdict.OK
    others = [(at, frame) for at, frame in frames if not about(frame)]
    to_all = next((at, frame) for at, frame in frames if about(frame) and frame[:6] == ALL_NODES_MAC)
    reply = next((at, frame) for at, frame in frames if isinstance(about(frame), Advertisement) and at > to_all[0])
    report = judged(scene, [*others, to_all, reply])
    assert verdict_of(report, V6).verdict is Verdict.INCONCLUSIVE
    assert "multicast-filtered" not in {finding.id for finding in report.findings}
