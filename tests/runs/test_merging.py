"""merge: what one host can't hear another does; what they don't agree on is shown; what is not one cluster is refused."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import permutations

import pytest
from saved_runs import NOW, evidence_of, scene_of

from arpcheck import pipeline
from arpcheck.errors import InputError
from arpcheck.evidence import courses, views
from arpcheck.evidence_json import from_json, to_json
from arpcheck.model import Acceptance, Arp, Gap, Gratuitous, Loss, Mac, PassedOver, PassReason, ReasonId, Verdict
from arpcheck.objects import Objects
from arpcheck.runs.merge import merge

VIP = IPv4Address("10.0.0.50")
LATER = NOW + timedelta(minutes=5)

CLUSTER = """
title = "Three nodes"
about = "Made by a test."
[nodes]
worker-1 = {{ ipvs = "{1}" }}
worker-2 = {{ ipvs = "{2}" }}
worker-3 = {{ ipvs = "{3}" }}
[prober]
at = "{at}"
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
{claim}
"""
SPEAKER = '[[announcers]]\nat = "{}"\nips = "10.0.0.50"\n'


def seen_from(prober, *announcers, strict=("strict",) * 3, claim='l2_status = "worker-1"', at=NOW, **options):
    """What a probe on this node comes to, where these nodes announce."""
    text = CLUSTER.format(None, *strict, at=prober, claim=claim) + "".join(map(SPEAKER.format, announcers))
    return prober, evidence_of(scene_of("made", text), at=at, **options)


def report(*runs):
    merged = merge(runs)
    document = to_json(merged)
    assert to_json(from_json(document, "x")) == document
    return pipeline.conclude(merged)


def judged(found):
    target = next(t for t in found.targets if t.target.ip == VIP)
    return target.verdict, target.reason


def arp(found):
    return {node.name: node.arp.value for node in found.nodes}


QUIET = dict.fromkeys(("worker-1", "worker-2", "worker-3"), "quiet")


def test_two_nodes_hear_each_other_and_all_is_well():
    runs = [seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)]
    assert [pipeline.conclude(evidence).summary.exit_code for _, evidence in runs] == [3, 3]
    found = report(*runs)
    assert judged(found) == (Verdict.OK, "worker-1 replied in every round")
    assert arp(found) == QUIET
    assert (found.summary.exit_code, found.findings) == (0, ())


def test_a_node_that_can_not_hear_itself_is_caught_by_the_other():
    strict = ("strict", "strict", "non-strict")
    alone = pipeline.conclude(seen_from("worker-3", "worker-1", strict=strict)[1])
    assert (judged(alone)[0], arp(alone)["worker-3"], alone.summary.exit_code) == (Verdict.OK, "self", 3)
    found = report(
        seen_from("worker-3", "worker-1", strict=strict), seen_from("worker-1", "worker-1", strict=strict, at=LATER)
    )
    assert judged(found)[0] is Verdict.NON_STRICT
    assert (arp(found), found.summary.exit_code) == ({**QUIET, "worker-3": "non-strict"}, 1)


def test_the_order_changes_nothing():
    runs = [
        seen_from("worker-1", "worker-2"), seen_from("worker-2", "worker-2", at=LATER), seen_from("worker-3", "worker-1", at=LATER),
    ]  # fmt: skip
    assert len({repr(to_json(merge(order))) for order in permutations(runs)}) == 1


def test_a_merged_run_merges_again():
    one, two, three = (seen_from(f"worker-{n}", "worker-1", at=NOW + timedelta(minutes=n)) for n in (1, 2, 3))
    assert to_json(merge([("both", merge([one, two])), three])) == to_json(merge([one, two, three]))


def test_taken_apart_it_is_what_it_was():
    one, two = seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)
    merged = merge([one, two])
    assert [name for name, _ in views(merged)] == ["worker-1", "worker-2"]
    for (_, place), (_, evidence) in zip(views(merged), (one, two), strict=True):
        assert place.host == evidence.host
        assert place.options == evidence.options
        assert [(q.interface, q.round, round(q.at, 6)) for q in place.questions] == [
            (q.interface, q.round, round(q.at, 6)) for q in evidence.questions
        ]
        assert [(r.interface, r.round, r.mac) for r in place.replies] == [
            (r.interface, r.round, r.mac) for r in evidence.replies
        ]


def test_rounds_of_two_hosts_never_mix():
    first, second = courses(merge([seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)]))
    merged = merge([seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)])
    for course in (first, second):
        assert {q.interface for q in merged.questions if course.has(q.round)} == {f"{course.name}:eth0"}
    assert first.last + 1 == second.first_round


def test_two_that_each_hear_the_other_only_may_be_two_at_once():
    runs = [
        seen_from("worker-1", "worker-1", "worker-2", claim=""),
        seen_from("worker-2", "worker-1", "worker-2", claim="", at=LATER),
    ]
    assert [judged(pipeline.conclude(evidence))[0] for _, evidence in runs] == [Verdict.OK, Verdict.OK]
    assert judged(report(*runs)) == (
        Verdict.INCONCLUSIVE,
        "worker-1 and worker-2 replied to different hosts; whether both reply at once is not known",
    )


def test_a_third_that_hears_both_proves_it():
    both = ("worker-1", "worker-2")
    runs = [seen_from(f"worker-{n}", *both, claim="", at=NOW + timedelta(minutes=n)) for n in (1, 2, 3)]
    assert judged(report(*runs))[0] is Verdict.DUPLICATE


def test_a_change_between_the_runs_is_shown_and_not_resolved():
    found = report(seen_from("worker-3", "worker-1"), seen_from("client", "worker-2", at=LATER))
    assert judged(found)[0] is Verdict.MOVED
    because = next(f.because for f in found.findings if f.id == "vantages-disagree")
    assert because == (
        "10.0.0.50: worker-1 replied to worker-3, but not to client, which receives its other replies",
        "10.0.0.50: worker-2 replied to client, but not to worker-3, which receives its other replies",
    )
    assert found.summary.exit_code == 3


def test_strict_arp_that_was_turned_on_between_the_runs_is_shown():
    before = seen_from("worker-3", "worker-1", strict=("strict", "non-strict", "strict"))
    found = report(before, seen_from("client", "worker-1", at=LATER))
    assert arp(found)["worker-2"] == Arp.NON_STRICT
    assert "canary 10.96.0.1: worker-2 replied to worker-3, but not to client, which receives its other replies" in next(
        f.because for f in found.findings if f.id == "vantages-disagree"
    )
    assert found.summary.exit_code == 1


def test_nobody_answers_any_more():
    found = report(seen_from("worker-1", "worker-1"), seen_from("worker-2", at=LATER))
    assert judged(found)[0] is Verdict.SILENT
    [target] = [target for target in found.targets if target.verdict]
    assert target.reasons[0].id is ReasonId.ANNOUNCER_MUTE


def test_a_node_that_nobody_else_hears_stays_untested():
    elsewhere = seen_from("worker-2", "worker-1", at=LATER)
    deaf = replace(elsewhere[1], replies=tuple(r for r in elsewhere[1].replies if r.ip == IPv4Address("10.0.0.13")))
    found = report(seen_from("worker-1", "worker-1"), ("worker-2", deaf))
    assert arp(found)["worker-1"] == "self"
    assert judged(found)[0] is Verdict.INCONCLUSIVE
    assert found.summary.exit_code == 3


def test_a_fast_run_beside_a_slow_one_keeps_its_own_rounds():
    fast = seen_from("client", "worker-1", rate=4000.0, rounds=2)
    merged = merge([fast, seen_from("worker-2", "worker-1", at=LATER)])
    first = courses(merged)[0]
    assert (first.name, first.first_round, first.last_announced, first.rate) == ("client", 1, 2, 4000.0)
    assert judged(pipeline.conclude(merged))[0] is Verdict.OK


def test_losses_stay_with_their_host():
    one, (name, two) = seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)
    two = replace(two, losses=(Loss(interface="eth0", rounds=(1,), frames=5),))
    merged = merge([one, (name, two)])
    second = courses(merged)[1].first_round
    assert merged.losses == (Loss(interface="worker-2:eth0", rounds=(second,), frames=5),)
    assert judged(pipeline.conclude(merged))[0] is Verdict.INCONCLUSIVE


def test_announcements_and_what_was_passed_over_stay_with_their_host():
    mac = Mac("02:01:00:00:09:09")
    announced = Gratuitous(at=12.5, interface="eth0", ip=VIP, mac=mac, source=mac, frames=2)
    passed = PassedOver(interface="eth0", ip=VIP, mac=mac, reason=PassReason.VLAN, vlan=100, frames=1)
    one, (name, two) = seen_from("worker-1", "worker-1"), seen_from("worker-2", "worker-1", at=LATER)
    two = replace(two, gratuitous=(announced,), passed_over=(passed,))
    merged = merge([one, (name, two)])
    assert merged.gratuitous == (replace(announced, at=300_012.5, interface="worker-2:eth0"),)
    assert merged.passed_over == (replace(passed, interface="worker-2:eth0"),)
    assert [(v.gratuitous, v.passed_over) for _, v in views(merged)] == [((), ()), ((announced,), (passed,))]


def client(number, **how):
    """What one of several hosts that are no nodes comes to."""
    _, evidence = seen_from("client", "worker-1", **how)
    own = Mac(f"02:02:00:00:0{number}:00")
    nics = tuple(replace(i, mac=own) if i.name == "eth0" else i for i in evidence.host.interfaces)
    return replace(
        evidence, host=replace(evidence.host, interfaces=nics), started_at=evidence.started_at + timedelta(seconds=number)
    )


def test_hosts_that_are_no_node_are_named_after_their_files():
    runs = [("a", client(1)), ("a", client(3)), ("x:y", client(2))]
    assert [name for name, _ in views(merge(runs))] == ["a", "x-y", "a-2"]


@pytest.mark.parametrize("later", [NOW, LATER], ids=["one file twice", "the same host, later"])
def test_two_runs_of_one_host_are_no_split_brain(later):
    """What changed in between would look as if both answered at once."""
    runs = [("before", seen_from("client", "worker-1")[1]), ("after", seen_from("client", "worker-2", at=later)[1])]
    with pytest.raises(InputError, match=r"^before and after are runs of the same host") as caught:
        merge(runs)
    assert "arpcheck compare" in caught.value.hint
    again = merge([runs[0], ("w1", seen_from("worker-1", "worker-1", at=LATER)[1])])
    with pytest.raises(InputError, match=r"^both and before are runs of the same host"):
        merge([("both", again), runs[0]])


def test_the_same_capture_twice_is_refused_though_it_names_no_interface():
    found = seen_from("client", "worker-1")[1]
    nameless = replace(
        found, host=replace(found.host, interfaces=tuple(replace(i, mac=None) for i in found.host.interfaces))
    )
    with pytest.raises(InputError, match="runs of the same host"):
        merge([("a", nameless), ("b", nameless)])


def test_what_was_accepted_up_to_a_day_is_not_accepted_again_by_an_older_run_beside_it():
    known = Acceptance(reason="known", until=NOW.date(), verdict=Verdict.DUPLICATE, ip=VIP, responders=("worker-2",))
    runs = [
        (name, replace(evidence, accepted=(known,)))
        for name, evidence in (
            seen_from("client", "worker-1", "worker-2"), seen_from("worker-3", "worker-1", "worker-2", at=NOW + timedelta(days=1)),
        )
    ]  # fmt: skip
    assert pipeline.conclude(runs[0][1]).summary.exit_code == 0
    assert pipeline.conclude(runs[1][1]).summary.exit_code == 1
    assert report(*runs).summary.exit_code == 1


def test_what_one_may_not_read_the_other_may():
    whole, hidden = seen_from("worker-1", "worker-1"), "servicel2statuses.metallb.io"
    objects = Objects(
        resources={w: o for w, o in whole[1].objects.resources.items() if w != hidden},
        gaps=(Gap(what=hidden, why="forbidden", costs="x"),),
        context="lab", read_at=LATER,
    )  # fmt: skip
    other = seen_from("worker-2", "worker-1", at=LATER)
    merged = merge([whole, ("worker-2", replace(other[1], objects=objects))])
    assert merged.objects.gap(hidden) is None
    assert judged(pipeline.conclude(merged))[0] is Verdict.OK


def with_objects(found, resource, change):
    name, evidence = found
    resources = {**evidence.objects.resources, resource: tuple(map(change, evidence.objects.of(resource)))}
    return name, replace(evidence, objects=Objects(resources=resources, read_at=evidence.objects.read_at))


def renamed(obj):
    return {**obj, "metadata": {**obj["metadata"], "uid": f"other-{obj['metadata']['name']}"}}


def moved_to(ip):
    def change(obj):
        if obj["metadata"]["name"] != "nginx":
            return obj
        return {**obj, "status": {"loadBalancer": {"ingress": [{"ip": ip, "ipMode": "VIP"}]}}}

    return change


REFUSED = [
    pytest.param([seen_from("worker-1")], "only one run was given", id="one run"),
    pytest.param(
        [seen_from("worker-1"), with_objects(seen_from("worker-2"), "services", renamed)],
        "worker-1 and worker-2: they are of different clusters: default/kubernetes has another uid", id="another cluster",
    ),
    pytest.param([seen_from("worker-1"), seen_from("worker-2", namespaces=("web",))], "selected different Services", id="selection"),
    pytest.param(
        [seen_from("worker-1"), with_objects(seen_from("worker-2"), "services", moved_to("10.0.0.51"))],
        "Service web/nginx has 10.0.0.50 in one and 10.0.0.51 in the other", id="another address",
    ),
    pytest.param(
        [seen_from("worker-1"), with_objects(seen_from("worker-2"), "nodes", lambda o: {**o, "status": {}})],
        "node worker-1 has 10.0.0.11 in one and no address in the other", id="another node address",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "words"), REFUSED)
def test_refused(runs, words):
    with pytest.raises(InputError) as raised:
        merge(runs)
    assert words in str(raised.value)
