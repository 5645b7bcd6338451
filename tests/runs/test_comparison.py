"""compare: what changed, and what can't be said."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from saved_runs import NOW, evidence_of, run, scene_of

from arpcheck import pipeline
from arpcheck.commands.compare import FORMATS, render
from arpcheck.model import Acceptance, Gap, Outcome, Verdict
from arpcheck.objects import Objects
from arpcheck.reports import Style
from arpcheck.runs.compare import ABSENT, Change, Side, changed, compare

LATER = NOW + timedelta(hours=1)
FINE, UNSURE = Side(outcome=Outcome.FINE, word="ok"), Side(outcome=Outcome.UNSURE, word="inconclusive")
NOT_JUDGED = Side(outcome=Outcome.NOT_JUDGED, word="not-probed")


def faulty(*wrong, word="non-strict", right=()):
    return Side(outcome=Outcome.FAULT, word=word, wrong=frozenset(wrong), right=frozenset(right), who=(*right, *wrong))


CASES = [
    pytest.param(FINE, FINE, "same", id="in order, in order"),
    pytest.param(FINE, faulty("a"), "new", id="a fault appears"),
    pytest.param(FINE, UNSURE, "not-comparable", id="in order, then not known"),
    pytest.param(FINE, ABSENT, "gone", id="in order, then gone"),
    pytest.param(faulty("a"), FINE, "fixed", id="a fault is mended"),
    pytest.param(faulty("a"), faulty("a"), "same", id="the same fault"),
    pytest.param(faulty("a"), faulty("a", word="duplicate"), "same", id="the same node by another name of the fault"),
    pytest.param(faulty("a", "b"), faulty("a"), "better", id="one of two is mended"),
    pytest.param(faulty("a"), faulty("a", "b"), "worse", id="one more"),
    pytest.param(faulty("a"), faulty("b"), "worse", id="another one"),
    pytest.param(faulty("a"), faulty("nobody", word="silent"), "worse", id="nobody answers any more"),
    pytest.param(faulty("a"), UNSURE, "not-comparable", id="a fault, then not known: that is no proof"),
    pytest.param(faulty("a"), ABSENT, "gone", id="a fault, then gone"),
    pytest.param(UNSURE, FINE, "better", id="not known, then in order"),
    pytest.param(UNSURE, faulty("a"), "worse", id="not known, then a fault"),
    pytest.param(UNSURE, UNSURE, "not-comparable", id="never known"),
    pytest.param(UNSURE, ABSENT, "gone", id="not known, then gone"),
    pytest.param(ABSENT, FINE, "added", id="a new address, in order"),
    pytest.param(ABSENT, faulty("a"), "new", id="a new address with a fault"),
    pytest.param(ABSENT, UNSURE, "not-comparable", id="a new address, not known"),
    pytest.param(ABSENT, ABSENT, "same", id="not asked, not asked"),
    pytest.param(FINE, NOT_JUDGED, "not-comparable", id="in order, then not judged"),
    pytest.param(faulty("a"), NOT_JUDGED, "not-comparable", id="a fault, then not judged"),
    pytest.param(UNSURE, NOT_JUDGED, "not-comparable", id="not known, then not judged"),
    pytest.param(NOT_JUDGED, NOT_JUDGED, "same", id="not judged, not judged"),
    pytest.param(NOT_JUDGED, FINE, "added", id="not judged, then in order"),
    pytest.param(NOT_JUDGED, faulty("a"), "worse", id="not judged, then a fault"),
    pytest.param(NOT_JUDGED, UNSURE, "not-comparable", id="not judged, then not known"),
    pytest.param(faulty("a", right=["r"]), faulty("a"), "worse", id="the same fault, and the announcer fell silent"),
    pytest.param(faulty("a", "b", right=["r"]), faulty("a"), "worse", id="one is mended, and the announcer fell silent"),
    pytest.param(faulty("a", right=["r"]), faulty("a", right=["s"]), "same", id="the same fault, and another announcer"),
    pytest.param(faulty("a", right=["r"]), faulty("a", "r"), "worse", id="the announcer answers and should not any more"),
    pytest.param(faulty("a"), faulty("a", right=["r"]), "same", id="the same fault, and an announcer beside it"),
]


@pytest.mark.parametrize(("before", "after", "change"), CASES)
def test_what_became_of_it(before, after, change):
    assert changed(before, after) == change
    expected = "not-comparable" if ABSENT in (before, after) else change
    assert changed(before, after, alike=False) == expected


def what(found):
    return {entry.subject: entry.change.value for entry in found.every}


def of(text, **how):
    evidence = evidence_of(scene_of("made", text), at=LATER, **how)
    return evidence, pipeline.conclude(evidence)


STRICT = """
title = "Strict"
about = "As two-non-strict, after the change."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
worker-3 = { ipvs = "strict" }
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""

