"""A watch that begins with what an earlier one knew: only what differs is a change, and every verdict is of a probe."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.commands.watch_loop import Pace, WatchDependencies, run_watch
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Arp, Outcome, Verdict
from arpcheck.watch.state import HOLDS, ForeignStateError, Place, Subject, SubjectKind, WatchEvent, read, written

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IP = IPv4Address("10.0.0.50")
ADDRESS = Subject(SubjectKind.ADDRESS, str(IP))


class Ran:
    """A watch of some probes of a scene."""

    def __init__(self, scene, state=None, *, probes=2, recorded=None):
        scene = scene_file.load(scene)
        wire = SimulatedWire(scene)
        self.said, self.shown, self.kept = [], [], []
        world = WatchDependencies(
            wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), host=scene_host(scene),
            objects=cluster_objects.objects(recorded or scene, NOW, pipeline.NEEDS), reading=None, say=self.said.append,
            store=lambda _: None, stop=lambda: False, publish=self.shown.append, state=state, keep=self.kept.append,
        )  # fmt: skip
        options = Options(interfaces=scene.prober.interfaces, rounds=1, rate=100.0)
        self.code = run_watch(options, Pace(interval=20, lasts=20 * (probes - 1) + 1, every=1), world)

    @property
    def verdicts(self):
        return [target.verdict for one in self.shown for target in one.report.targets if target.verdict]

    @property
    def changes(self):
        """What was said before the timeline, without the times."""
        return [line.partition("  ")[2] for line in self.said[: self.said.index("")]]

    @property
    def restarted(self):
        """The state as the next watch reads it."""
        state = self.kept[-1]
        return read(written(state), state.place)


def test_it_is_read_as_it_was_written():
    ran = Ran("two-non-strict")
    assert ran.restarted == ran.kept[-1]
    assert {one.name: one.arp for one in ran.restarted.nodes} == {
        "worker-1": Arp.QUIET, "worker-2": Arp.NON_STRICT, "worker-3": Arp.NON_STRICT,
    }  # fmt: skip
    assert ran.restarted.known[ADDRESS].faults == HOLDS


@pytest.mark.parametrize("scene", ["healthy", "two-non-strict", "split-brain", "silent", "foreign-host"])
def test_a_restart_is_not_a_change(scene):
    before = Ran(scene)
    after = Ran(scene, before.restarted)
    assert after.changes == []
    assert after.verdicts == [before.verdicts[-1]] * 2, "a fault that held is one from the first probe on"
    assert after.code == before.code
    assert after.shown[0].known == before.shown[-1].known, "since when, too"
    assert after.shown[0].totals == before.shown[-1].totals


def test_without_it_a_fault_has_to_hold_anew():
    assert Ran("split-brain").verdicts == [Verdict.INCONCLUSIVE, Verdict.DUPLICATE]


def test_who_replied_before_and_who_does_now_is_a_move():
    before = Ran("healthy")
    [known] = before.restarted.addresses
    other = next(node for node in before.restarted.nodes if not {*node.macs} & {*known.macs})
    owner = next(node for node in before.restarted.nodes if {*node.macs} & {*known.macs})
    state = replace(before.restarted, addresses=(replace(known, macs=other.macs),))
    after = Ran("healthy", state)
    assert after.changes == [f"10.0.0.50: moved from {other.name} to {owner.name}"]
    assert after.code == Outcome.UNSURE.exit_code
    [totals] = after.shown[-1].totals.values()
    assert totals.events[WatchEvent.MOVE] == 1


def test_numbers_go_on():
    before = Ran("healthy")
    [known] = before.restarted.addresses
    state = replace(before.restarted, addresses=(replace(known, events={WatchEvent.GAP: 7}, gap_seconds=9.5),))
    [totals] = Ran("healthy", state).shown[-1].totals.values()
    assert (totals.events[WatchEvent.GAP], totals.events[WatchEvent.MOVE], totals.gap_seconds) == (7, 0, 9.5)


def test_a_fault_that_came_while_nobody_watched_is_told_and_has_to_hold():
    after = Ran("split-brain", Ran("healthy").restarted)
    assert after.verdicts == [Verdict.INCONCLUSIVE, Verdict.DUPLICATE]
    assert after.code == 1
    assert any("changed from ok to duplicate" in line for line in after.changes)


def test_an_acceptance_that_ended_is_told():
    before = Ran("split-brain")
    [known] = before.restarted.addresses
    state = replace(before.restarted, addresses=(replace(known, is_accepted=True),))
    assert Ran("split-brain", state).changes == ["10.0.0.50: no longer accepted"]


def test_a_state_alone_is_never_clean():
    """The verdict is the probe's, whatever the state says."""
    for scene in ("split-brain", "silent", "two-non-strict"):
        ran = Ran(scene, replace(Ran("healthy").restarted, saved_at=NOW), probes=1)
        assert ran.code == 1
        assert {verdict.outcome for verdict in ran.verdicts} == {Outcome.UNSURE}


