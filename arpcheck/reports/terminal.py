"""What the formats for a terminal are drawn with: aligned columns that fit its width, wrapped sentences, and colours.

In a narrow terminal a list of names loses its last names, which are counted, before a name is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count as numbers
from textwrap import wrap

from arpcheck.model import Arp, Outcome, Severity
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE
from arpcheck.text import PROSE_LIMIT, plain

Section = list[str]

PROSE_WIDTH = 100
"""Columns of a sentence at most, also in a wider terminal or a file."""


def joined(found: Iterable[Section]) -> str:
    """The sections with an empty line between them."""
    return "\n\n".join("\n".join(section) for section in found if section) + "\n"


# ------------------------------------------------------------------------ Aligned columns that fit the width of the terminal

GAP = 2
"""Spaces between columns."""
FLOORS = (15, 8)
"""A column is not narrower than the first, which holds an IPv4 address or a verdict; or the second, where even one name that
is to stay whole would else be cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """A cell with several names, the most important first."""

    names: tuple[str, ...]
    most: int
    """NameList that are shown at most. The others are counted: `worker-1, worker-2 +3`."""
    whole: int = 0
    """Names that are not cut or left out as long as another column can be narrower."""
    colour: str = ""

    @property
    def full(self) -> str:
        return self._first(self.most)

    def least(self, most: int) -> int:
        """The width with the names that stay whole, `most` of them at most."""
        return len(self._first(min(self.whole, most))) if self.whole else 0

    def at(self, width: int) -> str:
        """As many names as fit. A single one that does not fit is cut, and the others are still counted."""
        for number in range(min(self.most, len(self.names)), 0, -1):
            if len(text := self._first(number)) <= width:
                return text
        more = len(self._first(1)) - len(self.names[0])
        return f"{_cut(self.names[0], width - more)}{self._first(1)[len(self.names[0]) :]}"

    def _first(self, number: int) -> str:
        more = len(self.names) - number
        return f"{', '.join(self.names[:number])}{f' +{more:,}' if more > 0 else ''}" or NONE


Entry = str | NameList


def aligned(headers: Sequence[str], rows: Sequence[Sequence[Entry]], style: Style) -> Section:
    """Lines without trailing blanks, the headings first."""
    widths = fitted(headers, rows, style)
    lines = [_line(headers, widths, style, HEADING)] if style.headers else []
    return [*lines, *(_line(row, widths, style) for row in rows)]


def _line(row: Sequence[Entry], widths: Sequence[int], style: Style, colour: str = "") -> str:
    cells = []
    for cell, width in zip(row, widths, strict=True):
        shown = cell.at(width) if isinstance(cell, NameList) else _cut(cell, width)
        blanks = " " * (width - len(shown) + GAP)
        cells.append(f"{painted(shown, cell.colour if isinstance(cell, NameList) else colour, style)}{blanks}")
    return "".join(cells).rstrip()


def fitted(headers: Sequence[str], rows: Sequence[Sequence[Entry]], style: Style) -> list[int]:
    """The width of each column. The widest gives way first, down to the names that stay whole; where that is not enough, to
    one of them, and only then to none."""
    columns = list(zip(*([headers] if style.headers else []), *rows, strict=True))
    widths = [max(len(_full(cell)) for cell in column) for column in columns]
    if style.width is None:
        return widths
    room = style.width - GAP * (len(widths) - 1)
    lists = [[cell for cell in column if isinstance(cell, NameList)] for column in columns]
    every, one, none = ([max((cell.least(most) for cell in found), default=0) for found in lists] for most in (99, 1, 0))
    for names, floor in ((every, FLOORS[0]), (one, FLOORS[0]), (one, FLOORS[1]), (none, FLOORS[1])):
        while sum(widths) > room:
            spare = [width if width > max(floor, least) else 0 for width, least in zip(widths, names, strict=True)]
            if not any(spare):
                break
            widths[spare.index(max(spare))] -= 1
    return widths


def _full(cell: Entry) -> str:
    return cell.full if isinstance(cell, NameList) else cell


def _cut(text: str, width: int) -> str:
    """Without its middle: names differ at their end (`rack1-worker-a`) or at their beginning (`ip-10-0-0-7.example.com`)."""
    if len(text) <= width:
        return text
    tail = max((width - 1) // 2, 0)
    return f"{text[: max(width - 1 - tail, 0)]}…{text[len(text) - tail :]}"


# ----------------------------------------------------------------------------------------------------------------- Sentences


def hanging(lead: str, text: str, style: Style) -> Section:
    """The text after `lead`, wrapped; further lines are indented by the length of `lead`."""
    room = max(min(style.width or PROSE_WIDTH, PROSE_WIDTH) - len(lead), 20)
    first, *rest = wrap(text, room, break_on_hyphens=False) or [""]
    return [f"{lead}{first}".rstrip(), *(" " * len(lead) + line for line in rest)]


def led_by(word: str, meaning: str, text: str, style: Style) -> Section:
    """A wrapped text whose first word has the colour of `meaning`."""
    first, *rest = hanging("", f"{word}{text}", style)
    return [painted(word, of_word(meaning), style) + first.removeprefix(word), *rest]


def points(label: str, texts: Sequence[str], style: Style, *, numbered: bool = False) -> Section:
    """A list, its label beside the first entry."""
    lines: Section = []
    for number, text in zip(numbers(1), texts, strict=False):
        mark = f"{number}." if numbered else "-"
        lines += hanging(f"  {'' if number > 1 else label:<8}{mark} ", plain(text, PROSE_LIMIT), style)
    return lines


def title(text: str, style: Style) -> str:
    return painted(text, HEADING, style)


# ----------------------------------------------------------------------------------------------------- Colours of a terminal

RED, YELLOW, GREEN, GREY = "1;38;5;196", "38;5;130", "38;5;28", "38;5;243"
"""Of the fixed 256 colours, those that can be read on black and on white alike. What a terminal makes of the 16 others is up
to its theme, and the yellow of xterm on white is not readable."""
HEADING = "1"


def of_outcome(outcome: Outcome) -> str:
    return _BY_OUTCOME[outcome]


_BY_OUTCOME = {Outcome.FAULT: RED, Outcome.UNSURE: YELLOW, Outcome.FINE: GREEN, Outcome.NOT_JUDGED: GREY}
_BY_WORD: dict[str, str] = {
    **{arp: of_outcome(arp.outcome) for arp in Arp},
    Severity.ERROR: RED,
    Severity.INFO: GREY,
    Arp.UNREACHED: YELLOW,
    "OK": GREEN,
    "PROBLEM": RED,
}


def painted(text: str, colour: str, style: Style) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if style.colour and colour and text else text


def of_word(word: str) -> str:
    """The colour of a node's `arp`, a severity or the run's outcome."""
    return _BY_WORD.get(word, GREY if word.endswith("(accepted)") else YELLOW)
