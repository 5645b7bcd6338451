"""What the metrics of a watch call a fault: one that two probes showed.

A failover is a moment in which two nodes reply, or none: one probe may meet it, and nobody must be called for it. Until a
second probe shows the fault too, an address is `inconclusive` and a node `unknown`: never fine, and not yet a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from arpcheck.model import Arp, Finding, NodeReport, Outcome, Report, Severity, Summary, TargetReport, Verdict

HOLDS = 2
"""Probes that must show a fault."""


class SubjectKind(StrEnum):
    ADDRESS = "address"
    NODE = "node"
    FINDING = "finding"


class Subject(NamedTuple):
    kind: SubjectKind
    name: str
    """The address, or the Services of one that has none; the node; the id of the finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the probes so far say about one subject."""

    state: str
    """The verdict of the address or the state of the node, as the metrics show it; the id of the finding."""
    since: datetime
    """The end of the first probe that showed this state."""
    faults: int = 0
    """Probes that showed a fault since the last that showed none, at most HOLDS."""


@dataclass(slots=True)
class Holding:
    """Judges the reports of one watch, in their order."""

    known: Mapping[Subject, Known] = field(default_factory=dict)

    def held(self, report: Report) -> Report:
        """The report as the metrics show it. A subject that is not in it is forgotten."""
        faults = {subject: self._counted(subject, outcome) for subject, outcome in _outcomes(report)}
        found = replace(
            report,
            targets=tuple(_target(one, faults.get(of_target(one), HOLDS)) for one in report.targets),
            nodes=tuple(_node(one, faults[of_node(one)]) for one in report.nodes),
            findings=tuple(_finding(one, faults[of_finding(one)]) for one in report.findings),
        )
        self.known = {
            subject: self._since(subject, state, faults[subject], report.run.ended_at) for subject, state in _states(found)
        }
        return replace(found, summary=_summary(found))

    def _counted(self, subject: Subject, outcome: Outcome) -> int:
        """A probe that could not decide neither confirms a fault nor clears it."""
        before = self.known[subject].faults if subject in self.known else 0
        match outcome:
            case Outcome.FAULT:
                return min(before + 1, HOLDS)
            case Outcome.FINE:
                return 0
            case Outcome.UNSURE | Outcome.NOT_JUDGED:
                return before
            case _:
                assert_never(outcome)

    def _since(self, subject: Subject, state: str, faults: int, at: datetime) -> Known:
        before = self.known.get(subject)
        return Known(state=state, since=before.since if before and before.state == state else at, faults=faults)


def of_target(target: TargetReport) -> Subject:
    name = str(target.target.ip) if target.target.ip else ", ".join(target.target.services)
    return Subject(SubjectKind.ADDRESS, name)


def of_node(node: NodeReport) -> Subject:
    return Subject(SubjectKind.NODE, node.name)


def of_finding(finding: Finding) -> Subject:
    return Subject(SubjectKind.FINDING, finding.id)


def _outcomes(report: Report) -> Iterator[tuple[Subject, Outcome]]:
    """Of each subject the gravest: several findings may have one id."""
    found: dict[Subject, list[Outcome]] = {}
    for target in report.targets:
        if target.verdict:
            found.setdefault(of_target(target), []).append(target.outcome)
    for node in report.nodes:
        found.setdefault(of_node(node), []).append(node.arp.outcome)
    for finding in report.findings:
        found.setdefault(of_finding(finding), []).append(finding.outcome)
    yield from ((subject, Outcome.worst(outcomes)) for subject, outcomes in found.items())


def _states(report: Report) -> Iterator[tuple[Subject, str]]:
    yield from ((of_target(target), target.verdict.value) for target in report.targets if target.verdict)
    yield from ((of_node(node), node.arp.value) for node in report.nodes)
    yield from ((of_finding(finding), finding.id) for finding in report.findings)


def _target(target: TargetReport, faults: int) -> TargetReport:
    """An accepted fault counts nowhere, so it need not hold."""
    if target.outcome is not Outcome.FAULT or faults >= HOLDS or target.accepted:
        return target
    return replace(target, verdict=Verdict.INCONCLUSIVE, reason=f"{target.verdict} in one probe: {target.reason}")


def _node(node: NodeReport, faults: int) -> NodeReport:
    if node.arp.outcome is not Outcome.FAULT or faults >= HOLDS or node.accepted:
        return node
    return replace(node, arp=Arp.UNKNOWN, reason=f"{node.arp} in one probe: {node.reason}")


def _finding(finding: Finding, faults: int) -> Finding:
    if finding.outcome is not Outcome.FAULT or faults >= HOLDS or finding.accepted:
        return finding
    return replace(finding, outcome=Outcome.UNSURE, severity=Severity.WARNING)


def _summary(report: Report) -> Summary:
    """The exit code 1 needs a fault that holds; else what the probe saw is a doubt."""
    summary = report.summary
    held = (
        *(target.outcome for target in report.targets if not target.accepted),
        *(node.arp.outcome for node in report.nodes if not node.accepted),
        *(finding.outcome for finding in report.findings if not finding.accepted),
    )
    pending = summary.exit_code == Outcome.FAULT.exit_code and Outcome.FAULT not in held
    verdicts = Counter(target.verdict for target in report.targets if target.verdict)
    return replace(
        summary,
        exit_code=Outcome.UNSURE.exit_code if pending else summary.exit_code,
        verdicts={verdict: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        non_strict_nodes=tuple(node.name for node in report.nodes if node.arp is Arp.NON_STRICT),
    )
