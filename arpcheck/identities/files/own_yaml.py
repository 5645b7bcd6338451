"""Arpcheck's own format as YAML (or JSON): a list of `{mac, node, interface}`, `{node: [macs]}` or `{node: {nic: mac}}`.

Only the node graph is composed: an unquoted 52:54:00:12:34:56 would be a number to base 60 in YAML 1.1, an anchor could
unfold without end, and every fault has its line this way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.identities.files.source import LineError, Place, Source, each, short
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.YAML

LIMIT = 512 * 1024
"""Characters; composing takes seconds for each million."""

KEYS = ("mac", "node", "interface", "note")


def recognises(source: Source) -> bool:
    return source.first().startswith(("{", "[", "-")) or ":" in source.text


def read(source: Source) -> Iterable[MacEntry]:
    root = _composed(source)
    match getattr(root, "id", None):
        case "sequence":
            rows = ((_line(item), item) for item in root.value)
            return each(source, rows, lambda line, item: _of_row(source, line, item))
        case "mapping":
            return each(source, _of_nodes(root), lambda line, item: _of_node(source, line, item))
        case _:
            raise InputError(f"{source.name}: neither a list nor a mapping of nodes", "See --mac-map in the README")


def _composed(source: Source) -> Any:
    import yaml

    if len(source.text) > LIMIT:
        raise InputError(f"{source.name}: {len(source.text):,} characters of YAML; at most {LIMIT:,} are read", "Use CSV")
    try:
        return yaml.compose(source.text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source.name}:{line}: {error.problem or 'not YAML'}", "Correct the file") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:  # the last of chr() of a wrong \U escape
        raise InputError(f"{source.name}: not YAML ({type(error).__name__})", "Correct the file") from None


def _of_row(source: Source, line: Place, item: Any) -> MacEntry:
    if item.id != "mapping":
        raise LineError("not a mapping of mac, node and interface")
    fields = {_text(key): _text(value) for key, value in item.value}
    if unknown := sorted(fields.keys() - set(KEYS)):
        raise LineError(f"unknown key {short(unknown[0])}, there are {', '.join(KEYS)}")
    return source.entry(line, fields.get("mac", ""), fields.get("node", ""), fields.get("interface"), form=FORMAT)


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


def _of_node(source: Source, line: Place, item: Any) -> MacEntry:
    node, nic, mac = item
    return source.entry(line, _text(mac), _text(node), _text(nic) if nic is not None else None, form=FORMAT)


def _text(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"text expected, not a {node.id}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
