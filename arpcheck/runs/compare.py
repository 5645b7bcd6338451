"""Compares two runs of one cluster: what changed at every address and every node.

Only what both runs judged is compared. A fault that can no longer be judged is not fixed, and a fine address without a
verdict is not "nothing new". A missing responder counts as much as an additional one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from arpcheck.evidence import Evidence
from arpcheck.model import Finding, Kind, NodeReport, Outcome, Report, TargetReport, Verdict
from arpcheck.runs.merge import difference, selection


class Change(StrEnum):
    NEW = "new"
    """A new fault."""
    WORSE = "worse"
    """Another or a larger fault than before, or one where nothing was known."""
    NOT_COMPARABLE = "not-comparable"
    """Not known in one of the runs or in both."""
    FIXED = "fixed"
    BETTER = "better"
    """Part of the fault is gone, or an unknown state is fine now."""
    SAME = "same"
    ADDED = "added"
    """Not judged before, and fine now."""
    GONE = "gone"
    """No longer in the run: its state is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An address, a node or a finding in one of the runs."""

    outcome: Outcome | None
    """None: not in the run."""
    word: str | None = None
    """Its verdict, or a node's `arp`; None if it is not in the run."""
    wrong: frozenset[str] = frozenset()
    """Responders that should not reply; `nobody` if no responder replied and one should."""
    right: frozenset[str] = frozenset()
    """Responders that should reply."""
    who: tuple[str, ...] = ()
    """All responders; empty for a node."""
    accepted: bool = False

    @property
    def judged(self) -> bool:
        return self.outcome not in (None, Outcome.NOT_JUDGED)


