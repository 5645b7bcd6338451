"""The JSON values in a text, each of which may have a heading that names its host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_BEFORE_JSON = re.compile(r"[^\S\n]*(?P<heading>[^\n{\[]*=> )(?=\{)")
_LINE = re.compile(r"[^\n]*")
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()

WIDEST = 200
"""Characters of a heading."""

MOST = 10_000
"""JSON values of a text; twice the hosts of the largest cluster."""


class Block(NamedTuple):
    line: int
    """Of its first character, from 1."""
    heading: str
    """The last line before it that is not JSON; empty if there is none after the value before."""
    value: Any


def blocks(text: str) -> tuple[Block, ...]:
    """The JSON lists and mappings in a text that has only headings besides; () for any other text."""
    try:
        return tuple(_blocks(text))
    except (ValueError, RecursionError):
        return ()


def _blocks(text: str) -> Iterator[Block]:
    place, heading, line, counted, left = 0, "", 1, 0, MOST
    while (place := _SPACE.match(text, place).end()) < len(text):  # type: ignore[union-attr] # it always matches
        if before := _BEFORE_JSON.match(text, place):
            heading, place = before["heading"].strip(), before.end()
        if text[place] in "[{":
            line, counted = line + text.count("\n", counted, place), place
            value, place = _DECODER.raw_decode(text, place)
            yield Block(line, heading, value)
            heading, left = "", left - 1
            if not left:
                raise ValueError("too many")
        else:
            found = _LINE.match(text, place)
            heading, place = (found[0].strip(), found.end()) if found else ("", len(text))
            if len(heading) > WIDEST:
                raise ValueError("not a heading")


_HOST = re.compile(r"[#=*>\-\s]*(?P<host>[A-Za-z0-9][\w.-]*)\s*(?:\|.*|[:=#*\-\s]*)")


def host_of(heading: str) -> str:
    """`worker-1` of `worker-1:`, `== worker-1 ==` or Ansible's `worker-1 | SUCCESS =>`; empty if it names none."""
    found = _HOST.fullmatch(heading)
    return found["host"] if found else ""


def is_unreached(value: Any) -> bool:
    """Whether Ansible reports a failure in place of the host's output."""
    return isinstance(value, dict) and (value.get("unreachable") is True or value.get("failed") is True)
