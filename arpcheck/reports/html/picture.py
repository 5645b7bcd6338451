"""The drawn parts of the HTML page: the matrix of addresses and nodes, and the charts of replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import isfinite, log10
from typing import Any

from arpcheck.evidence_json import Rows
from arpcheck.model import Report, Responder, Verdict
from arpcheck.reports.formatting import count, html, listing
from arpcheck.reports.grid import MEANINGS, Cell, Grid, GridRow, Mark, without_marks
from arpcheck.reports.words import address, responder, services, verdict_of
from arpcheck.text import NAME_LIMIT, PROSE_LIMIT, plain

DENSE = 24
"""With more columns the cells are smaller."""
WIDE = 6
"""With more columns the matrix is wider than the screen of a phone."""
WIDEST = 50
"""With more columns it is wider than a common screen."""
OPEN_ROWS = 60
"""With more rows, those without a problem are folded."""
REPEAT = 40
"""The headings are repeated after this many rows."""
HEADING = 30
"""Characters of a node's name above its column; the title has the whole name."""


def picture(found: Grid) -> Markup:
    if not found.rows:
        return tag("p", "No address was probed.", class_="note")
    fine = [row for row in found.rows if row.target.verdict is Verdict.OK]
    fold = len(found.rows) > OPEN_ROWS and 0 < len(fine) < len(found.rows)
    rows = [row for row in found.rows if row.target.verdict is not Verdict.OK] if fold else found.rows
    folded = (
        tag("details", tag("summary", f"{count(len(fine), 'address')} without a problem"), _matrix_table(found, fine))
        if fold
        else None
    )
    return joined(_legend(found), _matrix_table(found, rows), folded, _quiet(found))


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


def _matrix_table(found: Grid, rows: Sequence[GridRow]) -> Markup:
    names = [*(["no known node"] if found.strangers else []), *found.nodes]
    headings = (tag("th", tag("span", _short(name)), scope="col", title=name, class_="node") for name in names)
    head = tag("tr", tag("th", "Address", scope="col", class_="address"), tag("th", "Verdict", scope="col"), *headings)
    parts = (tag("tbody", head if first else None, *(_matrix_row(row, names) for row in rows[first : first + REPEAT]))
             for first in range(0, len(rows), REPEAT))  # fmt: skip
    dense = "matrix dense" if len(names) > DENSE else "matrix"
    table = tag("table", tag("thead", head), *parts, class_=dense)
    return joined(tag("div", table, class_="scroll", tabindex="0"), _hint(len(names)))


def _hint(columns: int) -> Markup | None:
    if columns <= WIDE:
        return None
    return tag("p", "Scrolls sideways.", class_="note" if columns > WIDEST else "note narrow")


def _matrix_row(row: GridRow, names: Sequence[str]) -> Markup:
    ip = address(row.target)
    linked = tag("a", ip, href=f"#ip-{ip}") if row.target.verdict is not None and row.target.target.ip else tag("span", ip)
    service = tag("span", services(row.target, 1), class_="service") if row.target.verdict is not None else None
    cells = (_cell(cell, name) for cell, name in zip(row.cells, names, strict=True))
    head = tag("th", linked, service, scope="row", class_="address")
    return tag("tr", head, tag("td", badge(verdict_of(row.target))), *cells)


def _cell(cell: Cell, name: str) -> Markup:
    if cell.mark in (Mark.QUIET, Mark.UNASKED):
        return tag("td", cell.mark, class_=f"cell {css(cell.mark)}")
    replies = "; ".join(map(_responder_label, cell.responders)) or MEANINGS[cell.mark]
    return tag("td", cell.mark, class_=f"cell {css(cell.mark)}", title=f"{name}: {replies}")


def _responder_label(found: Responder) -> str:
    who = "" if found.node else f"{responder(found)} "
    return f"{who}{count(len(found.rounds), 'round')}, first after {found.first_reply_ms:.2f} ms"


def _quiet(found: Grid) -> Markup | None:
    if not found.quiet:
        return None
    return tag("p", without_marks(found, 20), class_="note")


def _short(name: str) -> str:
    """Cut in the middle: nodes of one pool differ at the end, nodes of one provider at the start."""
    half = HEADING // 2
    return name if len(name) <= HEADING else f"{name[: half - 1]}…{name[-half:]}"


# -------------------------------------------- The replies for one address, a lane for each responder, on a logarithmic scale

FEWEST_MS, MOST_MS = 0.1, 10_000.0
"""Replies outside these times are drawn at the edge; the dot's title has the exact time."""
_TICKS = ((0.1, "0.1 ms"), (1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1000, "1 s"), (10_000, "10 s"))
LANES = 6
"""Responders with a lane of their own. More are combined by their mark."""
_HEIGHT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    mark: Mark
    name: str
    macs: frozenset[str]
    about: str
    """The text beside the dots."""


def chart(lanes: Sequence[Lane], timeline: Timeline, rounds: Sequence[int]) -> Markup:
    """Without the times of the replies, `lanes` have no dots."""
    shown = tuple(lanes) if len(lanes) <= LANES else tuple(_folded(lanes))
    if not timeline.points:
        return tag("div", *(tag("div", _who(lane), _about(lane), class_="lane bare") for lane in shown), class_="chart")
    last = _last_tick(timeline.points)
    drawn = (_lane(lane, [p for p in timeline.points if p.mac in lane.macs], rounds, last) for lane in shown)
    more = f"{count(timeline.more, 'more reply')} not drawn" if timeline.more else None
    return tag("div", *drawn, _axis(last), tag("p", more, class_="note") if more else None, class_="chart")


