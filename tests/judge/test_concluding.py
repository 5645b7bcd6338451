"""A whole run judged without a kernel: what no single rule shows, from the options and the objects to the verdict."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Arp, Loss, Overflow
from arpcheck.objects import Objects

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEAD = 'title = "A case"\nabout = "A case."\n'


def report(text, without=None, age=timedelta(0), **options):
    """`without`: the objects are those of a file that kubectl printed, which was not asked for these resources. `age`: of
    what was read."""
    scene = scene_file.parse(HEAD + text, "case")
    objects = cluster_objects.objects(scene, NOW - age, pipeline.NEEDS)
    if without is not None:
        kept = {what: found for what, found in objects.resources.items() if found and what not in without}
        objects = Objects(resources=kept)
    return pipeline.conclude(
        pipeline.observe(
            Options(interfaces=("eth0",), **options),
            objects=objects, host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
        )
    )  # fmt: skip


def verdicts(found):
    return {str(t.target.ip): t.verdict.value for t in found.targets if t.verdict}


WRONG_NODE_ELSEWHERE = """
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "db/mysql"
ips = "10.0.0.60"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
[[announcers]]
at = "worker-2"
ips = "10.0.0.60"
"""


def test_an_address_given_by_name_is_held_against_the_record_of_its_service():
    found = report(WRONG_NODE_ELSEWHERE, namespaces=("web",), ips=(IPv4Address("10.0.0.60"),))
    assert verdicts(found) == {"10.0.0.50": "ok", "10.0.0.60": "wrong-node"}


NO_NODE_HERE = """
[lans]
lan = "10.0.0.0/24"
far = "10.9.0.0/24"
[nodes]
worker-1 = { lan = "far", addresses = "10.9.0.11" }
[hosts.client]
lan = "lan"
addresses = "10.0.0.5"
[[services]]
name = "web/edge"
ips = "10.0.0.60"
annotations = { "metallb.io/ip-allocated-from-pool" = "uplink" }
advertised = "bgp"
"""


def test_silence_where_nothing_is_heard_is_not_clean_though_nobody_should_answer():
    """A wire that carries no ARP would be as silent beside a node that answers."""
    found = report(NO_NODE_HERE)
    assert (verdicts(found), found.summary.exit_code) == ({"10.0.0.60": "inconclusive"}, 3)


ELSEWHERE = """
[nodes]
worker-1 = { ipvs = "strict" }
[[services]]
name = "web/near"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "web/far"
ips = "10.9.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""


def test_on_link_judges_what_this_host_can():
    assert verdicts(report(ELSEWHERE))["10.9.0.50"] != "not-probed"
    found = report(ELSEWHERE, on_link=True)
    assert verdicts(found) == {"10.0.0.50": "ok", "10.9.0.50": "not-probed"}
    assert not any(str(q[3]) == "10.9.0.50" for q in found.evidence["questions"])


def test_on_link_with_nothing_on_it_is_not_clean():
    found = report(ELSEWHERE.replace("10.0.0.50", "10.8.0.50"), on_link=True)
    assert found.summary.exit_code == 3
    assert found.summary.because[0] == "none of 2 LoadBalancer addresses was judged"


CLUSTER_IP = IPv4Address("10.96.0.1")


def test_nobody_should_answer_for_a_cluster_ip_given_by_name():
    found = report('[nodes]\nworker-1 = { ipvs = "strict" }', services=False, ips=(CLUSTER_IP,))
    assert (verdicts(found), found.summary.exit_code) == ({"10.96.0.1": "ok"}, 0)


@pytest.mark.parametrize("non_strict", [1, 2])
def test_a_canary_given_by_name_accuses_nobody_of_a_split(non_strict):
    nodes = "".join(f'worker-{n} = {{ ipvs = "{"non-strict" if n <= non_strict else "strict"}" }}\n' for n in (1, 2, 3))
    found = report(f"[nodes]\n{nodes}", services=False, ips=(CLUSTER_IP,))
    assert verdicts(found) == {"10.96.0.1": "non-strict"}
    assert len(found.summary.non_strict_nodes) == non_strict
    assert [finding.id for finding in found.findings] == ["non-strict-nodes"]


