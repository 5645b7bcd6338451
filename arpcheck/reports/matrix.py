"""`-o matrix`: which node replied for which address, as a letter and a colour.

Nodes without replies are listed in a sentence. If the names do not fit, columns are numbered; if the numbers do not fit
either, the matrix is shown in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from arpcheck.model import Report
from arpcheck.reports import Style
from arpcheck.reports.grid import (
    DIM,
    GREEN,
    MEANINGS,
    RED,
    YELLOW,
    Grid,
    GridRow,
    Mark,
    aligned,
    grid,
    of_word,
    painted,
    without_marks,
)
from arpcheck.reports.table import PROSE_WIDTH, Section, headline, sections
from arpcheck.reports.words import address, services, verdict_of
from arpcheck.text import plain

NAME = "matrix"

STRANGERS = "no node"
"""The heading of the column for MAC addresses of no known node."""
_LEAD = 48
"""Characters for address, verdict and Service, at most."""
_COLOURS = {
    Mark.ANNOUNCER: GREEN, Mark.ANSWERED: "", Mark.UNEXPECTED: RED, Mark.FOREIGN: RED,
    Mark.UNHEARD: YELLOW, Mark.DEAF: YELLOW, Mark.QUIET: DIM, Mark.UNASKED: DIM,
}  # fmt: skip


def render(report: Report, style: Style) -> str:
    found = grid(report)
    return sections(headline(report, style), *_drawn(found, style), _legend(found, style))


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
    last = first + len(headings)
    shown = [
        (address(row.target), verdict_of(row.target), *_marks(row)[first:last], services(row.target, 1)) for row in rows
    ]

    def paint(column: int, cell: str) -> str:
        if column == 1:
            return painted(cell, of_word(cell), style)
        return painted(cell, _COLOURS[Mark(cell)], style) if 2 <= column < len(headings) + 2 else cell

    return aligned(("IP", "VERDICT", *headings, "SERVICE"), shown, style, paint)


def _marks(row: GridRow) -> Sequence[Mark]:
    return [cell.mark for cell in row.cells]


def _legend(found: Grid, style: Style) -> Section:
    lines = [f"{painted(mark, _COLOURS[mark], style)}  {MEANINGS[mark]}" for mark in found.marks]
    if found.quiet:
        lines += wrap(without_marks(found, 6), min(style.width or PROSE_WIDTH, PROSE_WIDTH))
    return lines
