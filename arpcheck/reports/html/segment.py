"""A sketch of the network segment: this host, who replied and who did not, and who replies where another should.

Each row stands on one line that all share, since all are on one segment. Rows are as high as their text is long, so that no
name is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from textwrap import wrap

from arpcheck.model import Report
from arpcheck.reports.formatting import listing
from arpcheck.reports.patterns import Conduct, conduct
from arpcheck.reports.words import interface
from arpcheck.text import count, plain

FEW = 6
"""Nodes of one kind up to this number have a row each; more are one row."""
MOST_OFFENDERS = 12
_NAME, _WORDS = 28, 32
"""Characters of a line; the narrowest screen has room for them."""
_LINE, _PADDING, _TOP = 17, 16, 8
"""Pixels."""


class Sign(StrEnum):
    """How a row is drawn. Each has a letter and a form of its own: colours only repeat them."""

    PROBER = "prober"
    WRONG = "wrong"
    STRANGER = "stranger"
    MISSING = "missing"
    REPLIED = "replied"
    UNHEARD = "unheard"


LETTERS = {
    Sign.PROBER: "P", Sign.WRONG: "X", Sign.STRANGER: "F", Sign.MISSING: "S", Sign.REPLIED: "✓", Sign.UNHEARD: "?",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchRow:
    shape: Sign
    name: tuple[str, ...]
    """Lines."""
    words: tuple[str, ...]
    top: int
    """Pixels to its middle."""

    @property
    def letter(self) -> str:
        return LETTERS[self.shape]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    rows: tuple[SketchRow, ...]
    height: int
    text: str
    """The same in words."""


def sketch(report: Report, order: Sequence[Conduct]) -> Sketch | None:
    """None where no interface asked."""
    if not report.run.interfaces:
        return None
    told = (("this host", _prober(report), Sign.PROBER), *_rows(order))
    rows, top = [], _TOP
    for name, words, shape in told:
        lines = tuple(wrap(plain(name), _NAME) or [""]), tuple(wrap(words, _WORDS))
        rows.append(SketchRow(shape=shape, name=lines[0], words=lines[1], top=top + _LINE))
        top += _LINE * (len(lines[0]) + len(lines[1])) + _PADDING
    text = ". ".join(f"{plain(name)}: {words}" for name, words, _ in told)
    return Sketch(rows=tuple(rows), height=top, text=f"{text}.")


def _prober(report: Report) -> str:
    return f"asks on {listing(map(interface, report.run.interfaces))}"


_Told = tuple[str, str, Sign]


def _rows(order: Sequence[Conduct]) -> Iterable[_Told]:
    odd = [one for one in order if _shape(one) in (Sign.WRONG, Sign.STRANGER, Sign.MISSING)]
    for one in odd[:MOST_OFFENDERS]:
        yield one.name, conduct(one), _shape(one)
    if len(odd) > MOST_OFFENDERS:
        rest = odd[MOST_OFFENDERS:]
        yield f"{len(rest):,} more", f"reply wrongly, or not where they should: {listing(_names(rest), 6)}", Sign.WRONG
    for shape, words in ((Sign.REPLIED, "replied, and for no address wrongly"), (Sign.UNHEARD, "no reply")):
        alike = [one for one in order if _shape(one) is shape]
        if len(alike) <= FEW:
            yield from ((one.name, conduct(one), shape) for one in alike)
        else:
            yield count(len(alike), "node"), f"{words}: {listing(_names(alike), 4)}", shape


def _names(found: Iterable[Conduct]) -> Iterable[str]:
    return (one.name for one in found)


def _shape(one: Conduct) -> Sign:
    if one.node is None:
        return Sign.STRANGER
    if one.wrong or (one.is_offender and not one.missing):
        return Sign.WRONG
    if one.missing:
        return Sign.MISSING
    return Sign.REPLIED if one.heard else Sign.UNHEARD