HOST_NAME = """
[[services]]
name = "web/nginx"
hostnames = "lb.example.net"
annotations = {{ {} }}
"""


@pytest.mark.parametrize(
    ("annotations", "implementation"), [("", None), ("'loxilb.io/lbmode' = 'onearm'", "loxilb")], ids=["nobody's", "LoxiLB"]
)
def test_whose_a_host_name_is(annotations, implementation):
    (target,) = (t for t in report(HOST_NAME.format(annotations)).targets if t.verdict)
    assert (target.target.ip, target.verdict.value, target.implementation) == (None, "not-probed", implementation)


CILIUM_TAKES = """
[[cluster.objects."ciliuml2announcementpolicies.cilium.io"]]
apiVersion = "cilium.io/v2alpha1"
kind = "CiliumL2AnnouncementPolicy"
metadata = {{ name = "lan" }}
spec = {{ {} = true }}
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "web/legacy"
type = "ClusterIP"
external_ips = "10.0.0.60"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""


@pytest.mark.parametrize(("kind", "verdict"), [("externalIPs", "silent"), ("loadBalancerIPs", "ok")])
def test_an_external_ip_that_a_policy_takes_should_be_answered(kind, verdict):
    found = report(CILIUM_TAKES.format(kind), external_ips=True)
    assert verdicts(found) == {"10.0.0.50": "ok", "10.0.0.60": verdict}


# ---------------------------------------------------------------------------------- what a file may not have been asked

STATUSES, POOLS = "servicel2statuses.metallb.io", "ipaddresspools.metallb.io"
LAYER2, BGP = "l2advertisements.metallb.io", "bgpadvertisements.metallb.io"

ANOTHER_ANSWERS = """
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-2"
ips = "10.0.0.50"
"""
NOBODY_ANSWERS = """
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
"""
BY_CLASS = """
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
class = "{}"
annotations = {{}}
"""


@pytest.mark.parametrize(
    ("text", "without", "verdict", "gaps"),
    [
        pytest.param(ANOTHER_ANSWERS, (), "inconclusive", [], id="the record is in the file, which does not say when it was read"),
        pytest.param(
            ANOTHER_ANSWERS, (STATUSES, POOLS, LAYER2), "inconclusive", [STATUSES], id="without the record nobody is right",
        ),
        pytest.param(ANOTHER_ANSWERS, (STATUSES,), "inconclusive", [STATUSES], id="pools are in the file, and records perhaps refused"),
        pytest.param(NOBODY_ANSWERS, (), "silent", [], id="an advertisement says that somebody should answer"),
        pytest.param(NOBODY_ANSWERS, (LAYER2,), "inconclusive", [BGP, LAYER2], id="without one it may be BGP's"),
        pytest.param(NOBODY_ANSWERS + 'advertised = "bgp"', (), "inconclusive", [LAYER2], id="BGP's are in the file, and layer 2's perhaps refused"),
        pytest.param(
            BY_CLASS.format("calico"), (), "inconclusive", ["felixconfigurations.crd.projectcalico.org"], id="Calico, which may be BGP's",
        ),
        pytest.param(
            BY_CLASS.format("io.cilium/l2-announcer"), (), "inconclusive",
            ["ciliumbgpadvertisements.cilium.io", "ciliumbgppeeringpolicies.cilium.io", "ciliuml2announcementpolicies.cilium.io"],
            id="Cilium, which may be BGP's",
        ),
    ],
)  # fmt: skip
def test_what_is_not_in_a_file_may_not_have_been_asked_for(text, without, verdict, gaps):
    found = report(text, without=without)
    assert (verdicts(found)["10.0.0.50"], [gap.what for gap in found.gaps]) == (verdict, gaps)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [(BY_CLASS.format("calico"), "ok"), (BY_CLASS.format("io.cilium/l2-announcer"), "silent")],
    ids=["Calico", "Cilium"],
)
def test_what_a_server_does_not_serve_does_not_exist(text, verdict):
    assert verdicts(report(text))["10.0.0.50"] == verdict


# --------------------------------------------------------------------------------------------- what was read long before

OWN_ADDRESS = """
[[services]]
name = "web/nginx"
ips = "10.0.0.11"
annotations = {}
"""


@pytest.mark.parametrize(
    ("text", "ip", "fresh", "old"),
    [
        pytest.param(ANOTHER_ANSWERS, "10.0.0.50", "wrong-node", "inconclusive", id="another node took over, or is wrong"),
        pytest.param(ANOTHER_ANSWERS.replace("worker-2", "worker-1"), "10.0.0.50", "ok", "ok", id="as it was recorded"),
        pytest.param(NOBODY_ANSWERS, "10.0.0.50", "silent", "inconclusive", id="the Service may be gone"),
        pytest.param(OWN_ADDRESS, "10.0.0.11", "ok", "ok", id="a node's own address is its own for good"),
    ],
)
def test_a_cluster_that_was_read_long_before_accuses_nobody(text, ip, fresh, old):
    for age, verdict, gaps in ((1, fresh, []), (61, old, ["cluster"])):
        found = report(text, age=timedelta(minutes=age))
        assert (verdicts(found)[ip], [gap.what for gap in found.gaps]) == (verdict, gaps)
    assert all(c.trust.value != "current" for t in found.targets for c in t.announcers if "Node " not in c.source)


def test_a_record_of_some_minutes_before_accuses_nobody_either():
    for text, verdict in (
        (ANOTHER_ANSWERS, "inconclusive"),
        (ANOTHER_ANSWERS.replace("worker-2", "worker-1"), "ok"),
        (OWN_ADDRESS, "ok"),
    ):
        found = report(text, age=timedelta(minutes=2))
        assert [verdict] == [v for ip, v in verdicts(found).items() if ip in ("10.0.0.50", "10.0.0.11")]


def observed(name, **options):
    scene = scene_file.load(name)
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    asked = Options(interfaces=("eth0",), **options)
    return pipeline.observe(asked, objects=objects, host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW)


def summary(evidence, **other):
    return pipeline.conclude(replace(evidence, **other)).summary


def test_what_leaves_no_clean_run_is_named():
    heard, canary = observed("healthy"), IPv4Address("10.96.0.1")
    assert (summary(heard).exit_code, summary(heard).because) == (0, ())
    elsewhere = tuple(question for question in heard.questions if question.ip != canary)
    unknown = "it is not known whether the kernel of worker-1, worker-2, worker-3 replies for Service addresses"
    flooded = summary(heard, overflows=(Overflow(ip=canary, replies=1),))
    assert flooded.because == ("frames were lost while the canary was probed", unknown)
    assert summary(heard, questions=elsewhere).because == ("the canary was not probed", unknown)
    assert "nodes could not be read: forbidden" in summary(observed("nodes-refused")).because
    assert summary(heard, replies=()).because == ("1 inconclusive", "no reply from worker-1, worker-2, worker-3")
    assert summary(heard, complete=False).because == ("1 inconclusive", "the run was not finished")
    stopped = summary(heard, interrupted=True)
    assert (stopped.exit_code, stopped.complete, stopped.because) == (130, False, ("the run was interrupted",))


def test_gaps_are_sorted_whatever_stage_they_come_from():
    heard = observed("nodes-refused")
    elsewhere = tuple(question for question in heard.questions if question.ip != IPv4Address("10.96.0.1"))
    assert [gap.what for gap in pipeline.conclude(replace(heard, questions=elsewhere)).gaps] == ["canary", "nodes"]


def test_a_frame_lost_while_nodes_were_asked_the_canary_alone_leaves_no_clean_run():
    heard = observed("healthy", rounds=4)  # so that no more of them are asked to all beside it
    alone = {question.round for question in heard.questions if question.to}
    assert alone & {question.round for question in heard.questions if not question.to} == set()
    missed = replace(heard, losses=(Loss(interface="eth0", rounds=tuple(alone), frames=1),))
    assert (pipeline.conclude(heard).summary.exit_code, pipeline.conclude(missed).summary.exit_code) == (0, 3)
    assert {node.arp for node in pipeline.conclude(missed).nodes} == {Arp.UNKNOWN}
    assert "frames were lost while the canary was probed" in pipeline.conclude(missed).summary.because


FIREWALL = """
[lans]
lan = "10.0.0.0/24"
[nodes]
worker-1 = { addresses = "10.0.0.11" }
[hosts.client]
lan = "lan"
[hosts.firewall]
lan = "lan"
addresses = "10.0.0.1"
[[services]]
name = "web/near"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "web/far"
ips = "10.77.0.5"
annotations = { "metallb.io/ip-allocated-from-pool" = "uplink" }
advertised = "bgp"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
[[announcers]]
at = "firewall"
"""


def test_who_answers_for_what_may_be_elsewhere_is_not_accused_where_no_network_is_known():
    assert verdicts(report(FIREWALL)) == {"10.0.0.50": "proxy-arp", "10.77.0.5": "inconclusive"}
    known = report(FIREWALL.replace('[hosts.client]\nlan = "lan"', '[hosts.client]\nlan = "lan"\naddresses = "10.0.0.5"'))
    assert verdicts(known) == {"10.0.0.50": "proxy-arp", "10.77.0.5": "ok"}


DEAF_TO_THIS_HOST = """
[lans]
lan = "10.0.0.0/24"
[nodes]
worker-1 = { addresses = "10.0.0.11", ipvs = "strict", held = "10.0.0.5" }
[hosts.client]
lan = "lan"
addresses = "10.0.0.5"
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
"""


def test_silence_proves_nothing_of_a_node_that_answers_another_sender_only():
    """Its kernel has this host's address, and takes a request from there for one of its own."""
    assert verdicts(report(DEAF_TO_THIS_HOST)) == {"10.0.0.50": "inconclusive"}
    assert verdicts(report(DEAF_TO_THIS_HOST.replace('"10.0.0.5" }', '"10.0.0.6" }'))) == {"10.0.0.50": "silent"}


