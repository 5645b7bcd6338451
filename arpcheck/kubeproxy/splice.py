"""Where `strictARP: true` goes in the text of a KubeProxyConfiguration, in block style, in braces and in JSON.

Places are the parser's own marks. Gives one splice and trusts nobody to have got it right: `edit` parses the outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from arpcheck.kubeproxy.config import values
from arpcheck.kubeproxy.yamltext import is_json, line_of

STRICT_ARP = "strictARP"

_STEP = 2
"""Columns by which a new line is indented deeper than its section, as kubeadm writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """`new` in the place of text[start:end]."""

    start: int
    end: int
    new: str

    def apply(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


def splice(text: str, root: yaml.MappingNode) -> tuple[Splice, str]:
    """The splice, and one sentence that says what it changes. `root`: the first document of `text`, in which neither
    ipvs nor strictARP is there twice."""
    keys = [(key, value) for key, value in root.value if isinstance(key, yaml.ScalarNode) and key.value == "ipvs"]
    if not keys:
        return _new_section(text, root), "the section ipvs with strictARP: true is added"
    key, section = keys[0]
    if not isinstance(section, yaml.MappingNode):
        return _in_null(text, key, section, root), f"line {line_of(key)}: strictARP: true is put into the empty section ipvs"
    if switches := values(section, STRICT_ARP):
        old = text[at(switches[0].start_mark) : at(switches[0].end_mark)]
        blank = "" if old else " "
        what = f"line {line_of(switches[0])}: strictARP is changed from {old or 'nothing'} to true"
        return Splice(start=at(switches[0].start_mark), end=at(switches[0].end_mark), new=f"{blank}true"), what
    what = f"strictARP: true is added to the section ipvs of line {line_of(key)}"
    if section.flow_style:
        return _in_braces(text, section, _member(text, section, "true")), what
    return _after_line(text, key, section.value[0][0].start_mark.column), what


def _in_null(text: str, key: yaml.ScalarNode, section: yaml.Node, root: yaml.MappingNode) -> Splice:
    """`ipvs:` gets a line of its own below it, a written null gives way to braces."""
    start, end = at(section.start_mark), at(section.end_mark)
    if start == end and not root.flow_style:
        return _after_line(text, key, key.start_mark.column + _STEP)
    blank = " " if start == end else ""
    return Splice(start=start, end=end, new=f"{blank}{{{_member(text, root, 'true')}}}")


def _after_line(text: str, key: yaml.ScalarNode, column: int) -> Splice:
    """A line of its own right below the line of `key`, so that no comment is parted from what it speaks of."""
    end = text.find("\n", at(key.end_mark))
    below = len(text) if end < 0 else end + 1
    line = f"{' ' * column}{STRICT_ARP}: true"
    return Splice(start=below, end=below, new=f"{_eol(text)}{line}" if end < 0 else f"{line}{_eol(text)}")


def _new_section(text: str, root: yaml.MappingNode) -> Splice:
    if root.flow_style:
        return _in_braces(text, root, _member(text, root, f"{{{_member(text, root, 'true')}}}", key="ipvs"))
    end, eol = _end_of_document(text, root), _eol(text)
    column = root.value[0][0].start_mark.column if root.value else 0
    lines = f"{' ' * column}ipvs:{eol}{' ' * (column + _STEP)}{STRICT_ARP}: true"
    before = "" if end == 0 or text[end - 1] == "\n" else eol
    after = eol if end < len(text) or text.endswith("\n") else ""
    return Splice(start=end, end=end, new=f"{before}{lines}{after}")


def _end_of_document(text: str, root: yaml.MappingNode) -> int:
    """Where the next document or the end marker begins; the end of the text where there is neither."""
    marker = re.compile(r"^(---|\.\.\.)(?=\s|\Z)", re.MULTILINE).search(text, at(root.value[-1][1].start_mark))
    return marker.start() if marker else len(text)


def _in_braces(text: str, mapping: yaml.Node, member: str) -> Splice:
    """First in the braces, with the blanks or the line and indentation of what was first."""
    inside = text.index("{", at(mapping.start_mark)) + 1
    if not mapping.value:
        return Splice(start=inside, end=inside, new=member)
    blanks = re.compile(r"\s*").match(text, inside)
    lead = blanks[0] if blanks else ""
    return Splice(start=inside, end=inside, new=f"{lead}{member}," + ("" if lead else " "))


def _member(text: str, mapping: yaml.MappingNode, value: str, key: str = STRICT_ARP) -> str:
    """Quoted where JSON demands it, or where its neighbours are."""
    first = mapping.value[0][0] if mapping.value else None
    quoted = is_json(text) or (mapping.flow_style and isinstance(first, yaml.ScalarNode) and first.style == '"')
    return f'"{key}": {value}' if quoted else f"{key}: {value}"


def at(mark: Any) -> int:
    """The place of a mark in the text, in characters."""
    return int(mark.index)


def _eol(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
