"""Objects as a file: what `arpcheck snapshot` prints and `--cluster-file` reads back as equal Objects. Pure.

It is a List that kubectl reads too; what a List has no place for, the gaps above all, stands under `arpcheck`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from arpcheck import __version__
from arpcheck.errors import InputError
from arpcheck.model import Gap
from arpcheck.objects import Objects, instant
from arpcheck.text import is_plain

_BEYOND = re.compile("[\x7f-\U0010ffff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a snapshot says beside its objects."""

    taken_at: datetime | None
    server_ahead: float | None
    context: str | None
    version: str | None
    read: frozenset[str]
    """The resources that were read, those of which nothing was found included."""
    gaps: tuple[Gap, ...]


def snapshot(objects: Objects) -> str:
    return "".join(pieces(objects))


def pieces(objects: Objects) -> Iterator[str]:
    """The same text for the same objects, by resource and in their order, one after the other: a large cluster is not held
    as text. Never a Secret."""
    read = sorted(resource for resource in objects.resources if resource != "secrets")
    document = {
        "apiVersion": "v1",
        "kind": "List",
        "arpcheck": {
            "writtenBy": __version__,
            "takenAt": objects.read_at.isoformat() if objects.read_at else None,
            "serverAhead": objects.server_ahead,
            "context": objects.context,
            "serverVersion": objects.version,
            "read": read,
            "gaps": [{"what": gap.what, "why": gap.why, "costs": gap.costs} for gap in sorted(objects.gaps)],
        },
        "items": [],
    }
    head, empty, tail = _written(document).partition('"items": []')
    yield head
    start = '"items": [\n  '
    for obj in (obj for resource in read for obj in objects.of(resource)):
        yield start
        yield _written(obj).replace("\n", "\n  ")
        start = ",\n  "
    yield f"{empty if start[0] != ',' else f'{chr(10)} ]'}{tail}\n"


def _written(value: object) -> str:
    return _harmless(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def _harmless(written: str) -> str:
    """The same JSON for a terminal: what is drawn as nothing, or moves what is beside it, is escaped as JSON has it. Such
    signs stand in texts alone."""
    return _BEYOND.sub(lambda found: "".join(map(_escaped, found[0])), written)


def _escaped(char: str) -> str:
    return char if is_plain(char) else json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"


def header(document: Mapping[str, Any], where: str) -> Header | None:
    """The header of a List that `snapshot` wrote; None for any other. A damaged one is an InputError: a gap that got
    lost would look like nothing to see."""
    if "arpcheck" not in document:
        return None
    found = document["arpcheck"]
    try:
        return Header(
            taken_at=instant(found["takenAt"]),
            server_ahead=_number(found.get("serverAhead")),
            context=_optional(found["context"]),
            version=_optional(found["serverVersion"]),
            read=frozenset(map(_text, _list(found["read"]))),
            gaps=tuple(_gap(entry) for entry in _list(found["gaps"])),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{where}: the snapshot's header is damaged ({error})", "Take the snapshot again") from None


def _gap(entry: Any) -> Gap:
    return Gap(what=_text(entry["what"]), why=_text(entry["why"]), costs=_text(entry["costs"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list expected, not {type(value).__name__}")
    return value


def _number(value: Any) -> float | None:
    """None also where an earlier version wrote none."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise TypeError("a number expected")
    return float(value)


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)