def test_what_another_machine_answers_at_a_nodes_address_does_not_show_that_the_node_answers():
    """A clone answers this host, and the node itself takes this host's requests for its own."""
    clone = '[hosts.clone]\nlan = "lan"\naddresses = "10.0.0.11"\n'
    assert verdicts(report(DEAF_TO_THIS_HOST + clone)) == {"10.0.0.50": "inconclusive"}
    both_answer = DEAF_TO_THIS_HOST.replace('"10.0.0.5" }', '"10.0.0.6" }') + clone
    assert verdicts(report(both_answer)) == {"10.0.0.50": "silent"}, "one of the two is the node"


POOL_HOLDS_THIS_NODE = """
[lans]
lan = "10.0.0.0/24"
[nodes]
worker-1 = { addresses = "10.0.0.11", ipvs = "strict" }
worker-2 = { addresses = "10.0.0.12", ipvs = "non-strict" }
worker-3 = { addresses = "10.0.0.13", ipvs = "strict" }
[prober]
at = "worker-3"
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "web/edge"
ips = "10.0.0.13"
l2_status = "worker-3"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""


def test_a_kernel_that_has_the_senders_address_as_a_service_s_is_not_cleared_by_its_silence():
    """worker-2 answers everybody but the host whose address its own kube-ipvs0 holds."""

    def judged(text):
        found = report(text)
        return verdicts(found)["10.0.0.50"], {node.name: node.arp for node in found.nodes}["worker-2"]

    assert judged(POOL_HOLDS_THIS_NODE) == ("inconclusive", Arp.NON_STRICT)
    assert judged(POOL_HOLDS_THIS_NODE.replace('ips = "10.0.0.13"', 'ips = "10.0.0.60"')) == ("non-strict", Arp.NON_STRICT)
    assert judged(POOL_HOLDS_THIS_NODE.replace("non-strict", "strict")) == ("ok", Arp.QUIET)
