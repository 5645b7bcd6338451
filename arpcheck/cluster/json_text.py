"""JSON, also several documents in a row, read strictly. Every fault is a MalformedError. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from arpcheck.cluster.document import Document, MalformedError, decoded

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Each = Callable[[Any], Any]


def json_value(data: bytes, each: Each | None = None) -> Any:
    """The one document in `data`, as an API server sends it.

    `each`: what is made of every entry of a list's `items` as soon as it is read. Ten thousand objects that are parsed
    before the first is cut down take several times the memory, and half as long again."""
    if each is None:
        documents = list(json_documents(decoded(data)))
        if len(documents) != 1:
            raise MalformedError("not one JSON document")
        return documents[0].value
    return _List(decoded(data), each).document()


class _List:
    """A way through a document of which the entries are not kept."""

    def __init__(self, text: str, each: Each) -> None:
        self._text = text
        self._each = each
        self._scrubbed = bool(_SURROGATE.search(text))
        self._at = _past_space(text, 0)

    def document(self) -> Any:
        found = self._members() if self._passes("{") else self._value()
        if self._at != len(self._text):
            raise MalformedError("not one JSON document")
        return found

    def _members(self) -> dict[str, Any]:
        found = {}
        more = not self._passes("}")
        while more:
            key = self._value()
            if not isinstance(key, str) or not self._passes(":"):
                raise MalformedError("not JSON")
            found[key] = self._entries() if key == "items" and self._passes("[") else self._value()
            more = self._goes_on("}")
        return found

    def _entries(self) -> list[Any]:
        made = []
        more = not self._passes("]")
        while more:
            made.append(self._each(self._value()))
            more = self._goes_on("]")
        return made

    def _value(self) -> Any:
        value, end = _decode(self._text, self._at, 1)
        self._at = _past_space(self._text, end)
        return _scrub(value) if self._scrubbed else value

    def _goes_on(self, closing: str) -> bool:
        if self._passes(","):
            return True
        if self._passes(closing):
            return False
        raise MalformedError("not JSON")

    def _passes(self, sign: str) -> bool:
        """Whether it stands here. Then this is behind it."""
        if not self._text.startswith(sign, self._at):
            return False
        self._at = _past_space(self._text, self._at + 1)
        return True


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number without bounds")
    return number


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity, which JSON does not have")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_constant)
_BLANKS = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")


def _past_space(text: str, position: int) -> int:
    """A server sends none, and to look takes less than to match."""
    if position < len(text) and text[position] not in _BLANKS:
        return position
    return _SPACE.match(text, position).end()  # type: ignore[union-attr]


def json_documents(text: str) -> Iterator[Document]:
    scrubbed = bool(_SURROGATE.search(text))
    position, line, counted = 0, 1, 0
    while True:
        position = _past_space(text, position)
        if position == len(text):
            return
        line, counted = line + text.count("\n", counted, position), position
        value, position = _decode(text, position, line)
        yield Document(_scrub(value) if scrubbed else value, line)


def _decode(text: str, position: int, line: int) -> tuple[Any, int]:
    """The value that begins there, and its end."""
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise MalformedError(f"not JSON ({error.msg})", error.lineno) from None
    except RecursionError:
        raise MalformedError("nested too deeply", line) from None
    except ValueError as error:  # a number: _finite, _constant, or more digits than Python converts
        what = str(error) if "Exceeds" not in str(error) else "a number with too many digits"
        raise MalformedError(f"not JSON ({what})", line) from None


def _scrub(value: Any) -> Any:
    """Lone surrogates become U+FFFD, as Go's decoder has it; they could not be written out again."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_scrub(entry) for entry in value]
        case dict():
            return {_scrub(key): _scrub(entry) for key, entry in value.items()}
        case _:
            return value
