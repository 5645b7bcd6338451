"""junit and prometheus: what a machine makes of a report, and that it never takes the unknown for a pass."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import yaml
from report_samples import CLEAN, NON_STRICT, SAMPLES, node, responder, service
from test_report_hostile import HOSTILE, filled

from arpcheck.commands.serving import WATCH_METRICS
from arpcheck.docs import FILES, file
from arpcheck.model import Arp, Outcome, Report, Trust, Verdict
from arpcheck.reports import render
from arpcheck.reports.prometheus import GAUGES, LABELS, RUN_LABELS

SAMPLE = re.compile(
    r'(?P<name>arpcheck_[a-z_]+)(?:\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\\\|\\")*",?)+)\})? (?P<value>-?[0-9.e+]+)'
)


def samples(text: str) -> dict[str, float]:
    """Reads the text format as its documentation has it; every line must be one of three kinds."""
    found: dict[str, float] = {}
    for line in text.removesuffix("\n").split("\n"):
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert line.rpartition(" ")[0] not in found
            found[line.rpartition(" ")[0]] = float(match["value"])
    return found


def suites(text: str) -> dict[str, ElementTree.Element]:
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ElementTree.fromstring(text.encode())  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    return {str(suite.get("name")): suite for suite in root}


CHILD = {Outcome.FAULT: "failure", Outcome.UNSURE: "error", Outcome.FINE: None, Outcome.NOT_JUDGED: "skipped"}
JUNIT = [pytest.param(verdict, CHILD[verdict.outcome], id=verdict) for verdict in Verdict]


@pytest.mark.parametrize(("verdict", "fault"), JUNIT)
def test_what_a_verdict_is_to_a_ci_system(verdict: Verdict, fault: str | None) -> None:
    report = replace(CLEAN, targets=(service("10.0.0.50", "web/nginx", verdict, "the reason"),))
    suite = suites(render(report, "junit"))["addresses"]
    (case,) = suite
    assert case.get("classname") == "arpcheck.addresses.web"
    assert case.get("name") == "10.0.0.50 web/nginx"
    assert [child.tag for child in case] == ([fault] if fault else [])
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    expected = {"failure": "failures", "error": "errors", "skipped": "skipped"}.get(fault or "")
    assert counted == {"tests": "1", "failures": "0", "errors": "0", "skipped": "0"} | ({expected: "1"} if expected else {})
    assert fault is None or "the reason" in str(case[0].get("message"))


@pytest.mark.parametrize(
    ("arp", "fault"),
    [(Arp.QUIET, []), (Arp.NON_STRICT, ["failure"]), (Arp.UNKNOWN, ["error"]), (Arp.SELF, ["error"]),
     (Arp.UNREACHED, ["skipped"])],
)  # fmt: skip
def test_a_non_strict_node_fails_though_no_address_does(arp: Arp, fault: list[str]) -> None:
    (case,) = suites(render(replace(CLEAN, nodes=(node("worker-1", arp),)), "junit"))["nodes"]
    assert [child.tag for child in case] == fault


@pytest.mark.parametrize(("code", "fault"), [(0, []), (1, ["failure"]), (3, ["error"]), (130, ["error"])])
def test_a_run_that_proves_nothing_does_not_pass(code: int, fault: list[str]) -> None:
    (case,) = suites(render(replace(CLEAN, summary=replace(CLEAN.summary, exit_code=code)), "junit"))["run"]
    assert [child.tag for child in case] == fault


def test_a_fault_that_is_in_no_case_of_its_own_fails_the_run_and_one_that_is_does_not_twice() -> None:
    """A host that is no node, say, is a finding, and no address's."""
    tests = suites(render(NON_STRICT, "junit"))
    assert [[child.tag for child in case] for case in tests["run"]] == [[]]
    assert [[child.tag for child in case] for case in tests["findings"]] == [["failure"]]
    finding = replace(NON_STRICT.findings[0], id="foreign-mac")
    alone = replace(CLEAN, summary=replace(CLEAN.summary, exit_code=1), findings=(finding,))
    assert [child.tag for case in suites(render(alone, "junit"))["findings"] for child in case] == ["failure"]
    doubt = replace(alone, findings=(replace(finding, outcome=Outcome.UNSURE), replace(finding, outcome=Outcome.FINE)))
    assert [child.tag for case in suites(render(doubt, "junit"))["findings"] for child in case] == ["error"]


def series(text: str, name: str, **labels: str) -> dict[str, float]:
    """The samples of a metric whose labels have these values, by the values of the others but context and interface."""
    found: dict[str, float] = {}
    for sample, value in samples(text).items():
        metric, _, rest = sample.partition("{")
        has = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', rest))
        if metric == f"arpcheck_{name}" and labels.items() <= has.items():
            others = {key: of for key, of in has.items() if key not in {*labels, "context", "interface"}}
            found[" ".join(others.values())] = value
    return found


