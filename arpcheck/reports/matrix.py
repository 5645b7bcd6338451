"""`-o matrix`: which node replied for which address, as a letter and a colour; and the grid of marks behind it, which the
other formats for people show too.

Nodes without replies are listed in a sentence. If the names do not fit, columns are numbered; if the numbers do not fit
either, the matrix is shown in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from textwrap import wrap

from arpcheck.model import Arp, Kind, Report, Responder, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import (
    GREEN,
    GREY,
    NONE,
    PROSE_WIDTH,
    RED,
    YELLOW,
    NameList,
    Section,
    aligned,
    joined,
    listing,
    painted,
)
from arpcheck.reports.rows import chosen, summary
from arpcheck.reports.table import facts, headline, verdict_cell
from arpcheck.reports.words import address, announcers, services
from arpcheck.text import count, plain


class Mark(StrEnum):
    """A letter for each state, in the order of the legend."""

    ANNOUNCER = "A"
    ANSWERED = "a"
    UNEXPECTED = "X"
    FOREIGN = "F"
    UNHEARD = "S"
    DEAF = "?"
    QUIET = "·"
    UNASKED = "-"


MEANINGS = {
    Mark.ANNOUNCER: "replied, and is the announcer",
    Mark.ANSWERED: "replied; no record names an announcer",
    Mark.UNEXPECTED: "replied, and should not",
    Mark.FOREIGN: "replied, and is not a known node",
    Mark.UNHEARD: "did not reply, and is the announcer",
    Mark.DEAF: "cannot be observed from here",
    Mark.QUIET: "did not reply; no record names it as announcer",
    Mark.UNASKED: "not probed",
}

FEW = 8
"""Up to this number of nodes, all are shown, also those without replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    mark: Mark
    responders: tuple[Responder, ...] = ()
    """Whose replies the mark stands for; empty without a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    target: TargetReport
    cells: tuple[Cell, ...]
    """One for the strangers, if the grid has any; then one for each of `Grid.nodes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    nodes: tuple[str, ...]
    """The nodes that replied or should have; all nodes if they are few."""
    quiet: tuple[str, ...]
    """The other nodes: they did not reply for any row, and no current record names them."""
    strangers: bool
    """A MAC address of no known node replied. The first column is for these, where it is always visible."""
    rows: tuple[GridRow, ...]
    """Each address with a verdict, then the canary and the control."""

    def shown(self, style: Style) -> Grid:
        """The rows that `style` shows, with the columns of all."""
        return replace(self, rows=tuple(row for row in self.rows if style.shows(row.target.verdict)))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks in use, for the legend."""
        found = {cell.mark for row in self.rows for cell in row.cells}
        return tuple(mark for mark in Mark if mark in found)


def grid(report: Report) -> Grid:
    """Every address, what is wrong first."""
    judged = chosen(report, Style())
    controls = [target for kind in (Kind.CANARY, Kind.CONTROL) for target in report.targets if target.target.kind is kind]
    arp = {node.name: node.arp for node in report.nodes}
    rows = [*judged, *controls]
    named = {name for target in rows for name in (*announcers(target), *_replying_nodes(target))}
    known = dict.fromkeys((*(node.name for node in report.nodes), *sorted(named)))
    nodes = tuple(name for name in known if name in named or len(known) <= FEW)
    strangers = any(found.node is None for target in rows for found in target.responders)
    columns = (None, *nodes) if strangers else nodes
    return Grid(
        nodes=nodes,
        quiet=tuple(name for name in known if name not in nodes),
        strangers=strangers,
        rows=tuple(GridRow(target=target, cells=_cells(target, columns, arp)) for target in rows),
    )


def _cells(target: TargetReport, columns: Sequence[str | None], arp: Mapping[str, Arp]) -> tuple[Cell, ...]:
    """What is the same for all columns is found once: there may be a million cells."""
    names, replied = announcers(target), dict[str | None, list[Responder]]()
    for responder in target.responders:
        replied.setdefault(responder.node, []).append(responder)
    return tuple(_cell(target, column, tuple(replied.get(column, ())), names, arp) for column in columns)


def _cell(
    target: TargetReport, node: str | None, found: tuple[Responder, ...], names: Sequence[str], arp: Mapping[str, Arp]
) -> Cell:
    if found:
        return Cell(mark=_mark_with_replies(target, found, names, arp), responders=found)
    return Cell(mark=_mark_without_reply(node, names, arp) if target.rounds else Mark.UNASKED)


def _mark_with_replies(
    target: TargetReport, found: tuple[Responder, ...], names: Sequence[str], arp: Mapping[str, Arp]
) -> Mark:
    node = found[0].node
    if any(responder.expected for responder in found):
        return Mark.ANNOUNCER
    if node is None:
        return Mark.FOREIGN
    should_not = names or target.verdict is None or arp.get(node) is Arp.NON_STRICT
    return Mark.UNEXPECTED if should_not else Mark.ANSWERED


def _mark_without_reply(node: str | None, names: Sequence[str], arp: Mapping[str, Arp]) -> Mark:
    """A missing reply proves nothing about the node that arpcheck runs on, or about a node that never replied."""
    if node is None:
        return Mark.QUIET
    if arp.get(node) is Arp.SELF:
        return Mark.DEAF
    if node in names:
        return Mark.UNHEARD
    return Mark.DEAF if arp.get(node) is Arp.UNREACHED else Mark.QUIET


def _replying_nodes(target: TargetReport) -> Iterable[str]:
    return (responder.node for responder in target.responders if responder.node is not None)


def without_marks(found: Grid, limit: int) -> str:
    """The sentence that names the nodes without a column."""
    which = f"{count(len(found.quiet), 'node')} without replies that no record names as announcer"
    return f"Not shown: {which}: {listing(found.quiet, limit)}"


# ----------------------------------------------------------------------------------------------------------- For a terminal

STRANGERS = "no node"
"""The heading of the column for MAC addresses of no known node."""
_LEAD = 48
"""Characters for address, verdict and Service, at most."""
_COLOURS = {
    Mark.ANNOUNCER: GREEN, Mark.ANSWERED: "", Mark.UNEXPECTED: RED, Mark.FOREIGN: RED,
    Mark.UNHEARD: YELLOW, Mark.DEAF: YELLOW, Mark.QUIET: GREY, Mark.UNASKED: GREY,
}  # fmt: skip


def render(report: Report, style: Style) -> str:
    found = grid(report).shown(style)
    return joined((headline(report, style), *_drawn(found, style), _legend(found, style), facts(report, style)))


def _drawn(found: Grid, style: Style) -> Iterator[Section]:
    width = style.width or PROSE_WIDTH
    names = [*([STRANGERS] if found.strangers else []), *(plain(node, 40) for node in found.nodes)]
    if not found.rows:
        return
    if sum(len(name) + 2 for name in names) <= width - _LEAD:
        yield _part(found.rows, 0, names, style)
        return
    yield wrap(", ".join(f"{number}={name}" for number, name in enumerate(names, 1)), min(width, PROSE_WIDTH))
    at_once = max((width - _LEAD) // (len(str(len(names))) + 2), 1)
    for first in range(0, len(names), at_once):
        numbers = [str(number) for number in range(first + 1, min(first + at_once, len(names)) + 1)]
        yield _part(found.rows, first, numbers, style)


def _part(rows: Sequence[GridRow], first: int, headings: Sequence[str], style: Style) -> Section:
    """The columns from `first` on, as many as there are headings."""
    last, asked = first + len(headings), any(row.target.reach for row in rows)
    shown: list[tuple[str | NameList, ...]] = []
    for row in rows:
        marks = map(_mark, row.cells[first:last])
        reach = ("; ".join(summary(row.target)) or NONE,) if asked else ()
        shown.append((address(row.target), verdict_cell(row.target), *marks, services(row.target, 1), *reach))
    return aligned(("IP", "VERDICT", *headings, "SERVICE", *(("REACH",) if asked else ())), shown, style)


def _mark(cell: Cell) -> NameList:
    return NameList(names=(cell.mark,), most=1, colour=_COLOURS[cell.mark])


def _legend(found: Grid, style: Style) -> Section:
    lines = [f"{painted(mark, _COLOURS[mark], style)}  {MEANINGS[mark]}" for mark in found.marks]
    if found.quiet:
        lines += wrap(without_marks(found, 6), min(style.width or PROSE_WIDTH, PROSE_WIDTH))
    return lines