# ---------------------------------------------------------------------------------------------------- what can't be used

PLACE = Place(server="https://10.0.0.1:6443", networks=("10.0.0.0/24", "10.1.0.0/24"))


def good():
    return json.loads(written(replace(Ran("split-brain").kept[-1], place=PLACE)))


def without(document, *path):
    for step in path[:-1]:
        document = document[step]
    del document[path[-1]]


def changed(document, *path):
    *before, last, value = path
    for step in before:
        document = document[step]
    document[last] = value


DAMAGED = [
    pytest.param(lambda d: without(d, "addresses"), "addresses", id="a key is missing"),
    pytest.param(lambda d: changed(d, "more", 1), "more", id="a key of its own"),
    pytest.param(lambda d: changed(d, "addresses", 0, "ip", "10.0.0"), "ip", id="no address"),
    pytest.param(lambda d: changed(d, "addresses", 0, "ip", 1), "ip", id="a number"),
    pytest.param(lambda d: changed(d, "addresses", 0, "verdict", "good"), "verdict", id="an unknown verdict"),
    pytest.param(lambda d: changed(d, "addresses", 0, "macs", ["x"]), "macs", id="no MAC"),
    pytest.param(lambda d: changed(d, "addresses", 0, "isAccepted", "no"), "is_accepted", id="no truth"),
    pytest.param(lambda d: changed(d, "nodes", 0, "arp", "strict"), "arp", id="an unknown state"),
    pytest.param(lambda d: changed(d, "subjects", 0, "faults", "2"), "faults", id="a text for a number"),
    pytest.param(lambda d: changed(d, "subjects", 0, "since", "2026-03-01T12:00:00"), "a time has no zone", id="no zone"),
    pytest.param(lambda d: changed(d, "savedAt", "yesterday"), "saved_at", id="no time"),
    pytest.param(lambda d: changed(d, "addresses", None), "addresses", id="null"),
]


@pytest.mark.parametrize(("damage", "named"), DAMAGED)
def test_what_is_damaged_is_refused_with_its_place(damage, named):
    document = good()
    assert read(json.dumps(document), PLACE)
    damage(document)
    with pytest.raises(ForeignStateError, match=f"is damaged: .*{named}"):
        read(json.dumps(document), PLACE)


@pytest.mark.parametrize("text", ["{", "\x00" * 100, "[" * 100_000, "nothing"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ForeignStateError, match="is not JSON"):
        read(text, PLACE)


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"apiVersion": "arpcheck/v1", "kind": "Evidence"}'])
def test_what_is_something_else_is_refused(text):
    with pytest.raises(ForeignStateError, match="is not a state"):
        read(text, PLACE)


def test_another_version_cluster_or_segment_is_refused():
    document = good()
    for change, why in (
        (lambda d: changed(d, "apiVersion", "arpcheck/v2"), "another version"),
        (lambda d: changed(d, "place", "server", "https://other"), "another cluster, https://other"),
        (lambda d: changed(d, "place", "networks", ["10.2.0.0/24"]), "another segment, 10.2.0.0/24"),
        (lambda d: changed(d, "place", "networks", []), "another segment, without a network"),
    ):
        foreign = json.loads(json.dumps(document))
        change(foreign)
        with pytest.raises(ForeignStateError, match=why):
            read(json.dumps(foreign), PLACE)
    assert read(json.dumps(document), replace(PLACE, networks=("10.1.0.0/24",)))


def test_an_empty_one_is_none_yet():
    assert read(" \n", PLACE) is None


def test_a_number_out_of_range_holds_nothing_more():
    document = good()
    for number in (-3, 99):
        for one in document["subjects"]:
            one["faults"] = number
        assert {known.faults for known in read(json.dumps(document), PLACE).known.values()} == {min(max(number, 0), HOLDS)}
