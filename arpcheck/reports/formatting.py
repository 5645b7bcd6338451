"""How texts are shown: escaped for Markdown and HTML where they are from the cluster or the network; numbers, lists and
times; and drawn on a terminal: aligned columns that fit its width, wrapped sentences, and colours.

Changed characters stay visible, and cut text is counted. In a narrow terminal a list of names loses its last names, which
are counted, before a name is cut."""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count as numbers
from itertools import groupby
from textwrap import wrap

from arpcheck.model import Arp, Outcome, Severity
from arpcheck.reports import Style
from arpcheck.text import NAME_LIMIT, PROSE_LIMIT, plain

__all__ = ["NAME_LIMIT", "PROSE_LIMIT", "code", "html", "inline", "plain"]


def code(text: str, limit: int = NAME_LIMIT) -> str:
    """Markdown that shows `text` as code, also in a table cell, without mentions, references, links or markup.

    If a code span cannot hold it (a backtick, a pipe in a table), an element with numeric entities does."""
    text = plain(text, limit)
    if text.strip() == text != "" and not re.search(r"[`|]|\\$", text):
        return f"`{text}`"
    return _element(text)


def inline(text: str, limit: int = PROSE_LIMIT) -> str:
    """Markdown for prose. Plain words stay; what GitHub or GitLab could read as markup, mention, reference or link becomes
    code. Text in backticks stays code."""
    pieces = re.split(r"`([^`]+)`", plain(text, limit).strip())
    text = ""
    for number, piece in enumerate(pieces):
        if number % 2:  # two code spans that touch would be read as one with other ends
            after = _limited_words(pieces[number + 1], limit)
            text += _element(piece) if text.endswith("`") or after.startswith("`") else code(piece, limit)
        else:
            text += _limited_words(piece, limit)
    return text


def html(text: str, limit: int = PROSE_LIMIT) -> str:
    """Text for an element or a quoted attribute of HTML or XML 1.0. `plain` has replaced what XML forbids."""
    return _html.escape(plain(text, limit), quote=True)


def _element(text: str) -> str:
    return f"<code>{re.sub(r'[^A-Za-z0-9 -]', lambda m: f'&#{ord(m[0])};', text)}</code>"


_WORD = re.compile(
    r"""[("]?(?!\S*www\.|gh-\d)[^\W_]+(?:[-./,'’][^\W_]+)*['’]?[).,;:!?%"]*"""  # what no parser of Markdown looks at twice
    r"""|[–—…·→(]|[).,;:!?]+|\d\d:\d\d:\d\d|""",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"\s*\d+[.)]")


def _limited_words(text: str, limit: int) -> str:
    runs = groupby(enumerate(text.split(" ")), key=lambda word: _is_safe(*word))
    return " ".join(
        (" ".join(word for _, word in run) if safe else _as_code(" ".join(word for _, word in run), limit))
        for safe, run in runs
    )


def _is_safe(position: int, word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and not (position == 0 and _LIST_NUMBER.fullmatch(word))


def _as_code(run: str, limit: int) -> str:
    """The punctuation around it stays outside, a bracket where its other half is outside too."""
    text = run.rstrip(".,;:!?") or run
    lead = "(" if text.startswith("(") and text.count("(") > text.count(")") and len(text) > 1 else ""
    tail = ")" if text.endswith(")") and text.count(")") > text.count("(") and len(text) > 1 else ""
    return f"{lead}{code(text[len(lead) : len(text) - len(tail)], limit)}{tail}{run[len(text) :]}"


# -------------------------------------------------------------------------------------- Numbers, lists, times, true or false

NONE = "-"
"""Shown for what is unknown or not recorded."""


def listing(names: Iterable[str], limit: int = 6) -> str:
    """`a, b, c and 397 more`; a dash for nothing."""
    shown = [plain(name) for name in names]
    more = len(shown) - limit
    if more == 1:  # "and 1 more" is longer than most names
        limit, more = limit + 1, 0
    return ", ".join(shown[:limit]) + (f" and {more:,} more" if more > 0 else "") or NONE


def moment(time: datetime) -> str:
    """`2026-03-01 02:59:58`, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(length: timedelta) -> str:
    """`0.4 s`, `12 s`, `5 min`, `3 h`, `8 d`: one figure, as kubectl shows an age."""
    seconds = length.total_seconds()
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    for unit, size, up_to in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if abs(seconds) < up_to:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def yes_no(value: bool | None) -> str:
    return NONE if value is None else "true" if value else "false"


# --------------------------------------------------------------------------------------- The JSON report inside an HTML page

_OPENING = '<script type="application/json" id="report">'
_CLOSING = "</script>"
_EMBEDDED = re.compile(f"{re.escape(_OPENING)}(.*?){re.escape(_CLOSING)}", re.DOTALL)


def embedded(document: str) -> str:
    """The script element. In JSON `<`, `>` and `&` only occur in strings, where they can be escaped (RFC 8259, 7)."""
    for char in "<>&":
        document = document.replace(char, f"\\u{ord(char):04x}")
    return f"{_OPENING}\n{document}\n{_CLOSING}"


def extracted(page: str) -> str | None:
    """The document in a page of `arpcheck -o html`; None if there is none."""
    match = _EMBEDDED.search(page)
    return match[1] if match else None


# -------------------------------------------------------------------------------------------------------------- A terminal

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
