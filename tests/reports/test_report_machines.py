"""junit and prometheus: what a machine makes of a report, and that it never takes the unknown for a pass."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from report_samples import CLEAN, NON_STRICT, PARTIAL, SAMPLES, node, service
from test_report_hostile import HOSTILE, filled

from arpcheck.model import Arp, Outcome, Report, Verdict
from arpcheck.reports import render

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


def test_only_ok_is_one() -> None:
    found = samples(render(PARTIAL, "prometheus"))
    fine = {name: value for name, value in found.items() if name.startswith("arpcheck_address_ok")}
    assert set(fine.values()) == {0.0}
    assert len(fine) == 3
    assert found['arpcheck_addresses{verdict="inconclusive"}'] == 2
    assert not [name for name in found if name.startswith("arpcheck_node_non_strict")]
    assert found['arpcheck_nodes{arp="unknown"}'] == 1


def test_every_gauge_has_help_and_type_once_and_none_a_mac() -> None:
    text = render(NON_STRICT, "prometheus")
    names = re.findall(r"# TYPE (\S+) gauge", text)
    assert names == re.findall(r"# HELP (\S+) \S", text)
    assert len(names) == len(set(names))
    assert {name.partition("{")[0] for name in samples(text)} <= set(names)
    assert not any(name.endswith("_total") for name in names)
    assert not re.search(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text)


def test_an_accepted_fault_is_skipped_by_junit_and_said_by_prometheus() -> None:
    tests = suites(render(SAMPLES["accepted"], "junit"))
    assert [[child.tag for child in case] for case in tests["addresses"]] == [["skipped"], ["failure"], [], ["skipped"]]
    assert [[child.tag for child in case] for case in tests["nodes"]] == [["skipped"], [], []]
    found = samples(render(SAMPLES["accepted"], "prometheus"))
    labels = 'ip="10.0.0.50",kind="load-balancer",namespace="web",service="nginx"'
    assert (found[f"arpcheck_address_ok{{{labels}}}"], found[f"arpcheck_address_accepted{{{labels}}}"]) == (0, 1)


def test_a_shared_address_has_a_sample_for_each_service() -> None:
    first = NON_STRICT.targets[0]
    shared = replace(first, target=replace(first.target, services=("web/a", "web/b")))
    found = samples(render(replace(NON_STRICT, targets=(shared,)), "prometheus"))
    assert found['arpcheck_address_ok{ip="10.0.0.50",kind="load-balancer",namespace="web",service="a"}'] == 0
    assert found['arpcheck_address_responders{ip="10.0.0.50",kind="load-balancer",namespace="web",service="b"}'] == 2


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("text", HOSTILE)
def test_both_can_be_read_whatever_the_texts_are(name: str, text: str) -> None:
    report: Report = filled(SAMPLES[name], text)
    tame = suites(render(SAMPLES[name], "junit"))
    assert {n: len(s) for n, s in suites(render(report, "junit")).items()} == {n: len(s) for n, s in tame.items()}
    assert samples(render(report, "prometheus"))