ABSENT = Side(outcome=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    subject: str
    """An address, the Services without one, a node, or a finding's id."""
    services: tuple[str, ...] = ()
    before: Side
    after: Side
    change: Change

    @property
    def counts(self) -> bool:
        """Whether it makes the exit code 1."""
        return self.change in (Change.NEW, Change.WORSE) and not self.after.accepted

    @property
    def is_open(self) -> bool:
        """Whether its state is unknown, which makes the exit code 3."""
        match self.change:
            case Change.NOT_COMPARABLE:
                return True
            case Change.GONE:
                return self.before.judged
            case Change.NEW | Change.WORSE | Change.FIXED | Change.BETTER | Change.SAME | Change.ADDED:
                return False
            case _:
                assert_never(self.change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    before: Report
    after: Report
    obstacle: str | None
    """Why the runs can't be compared; there are no differences then."""
    addresses: tuple[Difference, ...]
    """Includes the canary if a stranger replied for it."""
    nodes: tuple[Difference, ...]
    findings: tuple[Difference, ...]
    """Faults and doubts of the later run; the addresses and nodes show what became of earlier ones."""
    notes: tuple[str, ...]
    """Notes for the reader."""
    doubts: tuple[str, ...]
    """Why the result can't be "nothing new"."""

    @property
    def every(self) -> tuple[Difference, ...]:
        return (*self.addresses, *self.nodes, *self.findings)

    @property
    def changes(self) -> Mapping[Change, int]:
        found = Counter(difference.change for difference in self.every)
        return {change: found[change] for change in Change if found[change]}

    @property
    def exit_code(self) -> int:
        """0: nothing new. 1: something new or worse. 3: not comparable."""
        if any(difference.counts for difference in self.every):
            return 1
        left = (node for node in self.nodes if node.change is not Change.GONE)  # a node that left the cluster is not a doubt
        open_ones = any(difference.is_open for difference in (*self.addresses, *left))
        return 3 if self.obstacle or self.doubts or open_ones else 0


STALE_CACHES = (
    "Clients keep a learned MAC address until their ARP entry expires. Only then does a fix reach them. "
    "Flush the entry on important routers."
)


def compare(before: tuple[Evidence, Report], after: tuple[Evidence, Report]) -> Comparison:
    """Compares two runs, each with its report."""
    obstacle = difference(before[0], after[0])
    same_selection = selection(before[0]) == selection(after[0])
    addresses = () if obstacle else _differences(_addresses(*before), _addresses(*after), same_selection)
    nodes = () if obstacle else _differences(_node_sides(*before), _node_sides(*after), True)
    return Comparison(
        before=before[1],
        after=after[1],
        obstacle=obstacle,
        addresses=(*addresses, *(() if obstacle else _canary(before[1], after[1]))),
        nodes=nodes,
        findings=() if obstacle else _findings(before[1], after[1]),
        notes=tuple(_notes(before[0], after[0], (*addresses, *nodes), same_selection)),
        doubts=() if obstacle else tuple(_doubts(before[1], after[1])),
    )


def changed(before: Side, after: Side, alike: bool = True) -> Change:
    """The change between two sides. `alike`: both runs looked for it, so that its absence means something."""
    if None in (before.outcome, after.outcome) and not alike:
        return Change.NOT_COMPARABLE
    match after.outcome:
        case None:
            return Change.SAME if before.outcome is None else Change.GONE
        case Outcome.FAULT:
            return _faulty(before, after)
        case Outcome.UNSURE:
            return Change.NOT_COMPARABLE
        case Outcome.NOT_JUDGED:
            return Change.NOT_COMPARABLE if before.judged else Change.SAME
        case Outcome.FINE:
            return _in_order(before.outcome)
        case _:
            assert_never(after.outcome)


def _faulty(before: Side, after: Side) -> Change:
    match before.outcome:
        case None | Outcome.FINE:
            return Change.NEW
        case Outcome.UNSURE | Outcome.NOT_JUDGED:
            return Change.WORSE
        case Outcome.FAULT:
            return _grown(before, after)
        case _:
            assert_never(before.outcome)


def _in_order(before: Outcome | None) -> Change:
    match before:
        case Outcome.FAULT:
            return Change.FIXED
        case Outcome.UNSURE:
            return Change.BETTER
        case None | Outcome.NOT_JUDGED:
            return Change.ADDED
        case Outcome.FINE:
            return Change.SAME
        case _:
            assert_never(before)


def _grown(before: Side, after: Side) -> Change:
    """Worse if an expected responder no longer replies, whoever else is gone."""
    if before.right and not after.right and before.right.isdisjoint(after.who):
        return Change.WORSE
    if after.wrong == before.wrong:
        return Change.SAME
    return Change.BETTER if after.wrong < before.wrong else Change.WORSE


# ------------------------------------------------------------------------------------------------------------ The two sides


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """One run's sides by subject."""

    sides: Mapping[str, Side]
    services: Mapping[str, tuple[str, ...]]
    """The Services of each address, for display."""
    whole: bool
    """Whether what is missing did not exist; False if it could not be read."""


def _addresses(evidence: Evidence, report: Report) -> _Sides:
    judged = {str(t.target.ip or ", ".join(t.target.services)): t for t in report.targets if t.verdict is not None}
    return _Sides(
        sides={subject: _address_side(target) for subject, target in judged.items()},
        services={subject: target.target.services for subject, target in judged.items()},
        whole=evidence.objects.gap("services") is None,
    )


def _node_sides(evidence: Evidence, report: Report) -> _Sides:
    sides = {node.name: _node_side(node) for node in report.nodes}
    return _Sides(sides=sides, services={}, whole=evidence.objects.gap("nodes") is None)


def _address_side(target: TargetReport) -> Side:
    names = {responder: responder.node or ", ".join(responder.macs) for responder in target.responders}
    unexpected = frozenset(name for responder, name in names.items() if not responder.expected)
    outcome = target.verdict.outcome if target.verdict else None
    wrong = frozenset({"nobody"}) if target.verdict is Verdict.SILENT else unexpected or frozenset(names.values())
    return Side(
        outcome=outcome,
        word=str(target.verdict),
        wrong=wrong if outcome is Outcome.FAULT else frozenset(),
        right=frozenset(name for responder, name in names.items() if responder.expected),
        who=tuple(names.values()),
        accepted=target.accepted is not None,
    )


def _node_side(node: NodeReport) -> Side:
    return Side(outcome=node.arp.outcome, word=str(node.arp), accepted=node.accepted is not None)


def _canary(before: Report, after: Report) -> Iterable[Difference]:
    """Responders for the canary that are neither a known node nor a proxy. Nodes are compared on their own."""
    was, now = _strangers(before), _strangers(after)
    if was or now:
        ip = next(str(t.target.ip) for t in (*after.targets, *before.targets) if t.target.kind is Kind.CANARY)
        sides = [_of_canary(found, report) for found, report in ((was, before), (now, after))]
        yield Difference(subject=f"canary {ip}", before=sides[0], after=sides[1], change=changed(sides[0], sides[1]))


def _of_canary(strangers: frozenset[str], report: Report) -> Side:
    if strangers:
        return Side(outcome=Outcome.FAULT, word="stranger", wrong=strangers, who=tuple(sorted(strangers)))
    asked = any(target.rounds for target in report.targets if target.target.kind is Kind.CANARY)
    return Side(outcome=Outcome.FINE, word="no stranger") if asked else ABSENT


def _strangers(report: Report) -> frozenset[str]:
    """MAC addresses without a known node that replied for the canary but not for the control."""

    def answered(kind: Kind) -> set[str]:
        found = (r for target in report.targets if target.target.kind is kind for r in target.responders if r.node is None)
        return {mac for responder in found for mac in responder.macs}

    return frozenset(answered(Kind.CANARY) - answered(Kind.CONTROL))


def _findings(before: Report, after: Report) -> tuple[Difference, ...]:
    """Faults and doubts of the later run, with the nodes and addresses that they name."""
    was = {finding.id: _finding_side(finding) for finding in before.findings if finding.outcome.is_problem}
    found = []
    for finding in (one for one in after.findings if one.outcome.is_problem):
        sides = was.get(finding.id, ABSENT), _finding_side(finding)
        found.append(Difference(subject=finding.id, before=sides[0], after=sides[1], change=changed(*sides)))
    return tuple(found)


def _finding_side(finding: Finding) -> Side:
    subjects = (*finding.nodes, *map(str, finding.ips))
    return Side(
        outcome=finding.outcome,
        word=str(finding.severity),
        wrong=frozenset(subjects) if finding.outcome is Outcome.FAULT else frozenset(),
        who=subjects,
        accepted=finding.accepted is not None,
    )


def _doubts(before: Report, after: Report) -> Iterable[str]:
    for report, which in ((before, "first"), (after, "second")):
        if report.judged is Outcome.NOT_JUDGED:
            yield f"the {which} run judged nothing"
    if after.summary.exit_code in (3, 130) and before.summary.exit_code not in (3, 130):
        yield f"the second run is inconclusive: {'; '.join(after.summary.because) or 'it was interrupted'}"


def _differences(before: _Sides, after: _Sides, same_selection: bool) -> tuple[Difference, ...]:
    """In the order of the later report; missing subjects come last."""
    alike = same_selection and before.whole and after.whole
    found = []
    for subject in dict.fromkeys((*after.sides, *before.sides)):
        was, now = before.sides.get(subject, ABSENT), after.sides.get(subject, ABSENT)
        services = after.services.get(subject) or before.services.get(subject, ())
        change = changed(was, now, alike)
        found.append(Difference(subject=subject, services=services, before=was, after=now, change=change))
    return tuple(found)


def _notes(before: Evidence, after: Evidence, found: Iterable[Difference], same_selection: bool) -> Iterable[str]:
    if before.started_at > after.started_at:
        yield "The first run is newer than the second. Check the order of the files."
    if not same_selection:
        yield "The runs selected different Services. Addresses of only one run are not compared."
    if any(entry.change in (Change.FIXED, Change.BETTER) for entry in found):
        yield STALE_CACHES
