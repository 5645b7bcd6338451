"""Parses JSON and YAML documents with bounds on depth and on aliases, and reports errors by line, never by content.

PyYAML's own loaders recurse, so that 100,000 times `[` crashes the process with libyaml, and they read `10:20:30` as a
number."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

SIZE = 64 << 20
"""Maximum bytes of YAML; its events take a hundred times as much memory."""
DEPTH = 200
"""Maximum nesting of lists and mappings."""
NODES = 10_000_000
"""Maximum values of a document, counting those that aliases repeat."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}


def parse(data: bytes) -> list[Document]:
    """All documents in `data`, JSON or YAML by the first character. Raises MalformedError if it is neither."""
    text = decoded(data)
    first = re.search(r"\S", text)
    if not first:
        raise MalformedError("empty")
    if first[0] == "<":
        raise MalformedError("this is HTML or XML, not JSON or YAML", 1 + text.count("\n", 0, first.start()))
    if first[0] in "{[":
        return list(json_documents(text))
    if len(data) > SIZE:
        raise MalformedError(f"YAML larger than {SIZE >> 20} MiB; use JSON instead")
    return list(yaml_documents(text))


@dataclass(slots=True)
class _Builder:
    """One YAML document under construction: the open containers, outermost first."""

    root: Any = None
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    """Value and number of nodes by anchor."""
    nodes: int = 0

    def begin(self, value: dict[str, Any] | list[Any], anchor: str | None, line: int) -> None:
        if len(self.open) == DEPTH:
            raise MalformedError("nested too deeply", line)
        if self.open and self.open[-1].awaits_key:
            raise MalformedError("a key that is not a string", line)
        self.open.append(_Open(value, anchor, self.nodes))

    def end(self, line: int) -> None:
        done = self.open.pop()
        self.put(done.value, done.anchor, line, before=done.nodes)

    def put(self, value: Any, anchor: str | None, line: int, *, before: int | None = None) -> None:
        before = self.nodes if before is None else before
        self.count(1, line)
        if anchor:
            self.anchors[anchor] = (value, self.nodes - before)
        if self.open:
            self.open[-1].add(value)
        else:
            self.root = value

    def alias(self, anchor: str, line: int) -> None:
        if anchor not in self.anchors or (self.open and self.open[-1].awaits_key):
            raise MalformedError("an alias without an anchor", line)
        value, nodes = self.anchors[anchor]
        self.count(nodes, line)
        self.put(value, None, line)

    def count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > NODES:
            raise MalformedError("too many values", line)


@dataclass(slots=True)
class _Open:
    value: dict[str, Any] | list[Any]
    anchor: str | None
    nodes: int
    """Number of nodes in the document before it."""
    key: str | None = None

    @property
    def awaits_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def add(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is not None:
            self.value[self.key] = value
            self.key = None


def yaml_documents(text: str) -> Iterator[Document]:
    import yaml

    try:
        yield from _built(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MalformedError("not YAML", line) from None
    except yaml.YAMLError:
        raise MalformedError("not YAML (an invalid character)") from None


def _built(events: Any) -> Iterator[Document]:
    builder, begin = _Builder(), 1
    for event in events:
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent":
                builder, begin = _Builder(), line
            case "DocumentEndEvent":
                if builder.root is not None:
                    yield Document(builder.root, begin)
            case "MappingStartEvent":
                builder.begin({}, event.anchor, line)
            case "SequenceStartEvent":
                builder.begin([], event.anchor, line)
            case "MappingEndEvent" | "SequenceEndEvent":
                builder.end(line)
            case "AliasEvent":
                builder.alias(event.anchor, line)
            case "ScalarEvent":
                _put_scalar(builder, event, line)


def _put_scalar(builder: _Builder, event: Any, line: int) -> None:
    if builder.open and builder.open[-1].awaits_key:
        builder.open[-1].key = event.value
    else:
        builder.put(_scalar(event.value) if event.implicit[0] else event.value, event.anchor, line)


def _scalar(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2 (10.3.2)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    return float(text) if _FLOAT.fullmatch(text) and math.isfinite(float(text)) else text


# --------------------------------------------------------------------------------------------------------------------- JSON

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Each = Callable[[Any], Any]


def json_value(data: bytes, each: Each | None = None) -> Any:
    """The one document in `data`, as an API server sends it.

    `each` converts every entry of a list's `items` as soon as it is read. To parse 10,000 objects before the first is cut
    down takes several times the memory and 1.5 times as long."""
    if each is None:
        documents = list(json_documents(decoded(data)))
        if len(documents) != 1:
            raise MalformedError("not one JSON document")
        return documents[0].value
    return _List(decoded(data), each).document()


class _List:
    """Reads a list document without keeping its raw entries."""

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
        """Whether the sign is next; if so, moves past it."""
        if not self._text.startswith(sign, self._at):
            return False
        self._at = _past_space(self._text, self._at + 1)
        return True


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_constant)
_BLANKS = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")


def _past_space(text: str, position: int) -> int:
    """Servers send no blanks, and a look at one character is faster than a match."""
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
    """The value that begins at `position`, and its end."""
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise MalformedError(f"not JSON, from column {error.colno} on", error.lineno) from None
    except RecursionError:
        raise MalformedError("nested too deeply", line) from None
    except ValueError as error:  # a number: _finite, _constant, or more digits than Python converts
        what = str(error) if "Exceeds" not in str(error) else "a number with too many digits"
        raise MalformedError(f"not JSON ({what})", line) from None


def _scrub(value: Any) -> Any:
    """Lone surrogates become U+FFFD, as in Go's decoder; they could not be encoded again."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_scrub(entry) for entry in value]
        case dict():
            return {_scrub(key): _scrub(entry) for key, entry in value.items()}
        case _:
            return value


# ----------------------------------------------------------------------------------------------------- Documents and errors


@dataclass(frozen=True, slots=True)
class Document:
    value: Any
    line: int
    """The line on which it begins, from 1."""


class MalformedError(ValueError):
    """Neither JSON nor YAML. Says what is wrong and on which line, never the text, because a kubeconfig is secret."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def decoded(data: bytes) -> str:
    """Decodes UTF-8, or UTF-16 with a byte order mark, which PowerShell writes."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8 text", 1 + data.count(b"\n", 0, error.start)) from None
