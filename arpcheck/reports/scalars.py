"""JSON text of one plain value: ASCII, and what JSON can't hold as text, or as null where it is no number."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as text
from math import isfinite
from typing import Any

__all__ = ["scalar", "text"]

_WORDS = {None: "null", True: "true", False: "false"}


def scalar(value: Any) -> str:
    """A container is an empty one. A date or the like is written as Python has it."""
    match value:
        case str():
            return text(value)
        case None | bool():
            return _WORDS[value]
        case float():
            return float.__repr__(value) if isfinite(value) else "null"
        case int():
            return _integer(value)
        case list() | tuple():
            return "[]"
        case Mapping():
            return "{}"
        case _:
            return text(str(value))


def _integer(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:  # Python refuses to write 4,300 digits
        return text(hex(value))
