"""IPv6 beside IPv4 in a run: what is asked where, what is saved and redacted, and what follows from the replies."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.errors import UsageError
from arpcheck.evidence import MacEntry, Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.judge.findings.blind_spots import RULES
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Families, Kind, Mac, MacListFormat, ReasonId, Skip, Verdict
from arpcheck.reports import render
from arpcheck.runs.redact import redact
from arpcheck.targets import check_options, ipv6_controls

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAN = """
title = "A case"
about = "A case."
[lans.lan]
network = "10.0.0.0/24"
network6 = "2001:db8:10::/64"
{lan}
[nodes]
worker-1 = {{ ipvs = "strict" }}
worker-2 = {{ ipvs = "strict" }}
worker-3 = {{ ipvs = "strict" }}
[[services]]
name = "web/nginx"
ips = ["10.0.0.50", "{ip}"]
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = ["10.0.0.50", "{ip}"]
{more}
"""
V = "2001:db8:10::50"


def observed(more="", *, lan="", ip=V, families=Families.AUTO, without_ipv6=False, **options):
    scene = scene_file.parse(LAN.format(more=more, lan=lan, ip=ip), "case")
    host = scene_host(scene)
    if without_ipv6:
        host = replace(host, interfaces=tuple(replace(one, ipv6=()) for one in host.interfaces))
    return pipeline.observe(
        Options(interfaces=("eth0",), families=families, **options),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=host, wire=SimulatedWire(scene), clock=lambda: NOW,
    )  # fmt: skip


def report(more="", **given):
    return pipeline.conclude(observed(more, **given))


def verdicts(found):
    return {str(t.target.ip): t.verdict for t in found.targets if t.verdict}


def of_ipv6(found):
    return {finding.id for finding in found.findings} & {rule.id for rule in RULES}


# ------------------------------------------------------------------------------------------------------------- What is asked


def test_both_families_are_asked_in_one_run():
    found = report()
    assert verdicts(found) == {"10.0.0.50": Verdict.OK, V: Verdict.OK}
    assert found.summary.exit_code == 0
    assert of_ipv6(found) == set()


def test_without_a_link_local_address_ipv6_is_counted_and_changes_no_code():
    found = report(without_ipv6=True)
    assert verdicts(found) == {"10.0.0.50": Verdict.OK, V: Verdict.NOT_PROBED}
    assert found.summary.exit_code == 0
    assert of_ipv6(found) == {"ipv6-not-checked"}
    assert [t.target.skips for t in found.targets if str(t.target.ip) == V] == [Skip.IPV6]


def test_one_family_alone():
    four, six = report(families=Families.IPV4), report(families=Families.IPV6)
    assert verdicts(four) == {"10.0.0.50": Verdict.OK, V: Verdict.NOT_PROBED}
    assert verdicts(six) == {"10.0.0.50": Verdict.NOT_PROBED, V: Verdict.OK}
    assert {question.ip.version for question in four.evidence and observed(families=Families.IPV4).questions} == {4}
    assert {question.ip.version for question in observed(families=Families.IPV6).questions} == {6}


def test_every_ipv6_request_is_from_the_link_local_address():
    senders = {question.sender for question in observed().questions if question.ip.version == 6}
    assert len(senders) == 1
    assert senders.pop().is_link_local


def test_an_address_to_ask_must_be_of_a_family_that_is_asked():
    check_options(Options(ips=(IPv6Address(V),), families=Families.AUTO))
    for ip, families in ((IPv6Address(V), Families.IPV4), (IPv4Address("10.0.0.50"), Families.IPV6)):
        with pytest.raises(UsageError, match=str(ip)):
            check_options(Options(ips=(ip,), families=families))


@pytest.mark.parametrize("ip", ["fe80::1", "ff02::1", "::", "::1"])
def test_an_address_that_is_no_one_hosts_on_the_lan_is_refused(ip):
    with pytest.raises(UsageError, match=ip):
        check_options(Options(ips=(IPv6Address(ip),), families=Families.AUTO))


def test_the_control_is_in_the_network_of_the_address_and_the_same_in_every_run():
    link = IPv6Network("2001:db8:10::/64")
    (one,) = ipv6_controls([IPv6Address(V)], [link])
    assert one in link
    assert one != link.network_address
    assert ipv6_controls([IPv6Address(V), one], [link]) == {one}
    (narrow,) = ipv6_controls([IPv6Address(V)], [link, IPv6Network("2001:db8:10::/112")])
    assert narrow in IPv6Network("2001:db8:10::/112")
    assert ipv6_controls([IPv6Address(V)], [IPv6Network("2001:db8:10::/120")]) == frozenset()
    asked = {t.target.ip for t in report().targets if t.target.kind is Kind.CONTROL}
    assert one in asked


# ----------------------------------------------------------------------------------------------------------- What follows

SECOND = """
[[announcers]]
at = "worker-2"
ips = "2001:db8:10::50"
"""


def test_two_who_reply_are_a_duplicate():
    assert verdicts(report(SECOND))[V] is Verdict.DUPLICATE


def test_who_does_not_receive_the_group_is_a_second_holder_all_the_same():
    found = report(SECOND + "lost_group = true\n")
    assert verdicts(found) == {"10.0.0.50": Verdict.OK, V: Verdict.DUPLICATE}
    assert "split-announcers" in {finding.id for finding in found.findings}


def test_the_only_holder_that_does_not_receive_the_group_is_silent_with_the_reason():
    found = report("lost_group = true\n")
    assert verdicts(found) == {"10.0.0.50": Verdict.OK, V: Verdict.SILENT}
    assert of_ipv6(found) == {"multicast-filtered"}
    (target,) = (t for t in found.targets if str(t.target.ip) == V)
    assert target.reasons[0].id is ReasonId.MULTICAST_FILTERED


def test_a_holder_behind_a_switch_that_replies_itself_is_found():
    found = report(SECOND, lan=f'suppressed = {{ "{V}" = "worker-1" }}')
    assert verdicts(found)[V] is Verdict.DUPLICATE


def test_an_address_that_moves_after_the_requests_of_clients_is_no_duplicate():
    moved = SECOND + "lost_group = true\n"
    text = LAN.format(more="until_question = 3\n" + moved, lan="", ip=V)
    scene = scene_file.parse(text, "case")
    evidence = pipeline.observe(
        Options(interfaces=("eth0",), families=Families.IPV6),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
    )  # fmt: skip
    assert verdicts(pipeline.conclude(evidence))[V] is Verdict.INCONCLUSIVE


def test_the_first_address_of_the_network_is_named():
    assert "anycast-address" in of_ipv6(report(ip="2001:db8:10::"))


# --------------------------------------------------------------------------------------------------------- Saved and redacted


def test_a_saved_run_is_the_same_again():
    evidence = observed(SECOND + "lost_group = true\n")
    saved = json.loads(json.dumps(to_json(evidence), default=list))
    again = from_json(saved, "run.json")
    assert again == replace(evidence, questions=again.questions)
    assert [(q.ip, q.to, q.destination) for q in again.questions] == [
        (q.ip, q.to, q.destination) for q in evidence.questions
    ]
    assert verdicts(pipeline.conclude(again)) == verdicts(pipeline.conclude(evidence))


def test_a_report_in_json_holds_the_run_and_can_be_judged_again():
    evidence = observed(SECOND + "lost_group = true\n")
    saved = json.loads(render(pipeline.conclude(evidence), "json"))["evidence"]
    assert saved == json.loads(json.dumps(to_json(evidence), default=list))
    assert from_json(saved, "run.json").replies == evidence.replies


def test_a_redacted_run_has_the_same_verdicts_and_no_address_of_the_real_one():
    evidence = observed(SECOND + "lost_group = true\n")
    made = redact(evidence)
    text = json.dumps(to_json(made.evidence), default=list)
    assert "2001:db8:10:" not in text
    found = pipeline.conclude(made.evidence)
    assert sorted(verdicts(found).values()) == sorted(verdicts(pipeline.conclude(evidence)).values())


def test_nodes_are_not_asked_by_ipv6_where_no_service_has_an_ipv6_address():
    """A node that is deaf in IPv6 leaves no doubt about IPv4."""
    text = LAN.format(more="", lan="", ip=V).replace(f', "{V}"', "")
    scene = scene_file.parse(text, "case")
    evidence = pipeline.observe(
        Options(interfaces=("eth0",), families=Families.AUTO),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
    )  # fmt: skip
    assert {question.ip.version for question in evidence.questions} == {4}
    assert pipeline.conclude(evidence).summary.exit_code == 0


# ---------------------------------------------------------------------------------------------- Nodes without an IPv4 address

MIXED = """
title = "A node without IPv4"
about = "Made by a test."
[lans.lan]
network = "10.0.0.0/24"
network6 = "2001:db8:10::/64"
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { addresses = "2001:db8:10::12"DETAIL }
[[services]]
name = "web/nginx"
ips = ["IP"]
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = ["IP"]
"""


def mixed(ip="10.0.0.50", detail="", text=MIXED, change=lambda objects: objects):
    scene = scene_file.parse(text.replace("IP", ip).replace("DETAIL", detail), "case")
    return pipeline.conclude(
        pipeline.observe(
            Options(interfaces=("eth0",), families=Families.AUTO),
            objects=change(cluster_objects.objects(scene, NOW, pipeline.NEEDS)),
            host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
        )
    )  # fmt: skip


@pytest.mark.parametrize("ip", ["10.0.0.50", V])
def test_a_node_that_has_ipv6_alone_leaves_nothing_in_doubt(ip):
    found = mixed(ip)
    assert {node.name: str(node.arp) for node in found.nodes} == {"worker-1": "quiet", "worker-2": "ipv6-alone"}
    assert (found.summary.exit_code, verdicts(found)) == (0, {ip: Verdict.OK})


def test_a_node_that_has_ipv6_alone_and_does_not_reply_is_missed():
    found = mixed(
        text=MIXED.replace("[nodes]", '[lans.far]\nnetwork6 = "2001:db8:20::/64"\nnetwork = "10.9.0.0/24"\n[nodes]'),
        detail=', lan = "far"',
    )
    assert {node.name: str(node.arp) for node in found.nodes} == {"worker-1": "quiet", "worker-2": "unreached"}
    assert found.summary.exit_code == 3


def test_a_kernel_without_an_own_ipv4_address_that_replies_for_the_canary_is_not_strict():
    found = mixed(detail=', ipvs = "non-strict"')
    assert {node.name: str(node.arp) for node in found.nodes}["worker-2"] == "non-strict"
    assert found.summary.exit_code == 1


def of_ipv6_alone(objects):
    def changed(service):
        return {**service, "spec": {**service["spec"], "clusterIP": "fd00::9", "clusterIPs": ["fd00::9"]}}

    return replace(objects, resources={**objects.resources, "services": tuple(map(changed, objects.of("services")))})


def test_without_an_ipv4_address_to_request_there_is_no_control_of_ipv4():
    text = MIXED.replace('{ ipvs = "strict" }', '{ addresses = "2001:db8:10::11" }')
    with_canary, without = mixed(V, text=text), mixed(V, text=text, change=of_ipv6_alone)
    assert [str(t.target.ip) for t in with_canary.targets if t.target.ip.version == 4] == ["10.96.0.1", "192.0.2.1"]
    assert [str(t.target.ip) for t in without.targets if t.target.ip.version == 4] == []
    assert (without.summary.exit_code, verdicts(without)) == (0, {V: Verdict.OK})


# ------------------------------------------------------------------------------------ An address that failed the check (DAD)


def of_scene(text):
    scene = scene_file.parse(text, "case")
    return pipeline.conclude(
        pipeline.observe(
            Options(interfaces=("eth0",), families=Families.AUTO),
            objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS), host=scene_host(scene),
            wire=SimulatedWire(scene), clock=lambda: NOW,
        )
    )  # fmt: skip


FAILED = files("arpcheck.lab").joinpath("scenes/ipv6-dadfailed.toml").read_text(encoding="utf-8")
SPEAKER = FAILED.replace(
    'annotations = { "kube-vip.io/loadbalancerIPs" = "10.0.0.50,2001:db8:10::50" }', 'l2_status = "worker-1"'
)


@pytest.mark.parametrize(
    ("text", "first", "found"),
    [
        pytest.param(FAILED, ReasonId.DADFAILED_LIKELY, {"dadfailed-likely"}, id="kube-vip puts it on an interface"),
        pytest.param(SPEAKER, ReasonId.ANNOUNCER_MUTE, set(), id="MetalLB's speaker does not"),
        pytest.param(
            FAILED.replace('holder = "worker-1"', 'holder = "elsewhere"'),
            ReasonId.RECORD_BEHIND,
            set(),
            id="nobody heard is its announcer",
        ),
    ],
)
def test_silence_is_explained_by_a_duplicate_only_where_the_address_is_on_an_interface(text, first, found):
    report = of_scene(text)
    target = next(t for t in report.targets if str(t.target.ip) == V)
    assert (target.responders, target.reasons[0].id, of_ipv6(report)) == ((), first, found)


def test_an_ipv6_address_in_a_mac_list_gets_the_pseudonym_of_the_node_that_has_it():
    entry = MacEntry(
        mac=Mac("02:01:00:00:01:00"), node="2001:db8:10::11", interface=None, where="n.txt:1", format=MacListFormat.IP_NEIGH
    )
    made = redact(replace(observed(), mac_map=(entry,)))
    [redacted] = made.evidence.mac_map
    assert redacted.node != entry.node
    assert IPv6Address(redacted.node) in {ip for node in made.evidence.objects.nodes() for ip in node.ipv6}
