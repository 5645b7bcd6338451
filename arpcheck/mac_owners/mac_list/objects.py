"""Objects that list a host's NICs, from `kubectl get … -o yaml` or `-o json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import Blank, ListedNic, ListFormat, MacListText, Place, Row, is_blank, listed
from arpcheck.mac_owners.node_network_state import own_nics
from arpcheck.model import MacListFormat
from arpcheck.objects import at, items, name, text

_KIND = re.compile(
    r"^[ \t-]*kind[ \t]*:[ \t]*[\"']?(BareMetalHost|HardwareData|NodeNetworkState)(List)?[\"']?[ \t\r]*$", re.MULTILINE
)
_KINDS = ("BareMetalHost", "HardwareData", "NodeNetworkState")


def _is_objects(source: MacListText) -> bool:
    if source.blocks:
        return any(text(found, "kind") in _KINDS for found in _objects(block.value for block in source.blocks))
    return _KIND.search(source.text) is not None


def _read_objects(source: MacListText) -> Iterable[Row]:
    found = [block.value for block in source.blocks] or yaml_documents(source.text, source.name)
    nics = [nic for number, entry in enumerate(_objects(found), 1) for nic in _nics_of_object(f"entry {number}", entry)]
    yield from listed(source, (nic for nic in nics if not is_blank(str(nic.mac))))
    yield from (Blank(nic.place) for nic in nics if not nic.mac)


def _objects(found: Iterable[Any]) -> Iterator[Any]:
    """The objects, also those in lists. A list holds no other list."""
    for entry in found:
        yield from items(entry, "items") if text(entry, "kind").endswith("List") else (entry,)


def _nics_of_object(place: Place, entry: Any) -> Iterator[ListedNic]:
    match text(entry, "kind"):
        case "BareMetalHost" | "HardwareData":
            yield from _nics_of_metal3(place, entry)
        case "NodeNetworkState":
            yield from (ListedNic(place, name(entry), nic, mac) for nic, mac in own_nics(entry))
        case _:
            return


def _nics_of_metal3(place: Place, entry: Any) -> Iterator[ListedNic]:
    hardware = at(entry, "status", "hardware") or at(entry, "spec", "hardware")
    hostname = text(hardware, "hostname")
    node = hostname if hostname and not hostname.startswith("localhost") else name(entry)
    for nic in items(hardware, "nics"):
        yield ListedNic(place, node, text(nic, "name"), text(nic, "mac"))
    boot = text(entry, "spec", "bootMACAddress")
    if boot and boot.lower() not in (text(nic, "mac").lower() for nic in items(hardware, "nics")):
        yield ListedNic(place, node, "", boot)


OBJECTS_LIMIT = 4 * 1024 * 1024
"""Characters of objects; the NodeNetworkStates of some hundred nodes."""
DEPTH = 100
"""Levels of nesting in objects."""


def yaml_documents(text: str, name: str) -> list[Any]:
    """The documents as mappings, lists and text, made from the parser's events. Raises InputError with the wrong line."""
    import yaml

    if len(text) > OBJECTS_LIMIT:
        raise InputError(f"{name}: {len(text):,} characters of YAML; the limit is {OBJECTS_LIMIT:,}", "Save it as JSON")
    found: list[Any] = []
    stack: list[list[Any]] = []
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            line = event.start_mark.line if event.start_mark else 0
            match event:
                case yaml.CollectionStartEvent():
                    if len(stack) == DEPTH:
                        raise _wrong_yaml(name, line, "the YAML is nested too deeply")
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
                    raise _wrong_yaml(name, line, "YAML aliases are not supported")
                case _:
                    pass  # begin and end of the stream and its documents
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        raise _wrong_yaml(name, line, "the YAML is not valid from here on") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{name}: the YAML is not valid", "Correct the file") from None
    return found


def _wrong_yaml(name: str, line: int, what: str) -> InputError:
    return InputError(f"{name}:{line + 1}: {what}", "Save it again with kubectl get … -o yaml")


OBJECTS = ListFormat(
    format=MacListFormat.OBJECTS, called="BareMetalHost, NodeNetworkState", recognises=_is_objects, read=_read_objects
)
