"""What a watch knows: which faults hold, what happened to each address since it began, and both as a file that the next
watch begins with.

A failover is a moment in which two nodes reply, or none: one probe may meet it, and nobody must be called for it. So the
metrics call a fault what two probes showed. Until a second probe shows it too, an address is `inconclusive` and a node
`unknown`: never fine, and not yet a fault.

With the file a restart is not a change: it says who replied for each address, what each verdict was and since when, which
faults hold, what is accepted, and the numbers that only grow, of which metrics are made. It never decides anything alone:
every verdict is of a probe. What can't be read is not used at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, assert_never

from arpcheck.evidence_json import camel
from arpcheck.model import Address, Arp, Finding, Mac, NodeReport, Outcome, Report, Severity, Summary, TargetReport, Verdict
from arpcheck.watch.timeline import ResponderChange

if TYPE_CHECKING:
    import cattrs


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


# -------------------------------------------------------------------------------------------------- Numbers that only grow


class WatchEvent(StrEnum):
    """What can happen to an address. None of it is a fault by itself: a failover is a move, often with a gap."""

    MOVE = "move"
    """Another owner replies."""
    GAP = "gap"
    """It stopped to reply."""
    OVERLAP = "overlap"
    """Several owners began to reply at once."""
    ANNOUNCEMENT = "announcement"
    """A gratuitous frame from somebody who did not reply for it."""
    CLAIM = "claim"
    """A request with the address as its sender, from somebody who does not hold it."""


@dataclass(slots=True)
class AddressTotals:
    events: dict[WatchEvent, int] = field(default_factory=lambda: dict.fromkeys(WatchEvent, 0))
    gap_seconds: float = 0.0
    """Of gaps that are over."""
    overlap_seconds: float = 0.0


class Totals:
    def __init__(self) -> None:
        self._by_address: dict[Address, AddressTotals] = {}

    def follow(self, ip: Address, known: AddressTotals | None = None) -> None:
        """From now on the address has numbers: those that are known from before a restart, else all 0, since a rate needs a
        first sample."""
        self._by_address.setdefault(ip, known or AddressTotals())

    def of(self, ip: Address) -> AddressTotals:
        return self._by_address[ip]

    def happened(self, ip: Address, event: WatchEvent) -> None:
        if ip in self._by_address:
            self._by_address[ip].events[event] += 1

    def changed(self, ip: Address, change: ResponderChange) -> None:
        one = self._by_address.get(ip)
        if one is None:
            return
        one.events[WatchEvent.MOVE] += change.moved
        one.events[WatchEvent.GAP] += not change.after and bool(change.last)
        one.events[WatchEvent.OVERLAP] += len(change.after) > 1 >= len(change.before)
        one.gap_seconds += change.gap
        one.overlap_seconds += change.together

    def copied(self) -> dict[Address, AddressTotals]:
        """The numbers now, which a thread may read while the watch goes on."""
        return {
            ip: AddressTotals(dict(one.events), one.gap_seconds, one.overlap_seconds) for ip, one in self._by_address.items()
        }


# ---------------------------------------------------------------------------------------------------------------- The file

_T = TypeVar("_T")

KIND = "WatchState"
API_VERSION = "arpcheck/v1"

MOST_BYTES = 900_000
"""A ConfigMap holds 1 MiB (k8s.io/apimachinery validation, MaxSecretSize), and metadata beside it."""


class ForeignStateError(Exception):
    """A state that can't be used; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a state is about: the same addresses may be another cluster's, or on another segment."""

    server: str
    """URL of the API server; empty for a file of kubectl."""
    networks: tuple[str, ...]
    """Of the interfaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAddress:
    ip: Address
    verdict: Verdict | None
    """Of the last probe."""
    is_accepted: bool
    macs: tuple[Mac, ...]
    """Who replied last; empty if nobody did, or nothing is known."""
    events: dict[WatchEvent, int]
    gap_seconds: float
    overlap_seconds: float

    @property
    def totals(self) -> AddressTotals:
        events = dict.fromkeys(WatchEvent, 0) | self.events
        return AddressTotals(events, self.gap_seconds, self.overlap_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    name: str
    arp: Arp
    macs: tuple[Mac, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSubject:
    """An entry of `Holding.known`."""

    kind: SubjectKind
    name: str
    state: str
    since: datetime
    faults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    place: Place
    saved_at: datetime
    addresses: tuple[KnownAddress, ...]
    nodes: tuple[KnownNode, ...]
    subjects: tuple[KnownSubject, ...]

    @property
    def known(self) -> Mapping[Subject, Known]:
        return {
            Subject(one.kind, one.name): Known(state=one.state, since=one.since, faults=min(max(one.faults, 0), HOLDS))
            for one in self.subjects
        }


def subjects(known: Mapping[Subject, Known]) -> tuple[KnownSubject, ...]:
    return tuple(
        KnownSubject(kind=subject.kind, name=subject.name, state=one.state, since=one.since, faults=one.faults)
        for subject, one in sorted(known.items())
    )


def written(state: WatchState) -> str:
    document = {"apiVersion": API_VERSION, "kind": KIND, **_converter().unstructure(state)}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"


def read(text: str, place: Place) -> WatchState | None:
    """None for an empty text, as a new ConfigMap has it. Raises ForeignStateError for what is damaged, of another version,
    of another cluster or of another segment."""
    if not text.strip():
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ForeignStateError("is damaged: it is not JSON") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ForeignStateError("is not a state of `arpcheck watch`")
    if document.get("apiVersion") != API_VERSION:
        raise ForeignStateError(f"has another version than {API_VERSION}")
    found = _structured({key: value for key, value in document.items() if key not in ("apiVersion", "kind")})
    if found.saved_at.tzinfo is None or any(one.since.tzinfo is None for one in found.subjects):
        raise ForeignStateError("is damaged: a time has no zone")
    if found.place.server != place.server:
        raise ForeignStateError(f"is of another cluster, {found.place.server or 'a file'}")
    if not {*found.place.networks} & {*place.networks}:
        raise ForeignStateError(f"is of another segment, {', '.join(found.place.networks) or 'without a network'}")
    return found


def _structured(document: dict[str, Any]) -> WatchState:
    try:
        return _converter().structure(document, WatchState)
    except Exception as error:  # noqa: BLE001 - cattrs wraps whatever a damaged document raises
        import cattrs

        raise ForeignStateError(f"is damaged: {cattrs.transform_error(error, path='state')[0]}") from None


@cache
def _converter() -> cattrs.Converter:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
    from cattrs.preconf.json import make_converter

    made = make_converter(forbid_extra_keys=True)
    made.register_structure_hook_func(lambda kind: kind == Address, lambda value, _: ip_address(_text(value)))
    made.register_unstructure_hook_func(lambda kind: kind == Address, str)
    made.register_structure_hook(Mac, lambda value, _: Mac(_text(value)))
    made.register_unstructure_hook(Mac, str)
    for kind in (bool, int):
        made.register_structure_hook(kind, _of_kind)
    for one in (Place, KnownAddress, KnownNode, KnownSubject, WatchState):
        names: Any = {field.name: override(rename=camel(field.name)) for field in fields(one)}
        made.register_structure_hook(one, make_dict_structure_fn(one, made, _cattrs_forbid_extra_keys=True, **names))
        made.register_unstructure_hook(one, make_dict_unstructure_fn(one, made, **names))
    return made


def _text(value: Any) -> str:
    return _of_kind(value, str)


def _of_kind(value: Any, kind: type[_T]) -> _T:
    """cattrs alone would make true of any text, and 3 of "3"."""
    if type(value) is not kind:
        raise ValueError(f"expected {kind.__name__}")
    return value
