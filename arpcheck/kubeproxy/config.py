"""One KubeProxyConfiguration as kube-proxy reads it: strictly first, then leniently (cmd/kube-proxy/app/options.go).

Unknown and misspelt keys are accepted and ignored, so they are noted with their line; a value of the wrong type makes
kube-proxy exit. Knows neither where the text came from nor the version that reads it. Never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

import yaml

from arpcheck.kubeproxy.modes import Note, Oddity, has

KIND = "KubeProxyConfiguration"
API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"

TOP_KEYS = frozenset(
    (
        *("apiVersion", "kind", "bindAddress", "bindAddressHardFail", "clientConnection", "clusterCIDR", "configSyncPeriod"),
        *("conntrack", "detectLocal", "detectLocalMode", "enableProfiling", "featureGates", "healthzBindAddress"),
        *("hostnameOverride", "iptables", "ipvs", "logging", "metricsBindAddress", "mode", "nftables", "nodePortAddresses"),
        *("oomScoreAdj", "portRange", "resourceContainer", "showHiddenMetricsForVersion", "udpIdleTimeout"),
        *("windowsRunAsService", "winkernel"),
    )
)
"""All versions of kube-proxy config/v1alpha1/types.go together."""
IPVS_KEYS = frozenset(
    (
        *("excludeCIDRs", "minSyncPeriod", "scheduler", "strictARP"),
        *("syncPeriod", "tcpFinTimeout", "tcpTimeout", "udpTimeout"),
    )
)

_MOST_NOTES = 8
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_STR = "tag:yaml.org,2002:str"
_WHAT = {_STR: "a text", "tag:yaml.org,2002:int": "a number", "tag:yaml.org,2002:float": "a number", _BOOL: "a boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the text says."""

    mode: str | None
    """As written; `""` where it is empty or missing; None where it can't be read."""
    strict_arp: bool | None
    """False where it is missing, which is kube-proxy's own default; None where it can't be read."""
    notes: tuple[Note, ...] = ()


def read(text: str) -> Configuration:
    """The configuration in `text`; an unreadable one has neither mode nor strictARP, and the note says why and where."""
    document = first_document(text)
    if isinstance(document, ParseFault):
        return Configuration(mode=None, strict_arp=None, notes=(Note(f"unreadable: {document}", Oddity.UNREADABLE),))
    if not isinstance(document, yaml.MappingNode):
        return Configuration(mode=None, strict_arp=None, notes=(_exits("it holds no configuration"),))
    if fault := _wrong_kind(document):
        return Configuration(mode=None, strict_arp=None, notes=(fault,))
    found = _configuration(document, merges=is_json(text))
    return replace(found, notes=(*found.notes, *_more_documents(text[document.end_mark.index :])))


def _configuration(document: yaml.MappingNode, *, merges: bool) -> Configuration:
    """`merges`: a repeated section is merged, as the JSON decoder does it, and not replaced; that is not followed."""
    if merges and len(values(document, "ipvs")) > 1:
        doubt = Note("unreadable: the key ipvs is there twice in JSON", Oddity.UNREADABLE)
        return Configuration(mode=None, strict_arp=None, notes=(doubt,))
    mode, of_mode = _text_at(document, "mode")
    ipvs, of_ipvs = _section(document)
    unknown = (*_unknown(document, TOP_KEYS, ""), *(_unknown(ipvs, IPVS_KEYS, "ipvs.") if ipvs else ()))
    missing = None if has(of_ipvs, Oddity.REFUSED) else False
    strict_arp, of_strict_arp = _boolean(ipvs, "strictARP") if ipvs else (missing, ())
    return Configuration(mode=mode, strict_arp=strict_arp, notes=(*of_mode, *of_ipvs, *of_strict_arp, *unknown))


def _more_documents(rest: str) -> tuple[Note, ...]:
    if not re.search(r"^---", rest, re.MULTILINE):
        return ()
    only = "only the first YAML document is read"
    if re.search(r"^[ \t]*strictARP[ \t]*:", rest, re.MULTILINE):
        return (Note(f"{only}; a later one has a strictARP that nobody reads", Oddity.MISPLACED),)
    return (Note(only),)


def values(mapping: yaml.MappingNode, key: str) -> list[yaml.Node]:
    """Every value under this key; the last one counts."""
    return [value for found, value in mapping.value if isinstance(found, yaml.ScalarNode) and found.value == key]


def _wrong_kind(document: yaml.MappingNode) -> Note | None:
    for key, wanted in (("kind", KIND), ("apiVersion", API_VERSION)):
        found = [value.value if isinstance(value, yaml.ScalarNode) else "no text" for value in values(document, key)]
        if not found or found[-1] != wanted:
            is_there = f'{key} is "{found[-1][:60]}"' if found else f"{key} is missing"
            return _exits(f"{is_there}, not {wanted}")
    return None


def _text_at(mapping: yaml.MappingNode, key: str) -> tuple[str | None, tuple[Note, ...]]:
    value, notes = _last(mapping, key)
    if value is None or value.tag == _NULL:
        return "", notes
    if isinstance(value, yaml.ScalarNode) and value.tag == _STR:
        return str(value.value), notes
    return None, (*notes, _exits(f"line {line_of(value)}: {key} is {_what(value)}, not a text"))


