"""A target's responders as entries of the document, and as their JSON text: a report can have a hundred thousand of
them, so they are written key by key, without an object for each. Knows no other part of the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

from arpcheck.evidence_json import camel
from arpcheck.model import Responder
from arpcheck.reports.scalars import scalar

KEYS = tuple(map(camel, Responder._fields))

_MS = KEYS.index("firstReplyMs")
"""What stands before it and after it is the same in most answers of a node, and is written once for all of them."""


@dataclass(frozen=True, slots=True)
class Responders(Sequence[Mapping[str, Any]]):
    """The entries, each made when it is asked for."""

    found: Sequence[Responder]

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Responders: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Responders:
        if isinstance(index, slice):
            return Responders(self.found[index])
        return dict(zip(KEYS, self.found[index], strict=True))

    def write(self, line: str, say: Callable[[str], object]) -> None:
        """JSON in pieces, every key in a line of its own, without the brackets around all. `line`: what begins a line."""
        start, between, rest, after = "{", f",{line}{{", None, ""
        for node, macs, interfaces, expected, flux, rounds, per_probe, first_ms, vendor, sources in self.found:
            say(_before(start, line, (node, macs, interfaces, expected, flux, rounds, per_probe)))
            say(repr(first_ms))
            if rest != (vendor, sources):
                rest = vendor, sources
                after = _after(line, rest)
            say(after)
            start = between


@lru_cache(maxsize=1 << 14)
def _before(start: str, line: str, values: tuple[Any, ...]) -> str:
    return f'{start}{_entries(line, KEYS, values)},{line}  "{KEYS[_MS]}": '


@lru_cache(maxsize=1 << 10)
def _after(line: str, values: tuple[Any, ...]) -> str:
    return f",{_entries(line, KEYS[_MS + 1 :], values)}{line}}}"


def _entries(line: str, keys: Iterable[str], values: Iterable[Any]) -> str:
    return ",".join(f'{line}  "{key}": {_text(value)}' for key, value in zip(keys, values, strict=False))


def _text(value: Any) -> str:
    return f"[{', '.join(map(scalar, value))}]" if isinstance(value, tuple) else scalar(value)
