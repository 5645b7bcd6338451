"""Arpcheck's own format as YAML (or JSON): a list of `{mac, node, interface}`, `{node: [macs]}` or `{node: {nic: mac}}`.

Only the node graph is composed: an unquoted 52:54:00:12:34:56 would be a number to base 60 in YAML 1.1, an anchor could
unfold without end, and every fault has its line this way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import MAC, Blank, LineError, Place, Row, Source, each, is_blank, short
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.YAML

LIMIT = 512 * 1024
"""Characters; composing takes seconds for each million."""

KEYS = ("mac", "node", "interface", "note")


_BEGIN = r"""(?:-\s+|[\[{,]\s*)*["']?"""
_KEY = r"""[^\s:,"'{}\[\]]+["']?\s*:"""
_ROW = re.compile(rf"""{_BEGIN}(mac|node)["']?\s*:(\s|["']|$)""")
_VALUE = re.compile(rf"""{_BEGIN}(?:{_KEY}(?:\s&\w+)?[\[{{"'\s]*){{1,2}}{MAC.pattern}["'\s]*([,\]}}#]|$)""")
_ITEM = re.compile(rf"""-\s+["']?{MAC.pattern}["']?\s*(#|$)""")


def recognises(source: Source) -> bool:
    """By the keys of a row, or a MAC behind the name of a node or a NIC, or in a list."""
    if source.blocks:
        return any(_is_own(block.value) for block in source.blocks)
    return any(source.any(line) for line in (_ROW, _VALUE, _ITEM))


def _is_own(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(row, dict) and not {"mac", "node"}.isdisjoint(row) for row in value)
    found = value.values() if isinstance(value, dict) else ()
    return any(_is_mac(mac) for entry in found for mac in _macs(entry))


def _macs(entry: Any) -> Iterable[Any]:
    match entry:
        case dict():
            return entry.values()
        case list():
            return entry
        case _:
            return (entry,)


def _is_mac(value: Any) -> bool:
    return isinstance(value, str) and MAC.fullmatch(value.strip()) is not None


def read(source: Source) -> Iterable[Row]:
    root = _composed(source)
    match getattr(root, "id", None):
        case "sequence":
            rows = ((_line(item), item) for item in root.value)
            return each(source, rows, lambda line, item: _of_row(source, line, item))
        case "mapping":
            return each(source, _of_nodes(root), lambda line, item: _of_node(source, line, item))
        case _:
            raise InputError(f"{source.name}: neither a list nor a mapping of nodes", "See `arpcheck docs mac-sources`")


def _composed(source: Source) -> Any:
    import yaml

    if len(source.text) > LIMIT:
        raise InputError(f"{source.name}: {len(source.text):,} characters of YAML; at most {LIMIT:,} are read", "Use CSV")
    try:
        return yaml.compose(source.text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source.name}:{line}: not YAML from here on", "Correct the file") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{source.name}: not YAML, or nested too deeply", "Correct the file") from None


def _of_row(source: Source, line: Place, item: Any) -> Row:
    if item.id != "mapping":
        raise LineError("not a mapping of mac, node and interface")
    fields = {_text(key): _text(value) for key, value in item.value}
    if unknown := sorted(fields.keys() - set(KEYS)):
        raise LineError(f"unknown key {short(unknown[0])}, there are {', '.join(KEYS)}")
    if is_blank(mac := fields.get("mac", "")):
        return Blank(line)
    return source.entry(line, mac, fields.get("node", ""), fields.get("interface"), form=FORMAT)


def _of_nodes(root: Any) -> Iterator[tuple[Place, Any]]:
    """Every MAC under every node as (node, nic, mac), each with its line."""
    for node, value in root.value:
        match value.id:
            case "sequence":
                yield from ((_line(mac), (node, None, mac)) for mac in value.value)
            case "mapping":
                yield from ((_line(mac), (node, nic, mac)) for nic, mac in value.value)
            case _:
                yield _line(value), (node, None, value)


def _of_node(source: Source, line: Place, item: Any) -> Row:
    node, nic, mac = item
    if is_blank(_text(mac)):
        return Blank(line)
    return source.entry(line, _text(mac), _text(node), _text(nic) if nic is not None else None, form=FORMAT)


def _text(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"text expected, not a {node.id}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
