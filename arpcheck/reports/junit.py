"""`-o junit`: for a CI system: a case for every address, every node, every finding that is a fault or a doubt, and one for
the run as a whole.

What is proven wrong is a failure, what could hide something an error, what was left out is skipped: nothing that is not
known passes. XML with a declaration and one `testsuites` root, as its readers want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from arpcheck.model import Finding, NodeReport, Outcome, Report, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.formatting import html, moment
from arpcheck.reports.words import address, answered_by, outcome, services, should_answer, verdict_line

NAME = "junit"

MOST_REASONS = 4
"""Of a finding, which has one for each node."""

@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    group: str
    name: str
    fault: str
    """`failure`, `error`, `skipped`; empty: it passed."""
    kind: str = ""
    message: str = ""


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    found = (
        ("addresses", [_address_case(target) for target in report.targets if target.verdict is not None]),
        ("nodes", [_node_case(node) for node in report.nodes]),
        ("findings", [_finding_case(finding) for finding in report.findings if _weighs(finding)]),
    )
    whole = _run_case(report, fails=any(case.fault == "failure" for _, cases in found for case in cases))
    suites = [_suite(name, cases, report) for name, cases in (*found, ("run", [whole]))]
    lines = [line for suite in suites for line in suite]
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="arpcheck">', *lines, "</testsuites>", ""))


def _suite(name: str, cases: Sequence[_Case], report: Report) -> list[str]:
    counts = {fault: sum(1 for case in cases if case.fault == fault) for fault in ("failure", "error", "skipped")}
    about = _attributes(
        name=name, tests=str(len(cases)), failures=str(counts["failure"]), errors=str(counts["error"]),
        skipped=str(counts["skipped"]), timestamp=moment(report.run.started_at).replace(" ", "T"),
        time=f"{(report.run.ended_at - report.run.started_at).total_seconds():.3f}",
    )  # fmt: skip
    return [f"  <testsuite{about}>", *map(_written, cases), "  </testsuite>"]


def _written(case: _Case) -> str:
    opening = f"    <testcase{_attributes(classname=case.group, name=case.name)}"
    if not case.fault:
        return f"{opening}/>"
    kind = {"type": case.kind} if case.fault != "skipped" else {}
    return f"{opening}><{case.fault}{_attributes(message=case.message, **kind)}/></testcase>"


def _attributes(**attributes: str) -> str:
    return "".join(f' {name}="{html(value)}"' for name, value in attributes.items())


# --------------------------------------------------------------------------------------------------------------- cases


def _address_case(target: TargetReport) -> _Case:
    """Grouped by the namespace of the first Service, as a CI system shows a tree."""
    group = target.target.services[0].partition("/")[0] if target.target.services else str(target.target.kind)
    verdict = target.verdict or Verdict.INCONCLUSIVE
    who = f"answered by {answered_by(target)}, should be {should_answer(target)}" if target.rounds else "not asked"
    return _Case(
        group=f"arpcheck.addresses.{group}",
        name=f"{address(target)} {services(target)}",
        fault="skipped" if target.accepted else _fault(verdict.outcome),
        kind=verdict,
        message=f"{verdict}: {target.reason} ({who})",
    )


def _node_case(node: NodeReport) -> _Case:
    fault = "skipped" if node.accepted else _fault(node.arp.outcome)
    return _Case(group="arpcheck.nodes", name=node.name, fault=fault, kind=node.arp, message=f"{node.arp}: {node.reason}")


def _finding_case(finding: Finding) -> _Case:
    fault = "skipped" if finding.accepted else _fault(finding.outcome)
    more = len(finding.because) - MOST_REASONS
    reasons = (*finding.because[:MOST_REASONS], *([f"{more} more"] if more > 0 else ()))
    message = f"{finding.means} ({'; '.join(reasons)})"
    return _Case(group="arpcheck.findings", name=finding.id, fault=fault, kind=finding.id, message=message)


def _weighs(finding: Finding) -> bool:
    """A note that changes nothing is no case."""
    return _fault(finding.outcome) in ("failure", "error")


def _fault(outcome: Outcome) -> str:
    """What it is to a CI system: nothing where the case passes."""
    match outcome:
        case Outcome.FAULT:
            return "failure"
        case Outcome.UNSURE:
            return "error"
        case Outcome.NOT_JUDGED:
            return "skipped"
        case Outcome.FINE:
            return ""
        case _:
            assert_never(outcome)


def _run_case(report: Report, *, fails: bool) -> _Case:
    """Fails by what no single case says: an interrupted run, a gap, nothing judged; a fault too where it has no case of its
    own, since no build may pass where arpcheck ends with 1."""
    match report.summary.exit_code:
        case 0:
            fault = ""
        case 1:
            fault = "" if fails else "failure"
        case _:
            fault = "error"
    return _Case(group="arpcheck", name="run", fault=fault, kind=outcome(report), message=verdict_line(report))
