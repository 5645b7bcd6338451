"""Which node replied for which address, as a grid of marks that `matrix` and `html` show; and aligned, coloured text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from tabulate import tabulate

from arpcheck.model import Arp, Kind, Outcome, Report, Responder, Severity, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.formatting import count, listing
from arpcheck.reports.words import announcers


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

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks in use, for the legend."""
        found = {cell.mark for row in self.rows for cell in row.cells}
        return tuple(mark for mark in Mark if mark in found)


def grid(report: Report) -> Grid:
    judged = [target for target in report.targets if target.verdict is not None]
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
        rows=tuple(GridRow(target=target, cells=tuple(_cell(target, column, arp) for column in columns)) for target in rows),
    )


def _cell(target: TargetReport, node: str | None, arp: Mapping[str, Arp]) -> Cell:
    found = tuple(responder for responder in target.responders if responder.node == node)
    if found:
        return Cell(mark=_mark_with_replies(target, found, arp), responders=found)
    return Cell(mark=_mark_without_reply(target, node, arp) if target.rounds else Mark.UNASKED)


def _mark_with_replies(target: TargetReport, found: tuple[Responder, ...], arp: Mapping[str, Arp]) -> Mark:
    node = found[0].node
    if any(responder.expected for responder in found):
        return Mark.ANNOUNCER
    if node is None:
        return Mark.FOREIGN
    should_not = announcers(target) or target.verdict is None or arp.get(node) is Arp.NON_STRICT
    return Mark.UNEXPECTED if should_not else Mark.ANSWERED


def _mark_without_reply(target: TargetReport, node: str | None, arp: Mapping[str, Arp]) -> Mark:
    """A missing reply proves nothing about the node that arpcheck runs on, or about a node that never replied."""
    if node is None:
        return Mark.QUIET
    if arp.get(node) is Arp.SELF:
        return Mark.DEAF
    if node in announcers(target):
        return Mark.UNHEARD
    return Mark.DEAF if arp.get(node) is Arp.UNREACHED else Mark.QUIET


def _replying_nodes(target: TargetReport) -> Iterable[str]:
    return (responder.node for responder in target.responders if responder.node is not None)


def without_marks(found: Grid, limit: int) -> str:
    """The sentence that names the nodes without a column."""
    which = f"{count(len(found.quiet), 'node')} without replies that no record names as announcer"
    return f"Not shown: {which}: {listing(found.quiet, limit)}"


# ------------------------------------------------------------------------ Aligned columns that fit the width of the terminal

GAP = 2
"""Spaces between columns, as tabulate's plain format and kubectl have them."""
FLOOR = 15
"""A column is never narrower than this, so that an IPv4 address or a verdict is never cut."""

Paint = Callable[[int, str], str]
"""(column, cell as shown) -> the cell with its colour."""


def aligned(headers: Sequence[str], rows: Sequence[Sequence[str]], style: Style, paint: Paint | None = None) -> list[str]:
    """Lines without trailing blanks. In a narrow terminal the widest columns are cut first."""
    titles = [headers] if style.headers else []
    widths = _fitted([max(map(len, column)) for column in zip(*titles, *rows, strict=True)], style.width)
    shown = [[_cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in (*titles, *rows)]
    if paint and style.colour:
        shown[len(titles) :] = [[paint(c, cell) for c, cell in enumerate(row)] for row in shown[len(titles) :]]
    text = tabulate(shown, tablefmt="plain", disable_numparse=True, stralign="left")  # its own headers would be padded
    return [line.rstrip() for line in text.splitlines()]


def _fitted(widths: list[int], room: int | None) -> list[int]:
    """Cuts the widest column until all fit, or until each is at the floor."""
    widths = list(widths)
    while room is not None and sum(widths) + GAP * (len(widths) - 1) > room and max(widths) > FLOOR:
        widths[widths.index(max(widths))] -= 1
    return widths


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


# ----------------------------------------------------------------------------------------------------- Colours of a terminal

RED, YELLOW, GREEN, DIM = "1;31", "33", "32", "2"


def _of_outcome(outcome: Outcome) -> str:
    match outcome:
        case Outcome.FAULT:
            return RED
        case Outcome.UNSURE:
            return YELLOW
        case Outcome.FINE:
            return GREEN
        case Outcome.NOT_JUDGED:
            return DIM
        case _:
            assert_never(outcome)


def _of_severity(severity: Severity) -> str:
    match severity:
        case Severity.ERROR:
            return RED
        case Severity.WARNING:
            return YELLOW
        case Severity.INFO:
            return DIM
        case _:
            assert_never(severity)


_BY_WORD: dict[str, str] = {
    **{verdict: _of_outcome(verdict.outcome) for verdict in Verdict},
    **{arp: _of_outcome(arp.outcome) for arp in Arp},
    **{severity: _of_severity(severity) for severity in Severity},
    Arp.UNREACHED: YELLOW,
    Kind.CANARY: DIM,
    Kind.CONTROL: DIM,
    "OK": GREEN,
    "PROBLEM": RED,
}


def painted(text: str, colour: str, style: Style) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if style.colour and colour and text else text


def of_word(word: str) -> str:
    """The colour of a verdict, a node's `arp`, a severity or the run's outcome."""
    return _BY_WORD.get(word, DIM if word.endswith("(accepted)") else YELLOW)
