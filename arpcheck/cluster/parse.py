"""YAML, built from the parser's events: PyYAML's own loaders recurse, so that `[` a hundred thousand times ends the
process with libyaml, and they read `10:20:30` as a number. Bounded in depth, and in what aliases repeat."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from arpcheck.cluster.document import Document, MalformedError, decoded
from arpcheck.cluster.json_text import json_documents

SIZE = 64 << 20
"""Octets of YAML: its events take a hundred times their text."""
DEPTH = 200
"""Containers in containers."""
NODES = 10_000_000
"""Values of a document, those that an alias repeats included."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}


def parse(data: bytes) -> list[Document]:
    """Every document in `data`, JSON or YAML by its first character. MalformedError where it is neither."""
    text = decoded(data)
    first = re.search(r"\S", text)
    if not first:
        raise MalformedError("empty")
    if first[0] == "<":
        raise MalformedError("HTML or XML, not JSON", 1 + text.count("\n", 0, first.start()))
    if first[0] in "{[":
        return list(json_documents(text))
    if len(data) > SIZE:
        raise MalformedError(f"more than {SIZE >> 20} MiB of YAML; use JSON")
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
            raise MalformedError("a key that is no text", line)
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
            raise MalformedError("an alias without its anchor", line)
        value, nodes = self.anchors[anchor]
        self.count(nodes, line)
        self.put(value, None, line)

    def count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > NODES:
            raise MalformedError("more values than can be read", line)


@dataclass(slots=True)
class _Open:
    value: dict[str, Any] | list[Any]
    anchor: str | None
    nodes: int
    """Nodes of the document before it."""
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
        raise MalformedError(f"not YAML ({error.problem})", line) from None
    except yaml.YAMLError:
        raise MalformedError("not YAML (a character that can't be in it)") from None


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
