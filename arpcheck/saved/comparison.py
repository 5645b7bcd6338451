"""Two runs of one cluster, before and after: what changed at every address and every node.

Pure. A fault that was there and can't be seen any more is not fixed: only what was judged in both runs is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from arpcheck.evidence import Evidence
from arpcheck.judge.summary import DOUBTFUL, PROVEN
from arpcheck.model import Arp, NodeReport, Report, TargetReport, Verdict
from arpcheck.saved.comparability import difference, selection


class Change(StrEnum):
    NEW = "new"
    """A fault that was not there."""
    WORSE = "worse"
    """Another or a larger fault than before, or one where it was not known."""
    NOT_COMPARABLE = "not-comparable"
    """It is not known, in one of the runs or in both."""
    FIXED = "fixed"
    BETTER = "better"
    """A part of the fault is gone, or it is in order now and was not known before."""
    SAME = "same"
    ADDED = "added"
    """It was not asked before, and is in order."""
    GONE = "gone"


class State(StrEnum):
    """What one run says of an address or a node."""

    FINE = "fine"
    FAULTY = "faulty"
    UNSURE = "unsure"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An address or a node in one of the runs."""

    state: State
    word: str | None = None
    """Its verdict, or its `arp`; None where it is not in the run."""
    wrong: frozenset[str] = frozenset()
    """Who answers and should not; `nobody` where nobody does and somebody should."""
    who: tuple[str, ...] = ()
    """Who answered; of a node nobody."""
    accepted: bool = False


ABSENT = Side(state=State.ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    subject: str
    """An address, or the Services that have none, or a node."""
    services: tuple[str, ...] = ()
    before: Side
    after: Side
    change: Change

    @property
    def counts(self) -> bool:
        """It makes the exit code 1."""
        return self.change in (Change.NEW, Change.WORSE) and not self.after.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    before: Report
    after: Report
    obstacle: str | None
    """Why the runs can't be compared; then there are no differences."""
    addresses: tuple[Difference, ...]
    nodes: tuple[Difference, ...]
    notes: tuple[str, ...]
    """What the reader should know beside it."""

    @property
    def changes(self) -> Mapping[Change, int]:
        found = Counter(difference.change for difference in (*self.addresses, *self.nodes))
        return {change: found[change] for change in Change if found[change]}

    @property
    def exit_code(self) -> int:
        """0 nothing new, 1 something new or worse, 3 not comparable."""
        every = (*self.addresses, *self.nodes)
        if any(difference.counts for difference in every):
            return 1
        unknown = self.obstacle or not every or Change.NOT_COMPARABLE in self.changes
        return 3 if unknown else 0


STALE_CACHES = (
    "Clients keep the MAC that they learnt until their ARP entry ends: what is fixed here is fixed for them then. "
    "Flush it on routers that matter."
)


def compare(before: tuple[Evidence, Report], after: tuple[Evidence, Report]) -> Comparison:
    """Each run with what was concluded from it."""
    obstacle = difference(before[0], after[0])
    same_selection = selection(before[0]) == selection(after[0])
    addresses = () if obstacle else _differences(_addresses(*before), _addresses(*after), same_selection)
    nodes = () if obstacle else _differences(_nodes(*before), _nodes(*after), True)
    return Comparison(
        before=before[1],
        after=after[1],
        obstacle=obstacle,
        addresses=addresses,
        nodes=nodes,
        notes=tuple(_notes(before[0], after[0], (*addresses, *nodes), same_selection)),
    )


def changed(before: Side, after: Side, alike: bool = True) -> Change:
    """What became of an address or a node. `alike`: both runs looked for it, so that one that has it not says something."""
    if State.ABSENT in (before.state, after.state) and not alike:
        return Change.NOT_COMPARABLE
    match before.state, after.state:
        case State.ABSENT, State.ABSENT:
            return Change.SAME
        case _, State.ABSENT:
            return Change.GONE
        case State.FAULTY, State.FAULTY:
            return _grown(before, after)
        case State.UNSURE, State.FAULTY:
            return Change.WORSE
        case _, State.FAULTY:
            return Change.NEW
        case State.UNSURE, State.UNSURE if before.word == after.word == Arp.UNREACHED:
            return Change.SAME
        case _, State.UNSURE:
            return Change.NOT_COMPARABLE
        case State.FAULTY, _:
            return Change.FIXED
        case State.UNSURE, _:
            return Change.BETTER
        case State.ABSENT, _:
            return Change.ADDED
        case _:
            return Change.SAME


def _grown(before: Side, after: Side) -> Change:
    if after.wrong == before.wrong:
        return Change.SAME
    return Change.BETTER if after.wrong < before.wrong else Change.WORSE


# ------------------------------------------------------------------------------------------------------- the two sides


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run's sides by subject."""

    sides: Mapping[str, Side]
    services: Mapping[str, tuple[str, ...]]
    """Of each address, for the reader."""
    whole: bool
    """What is not in it was not there; False: it could not be read."""


def _addresses(evidence: Evidence, report: Report) -> _Run:
    judged = {str(t.target.ip or ", ".join(t.target.services)): t for t in report.targets if t.verdict is not None}
    return _Run(
        sides={subject: _address(target) for subject, target in judged.items()},
        services={subject: target.target.services for subject, target in judged.items()},
        whole=evidence.objects.gap("services") is None,
    )


def _nodes(evidence: Evidence, report: Report) -> _Run:
    sides = {node.name: _node(node) for node in report.nodes}
    return _Run(sides=sides, services={}, whole=evidence.objects.gap("nodes") is None)


def _address(target: TargetReport) -> Side:
    names = {responder: responder.node or ", ".join(responder.macs) for responder in target.responders}
    unexpected = frozenset(name for responder, name in names.items() if not responder.expected)
    faulty = target.verdict in PROVEN
    wrong = frozenset({"nobody"}) if target.verdict is Verdict.SILENT else unexpected or frozenset(names.values())
    return Side(
        state=_state_of(target.verdict),
        word=str(target.verdict),
        wrong=wrong if faulty else frozenset(),
        who=tuple(names.values()),
        accepted=target.accepted is not None,
    )


def _state_of(verdict: Verdict | None) -> State:
    if verdict in PROVEN:
        return State.FAULTY
    if verdict in DOUBTFUL:
        return State.UNSURE
    return State.FINE if verdict is Verdict.OK else State.ABSENT


def _node(node: NodeReport) -> Side:
    state = {Arp.STRICT: State.FINE, Arp.NON_STRICT: State.FAULTY}.get(node.arp, State.UNSURE)
    return Side(state=state, word=str(node.arp), accepted=node.accepted is not None)


def _differences(before: _Run, after: _Run, same_selection: bool) -> tuple[Difference, ...]:
    """In the order of the later report; what is gone comes last."""
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
        yield "The first run is the later one: are the two files swapped?"
    if not same_selection:
        yield "The runs asked for different Services: what only one of them asked is not compared."
    if any(entry.change in (Change.FIXED, Change.BETTER) for entry in found):
        yield STALE_CACHES