def _section(document: yaml.MappingNode) -> tuple[yaml.MappingNode | None, tuple[Note, ...]]:
    """The section ipvs; None where it is missing or null, and where it is something else, which is then refused."""
    value, notes = _last(document, "ipvs")
    if isinstance(value, yaml.MappingNode):
        return value, notes
    if value is None or value.tag == _NULL:
        return None, notes
    return None, (*notes, _exits(f"line {line_of(value)}: ipvs is {_what(value)}, not a section"))


def _boolean(mapping: yaml.MappingNode, key: str) -> tuple[bool | None, tuple[Note, ...]]:
    value, notes = _last(mapping, key)
    if value is None or value.tag == _NULL:
        return False, notes
    if isinstance(value, yaml.ScalarNode) and value.tag == _BOOL:
        return value.value.lower() in ("true", "yes", "on"), notes
    if isinstance(value, yaml.ScalarNode) and value.style is None and value.value.lower() in ("y", "n"):
        doubt = f"line {line_of(value)}: {key} is {value.value}, which not every YAML reader takes as a boolean"
        return None, (*notes, Note(doubt, Oddity.UNREADABLE))
    return None, (*notes, _exits(f"line {line_of(value)}: {key} is {_what(value)}, not a boolean"))


def _last(mapping: yaml.MappingNode, key: str) -> tuple[yaml.Node | None, tuple[Note, ...]]:
    found = values(mapping, key)
    if len(found) > 1:
        lines = ", ".join(str(line_of(value)) for value in found)
        return found[-1], (Note(f"{key} is there {len(found)} times (lines {lines}); the last one counts"),)
    return (found[0] if found else None), ()


def _what(value: yaml.Node) -> str:
    if isinstance(value, yaml.ScalarNode):
        return f'{_WHAT.get(value.tag, "a value")} ("{str(value.value)[:40]}")'
    return "a section" if isinstance(value, yaml.MappingNode) else "a list"


def _exits(why: str) -> Note:
    return Note(f"{why}: kube-proxy exits at its start with it, and what runs now has loaded something else", Oddity.REFUSED)


def _unknown(mapping: yaml.MappingNode, known: frozenset[str], prefix: str) -> tuple[Note, ...]:
    keys = [key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode) and key.value not in known]
    found = [*_strays(mapping, prefix), *(_ignored(key, prefix) for key in keys)]
    found.sort(key=lambda note: note.oddity is not Oddity.MISSPELT)
    left = len(found) - _MOST_NOTES
    return (*found[:_MOST_NOTES], *((Note(f"{left} more unknown keys"),) if left > 0 else ()))


def _ignored(key: yaml.ScalarNode, prefix: str) -> Note:
    written = f'line {line_of(key)}: "{prefix}{key.value[:60]}"'
    if meant := _meant(key.value):
        return Note(f"{written} is not {meant}, and kube-proxy ignores it", Oddity.MISSPELT)
    return Note(f"{written} is not a key that arpcheck knows; kube-proxy ignores unknown keys")


def _strays(mapping: yaml.MappingNode, prefix: str) -> Iterator[Note]:
    """strictARP in a section where it does nothing."""
    for section, value in mapping.value if not prefix else ():
        if isinstance(section, yaml.ScalarNode) and section.value != "ipvs" and isinstance(value, yaml.MappingNode):
            for key, _ in value.value:
                if isinstance(key, yaml.ScalarNode) and _meant(key.value) == "ipvs.strictARP":
                    yield _ignored(key, f"{section.value[:60]}.")


def _meant(key: str) -> str | None:
    """What a key that kube-proxy does not know was most likely meant to be."""
    folded = re.sub(r"[^a-z]", "", key.lower())
    for plain, meant in (("strictarp", "ipvs.strictARP"), ("ipvsstrictarp", "ipvs.strictARP"), ("ipvs", "ipvs")):
        if folded == plain or (len(plain) > 4 and SequenceMatcher(None, folded, plain).ratio() >= 0.85):
            return meant
    return "mode" if folded in ("mode", "proxymode", "kubeproxymode") else None


MAX_CHARS = 64 * 1024
"""Thirty times what kubeadm writes, and read in less than a second whatever it is."""
MAX_DEPTH = 32

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseFault:
    """Why a text can't be read."""

    where: str
    """`line 7`, or empty where it is the whole text."""
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}" if self.where else self.why


def first_document(text: str) -> yaml.Node | ParseFault | None:
    """The first YAML document, which is all that kube-proxy reads (sigs.k8s.io/yaml, Unmarshal); None: there is none."""
    found = _composed(text, 1)
    return found if isinstance(found, ParseFault) else next(iter(found), None)


def all_documents(text: str) -> tuple[yaml.Node, ...] | ParseFault:
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


def _composed(text: str, limit: int | None) -> tuple[yaml.Node, ...] | ParseFault:
    if len(text) > MAX_CHARS:
        return ParseFault(where="", why=f"{len(text)} characters; no configuration of kube-proxy is longer than {MAX_CHARS}")
    if is_json(text):
        text = text.replace("\t", " ")  # JSON allows tabs between tokens, YAML does not; none can be inside a JSON string
    try:
        return tuple(_documents(_Loader(text), limit))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = _one_line(error.problem or error.context or "not YAML")
        return ParseFault(where=f"line {mark.line + 1}" if mark else "", why=why)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML lets chr() of a wrong \U escape through
        return ParseFault(where="", why=_one_line(str(error)) or "not YAML")


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
                raise _refusal("a key that is not a single value", key.start_mark)
        return node


def _refusal(why: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=mark)
