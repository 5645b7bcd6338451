"""Sets ipvs.strictARP to true in the text of a KubeProxyConfiguration, and changes not one byte more.

One splice, found by the parser's own marks, whatever the style: comments, order, quoting and line ends stay. What comes
out is parsed again; unless it differs in exactly that one value the edit is refused. Knows no cluster; never raises."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from arpcheck.kubeproxy.config import read, values
from arpcheck.kubeproxy.notes import Oddity, has, of
from arpcheck.kubeproxy.splice import STRICT_ARP, Splice, at, splice
from arpcheck.kubeproxy.yamltext import Fault, all_documents, is_json, line_of

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
    if isinstance(documents, Fault):
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
    return _checked(text, where.apply(text), what, notes)


def _refused(text: str, root: yaml.MappingNode) -> tuple[Refusal, str] | None:
    sections = values(root, "ipvs")
    section = sections[0] if sections else None
    switches = values(section, STRICT_ARP) if isinstance(section, yaml.MappingNode) else []
    for key, found in (("ipvs", sections), (STRICT_ARP, switches)):
        if len(found) > 1:
            lines = ", ".join(str(line_of(one)) for one in found)
            return Refusal.TWICE, f"{key} is there {len(found)} times (lines {lines})"
    if section is not None and not isinstance(section, yaml.MappingNode) and section.tag != _NULL:
        return Refusal.NOT_A_SECTION, f"line {line_of(section)}: ipvs is no section"
    if switches and (not isinstance(switches[0], yaml.ScalarNode) or switches[0].style in ("|", ">")):
        return Refusal.UNSURE, f"line {line_of(switches[0])}: strictARP is no single value on one line"
    return _refused_by_kube_proxy(text, switches)


def _refused_by_kube_proxy(text: str, switches: list[yaml.Node]) -> tuple[Refusal, str] | None:
    """A wrong value of strictARP itself is what the edit cures."""
    cured = Splice(start=at(switches[0].start_mark), end=at(switches[0].end_mark), new=" true") if switches else None
    notes = read(cured.apply(text) if cured else text).notes
    if has(notes, Oddity.UNREADABLE):
        return Refusal.UNREADABLE, of(notes, Oddity.UNREADABLE)[0]
    return (Refusal.NO_CONFIGURATION, of(notes, Oddity.REFUSED)[0]) if has(notes, Oddity.REFUSED) else None


def _checked(text: str, edited: str, what: str, notes: tuple[str, ...]) -> Edit:
    before, after = all_documents(text), all_documents(edited)
    fine = not isinstance(before, Fault) and not isinstance(after, Fault) and _alike(before, after)
    if not fine or read(edited).strict_arp is not True or is_json(text) != is_json(edited):
        why = "arpcheck can't tell where strictARP belongs in it"
        return Edit(text=text, refusal=Refusal.UNSURE, reason=why, notes=notes)
    return Edit(text=edited, changed=True, reason=what, notes=notes)


# -------------------------------------------------------------------------------------------------- what was changed


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
