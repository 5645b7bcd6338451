"""Rows of cells as aligned text, cut to the terminal's width, coloured at the end. Knows no report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tabulate import tabulate

from arpcheck.reports.style import Style

GAP = 2
"""Spaces between columns, as tabulate's plain format and kubectl have them."""
FLOOR = 15
"""No column is cut below this, whatever the terminal's width: an IPv4 address or a verdict is never cut."""

Paint = Callable[[int, str], str]
"""(column, cell as shown) -> the cell with its colour."""


def aligned(headers: Sequence[str], rows: Sequence[Sequence[str]], style: Style, paint: Paint | None = None) -> list[str]:
    """Lines without trailing blanks. The widest columns give way first where the terminal is too narrow."""
    titles = [headers] if style.headers else []
    widths = _fitted([max(map(len, column)) for column in zip(*titles, *rows, strict=True)], style.width)
    shown = [[_cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in (*titles, *rows)]
    if paint and style.colour:
        shown[len(titles) :] = [[paint(c, cell) for c, cell in enumerate(row)] for row in shown[len(titles) :]]
    text = tabulate(shown, tablefmt="plain", disable_numparse=True, stralign="left")  # its own headers would be padded
    return [line.rstrip() for line in text.splitlines()]


def _fitted(widths: list[int], room: int | None) -> list[int]:
    """Takes from the widest column until all fit, or until every one is at the floor."""
    widths = list(widths)
    while room is not None and sum(widths) + GAP * (len(widths) - 1) > room and max(widths) > FLOOR:
        widths[widths.index(max(widths))] -= 1
    return widths


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"
