"""`ip -j neigh`: a list of neighbours, who has which address as one host saw it (iproute2: ip/ipneigh.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.mac_owners.mac_list.source import Place, Row, Source, each, observed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text, texts

FORMAT = MacListFormat.IP_NEIGH

_NOBODY = {"FAILED", "INCOMPLETE"}


def recognises(source: Source) -> bool:
    return any(text(entry, "dst") and (text(entry, "lladdr") or text(entry, "dev")) for _, entry in _entries(source))


def read(source: Source) -> Iterable[Row]:
    def row(place: Place, entry: Any) -> Row | None:
        nobody = at(entry, "lladdr") is None or _NOBODY.intersection(texts(entry, "state"))
        return observed(source, place, None if nobody else str(at(entry, "lladdr")), text(entry, "dst"), form=FORMAT)

    return each(source, _entries(source), row)


def _entries(source: Source) -> Iterator[tuple[Place, Any]]:
    found = (entry for block in source.blocks if isinstance(block.value, list) for entry in block.value)
    for number, entry in enumerate(found, 1):
        if text(entry, "dst"):
            yield f"entry {number}", entry
