"""Sets ipvs.strictARP to true in the text of a KubeProxyConfiguration, and changes not one byte more.

One splice, found by the parser's own marks, whatever the style: comments, order, quoting and line ends stay. What comes
out is parsed again; unless it differs in exactly that one value the edit is refused. Knows no cluster; never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from arpcheck.kubeproxy.config import ParseFault, all_documents, is_json, line_of, read, values
from arpcheck.kubeproxy.modes import Oddity, has, of

_NULL = "tag:yaml.org,2002:null"


class Refusal(StrEnum):
    """Why a text is not edited."""

    UNREADABLE = "unreadable"
    """It is not YAML, or has aliases, merge keys or doubtful values."""
    NO_CONFIGURATION = "no-configuration"
    """kube-proxy would refuse it, whatever strictARP is."""
    TWICE = "twice"
    """A key that decides is there more than once."""
    NOT_A_SECTION = "not-a-section"
    """`ipvs` is something else than a mapping."""
    UNSURE = "unsure"
    """The outcome did not parse to what was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What became of the text."""

    text: str
    """With strictARP set; the text that was given where nothing was to do, or where it is refused."""
    changed: bool = False
    refusal: Refusal | None = None
    reason: str = ""
    """One sentence: what is changed and in which line, or why not."""
    notes: tuple[str, ...] = ()
    """What is left as it is, and odd: a misspelt key beside it, a second document."""


def enable_strict_arp(text: str) -> Edit:
    """The text with `ipvs.strictARP: true` in its first document. It is for the caller to know that the mode is ipvs."""
    documents = all_documents(text)
    if isinstance(documents, ParseFault):
        return Edit(text=text, refusal=Refusal.UNREADABLE, reason=str(documents))
    found = read(text)
    notes = of(found.notes, Oddity.MISSPELT, Oddity.MISPLACED)
    if not documents or not isinstance(root := documents[0], yaml.MappingNode):
        return Edit(text=text, refusal=Refusal.NO_CONFIGURATION, reason="there is no configuration in it", notes=notes)
    if refused := _refused(text, root):
        return Edit(text=text, refusal=refused[0], reason=refused[1], notes=notes)
    if found.strict_arp is True:
        return Edit(text=text, reason="strictARP is true already", notes=notes)
    where, what = splice(text, root)
    return _checked_edit(text, where.apply(text), what, notes)


def _refused(text: str, root: yaml.MappingNode) -> tuple[Refusal, str] | None:
    sections = values(root, "ipvs")
    section = sections[0] if sections else None
    switches = values(section, STRICT_ARP) if isinstance(section, yaml.MappingNode) else []
    for key, found in (("ipvs", sections), (STRICT_ARP, switches)):
        if len(found) > 1:
            lines = ", ".join(str(line_of(one)) for one in found)
            return Refusal.TWICE, f"{key} is there {len(found)} times (lines {lines})"
    if section is not None and not isinstance(section, yaml.MappingNode) and section.tag != _NULL:
        return Refusal.NOT_A_SECTION, f"line {line_of(section)}: ipvs is not a section"
    if switches and (not isinstance(switches[0], yaml.ScalarNode) or switches[0].style in ("|", ">")):
        return Refusal.UNSURE, f"line {line_of(switches[0])}: strictARP is not a single value on one line"
    return _refused_by_kube_proxy(text, switches)


def _refused_by_kube_proxy(text: str, switches: list[yaml.Node]) -> tuple[Refusal, str] | None:
    """A wrong value of strictARP itself is what the edit cures."""
    cured = Splice(start=at(switches[0].start_mark), end=at(switches[0].end_mark), new=" true") if switches else None
    notes = read(cured.apply(text) if cured else text).notes
    if has(notes, Oddity.UNREADABLE):
        return Refusal.UNREADABLE, of(notes, Oddity.UNREADABLE)[0]
    return (Refusal.NO_CONFIGURATION, of(notes, Oddity.REFUSED)[0]) if has(notes, Oddity.REFUSED) else None


def _checked_edit(text: str, edited: str, what: str, notes: tuple[str, ...]) -> Edit:
    before, after = all_documents(text), all_documents(edited)
    fine = not isinstance(before, ParseFault) and not isinstance(after, ParseFault) and _alike(before, after)
    if not fine or read(edited).strict_arp is not True or is_json(text) != is_json(edited):
        why = "arpcheck can't tell where strictARP belongs in it"
        return Edit(text=text, refusal=Refusal.UNSURE, reason=why, notes=notes)
    return Edit(text=edited, changed=True, reason=what, notes=notes)


def _alike(before: tuple[yaml.Node, ...], after: tuple[yaml.Node, ...]) -> bool:
    """All documents say the same, but for ipvs.strictARP of the first."""
    if not before or len(before) != len(after):
        return False
    first = _without(_plain(before[0])) == _without(_plain(after[0]))
    return first and [_plain(one) for one in before[1:]] == [_plain(one) for one in after[1:]]


def _plain(node: yaml.Node) -> Any:
    """Tags and texts, in order: nothing is constructed, so nothing is lost."""
    if isinstance(node, yaml.MappingNode):
        return {"map": [(_plain(key), _plain(value)) for key, value in node.value]}
    if isinstance(node, yaml.SequenceNode):
        return {"list": [_plain(value) for value in node.value]}
    return node.tag, node.value


def _without(document: Any) -> Any:
    """Without ipvs.strictARP, and without ipvs where nothing else is in it: missing, null and empty mean the same."""
    kept = []
    for key, value in document["map"] if isinstance(document, dict) else ():
        if isinstance(key, tuple) and key[1] == "ipvs":
            pairs = value.get("map", ()) if isinstance(value, dict) else ()
            if inner := [pair for pair in pairs if not (isinstance(pair[0], tuple) and pair[0][1] == STRICT_ARP)]:
                kept.append((key, {"map": inner}))
        else:
            kept.append((key, value))
    return kept


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
