"""What holds of every scene and world whatever it is about: nothing that is taken away makes it clean, no clock and no age of
a record turns a verdict round, and every format says the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Address
from xml.etree import ElementTree

import jsonschema
import pytest
from simulated.probe_options import accepted, mac_map, options
from simulated.sampling import sampled
from simulated.wire import SimulatedWire, scene_host
from test_scenes_pure import WORLDS

from arpcheck import pipeline
from arpcheck.errors import InputError
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Report, Verdict
from arpcheck.reports import render
from arpcheck.runs.compare import compare
from arpcheck.runs.merge import merge

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CANARY = IPv4Address("10.96.0.1")
SCHEMA = json.loads(files("arpcheck.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))
CONTRACT = jsonschema.Draft202012Validator(SCHEMA)  # jsonschema.validate looks at the schema itself each time
ALL = [*scene_file.names(), *map(str, WORLDS)]


def named(names):
    return pytest.mark.parametrize("name", names, ids=lambda name: name.rpartition("/")[2].removesuffix(".toml"))


SOME = sampled(ALL)
every_scene = named(SOME)
every_scene_but_where_the_prober_is_at_fault = named([name for name in SOME if name != "prober-holds-ip"])


@cache
def observed(name, behind=timedelta(0), before=timedelta(0), stop_after=None):
    """`behind`: how much this host's clock is; the API server's is right. `before`: how long before the frames the cluster was
    read. `stop_after`: frames."""
    scene = scene_file.load(name)
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    read_at = NOW - behind - before
    objects = replace(objects, read_at=read_at, server_ahead=behind.total_seconds() if behind else objects.server_ahead)
    if before:
        objects = replace(cluster_objects.objects(scene, NOW - before, pipeline.NEEDS), read_at=read_at)
    wire = Counting(SimulatedWire(scene))
    evidence = pipeline.observe(
        options(scene), objects=objects, host=scene_host(scene), mac_map=mac_map(scene), wire=wire, clock=lambda: NOW - behind,
        stop=lambda: stop_after is not None and wire.sent >= stop_after,
    )  # fmt: skip
    return replace(evidence, accepted=accepted(scene))


class Counting:
    def __init__(self, wire):
        self.wire, self.sent = wire, 0

    def __getattr__(self, name):
        return getattr(self.wire, name)

    def send(self, interface, frame):
        self.sent += 1
        self.wire.send(interface, frame)


def concluded(name, **how):
    return pipeline.conclude(observed(name, **how))


def verdicts(report: Report):
    return {target.target.ip: target.verdict for target in report.targets}


@every_scene_but_where_the_prober_is_at_fault
def test_a_run_in_which_nothing_was_heard_is_not_clean_and_accuses_nobody_of_answering(name):
    report = pipeline.conclude(replace(observed(name), replies=(), gratuitous=(), passed_over=()))
    assert report.summary.exit_code != 0
    assert {*verdicts(report).values()} <= {None, Verdict.SILENT, Verdict.INCONCLUSIVE, Verdict.NOT_PROBED, Verdict.OK}


@every_scene_but_where_the_prober_is_at_fault
def test_a_run_in_which_nothing_was_asked_judges_nothing(name):
    nothing = replace(observed(name), questions=(), replies=(), gratuitous=(), passed_over=())
    report = pipeline.conclude(nothing)
    assert (report.summary.exit_code, report.summary.verdicts.get(Verdict.OK, 0)) == (3, 0)
    for before, after in (((observed(name), concluded(name)), (nothing, report)), ((nothing, report), (nothing, report))):
        assert compare(before, after).exit_code != 0


@every_scene
def test_a_host_whose_clock_is_an_hour_behind_comes_to_the_same(name):
    right, wrong = concluded(name), concluded(name, behind=timedelta(hours=1))
    assert (wrong.summary.exit_code, verdicts(wrong)) == (right.summary.exit_code, verdicts(right))


@every_scene
def test_a_cluster_that_was_read_some_minutes_before_proves_no_wrong_node(name):
    """What a pool is configured for holds longer than who announces it."""
    report = concluded(name, before=timedelta(minutes=50))
    wrong = [target for target in report.targets if target.verdict is Verdict.WRONG_NODE]
    assert [target.target.ip for target in wrong if "nobody should" not in target.reason] == []


@every_scene
def test_what_was_stopped_early_is_neither_silent_nor_clean(name):
    report = pipeline.conclude(replace(observed(name, stop_after=2), interrupted=True))
    assert report.summary.exit_code == 130
    assert Verdict.SILENT not in verdicts(report).values()
    assert Verdict.OK not in verdicts(report).values()


def loud(scene):
    """The nodes of the scene whose kernel answers for the canary on a LAN that is asked, by what the scene builds."""
    prober = scene.station(scene.prober.station)
    lans = {nic.lan for nic in prober.nics if nic.name in scene.prober.interfaces}
    nodes = [scene.station(node.name) for node in scene.cluster.nodes if node.name != prober.name]
    return {
        node.name for node in nodes for nic in node.nics
        if CANARY in node.held and nic.lan in lans and node.effective("arp_ignore", nic) == 0
    }  # fmt: skip


@every_scene
def test_preflight_is_never_safe_where_a_kernel_answers_or_the_next_restart_makes_it(name):
    scene = scene_file.load(name)
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    asked = Options(interfaces=scene.prober.interfaces, services=False, preflight=True)
    report = pipeline.conclude(
        pipeline.observe(
            asked,
            objects=objects,
            host=scene_host(scene),
            mac_map=mac_map(scene),
            wire=SimulatedWire(scene),
            clock=lambda: NOW,
        )
    )
    proxy = scene.cluster.kube_proxy
    unset = bool(proxy and proxy.text is None and proxy.mode == "ipvs" and not proxy.strict_arp)
    assert report.preflight
    assert report.preflight.safe is not True or not (loud(scene) or unset)
    assert report.preflight.safe is True or report.summary.exit_code != 0
    assert report.preflight.safe is not False or report.summary.exit_code == 1


@every_scene
def test_one_run_twice_is_refused_as_two(name):
    with pytest.raises(InputError, match="runs of the same host"):
        merge([("a", observed(name)), ("b", observed(name))])


@every_scene
def test_a_ci_system_is_told_what_the_exit_code_says(name):
    report = concluded(name)
    suites = ElementTree.fromstring(render(report, "junit"))  # noqa: S314 - our own
    tags = {child.tag for case in suites.iter("testcase") for child in case}
    match report.summary.exit_code:
        case 0:
            assert not tags & {"failure", "error"}
        case 1:
            assert "failure" in tags
        case 3:
            assert "error" in tags
            assert "failure" not in tags


@every_scene
def test_the_report_keeps_the_schema(name):
    CONTRACT.validate(json.loads(render(concluded(name), "json")))
