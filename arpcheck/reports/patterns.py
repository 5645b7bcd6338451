"""In which order a report shows nodes, those first that replied wrongly; and the addresses that look alike as one.

Of forty addresses, thirty-five are often alike: shown one by one, they hide the five that differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from arpcheck.model import Arp, Outcome, Report, TargetReport, Verdict
from arpcheck.reports.matrix import Grid, GridRow, Mark
from arpcheck.reports.rows import gravity
from arpcheck.reports.words import verdict_of
from arpcheck.text import count, plain

ALONE = 12
"""Up to this number of rows, each is shown by itself."""

_SPECIAL = (Mark.FOREIGN, Mark.UNEXPECTED, Mark.UNHEARD)
"""Marks of which it matters whose they are. The announcers of addresses in order may differ."""
_NOTHING = frozenset((Mark.QUIET, Mark.UNASKED, Mark.DEAF))
_LOUDEST = (*_SPECIAL, Mark.ANNOUNCER, Mark.ANSWERED, Mark.DEAF, Mark.QUIET, Mark.UNASKED)


# --------------------------------------------------------------------------------------- What each node and stranger did


@dataclass(slots=True, kw_only=True)
class Conduct:
    """A node, or a MAC address of no known node, with the number of addresses for which it did what."""

    name: str
    """Of a node, else its MAC addresses."""
    node: str | None
    arp: Arp | None = None
    accepted: bool = False
    """Its answers for Service addresses are accepted."""
    vendor: str | None = None
    macs: tuple[str, ...] = ()
    heard: bool = False
    """It replied for any address, also its own."""
    wrong: int = 0
    """It replied and should not."""
    doubtful: int = 0
    """It replied, and whether it should is not decided."""
    missing: int = 0
    """It should have replied and did not."""
    right: int = 0
    first: int = 0
    """Of the addresses for which it replied wrongly or perhaps so, those where a client most likely takes its reply."""
    canary: bool = False
    """It replied for the canary."""

    @property
    def is_offender(self) -> bool:
        return bool(self.wrong or self.missing or (self.arp is Arp.NON_STRICT and not self.accepted))

    @property
    def rank(self) -> tuple[bool | int, ...]:
        non_strict = self.arp is Arp.NON_STRICT and not self.accepted
        grave = self.arp.outcome.place if self.arp else 1
        order = not self.wrong, not non_strict, not self.missing, not self.doubtful
        return (*order, -self.wrong, -self.missing, -self.doubtful, grave)


def conducts(report: Report, found: Grid) -> tuple[Conduct, ...]:
    """All nodes of the report and all that replied: the offenders first."""
    known = {
        node.name: Conduct(
            name=node.name,
            node=node.name,
            arp=node.arp,
            accepted=node.accepted is not None,
            macs=tuple(entry.mac for entry in node.macs),
        )
        for node in report.nodes
    }
    for name in found.nodes:
        known.setdefault(name, Conduct(name=name, node=name))
    strangers: dict[tuple[str, ...], Conduct] = {}
    for row in found.rows:
        columns = (None, *found.nodes) if found.strangers else found.nodes
        for column, cell in zip(columns, row.cells, strict=True):
            if cell.mark in _NOTHING:
                continue
            if column is not None:
                _count(known[column], row.target, cell.mark)
                continue
            for one in cell.responders:
                who = strangers.setdefault(
                    one.macs, Conduct(name=", ".join(one.macs), node=None, vendor=one.vendor, macs=one.macs)
                )
                _count(who, row.target, cell.mark)
    for target in report.targets:
        for responder in target.responders:
            if responder.node in known:
                known[responder.node].heard = True
    return tuple(sorted((*strangers.values(), *known.values()), key=lambda one: one.rank))


def _count(who: Conduct, target: TargetReport, mark: Mark) -> None:
    replied = mark in (Mark.ANNOUNCER, Mark.ANSWERED, Mark.UNEXPECTED, Mark.FOREIGN)
    who.heard |= replied
    if target.verdict is None:
        who.canary |= replied
        return
    counts = target.accepted is None and target.outcome.is_problem
    if mark is Mark.UNHEARD:
        who.missing += counts
    elif replied and (mark is Mark.ANNOUNCER or not counts):
        who.right += mark is not Mark.FOREIGN
    elif replied:
        wrong = target.outcome is Outcome.FAULT and (
            mark is Mark.UNEXPECTED or (mark is Mark.FOREIGN and target.verdict in (Verdict.FOREIGN, Verdict.PROXY_ARP))
        )
        who.wrong += wrong
        who.doubtful += not wrong
        who.first += target.winner is not None and target.winner in (who.node, *who.macs)


def conduct(one: Conduct) -> str:
    """What it did, in words: `replies wrongly for 14 addresses, and first for 13 of them`."""
    told = []
    if one.wrong:
        told.append(f"replies wrongly for {count(one.wrong, 'address')}")
    if one.doubtful:
        told.append(f"replies for {count(one.doubtful, 'address')} where it is not decided who should")
    if one.wrong or one.doubtful:
        told.append(f"replies first for {one.first:,} of {one.wrong + one.doubtful:,}")
    if one.missing:
        told.append(f"should reply for {count(one.missing, 'address')} and does not")
    if one.arp is Arp.NON_STRICT and not one.wrong:
        told.append("replies for the canary: its kernel has no strict ARP")
    if one.right:
        told.append(f"replies for {count(one.right, 'address')}{' as it should' if one.node else ''}")
    if one.node is None and one.vendor:
        told.append(plain(one.vendor))
    if not told and one.node is None:
        return "replied, and is not a known node"
    return "; ".join(told) or _otherwise(one)


def _otherwise(one: Conduct) -> str:
    if one.arp is Arp.SELF:
        return "arpcheck runs on it"
    if one.heard:
        return "replied for its own address"
    return "no reply"


def confidence(target: TargetReport) -> str:
    """`3 of 3 rounds, 0 frames lost`."""
    known, asked = target.confidence, len({*target.rounds})
    if not asked:
        return ""
    return f"{known.rounds} of {count(max(asked, known.rounds), 'round')}, {count(known.lost, 'frame')} lost"


# ------------------------------------------------------------------------------------------------------ Rows that are alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is shown where a pattern meets a column."""

    mark: Mark
    addresses: int
    """For how many of its addresses, where not for all; else 0."""
    nodes: tuple[str, ...] = ()
    """Whose marks these are, in a column of several nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Of a picture."""

    nodes: tuple[str | None, ...]
    """None: MAC addresses of no known node."""

    @property
    def title(self) -> str:
        first = self.nodes[0]
        if len(self.nodes) > 1:
            return f"{len(self.nodes):,} other nodes"
        return "no known node" if first is None else first


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Addresses with one verdict for which the same nodes did what they should not."""

    number: int
    rows: tuple[GridRow, ...]
    tallies: tuple[Tally, ...] = field(default=())
    """One for each column."""

    @property
    def target(self) -> TargetReport:
        return self.rows[0].target

    @property
    def targets(self) -> tuple[TargetReport, ...]:
        return tuple(row.target for row in self.rows)

    @property
    def is_one(self) -> bool:
        return len(self.rows) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    columns: tuple[Column, ...]
    patterns: tuple[Pattern, ...]


def picture(found: Grid, order: Sequence[Conduct], most: int) -> Picture:
    """At most `most` columns: offenders first, and the nodes of which nothing special is seen share the last one."""
    columns = _columns(found, order, most)
    places = {node: place for place, node in enumerate((None, *found.nodes) if found.strangers else found.nodes)}
    rows = sorted(found.rows, key=lambda row: gravity(row.target))
    alike: Mapping[object, list[GridRow]] = defaultdict(list)
    for row in rows:
        alike[_likeness(row) if len(rows) > ALONE else id(row)].append(row)
    patterns = (
        Pattern(
            number=number,
            rows=tuple(group),
            tallies=tuple(_tally(group, column, [places[node] for node in column.nodes]) for column in columns),
        )
        for number, group in enumerate(alike.values(), 1)
    )
    return Picture(columns=columns, patterns=tuple(patterns))


def _columns(found: Grid, order: Sequence[Conduct], most: int) -> tuple[Column, ...]:
    shown = set(found.nodes)
    names: list[str | None] = [None] if found.strangers else []
    names += [one.name for one in order if one.node is not None and one.name in shown]
    if len(names) <= most:
        return tuple(Column(nodes=(name,)) for name in names)
    columns = (None, *found.nodes) if found.strangers else found.nodes
    special = {
        column for row in found.rows for column, cell in zip(columns, row.cells, strict=True) if cell.mark in _SPECIAL
    }
    kept = [name for name in names if name is None or name in special][: most - 1]
    others = tuple(name for name in names if name not in kept)
    return (*(Column(nodes=(name,)) for name in kept), *([Column(nodes=others)] if others else []))


def _likeness(row: GridRow) -> object:
    marks = [cell.mark for cell in row.cells]
    special = tuple((place, mark) for place, mark in enumerate(marks) if mark in _SPECIAL)
    expected = frozenset(marks) & {Mark.ANNOUNCER, Mark.ANSWERED, Mark.UNASKED}
    kind = None if row.target.verdict else row.target.target.kind
    return verdict_of(row.target), row.target.reason if not row.target.rounds else "", kind, special, expected


def _tally(rows: Sequence[GridRow], column: Column, places: Iterable[int]) -> Tally:
    at = dict(zip(column.nodes, places, strict=True))
    counted: Counter[Mark] = Counter()
    nodes: dict[Mark, dict[str, None]] = defaultdict(dict)
    for row in rows:
        marks = {node: row.cells[place].mark for node, place in at.items()}
        loudest = min(marks.values(), key=_LOUDEST.index)
        counted[loudest] += 1
        nodes[loudest].update((node, None) for node, mark in marks.items() if mark is loudest and node is not None)
    mark = min(counted, key=_LOUDEST.index)
    replied = mark not in (Mark.QUIET, Mark.UNASKED, Mark.DEAF)
    part = counted[mark] if replied and counted[mark] < len(rows) else 0
    return Tally(mark=mark, addresses=part, nodes=tuple(nodes[mark]) if replied and len(column.nodes) > 1 else ())
