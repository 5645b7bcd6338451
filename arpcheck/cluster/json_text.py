"""JSON, also several documents in a row, read strictly. Every fault is a MalformedError. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from arpcheck.cluster.document import Document, MalformedError, decoded

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def json_value(data: bytes) -> Any:
    """The one document in `data`, as an API server sends it."""
    documents = list(json_documents(decoded(data)))
    if len(documents) != 1:
        raise MalformedError("not one JSON document")
    return documents[0].value


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number without bounds")
    return number


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity, which JSON does not have")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_constant)
_SPACE = re.compile(r"[ \t\r\n]*")


def json_documents(text: str) -> Iterator[Document]:
    scrubbed = bool(_SURROGATE.search(text))
    position, line, counted = 0, 1, 0
    while True:
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        if position == len(text):
            return
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise MalformedError(f"not JSON ({error.msg})", error.lineno) from None
        except RecursionError:
            raise MalformedError("nested too deeply", line) from None
        except ValueError as error:  # a number: _finite, _constant, or more digits than Python converts
            what = str(error) if "Exceeds" not in str(error) else "a number with too many digits"
            raise MalformedError(f"not JSON ({what})", line) from None
        yield Document(_scrub(value) if scrubbed else value, line)


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
