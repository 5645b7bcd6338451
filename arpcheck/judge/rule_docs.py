"""The three parts of a rule's docstring, which the report, `arpcheck explain` and the reference pages use word for word.

Means: one paragraph.

Decided when:
1. one condition a line, continued lines are indented.

Do:
- one step a line."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache

_PARTS = re.compile(r"Means: (?P<means>.+?)\n\s*\nDecided when:\n(?P<decided>.+?)\n\s*\nDo:\n(?P<do>.+)", re.DOTALL)
_ITEM = re.compile(r"^(?:\d+\.|-) ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a rule says of itself."""

    name: str
    means: str
    decided: tuple[str, ...]
    do: tuple[str, ...]


@cache
def text(name: str, docstring: str | None) -> Text:
    """Reads a rule's docstring; a ValueError names the rule whose docstring has not the three parts."""
    match = _PARTS.fullmatch(inspect.cleandoc(docstring or ""))
    if match is None:
        raise ValueError(f"the rule {name} does not say what it means, when it is decided and what to do")
    means = _flow(match["means"])
    return Text(name=name, means=means[:1].upper() + means[1:], decided=_items(match["decided"]), do=_items(match["do"]))


def _items(lines: str) -> tuple[str, ...]:
    return tuple(_flow(item) for item in _ITEM.split(lines) if item.strip())


def _flow(lines: str) -> str:
    return " ".join(lines.split())