@pytest.mark.parametrize("verdict", Verdict)
def test_an_address_has_a_series_for_each_verdict_and_one_of_them_holds(verdict: Verdict) -> None:
    text = render(replace(CLEAN, targets=(service("10.0.0.50", "web/nginx", verdict, "the reason"),)), "prometheus")
    found = series(text, "address_verdict", address="10.0.0.50", namespace="web", service="nginx", kind="load-balancer")
    assert found == {f"{one} {one.outcome}": float(one is verdict) for one in Verdict}
    assert series(text, "addresses") == {f"{one} {one.outcome}": float(one is verdict) for one in Verdict}


@pytest.mark.parametrize("arp", Arp)
def test_a_node_has_a_series_for_each_state_and_one_of_them_holds(arp: Arp) -> None:
    text = render(replace(CLEAN, nodes=(node("worker-1", arp),)), "prometheus")
    assert series(text, "node_state", node="worker-1") == {f"{one} {one.outcome}": float(one is arp) for one in Arp}
    assert series(text, "nodes") == {f"{one} {one.outcome}": float(one is arp) for one in Arp}


def test_only_a_run_that_decided_something_is_a_success() -> None:
    for code, complete, decided in ((0, True, 1), (1, True, 1), (3, True, 0), (130, False, 0), (1, False, 0)):
        report = replace(CLEAN, summary=replace(CLEAN.summary, exit_code=code, complete=complete))
        text = render(report, "prometheus")
        assert len(series(text, "last_success_timestamp_seconds")) == decided
        assert series(text, "last_run_timestamp_seconds") == {"": report.run.ended_at.timestamp()}


def test_every_series_says_which_run_it_is_of() -> None:
    """Two files in the folder of the textfile collector must have no series in common."""
    two = replace(NON_STRICT.run.interfaces[0], name="eth1")
    run = replace(NON_STRICT.run, context="prod", interfaces=(NON_STRICT.run.interfaces[0], two))
    text = render(replace(NON_STRICT, run=run), "prometheus")
    assert [line for line in samples(text) if 'context="prod",interface="eth0,eth1"' not in line] == []
    assert series(text, "build_info") == {NON_STRICT.run.arpcheck: 1}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_metrics_are_named_as_promtool_wants(name: str) -> None:
    """The rules of `promtool check metrics` that concern gauges (client_golang, prometheus/testutil/promlint)."""
    text = render(SAMPLES[name], "prometheus")
    names = re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE)
    assert names == re.findall(r"^# HELP (\S+) \S.*$", text, re.MULTILINE) == [f"arpcheck_{one.name}" for one in GAUGES]
    assert len(names) == len(set(names))
    assert {sample.partition("{")[0] for sample in samples(text)} <= set(names)
    for metric in names:
        words = metric.split("_")
        assert words[-1] not in ("total", "count", "sum", "bucket"), "reserved for other types"
        assert not {"gauge", "counter", "histogram", "summary", "metric"} & {*words}, "the type is not a part of the name"
        assert not {"s", "ms", "sec", "minutes", "hours", "milliseconds", "kb", "percent"} & {*words}, "base units"
        assert "timestamp" not in words or words[-2:] == ["timestamp", "seconds"]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_labels_are_those_of_the_table_and_none_is_a_mac(name: str) -> None:
    text = render(SAMPLES[name], "prometheus")
    for gauge in GAUGES:
        wanted = [*RUN_LABELS, *gauge.labels]
        found = [re.findall(r'([a-z_]+)="', s) for s in samples(text) if s.partition("{")[0] == f"arpcheck_{gauge.name}"]
        assert [labels for labels in found if labels != wanted] == []
    assert {label for gauge in GAUGES for label in gauge.labels} == set(LABELS)
    assert not re.search(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text)


def expressions(found: object) -> list[str]:
    """Every `expr` in a file of alerts or a dashboard."""
    match found:
        case dict():
            own = [found["expr"]] if isinstance(found.get("expr"), str) else []
            return own + [text for value in found.values() for text in expressions(value)]
        case list():
            return [text for value in found for text in expressions(value)]
        case _:
            return []


VALUES = {
    "outcome": {*Outcome},
    "state": {*Arp},
    "verdict": {*Verdict},
}