BESIDE = """
title = "Beside the announcer"
about = "worker-2's kernel answers as well."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "non-strict" }
worker-3 = { ipvs = "strict" }
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
"""
SPEAKER = """
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""


def test_an_announcer_that_fell_silent_is_worse_though_the_fault_is_the_same():
    """Who turns strict ARP on next takes the address off the LAN."""
    found = compare(of(BESIDE + SPEAKER), of(BESIDE))
    assert (found.exit_code, what(found)["10.0.0.50"], what(found)["worker-2"]) == (1, "worse", "same")
    assert compare(of(BESIDE), of(BESIDE + SPEAKER)).exit_code == 0


FORMER = """
[[announcers]]
at = "former"
ips = "10.96.0.1"
[hosts.former]
addresses = "10.0.0.99"
"""


def test_a_stranger_that_came_on_the_canary_is_new():
    before, after = of(STRICT), of(STRICT + FORMER)
    found = compare(before, after)
    assert found.exit_code == 1
    assert (what(found)["canary 10.96.0.1"], what(found)["10.0.0.50"]) == ("new", "same")
    assert what(compare(after, after))["canary 10.96.0.1"] == "same"


PENDING = STRICT.replace('ips = "10.0.0.50"\nl2_status = "worker-1"\n', "ips = []\n")
IPV6 = STRICT.replace('ips = "10.0.0.50"\nl2_status = "worker-1"\n', 'ips = "fd00::50"\n')


@pytest.mark.parametrize("text", [PENDING, IPV6], ids=["pending", "IPv6 alone"])
def test_a_service_that_lost_its_address_is_not_nothing_new(text):
    found = compare(of(STRICT), of(text))
    assert (found.exit_code, what(found)["10.0.0.50"]) == (3, "gone")
    assert render(found, "table", Style()).startswith("NOT COMPARABLE (exit code 3)")


def test_where_nothing_is_judged_in_either_run_nothing_is_compared():
    """The nodes are quiet in both; the one address that there is was never asked."""
    found = compare(of(IPV6), of(IPV6))
    assert found.exit_code == 3
    assert found.doubts[:2] == ("the first run judged nothing", "the second run judged nothing")


def test_a_node_that_left_the_cluster_is_no_doubt():
    def left(evidence):
        nodes = tuple(node for node in evidence.objects.of("nodes") if node["metadata"]["name"] != "worker-3")
        return changed_objects(evidence, resources={**evidence.objects.resources, "nodes": nodes})

    before = of(STRICT)
    after = left(before[0])
    found = compare(before, (after, pipeline.conclude(after)))
    assert (found.exit_code, what(found)["worker-3"]) == (0, "gone")


def test_a_doubt_of_the_whole_run_that_was_not_there_before_is_one_of_the_comparison():
    before = of(STRICT)
    stopped = replace(before[0], interrupted=True)
    found = compare(before, (stopped, pipeline.conclude(stopped)))
    assert found.exit_code == 3
    assert "the second run is inconclusive: the run was interrupted" in render(found, "table", Style())


def test_strict_arp_turned_on():
    found = compare(run("two-non-strict"), run("healthy", at=LATER))
    assert found.exit_code == 0
    assert {subject: change for subject, change in what(found).items() if change != "added"} == {
        "10.0.0.50": "fixed", "worker-1": "same", "worker-2": "fixed", "worker-3": "fixed",
    }  # fmt: skip


def test_and_the_other_way_round():
    found = compare(run("healthy", at=LATER), run("two-non-strict"))
    assert found.exit_code == 1
    assert {what(found)[node] for node in ("10.0.0.50", "worker-2", "worker-3")} == {"new"}
    assert found.notes == ("The first run is newer than the second. Check the order of the files.",)


def test_an_accepted_fault_is_shown_and_does_not_count():
    evidence = evidence_of(scene_of("split-brain"), at=LATER)
    known = Acceptance(
        verdict=Verdict.DUPLICATE, service="web/nginx", reason="known", until=date(2026, 4, 1), responders=("worker-2",),
    )  # fmt: skip
    evidence = replace(evidence, accepted=(known,))
    found = compare(run("healthy"), (evidence, pipeline.conclude(evidence)))
    assert [(e.change, e.counts) for e in found.addresses if e.subject == "10.0.0.50"] == [(Change.NEW, False)]
    assert found.exit_code == 0


def test_from_the_node_itself_nothing_is_known_of_it_in_either_run():
    found = compare(run("prober-is-node"), run("prober-is-node", at=LATER))
    assert (found.exit_code, what(found)["worker-3"]) == (3, "not-comparable")


def changed_objects(evidence, **change):
    objects = {field: getattr(evidence.objects, field) for field in ("resources", "gaps", "context", "version", "read_at")}
    return replace(evidence, objects=Objects(**{**objects, **change}))


def with_uid(evidence, uid):
    def other(obj):
        return {**obj, "metadata": {**obj["metadata"], "uid": uid}} if obj["metadata"]["name"] == "kubernetes" else obj

    services = tuple(other(obj) for obj in evidence.objects.of("services"))
    return changed_objects(evidence, resources={**evidence.objects.resources, "services": services})


def test_another_cluster_is_not_compared():
    before = run("two-non-strict")
    after = with_uid(before[0], "0")
    found = compare(before, (after, pipeline.conclude(after)))
    assert (found.exit_code, found.addresses, found.nodes) == (3, (), ())
    assert found.obstacle == "they are of different clusters: default/kubernetes has another uid"


def test_another_segment_is_not_compared():
    before = run("two-non-strict")
    moved = tuple(replace(i, addresses=("10.9.9.5/24",)) for i in before[0].host.interfaces)
    after = replace(before[0], host=replace(before[0].host, interfaces=moved), replies=())
    found = compare(before, (after, pipeline.conclude(after)))
    assert found.exit_code == 3
    assert found.obstacle == "they ran on different segments (10.0.0.0/24; 10.9.9.0/24): no MAC address replied in both"


def test_another_selection_leaves_what_both_asked():
    before, after = run("all-non-strict"), evidence_of(scene_of("all-non-strict"), at=LATER, namespaces=("web",))
    after = changed_objects(
        after,
        resources={
            **after.objects.resources,
            "services": tuple(s for s in after.objects.of("services") if s["metadata"]["name"] != "shop"),
        },
    )
    found = compare(before, (after, pipeline.conclude(after)))
    assert what(found)["10.0.0.50"] == "same"
    assert what(found)["10.0.0.51"] == "not-comparable"
    assert "selected different Services" in " ".join(found.notes)


def test_what_could_not_be_read_is_not_gone():
    before, after = run("all-non-strict"), evidence_of(scene_of("all-non-strict"), at=LATER)
    resources = {what: found for what, found in after.objects.resources.items() if what != "nodes"}
    after = changed_objects(after, resources=resources, gaps=(Gap(what="nodes", why="forbidden", costs="x"),))
    found = compare(before, (after, pipeline.conclude(after)))
    assert {what(found)[f"worker-{n}"] for n in (1, 2, 3)} == {"not-comparable"}


TABLE = """\
BETTER (exit code 0): 3 fixed, 1 same
Before  2026-03-01 12:00:00 UTC, exit code 1
After   2026-03-01 13:00:00 UTC, exit code 0

