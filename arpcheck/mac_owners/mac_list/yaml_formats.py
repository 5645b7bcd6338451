"""Arpcheck's own format as YAML (or JSON): a list of `{mac, node, interface}`, `{node: [macs]}` or `{node: {nic: mac}}`.

Only the node graph is composed: an unquoted 52:54:00:12:34:56 would be a number to base 60 in YAML 1.1, an anchor could
unfold without end, and every fault has its line this way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import (
    MAC,
    Blank,
    FunctionFormat,
    LineError,
    ListedNic,
    MacListText,
    Place,
    Row,
    each,
    is_blank,
    listed,
    short,
)
from arpcheck.mac_owners.node_network_state import own_nics
from arpcheck.model import MacListFormat
from arpcheck.objects import at, items, name, text

_OWN_YAML_FORMAT = MacListFormat.YAML

LIMIT = 512 * 1024
"""Characters; composing takes seconds for each million."""

KEYS = ("mac", "node", "interface", "note")


_BEGIN = r"""(?:-\s+|[\[{,]\s*)*["']?"""
_KEY = r"""[^\s:,"'{}\[\]]+["']?\s*:"""
_ROW = re.compile(rf"""{_BEGIN}(mac|node)["']?\s*:(\s|["']|$)""")
_VALUE = re.compile(rf"""{_BEGIN}(?:{_KEY}(?:\s&\w+)?[\[{{"'\s]*){{1,2}}{MAC.pattern}["'\s]*([,\]}}#]|$)""")
_ITEM = re.compile(rf"""-\s+["']?{MAC.pattern}["']?\s*(#|$)""")


def _is_own_yaml(source: MacListText) -> bool:
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


def _read_own_yaml(source: MacListText) -> Iterable[Row]:
    root = _composed(source)
    match getattr(root, "id", None):
        case "sequence":
            rows = ((_line(item), item) for item in root.value)
            return each(source, rows, lambda line, item: _of_row(source, line, item))
        case "mapping":
            return each(source, _of_nodes(root), lambda line, item: _of_node(source, line, item))
        case _:
            raise InputError(f"{source.name}: neither a list nor a mapping of nodes", "See `arpcheck docs mac-sources`")


def _composed(source: MacListText) -> Any:
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


def _of_row(source: MacListText, line: Place, item: Any) -> Row:
    if item.id != "mapping":
        raise LineError("not a mapping of mac, node and interface")
    fields = {_scalar_text(key): _scalar_text(value) for key, value in item.value}
    if unknown := sorted(fields.keys() - set(KEYS)):
        raise LineError(f"unknown key {short(unknown[0])}, there are {', '.join(KEYS)}")
    if is_blank(mac := fields.get("mac", "")):
        return Blank(line)
    return source.entry(line, mac, fields.get("node", ""), fields.get("interface"), form=_OWN_YAML_FORMAT)


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


def _of_node(source: MacListText, line: Place, item: Any) -> Row:
    node, nic, mac = item
    if is_blank(_scalar_text(mac)):
        return Blank(line)
    return source.entry(
        line, _scalar_text(mac), _scalar_text(node), _scalar_text(nic) if nic is not None else None, form=_OWN_YAML_FORMAT
    )


def _scalar_text(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"text expected, not a {node.id}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


OWN_YAML = FunctionFormat(FORMAT=_OWN_YAML_FORMAT, recognises=_is_own_yaml, read=_read_own_yaml)


# ----------------------------- Objects of a cluster that list a host's NICs, as kubectl get … -o yaml or -o json writes them

_OBJECTS_FORMAT = MacListFormat.OBJECTS

_KIND = re.compile(
    r"^[ \t-]*kind[ \t]*:[ \t]*[\"']?(BareMetalHost|HardwareData|NodeNetworkState)(List)?[\"']?[ \t\r]*$", re.MULTILINE
)
_METAL3 = ("BareMetalHost", "HardwareData")
_STATE = "NodeNetworkState"


def _is_objects(source: MacListText) -> bool:
    if source.blocks:
        return any(text(found, "kind") in (*_METAL3, _STATE) for found in _flat(block.value for block in source.blocks))
    return _KIND.search(source.text) is not None


def _read_objects(source: MacListText) -> Iterable[Row]:
    found = [block.value for block in source.blocks] or documents(source.text, source.name)
    nics = [nic for number, entry in enumerate(_flat(found), 1) for nic in _nics(f"entry {number}", entry)]
    yield from listed(source, (nic for nic in nics if not is_blank(str(nic.mac))), _OBJECTS_FORMAT)
    yield from (Blank(nic.place) for nic in nics if not nic.mac)


def _flat(found: Iterable[Any]) -> Iterator[Any]:
    """The objects, those in lists too; a list has no list in it."""
    for entry in found:
        yield from items(entry, "items") if text(entry, "kind").endswith("List") else (entry,)


def _nics(place: Place, entry: Any) -> Iterator[ListedNic]:
    match text(entry, "kind"):
        case "BareMetalHost" | "HardwareData":
            yield from _of_metal3(place, entry)
        case "NodeNetworkState":
            yield from (ListedNic(place, name(entry), nic, mac) for nic, mac in own_nics(entry))
        case _:
            return


def _of_metal3(place: Place, entry: Any) -> Iterator[ListedNic]:
    hardware = at(entry, "status", "hardware") or at(entry, "spec", "hardware")
    seen = text(hardware, "hostname")
    node = seen if seen and not seen.startswith("localhost") else name(entry)
    for nic in items(hardware, "nics"):
        yield ListedNic(place, node, text(nic, "name"), text(nic, "mac"))
    boot = text(entry, "spec", "bootMACAddress")
    if boot and boot.lower() not in (text(nic, "mac").lower() for nic in items(hardware, "nics")):
        yield ListedNic(place, node, "", boot)


OBJECTS = FunctionFormat(FORMAT=_OBJECTS_FORMAT, recognises=_is_objects, read=_read_objects)


# --------------------------- YAML of the API server's kind as plain mappings, lists and text, built from the parser's events

PLAIN_LIMIT = 4 * 1024 * 1024
"""Characters; the NodeNetworkStates of some hundred nodes."""
DEPTH = 100


def documents(text: str, name: str) -> list[Any]:
    """Every document of it. InputError with the line where it is none."""
    import yaml

    if len(text) > PLAIN_LIMIT:
        raise InputError(f"{name}: {len(text):,} characters of YAML; at most {PLAIN_LIMIT:,} are read", "Save it as JSON")
    found: list[Any] = []
    stack: list[list[Any]] = []
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            line = event.start_mark.line if event.start_mark else 0
            match event:
                case yaml.CollectionStartEvent():
                    if len(stack) == DEPTH:
                        raise _wrong(name, line, "nested too deeply")
                    stack.append([])
                case yaml.ScalarEvent():
                    (stack[-1] if stack else found).append(event.value)
                case yaml.SequenceEndEvent():
                    parts = stack.pop()
                    (stack[-1] if stack else found).append(parts)
                case yaml.MappingEndEvent():
                    parts = stack.pop()
                    pairs = zip(parts[::2], parts[1::2], strict=True)
                    (stack[-1] if stack else found).append({key: value for key, value in pairs if isinstance(key, str)})
                case yaml.AliasEvent():
                    raise _wrong(name, line, "an alias")
                case _:
                    pass  # the begin and the end of the stream and its documents
    except yaml.MarkedYAMLError as error:
        raise _wrong(name, error.problem_mark.line if error.problem_mark else 0, "not YAML from here on") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{name}: not YAML", "Correct the file") from None
    return found


def _wrong(name: str, line: int, what: str) -> InputError:
    return InputError(f"{name}:{line + 1}: {what}", "Save it again with kubectl get … -o yaml")
