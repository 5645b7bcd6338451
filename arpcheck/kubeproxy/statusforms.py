"""The forms of a status: a JSON document, and text for a terminal. Knows what is shown, and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from arpcheck.kubeproxy.answers import NodeStatus, StrictArpStatus
from arpcheck.text import PROSE_LIMIT, plain

VERSION = "arpcheck/v1"
KIND = "StrictArpStatus"

_HEAD = ("NODE", "MODE", "STRICT ARP", "LOADED")


def to_json(status: StrictArpStatus) -> dict[str, Any]:
    """camelCase, every key in every entry; what is not known is null."""
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "answer": str(status.answer),
        "reason": status.reason,
        "source": status.source,
        "owner": status.owner,
        "exitCode": status.exit_code,
        "nodes": [_entry(node) for node in status.nodes],
        "notes": [str(note) for note in status.notes],
        "do": list(status.do),
    }


def to_text(status: StrictArpStatus) -> str:
    """Ends with a line feed. What came from the cluster can't steer a terminal."""
    parts: list[Iterable[str]] = [_head(status), _table(status.nodes), _oddities(status.nodes)]
    parts += [_titled("Also", status.notes), _titled("Do", status.do)]
    return "\n\n".join(block for part in parts if (block := "\n".join(plain(line, PROSE_LIMIT) for line in part))) + "\n"


def _entry(node: NodeStatus) -> dict[str, Any]:
    return {
        "name": node.name,
        "mode": node.mode,
        "strictARP": node.strict_arp,
        "loaded": node.loaded,
        "configured": str(node.configured),
        "source": node.source,
        "answer": str(node.answer),
        "arp": None if node.arp is None else str(node.arp),
        "notes": [str(note) for note in node.notes],
    }


def _head(status: StrictArpStatus) -> Iterable[str]:
    yield f"{status.answer}: {status.reason}."
    if status.source:
        yield f"Read from: {status.source}"
    if status.owner:
        yield f"Owner of the configuration: {status.owner} ({status.owner_because})"


def _table(nodes: Sequence[NodeStatus]) -> Iterable[str]:
    entries = ((plain(n.name), plain(n.mode or "-"), _word(n.strict_arp), _word(n.loaded)) for n in nodes)
    rows = [_HEAD, *entries] if nodes else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))] if rows else []
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _oddities(nodes: Sequence[NodeStatus]) -> Iterable[str]:
    """Each note once, with the nodes that it is true of."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for note in node.notes:
            found.setdefault(str(note), []).append(plain(node.name))
    lines = [f"{_who(names, len(nodes))}: {note}" for note, names in found.items()]
    return _titled("Notes", lines)


def _who(names: Sequence[str], of_all: int) -> str:
    if len(names) == of_all and of_all > 1:
        return "all nodes"
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _titled(title: str, lines: Sequence[str]) -> Iterable[str]:
    return (f"{title}:", *(f"  {line}" for line in lines)) if lines else ()


def _word(value: bool | None) -> str:
    return "-" if value is None else str(value).lower()
