"""arpcheck's own list as YAML or JSON: `[{mac, node, interface}]`, `{node: [macs]}` or `{node: {nic: mac}}`.

Only the node graph is composed: YAML 1.1 reads an unquoted 52:54:00:12:34:56 as a number to base 60, an anchor could expand
without end, and each error has its line this way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import (
    MAC,
    Blank,
    LineError,
    ListFormat,
    MacListText,
    Place,
    Row,
    each,
    is_blank,
    short,
)
from arpcheck.mac_owners.mac_list.tables import COLUMNS, MAC_COLUMNS, ColumnHeader
from arpcheck.model import MacListFormat

_KEYS = frozenset((*MAC_COLUMNS, "node"))
_BEGIN = r"""(?:-\s+|[\[{,]\s*)*["']?"""
_KEY = r"""[^\s:,"'{}\[\]]+["']?\s*:"""
_YAML_ROW = re.compile(rf"""{_BEGIN}(mac|mac_?addr(ess)?|node)["']?\s*:(\s|["']|$)""", re.IGNORECASE)
_YAML_VALUE = re.compile(rf"""{_BEGIN}(?:{_KEY}(?:\s&\w+)?[\[{{"'\s]*){{1,2}}{MAC.pattern}["'\s]*([,\]}}#]|$)""")
_YAML_ITEM = re.compile(rf"""-\s+["']?{MAC.pattern}["']?\s*(#|$)""")


def _is_yaml(source: MacListText) -> bool:
    """By the keys of an entry, or by a MAC address in a list or after the name of a node or a NIC."""
    if source.blocks:
        return any(_is_yaml_value(block.value) for block in source.blocks)
    return any(source.any(line) for line in (_YAML_ROW, _YAML_VALUE, _YAML_ITEM))


def _is_yaml_value(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(row, dict) and not _KEYS.isdisjoint(map(str.lower, row)) for row in value)
    found = value.values() if isinstance(value, dict) else ()
    return any(isinstance(mac, str) and MAC.fullmatch(mac.strip()) for entry in found for mac in _values(entry))


def _values(entry: Any) -> Iterable[Any]:
    match entry:
        case dict():
            return entry.values()
        case list():
            return entry
        case _:
            return (entry,)


def _read_yaml(source: MacListText) -> Iterable[Row]:
    root = composed_yaml(source)
    match getattr(root, "id", None):
        case "sequence":
            entries = ((_line(item), item) for item in root.value)
            return each(source, entries, lambda line, item: _yaml_entry(source, line, item))
        case "mapping":
            return each(source, _macs_of_nodes(root), lambda line, item: _yaml_mac(source, line, *item))
        case _:
            message = f"{source.name}: neither a list nor a mapping of nodes"
            raise InputError(message, "See the formats in `arpcheck docs mac-sources`")


def _yaml_entry(source: MacListText, line: Place, item: Any) -> Row:
    """The keys may be called as the columns of a table are."""
    if item.id != "mapping":
        raise LineError("not a mapping with the keys mac, node and interface")
    fields = {_scalar(key): _scalar(value) for key, value in item.value}
    columns = ColumnHeader(columns=tuple(key.lower() for key in fields), delimiter="")
    if unknown := sorted(key for key in fields if key.lower() not in {columns.mac, columns.node, columns.interface, "note"}):
        raise LineError(f"unknown key {short(unknown[0])}; the keys are {', '.join(COLUMNS)}")
    named = dict(zip(columns.columns, fields.values(), strict=True))
    if is_blank(mac := named.get(columns.mac or "", "")):
        return Blank(line)
    return source.entry(line, mac, named.get(columns.node or "", ""), named.get(columns.interface or ""))


def _macs_of_nodes(root: Any) -> Iterator[tuple[Place, Any]]:
    """Each MAC address of each node with its line: (node, NIC, MAC address)."""
    for node, value in root.value:
        match value.id:
            case "sequence":
                yield from ((_line(mac), (node, None, mac)) for mac in value.value)
            case "mapping":
                yield from ((_line(mac), (node, nic, mac)) for nic, mac in value.value)
            case _:
                yield _line(value), (node, None, value)


def _yaml_mac(source: MacListText, line: Place, node: Any, nic: Any, mac: Any) -> Row:
    if is_blank(_scalar(mac)):
        return Blank(line)
    return source.entry(line, _scalar(mac), _scalar(node), _scalar(nic) if nic is not None else None)


def _scalar(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"a {node.id} in the place of text; the list is [{{mac, node}}] or {{node: {{nic: mac}}}}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


YAML_LIMIT = 512 * 1024
"""Characters that are composed with their lines; each million takes seconds."""


def composed_yaml(source: MacListText) -> Any:
    """The node graph of the only document, each node with its line. Raises InputError."""
    import yaml

    if len(source.text) > YAML_LIMIT:
        message = f"{source.name}: {len(source.text):,} characters of YAML; the limit is {YAML_LIMIT:,}"
        raise InputError(message, "Save it as CSV")
    try:
        return yaml.compose(source.text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source.name}:{line}: the YAML is not valid from here on", "Correct the file") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{source.name}: the YAML is not valid, or nested too deeply", "Correct the file") from None


YAML = ListFormat(format=MacListFormat.YAML, called="YAML", recognises=_is_yaml, read=_read_yaml)
