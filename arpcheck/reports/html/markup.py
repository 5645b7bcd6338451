"""HTML and SVG elements as text that can't be injected into: whatever is not markup already is escaped. Knows no report."""

from __future__ import annotations

import re

from arpcheck.reports.formatting import html
from arpcheck.text import NAME_LIMIT, PROSE_LIMIT, plain


class Markup(str):
    """Text that is HTML already, made here and nowhere else."""

    __slots__ = ()


Content = str | None
"""Markup is taken as it is, other text escaped, None left out."""

_EMPTY = frozenset(("meta", "line"))
_LINES = frozenset(("meta", "title", "style", "head", "section", "article", "p", "h1", "h2", "h3", "li", "tr", "div", "dd"))
"""After these the source goes on in a new line, which no browser shows."""


def tag(name: str, /, *content: Content, **attributes: str | bool | None) -> Markup:
    """An element. An attribute that is None or False is left out, one that is True has no value; `class_` is class,
    and an underscore is a hyphen."""
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    end = "\n" if name in _LINES else ""
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>{end}")
    return Markup(f"<{name}{written}>{joined(*content)}</{name}>{end}")


def joined(*content: Content) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else html(part) for part in content if part is not None))


def prose(text: str) -> Markup:
    """A sentence; what stands between backticks is code."""
    pieces = re.split(r"`([^`]+)`", plain(text, PROSE_LIMIT))
    return joined(*(tag("code", piece) if number % 2 else piece for number, piece in enumerate(pieces)))


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html(str(value), NAME_LIMIT)}"'
