"""The matrix as an HTML table: addresses down, nodes across, a letter and a colour in every cell."""

from __future__ import annotations

from collections.abc import Sequence

from arpcheck.model import Responder, Verdict
from arpcheck.reports.grid import MEANINGS, Cell, Grid, Mark, Row
from arpcheck.reports.html.chart import css, marked
from arpcheck.reports.html.markup import Markup, joined, tag
from arpcheck.reports.language import count, listing
from arpcheck.reports.words import address, responder, services, verdict_of

DENSE = 24
"""With more columns the cells are smaller."""
WIDE = 6
"""With more columns a telephone does not show all of them at once."""
WIDEST = 50
"""With more columns a common screen does not either."""
OPEN_ROWS = 60
"""With more rows those that are in order are folded away."""
REPEAT = 40
"""After so many rows the headings are said again."""
HEADING = 30
"""Characters of a node's name over its column; the whole of it is in the title."""


def picture(found: Grid) -> Markup:
    if not found.rows:
        return tag("p", "No address was asked.", class_="note")
    fine = [row for row in found.rows if row.target.verdict is Verdict.OK]
    fold = len(found.rows) > OPEN_ROWS and 0 < len(fine) < len(found.rows)
    rows = [row for row in found.rows if row.target.verdict is not Verdict.OK] if fold else found.rows
    folded = tag("details", tag("summary", f"{count(len(fine), 'address')} in order"), _table(found, fine)) if fold else None
    return joined(_legend(found), _table(found, rows), folded, _quiet(found))


def badge(word: str) -> Markup:
    return tag("span", word, class_=f"badge {tone(word)}")


def tone(word: str) -> str:
    """The colour of a verdict, a node's `arp`, a severity or an outcome: `good`, `bad`, `doubt` or `calm`."""
    match word:
        case "ok" | "quiet" | "OK":
            return "good"
        case "proxy-arp" | "foreign" | "non-strict" | "duplicate" | "wrong-node" | "silent" | "error" | "PROBLEM":
            return "bad"
        case "not-probed" | "canary" | "control" | "info":
            return "calm"
        case _:
            return "calm" if word.endswith("(accepted)") else "doubt"


def _legend(found: Grid) -> Markup:
    return tag("ul", *(tag("li", marked(mark), tag("span", MEANINGS[mark])) for mark in found.marks), class_="legend")


def _table(found: Grid, rows: Sequence[Row]) -> Markup:
    names = [*(["no known node"] if found.strangers else []), *found.nodes]
    headings = (tag("th", tag("span", _short(name)), scope="col", title=name, class_="node") for name in names)
    head = tag("tr", tag("th", "Address", scope="col", class_="address"), tag("th", "Verdict", scope="col"), *headings)
    parts = (tag("tbody", head if first else None, *(_row(row, names) for row in rows[first : first + REPEAT]))
             for first in range(0, len(rows), REPEAT))  # fmt: skip
    dense = "matrix dense" if len(names) > DENSE else "matrix"
    table = tag("table", tag("thead", head), *parts, class_=dense)
    return joined(tag("div", table, class_="scroll", tabindex="0"), _hint(len(names)))


def _hint(columns: int) -> Markup | None:
    if columns <= WIDE:
        return None
    return tag("p", "Scrolls sideways.", class_="note" if columns > WIDEST else "note narrow")


def _row(row: Row, names: Sequence[str]) -> Markup:
    ip = address(row.target)
    linked = tag("a", ip, href=f"#ip-{ip}") if row.target.verdict is not None and row.target.target.ip else tag("span", ip)
    service = tag("span", services(row.target, 1), class_="service") if row.target.verdict is not None else None
    cells = (_cell(cell, name) for cell, name in zip(row.cells, names, strict=True))
    head = tag("th", linked, service, scope="row", class_="address")
    return tag("tr", head, tag("td", badge(verdict_of(row.target))), *cells)


def _cell(cell: Cell, name: str) -> Markup:
    if cell.mark in (Mark.QUIET, Mark.UNASKED):
        return tag("td", cell.mark, class_=f"cell {css(cell.mark)}")
    said = "; ".join(map(_heard, cell.responders)) or MEANINGS[cell.mark]
    return tag("td", cell.mark, class_=f"cell {css(cell.mark)}", title=f"{name}: {said}")


def _heard(found: Responder) -> str:
    who = "" if found.node else f"{responder(found)} "
    return f"{who}{count(len(found.rounds), 'round')}, first after {found.first_reply_ms:.2f} ms"


def _quiet(found: Grid) -> Markup | None:
    if not found.quiet:
        return None
    which = f"{count(len(found.quiet), 'node')} that answered for none of these and by no record should"
    return tag("p", f"Not drawn: {which}: {listing(found.quiet, 20)}", class_="note")


def _short(name: str) -> str:
    """Cut in the middle: nodes of one pool differ at the end, nodes of one provider at the start."""
    half = HEADING // 2
    return name if len(name) <= HEADING else f"{name[: half - 1]}…{name[-half:]}"