CHANGE  WHAT                   BEFORE                                     AFTER
fixed   10.0.0.50 (web/nginx)  non-strict (worker-2, worker-3, worker-1)  ok (worker-1)
fixed   worker-2               non-strict                                 quiet
fixed   worker-3               non-strict                                 quiet

1 other unchanged, without a proven fault.

Clients keep a learned MAC address until their ARP entry expires. Only then does a fix reach them. \
Flush the entry on important routers.
"""

MARKDOWN = """\
**arpcheck: BETTER** (exit code 0): 3 fixed, 1 same

- Before 2026-03-01 12:00:00 UTC, exit code 1
- After 2026-03-01 13:00:00 UTC, exit code 0

| Change | What | Before | After |
| --- | --- | --- | --- |
| fixed | 10.0.0.50 (web/nginx) | non-strict (worker-2, worker-3, worker-1) | ok (worker-1) |
| fixed | worker-2 | non-strict | quiet |
| fixed | worker-3 | non-strict | quiet |

1 other unchanged, without a proven fault.

Clients keep a learned MAC address until their ARP entry expires. Only then does a fix reach them. \
Flush the entry on important routers.
"""


def mended():
    after = evidence_of(scene_of("strict", STRICT), at=LATER)
    return compare(run("two-non-strict"), (after, pipeline.conclude(after)))


def test_the_table():
    assert render(mended(), "table", Style()) == TABLE


def test_the_markdown():
    assert render(mended(), "markdown", Style()) == MARKDOWN


def test_the_markdown_fits_a_comment_and_counts_what_is_left_out():
    found = mended()
    many = tuple(replace(found.addresses[0], subject=f"10.0.{n // 250}.{n % 250}") for n in range(2000))
    text = render(replace(found, addresses=many), "markdown", Style())
    assert len(text) < 60_000
    shown = text.count("| fixed | ")
    assert f"\n\n…and {2002 - shown:,} more rows were left out for size; `-o json` has all.\n" in text


def test_the_json():
    document = json.loads(render(mended(), "json", Style()))
    assert list(document) == [
        "apiVersion", "kind", "summary", "before", "after", "addresses", "nodes", "findings", "notes",
    ]  # fmt: skip
    assert document["summary"] == {"exitCode": 0, "changes": {"fixed": 3, "same": 1}, "obstacle": None, "doubts": []}
    assert document["before"] == {
        "startedAt": "2026-03-01T12:00:00+00:00", "context": "lab", "exitCode": 1, "complete": True,
    }  # fmt: skip
    assert document["addresses"] == [
        {
            "subject": "10.0.0.50",
            "services": ["web/nginx"],
            "change": "fixed",
            "before": {
                "is": "non-strict",
                "wrong": ["worker-2", "worker-3"],
                "answeredBy": ["worker-2", "worker-3", "worker-1"],
                "accepted": False,
            },
            "after": {"is": "ok", "wrong": [], "answeredBy": ["worker-1"], "accepted": False},
            "counts": False,
        }
    ]


@pytest.mark.parametrize("format_name", FORMATS)
def test_hostile_names_are_harmless(format_name):
    before, after = run("two-non-strict"), run("two-non-strict", at=LATER)
    bad = "\x1b[31m|<b>\u202e\n`" + "x" * 10_000
    hostile = replace(after[1], nodes=tuple(replace(node, name=bad) for node in after[1].nodes))
    text = render(compare(before, (after[0], hostile)), format_name, Style())
    assert not set("\x1b\u202e") & set(text)
    assert "<b>" not in text or format_name != "markdown"
