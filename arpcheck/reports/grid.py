"""The picture of a run as data: who answered what. Rows are addresses, columns nodes, a mark says what was heard.

`matrix` and `html` draw it. Knows the nouns of the report, no layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from arpcheck.model import Arp, Kind, Report, Responder, TargetReport
from arpcheck.reports.words import announcers


class Mark(StrEnum):
    """A letter that can be told without a colour. The order is that of the legend."""

    ANNOUNCER = "A"
    ANSWERED = "a"
    UNEXPECTED = "X"
    FOREIGN = "F"
    UNHEARD = "S"
    DEAF = "?"
    QUIET = "·"
    UNASKED = "-"


MEANINGS = {
    Mark.ANNOUNCER: "answered, and is the announcer",
    Mark.ANSWERED: "answered; no record says who should",
    Mark.UNEXPECTED: "answered, and should not have",
    Mark.FOREIGN: "answered, and is no known node",
    Mark.UNHEARD: "did not answer, and should have",
    Mark.DEAF: "can't be heard here",
    Mark.QUIET: "did not answer; no record says it should",
    Mark.UNASKED: "not asked",
}


FEW = 8
"""So many nodes are drawn even where they say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    mark: Mark
    responders: tuple[Responder, ...] = ()
    """Who the mark speaks of; empty where nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    target: TargetReport
    cells: tuple[Cell, ...]
    """Where the grid has strangers, one for them; then one for each of `Grid.nodes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    nodes: tuple[str, ...]
    """The nodes that any mark speaks of; all of them where they are few."""
    quiet: tuple[str, ...]
    """The others: they answered for none of the rows, and no current record says that they should have."""
    strangers: bool
    """A MAC of no known node answered: the first column is for these, so that it is never out of sight."""
    rows: tuple[Row, ...]
    """Every judged address, then the canary and the control."""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Those that occur, for the legend."""
        found = {cell.mark for row in self.rows for cell in row.cells}
        return tuple(mark for mark in Mark if mark in found)


def grid(report: Report) -> Grid:
    judged = [target for target in report.targets if target.verdict is not None]
    controls = [target for kind in (Kind.CANARY, Kind.CONTROL) for target in report.targets if target.target.kind is kind]
    arp = {node.name: node.arp for node in report.nodes}
    rows = [*judged, *controls]
    named = {name for target in rows for name in (*announcers(target), *_answering(target))}
    known = dict.fromkeys((*(node.name for node in report.nodes), *sorted(named)))
    nodes = tuple(name for name in known if name in named or len(known) <= FEW)
    strangers = any(found.node is None for target in rows for found in target.responders)
    columns = (None, *nodes) if strangers else nodes
    return Grid(
        nodes=nodes,
        quiet=tuple(name for name in known if name not in nodes),
        strangers=strangers,
        rows=tuple(
            Row(target=target, cells=tuple(_cell(target, column, arp) for column in columns)) for target in rows
        ),
    )


def _cell(target: TargetReport, node: str | None, arp: Mapping[str, Arp]) -> Cell:
    found = tuple(responder for responder in target.responders if responder.node == node)
    if found:
        return Cell(mark=_answered(target, found, arp), responders=found)
    return Cell(mark=_silent(target, node, arp) if target.rounds else Mark.UNASKED)


def _answered(target: TargetReport, found: tuple[Responder, ...], arp: Mapping[str, Arp]) -> Mark:
    node = found[0].node
    if any(responder.expected for responder in found):
        return Mark.ANNOUNCER
    if node is None:
        return Mark.FOREIGN
    should_not = announcers(target) or target.verdict is None or arp.get(node) is Arp.NON_STRICT
    return Mark.UNEXPECTED if should_not else Mark.ANSWERED


def _silent(target: TargetReport, node: str | None, arp: Mapping[str, Arp]) -> Mark:
    """Silence says nothing of a node that arpcheck runs on, nor of one of which nothing at all was heard."""
    if node is None:
        return Mark.QUIET
    if arp.get(node) is Arp.SELF:
        return Mark.DEAF
    if node in announcers(target):
        return Mark.UNHEARD
    return Mark.DEAF if arp.get(node) is Arp.UNREACHED else Mark.QUIET


def _answering(target: TargetReport) -> Iterable[str]:
    return (responder.node for responder in target.responders if responder.node is not None)
