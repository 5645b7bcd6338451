"""`-o junit`: for a CI system. A test case for each address, node, and finding that is a fault or a doubt, and for the run.

A proven fault is a failure, a doubt an error, and what was not judged is skipped: only what is known to be fine passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import assert_never

from arpcheck.model import Arp, Finding, Kind, NodeReport, Outcome, Report, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.formatting import html, moment
from arpcheck.reports.words import address, announcer_of, outcome, replied_by, services, verdict_line

MOST_REASONS = 4
"""Of a finding, which may have one for each node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    group: str
    name: str
    fault: str
    """`failure`, `error` or `skipped`; empty if it passed."""
    kind: str = ""
    message: str = ""


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    found = (
        ("addresses", [_address_case(target) for target in report.targets if target.verdict is not None]),
        ("nodes", [_node_case(node, in_question=_ipv4_was_asked(report)) for node in report.nodes]),
        ("findings", [_finding_case(finding) for finding in report.findings if finding.outcome.is_problem]),
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


# --------------------------------------------------------------------------------------------------------------------- cases


def _address_case(target: TargetReport) -> _Case:
    """Grouped by the namespace of the first Service, since a CI system shows the classes as a tree."""
    group = target.target.services[0].partition("/")[0] if target.target.services else str(target.target.kind)
    verdict = target.verdict or Verdict.INCONCLUSIVE
    who = f"replies from {replied_by(target)}, announcer {announcer_of(target)}" if target.rounds else "not probed"
    return _Case(
        group=f"arpcheck.addresses.{group}",
        name=f"{address(target)} {services(target)}",
        fault="skipped" if target.accepted else _fault(verdict.outcome),
        kind=verdict,
        message=f"{verdict}: {target.reason} ({who})",
    )


def _ipv4_was_asked(report: Report) -> bool:
    """Strict ARP is in question: some address beside the controls was requested by ARP."""
    asked = (one.target.ip for one in report.targets if one.rounds and one.target.kind is not Kind.CONTROL)
    return any(isinstance(ip, IPv4Address) for ip in asked) or not report.targets


def _node_case(node: NodeReport, *, in_question: bool) -> _Case:
    unasked = node.arp is Arp.UNKNOWN and not in_question
    fault = "skipped" if node.accepted or unasked else _fault(node.arp.outcome)
    return _Case(group="arpcheck.nodes", name=node.name, fault=fault, kind=node.arp, message=f"{node.arp}: {node.reason}")


def _finding_case(finding: Finding) -> _Case:
    fault = "skipped" if finding.accepted else _fault(finding.outcome)
    more = len(finding.because) - MOST_REASONS
    reasons = (*finding.because[:MOST_REASONS], *([f"{more} more"] if more > 0 else ()))
    message = f"{finding.means} ({'; '.join(reasons)})"
    return _Case(group="arpcheck.findings", name=finding.id, fault=fault, kind=finding.id, message=message)


def _fault(outcome: Outcome) -> str:
    """The element for an outcome; empty if the case passes."""
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
    """Fails for what the other cases do not show: an interrupted run, a gap, nothing judged. Also for a fault without a case
    of its own, since no build may pass if the exit code is 1."""
    match report.summary.exit_code:
        case 0:
            fault = ""
        case 1:
            fault = "" if fails else "failure"
        case _:
            fault = "error"
    return _Case(group="arpcheck", name="run", fault=fault, kind=outcome(report), message=verdict_line(report))
