"""YAML and JSON text as a tree whose every node knows its place in the text; bounded, whatever the text is.

Knows nothing of kube-proxy. Aliases, merge keys, depth and length beyond reason are refused: no configuration of
kube-proxy has them, and what they come to is not worth a guess."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_CHARS = 64 * 1024
"""Thirty times what kubeadm writes, and read in less than a second whatever it is."""
MAX_DEPTH = 32

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a text can't be read."""

    where: str
    """`line 7`, or empty where it is the whole text."""
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}" if self.where else self.why


def first_document(text: str) -> yaml.Node | Fault | None:
    """The first YAML document, which is all that kube-proxy reads (sigs.k8s.io/yaml, Unmarshal); None: there is none."""
    found = _composed(text, 1)
    return found if isinstance(found, Fault) else next(iter(found), None)


def all_documents(text: str) -> tuple[yaml.Node, ...] | Fault:
    return _composed(text, None)


def is_json(text: str) -> bool:
    """As kube-proxy tells them apart: it begins with a brace and decodes (apimachinery, serializer/json)."""
    if not text.lstrip(" \t\r\n").startswith("{") or len(text) > MAX_CHARS:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def line_of(node: yaml.Node) -> int:
    """Counted from 1."""
    return int(node.start_mark.line) + 1


def _composed(text: str, limit: int | None) -> tuple[yaml.Node, ...] | Fault:
    if len(text) > MAX_CHARS:
        return Fault(where="", why=f"{len(text)} characters; no configuration of kube-proxy is longer than {MAX_CHARS}")
    if is_json(text):
        text = text.replace("\t", " ")  # JSON allows tabs between tokens, YAML does not; none can be inside a JSON string
    try:
        return tuple(_documents(_Loader(text), limit))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = _one_line(error.problem or error.context or "not YAML")
        return Fault(where=f"line {mark.line + 1}" if mark else "", why=why)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML lets chr() of a wrong \U escape through
        return Fault(where="", why=_one_line(str(error)) or "not YAML")


def _documents(loader: _Loader, limit: int | None) -> Iterator[yaml.Node]:
    count = 0
    while (limit is None or count < limit) and loader.check_node():
        count += 1
        if (node := loader.get_node()) is not None:
            yield node


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Loader(yaml.SafeLoader):
    """Composes only; constructs nothing."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("an alias, which arpcheck does not follow", event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise _refusal(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == _MERGE:
                raise _refusal("a merge key, which arpcheck does not follow", key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key that is no single value", key.start_mark)
        return node


def _refusal(why: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=mark)
