"""A fault has to be shown by two probes before the metrics call it one; until then it is a doubt, and never fine."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from reports.report_samples import CLEAN, NON_STRICT, node, service

from arpcheck.model import Accepted, Arp, Outcome, Severity, Verdict
from arpcheck.watch.state import HOLDS, Holding, Known, Subject, SubjectKind

BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ADDRESS = Subject(SubjectKind.ADDRESS, "10.0.0.50")


def address(verdict, **more):
    return replace(service("10.0.0.50", "web/nginx", verdict, "why"), **more)


def probes(*targets, nodes=CLEAN.nodes, findings=()):
    """A report for each; the exit code is that of its only address."""
    for number, target in enumerate(targets):
        run = replace(CLEAN.run, ended_at=BEGAN + timedelta(seconds=30 * number))
        code = target.outcome.exit_code if not target.accepted else 0
        summary = replace(CLEAN.summary, exit_code=code, verdicts={target.verdict: 1})
        yield replace(CLEAN, summary=summary, targets=(target,), run=run, nodes=nodes, findings=findings)


def held(*verdicts, holding=None):
    holding = holding or Holding()
    return [holding.held(report).targets[0].verdict for report in probes(*map(address, verdicts))]


K, D, S, U, N = Verdict.OK, Verdict.DUPLICATE, Verdict.SILENT, Verdict.INCONCLUSIVE, Verdict.NOT_PROBED


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        pytest.param([K, D, D, D], [K, U, D, D], id="holds"),
        pytest.param([D, K, D, K], [U, K, U, K], id="a failover each time"),
        pytest.param([D, S], [U, S], id="a fault is a fault"),
        pytest.param([D, U, D], [U, U, D], id="a doubt clears nothing"),
        pytest.param([D, N, D], [U, N, D], id="nor what was not judged"),
        pytest.param([D, D, U, D], [U, D, U, D], id="nor a fault that held"),
        pytest.param([D, D, K, D], [U, D, K, U], id="a fine probe clears"),
    ],
)
def test_a_fault_holds_when_two_probes_showed_it(seen, shown):
    assert held(*seen) == shown


@pytest.mark.parametrize("verdict", Verdict)
def test_what_one_probe_shows_is_never_better_than_it_is(verdict):
    [shown] = held(verdict)
    assert shown is verdict if verdict.outcome is not Outcome.FAULT else shown.outcome is Outcome.UNSURE


def test_the_run_is_proven_faulty_by_a_fault_that_holds():
    holding = Holding()
    codes = [holding.held(report).summary.exit_code for report in probes(*map(address, [K, D, D, K]))]
    assert codes == [0, 3, 1, 0]


@pytest.mark.parametrize("verdicts", list(itertools.product((K, D, U, N), repeat=3)))
def test_the_exit_code_is_0_only_where_the_probes_is(verdicts):
    holding = Holding()
    for report in probes(*map(address, verdicts)):
        shown = holding.held(report)
        assert (shown.summary.exit_code == 0) == (report.summary.exit_code == 0)
        assert sum(shown.summary.verdicts.values()) == 1


def test_a_node_is_unknown_until_its_state_holds():
    holding, loud = Holding(), (node("worker-1", Arp.NON_STRICT), node("worker-2"))
    reports = [holding.held(report) for report in probes(*map(address, [K, K]), nodes=loud)]
    assert [[one.arp for one in report.nodes] for report in reports] == [
        [Arp.UNKNOWN, Arp.QUIET],
        [Arp.NON_STRICT, Arp.QUIET],
    ]
    assert [report.summary.non_strict_nodes for report in reports] == [(), ("worker-1",)]


def test_a_finding_is_a_doubt_until_it_holds():
    holding = Holding()
    [finding] = [one for one in NON_STRICT.findings if one.outcome is Outcome.FAULT]
    reports = [holding.held(report) for report in probes(*map(address, [K, K]), findings=(finding,))]
    assert [(one.outcome, one.severity) for report in reports for one in report.findings] == [
        (Outcome.UNSURE, Severity.WARNING), (Outcome.FAULT, Severity.ERROR),
    ]  # fmt: skip


def test_an_accepted_fault_is_shown_at_once_and_holds_when_it_is_accepted_no_more():
    accepted = Accepted(reason="known", until=date(2026, 4, 1))
    holding = Holding()
    seen = [address(D, accepted=accepted), address(D, accepted=accepted), address(D)]
    shown = [holding.held(report) for report in probes(*seen)]
    assert [report.targets[0].verdict for report in shown] == [D, D, D]
    assert [report.summary.exit_code for report in shown] == [0, 0, 1]


def test_since_when_is_the_end_of_the_first_probe_that_shows_it():
    holding, found = Holding(), []
    for report in probes(*map(address, [K, K, D, D, D])):
        holding.held(report)
        found.append((holding.known[ADDRESS].state, (holding.known[ADDRESS].since - BEGAN).total_seconds()))
    assert found == [("ok", 0), ("ok", 0), ("inconclusive", 60), ("duplicate", 90), ("duplicate", 90)]


def test_what_is_known_from_before_a_restart_goes_on():
    before = Known(state="duplicate", since=BEGAN - timedelta(days=1), faults=HOLDS)
    holding = Holding({ADDRESS: before})
    assert held(D, holding=holding) == [D]
    assert holding.known[ADDRESS] == before


def test_an_address_that_is_gone_is_forgotten():
    holding = Holding()
    list(map(holding.held, probes(*map(address, [D, D]))))
    other = replace(address(K).target, ip=IPv4Address("10.0.0.99"))
    list(map(holding.held, probes(address(K, target=other))))
    assert ADDRESS not in holding.known
    assert held(D, holding=holding) == [U]