def _folded(lanes: Sequence[Lane]) -> Iterable[Lane]:
    for mark in Mark:
        alike = [lane for lane in lanes if lane.mark is mark]
        if len(alike) == 1:
            yield alike[0]
        elif alike:
            macs = frozenset(mac for lane in alike for mac in lane.macs)
            yield Lane(mark=mark, name=count(len(alike), "responder"), macs=macs, about=listing((a.name for a in alike), 2))


def _lane(lane: Lane, points: Iterable[Point], rounds: Sequence[int], last: float) -> Markup:
    lines = (tag("line", x1=_across(at, last), x2=_across(at, last), y1="0", y2="100%") for at, _ in _TICKS if at <= last)
    dots = (_dot(point, lane.mark, rounds, last) for point in points)
    track = tag("svg", *lines, *dots, class_="track", height=str(_HEIGHT), role="img", aria_label=f"Replies: {lane.name}")
    return tag("div", _who(lane), track, _about(lane), class_="lane")


def _dot(point: Point, mark: Mark, rounds: Sequence[int], last: float) -> Markup:
    place = rounds.index(point.round) if point.round in rounds else len(rounds)
    down = _HEIGHT * (place + 1) / (max(len(rounds), 1) + 1)
    title = f"round {point.round}: {point.after:.2f} ms{', first' if point.first else ''}"
    shape = f"{css(mark)} {'first' if point.first else 'later'}"
    return tag("circle", tag("title", title), cx=_across(point.after, last), cy=f"{down:.1f}", r="3.5", class_=shape)


def _axis(last: float) -> Markup:
    texts = (tag("text", text, x=_across(at, last), y="11", text_anchor="middle") for at, text in _TICKS if at <= last)
    track = tag("svg", *texts, class_="track axis", height="14", aria_hidden="true")
    return tag("div", tag("span", class_="who"), track, tag("span", class_="about"), class_="lane scale")


def _last_tick(points: Iterable[Point]) -> float:
    """The end of the scale. It is at least 1 s, the default wait of a run, so that charts are comparable."""
    return 1000 if all(point.after <= 1000 for point in points) else MOST_MS


def _across(after: float, last: float) -> str:
    share = log10(min(max(after, FEWEST_MS), last) / FEWEST_MS) / log10(last / FEWEST_MS)
    return f"{4 + 92 * share:.2f}%"


def _who(lane: Lane) -> Markup:
    return tag("span", marked(lane.mark), tag("span", lane.name, class_="name", title=lane.name), class_="who")


def _about(lane: Lane) -> Markup:
    return tag("span", lane.about, class_="about")


# --------------------------------------------------------------------------------------------------------------------- marks


def marked(mark: Mark) -> Markup:
    """The letter in its colour."""
    return tag("b", mark, class_=f"mark {css(mark)}")


def css(mark: Mark) -> str:
    """A class name; the letters of two marks differ in case only."""
    return mark.name.lower()


# ------------------------------------------------------------------------------------------------------ When each reply came

MOST = 400
"""Points of one address; of further replies only the number."""


@dataclass(frozen=True, slots=True)
class Point:
    """A reply."""

    round: int
    mac: str
    after: float
    """Milliseconds since the request."""
    first: bool
    """Whether it is the first reply to its request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    points: tuple[Point, ...]
    more: int = 0
    """Replies that are not among the points."""


_Reply = tuple[tuple[str, int, str], str, float]
"""((interface, round, sender) of the request, MAC address, milliseconds)."""


def timelines(report: Report) -> Mapping[str, Timeline]:
    """By address as text. Empty if the report has no evidence."""
    found: dict[str, list[_Reply]] = {}
    for row in _rows(report.evidence.get("replies")):
        match row:
            case [_, str(nic), int(number), str(ip), str(sender), _, str(mac), str(), int() | float() as after]:
                found.setdefault(ip, []).append(((nic, number, sender), mac, float(after)))
    wanted = {str(t.target.ip) for t in report.targets if isinstance(t.target.ip, IPv4Address)}
    return {ip: _timeline([r for r in replies if isfinite(r[2])]) for ip, replies in found.items() if ip in wanted}


def _timeline(replies: Sequence[_Reply]) -> Timeline:
    first: dict[tuple[str, int, str], float] = {}
    for request, _, after in replies:
        first[request] = min(after, first.get(request, after))
    points = (Point(request[1], mac, after, after == first[request]) for request, mac, after in replies[:MOST])
    return Timeline(points=tuple(points), more=max(len(replies) - MOST, 0))


def _rows(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | Rows) else []


# ----------------------------------------------------------------------- HTML and SVG elements, safe against injected markup


class Markup(str):
    """Text that is already HTML. Only this file makes it."""

    __slots__ = ()


Content = str | None
"""Markup is inserted as it is, other text is escaped, None is left out."""

_EMPTY = frozenset(("meta", "line"))
_LINES = frozenset(("meta", "title", "style", "head", "section", "article", "p", "h1", "h2", "h3", "li", "tr", "div", "dd"))
"""A line break in the source follows these; browsers do not show it."""


def tag(name: str, /, *content: Content, **attributes: str | bool | None) -> Markup:
    """An element. Attributes that are None or False are left out, and those that are True have no value. `class_` stands for
    class, and an underscore for a hyphen."""
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    end = "\n" if name in _LINES else ""
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>{end}")
    return Markup(f"<{name}{written}>{joined(*content)}</{name}>{end}")


def joined(*content: Content) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else html(part) for part in content if part is not None))


def prose(text: str) -> Markup:
    """A sentence; text in backticks becomes code."""
    pieces = re.split(r"`([^`]+)`", plain(text, PROSE_LIMIT))
    return joined(*(tag("code", piece) if number % 2 else piece for number, piece in enumerate(pieces)))


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html(str(value), NAME_LIMIT)}"'