@pytest.mark.parametrize("name", FILES)
def test_alerts_and_dashboard_ask_for_what_there_is(name: str) -> None:
    found = expressions(yaml.safe_load(file(name)))
    assert len(found) >= 5
    known = {f"arpcheck_{gauge.name}": {*RUN_LABELS, *gauge.labels} for gauge in GAUGES}
    known |= {metric.full_name: {*RUN_LABELS, *metric.labels} for metric in WATCH_METRICS}
    for text in found:
        asked = re.findall(r"\b(arpcheck_[a-z_]+)(?:\{([^}]*)\})?", text)
        assert asked, text
        for metric, labels in asked:
            chosen = re.findall(r'(\w+)\s*(?:=~|!=|=)\s*"([^"]*)"', labels)
            assert {label for label, _ in chosen} <= known[metric], text
            for label, values in chosen:
                assert label not in VALUES or {*values.split("|")} <= VALUES[label], text


def test_the_series_of_a_run_are_as_many_as_its_page_says() -> None:
    """One for each verdict and 3 more for each address and each of its Services, 1 for each responder, 6 for each node."""
    targets = tuple(service(f"10.0.0.{n}", f"web/s{n}", Verdict.OK, "") for n in range(1, 101))
    nodes = tuple(node(f"worker-{n}", Arp.QUIET) for n in range(10))
    found = samples(render(replace(CLEAN, targets=targets, nodes=nodes), "prometheus"))
    without_the_run = 100 * (len(Verdict) + 3) + 10 * 6
    assert without_the_run < len(found) < without_the_run + 50


def test_an_accepted_fault_is_skipped_by_junit_and_said_by_prometheus() -> None:
    tests = suites(render(SAMPLES["accepted"], "junit"))
    assert [[child.tag for child in case] for case in tests["addresses"]] == [["skipped"], ["failure"], [], ["skipped"]]
    assert [[child.tag for child in case] for case in tests["nodes"]] == [["skipped"], [], []]
    text = render(SAMPLES["accepted"], "prometheus")
    assert series(text, "address_accepted", address="10.0.0.50") == {"load-balancer web nginx": 1}
    assert sum(series(text, "address_verdict", address="10.0.0.50", outcome="fault").values()) == 1
    assert series(text, "node_accepted") == {"worker-1": 1, "worker-2": 0, "worker-3": 0}


def test_who_replies_and_who_should_have_a_sample_each() -> None:
    """MAC addresses of no known node are counted, under an empty name: they are no labels."""
    strangers = responder(None, macs=("02:00:00:00:09:01",)), responder(None, macs=("02:00:00:00:09:02",))
    replied = responder("worker-1"), responder("worker-2", expected=True), *strangers
    target = service("10.0.0.50", "web/nginx", Verdict.DUPLICATE, "", *replied, announcer="worker-2")
    text = render(replace(CLEAN, targets=(target,)), "prometheus")
    assert series(text, "address_responder", address="10.0.0.50", service="nginx", namespace="web", kind="load-balancer") == {
        " no": 2, "worker-1 no": 1, "worker-2 yes": 1,
    }  # fmt: skip
    assert series(text, "address_announcer") == {"10.0.0.50 load-balancer web nginx worker-2": 1}
    [claim] = target.announcers
    guessed = replace(target, announcers=(replace(claim, trust=Trust.GUESS),))
    assert series(render(replace(CLEAN, targets=(guessed,)), "prometheus"), "address_announcer") == {}


def test_the_networks_of_the_run_are_its_segments() -> None:
    """A link-local network is on every segment."""
    two = replace(NON_STRICT.run.interfaces[0], name="eth1", addresses=("10.1.0.5/16",), ipv6=("fe80::1/64", "fd00:1::5/64"))
    run = replace(NON_STRICT.run, interfaces=(NON_STRICT.run.interfaces[0], two))
    found = series(render(replace(NON_STRICT, run=run), "prometheus"), "run_network")
    assert set(found) == {"10.0.0.0/24", "10.1.0.0/16", "fd00:1::/64"}


def test_a_shared_address_has_a_sample_for_each_service() -> None:
    first = NON_STRICT.targets[0]
    shared = replace(first, target=replace(first.target, services=("web/a", "web/b")))
    text = render(replace(NON_STRICT, targets=(shared,)), "prometheus")
    assert series(text, "address_verdict", namespace="web", service="a", verdict="non-strict", outcome="fault") == {
        "10.0.0.50 load-balancer": 1
    }
    assert series(text, "address_responders", namespace="web", service="b") == {"10.0.0.50 load-balancer": 2}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("text", HOSTILE)
def test_both_can_be_read_whatever_the_texts_are(name: str, text: str) -> None:
    report: Report = filled(SAMPLES[name], text)
    tame = suites(render(SAMPLES[name], "junit"))
    assert {n: len(s) for n, s in suites(render(report, "junit")).items()} == {n: len(s) for n, s in tame.items()}
    assert samples(render(report, "prometheus"))
