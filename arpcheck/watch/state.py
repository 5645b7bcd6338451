"""What a watch knows, as a file that the next one begins with, so that a restart is not a change: who replied for each
address, what each verdict was and since when, which faults hold, what is accepted, and the numbers that only grow.

It never decides anything alone: every verdict is of a probe. What can't be read is not used at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

from arpcheck.evidence_json import camel
from arpcheck.model import Address, Arp, Mac, Verdict
from arpcheck.watch.holding import HOLDS, Known, Subject, SubjectKind
from arpcheck.watch.totals import AddressTotals, WatchEvent

if TYPE_CHECKING:
    import cattrs

_T = TypeVar("_T")

KIND = "WatchState"
API_VERSION = "arpcheck/v1"

MOST_BYTES = 900_000
"""A ConfigMap holds 1 MiB (k8s.io/apimachinery validation, MaxSecretSize), and metadata beside it."""


class ForeignStateError(Exception):
    """A state that can't be used; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a state is about: the same addresses may be another cluster's, or on another segment."""

    server: str
    """URL of the API server; empty for a file of kubectl."""
    networks: tuple[str, ...]
    """Of the interfaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAddress:
    ip: Address
    verdict: Verdict | None
    """Of the last probe."""
    is_accepted: bool
    macs: tuple[Mac, ...]
    """Who replied last; empty if nobody did, or nothing is known."""
    events: dict[WatchEvent, int]
    gap_seconds: float
    overlap_seconds: float

    @property
    def totals(self) -> AddressTotals:
        events = dict.fromkeys(WatchEvent, 0) | self.events
        return AddressTotals(events, self.gap_seconds, self.overlap_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    name: str
    arp: Arp
    macs: tuple[Mac, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSubject:
    """An entry of `Holding.known`."""

    kind: SubjectKind
    name: str
    state: str
    since: datetime
    faults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    place: Place
    saved_at: datetime
    addresses: tuple[KnownAddress, ...]
    nodes: tuple[KnownNode, ...]
    subjects: tuple[KnownSubject, ...]

    @property
    def known(self) -> Mapping[Subject, Known]:
        return {
            Subject(one.kind, one.name): Known(state=one.state, since=one.since, faults=min(max(one.faults, 0), HOLDS))
            for one in self.subjects
        }


def subjects(known: Mapping[Subject, Known]) -> tuple[KnownSubject, ...]:
    return tuple(
        KnownSubject(kind=subject.kind, name=subject.name, state=one.state, since=one.since, faults=one.faults)
        for subject, one in sorted(known.items())
    )


def written(state: WatchState) -> str:
    document = {"apiVersion": API_VERSION, "kind": KIND, **_converter().unstructure(state)}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"


def read(text: str, place: Place) -> WatchState | None:
    """None for an empty text, as a new ConfigMap has it. Raises ForeignStateError for what is damaged, of another version,
    of another cluster or of another segment."""
    if not text.strip():
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ForeignStateError("is damaged: it is not JSON") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ForeignStateError("is not a state of `arpcheck watch`")
    if document.get("apiVersion") != API_VERSION:
        raise ForeignStateError(f"has another version than {API_VERSION}")
    found = _structured({key: value for key, value in document.items() if key not in ("apiVersion", "kind")})
    if found.saved_at.tzinfo is None or any(one.since.tzinfo is None for one in found.subjects):
        raise ForeignStateError("is damaged: a time has no zone")
    if found.place.server != place.server:
        raise ForeignStateError(f"is of another cluster, {found.place.server or 'a file'}")
    if not {*found.place.networks} & {*place.networks}:
        raise ForeignStateError(f"is of another segment, {', '.join(found.place.networks) or 'without a network'}")
    return found


def _structured(document: dict[str, Any]) -> WatchState:
    try:
        return _converter().structure(document, WatchState)
    except Exception as error:  # noqa: BLE001 - cattrs wraps whatever a damaged document raises
        import cattrs

        raise ForeignStateError(f"is damaged: {cattrs.transform_error(error, path='state')[0]}") from None


@cache
def _converter() -> cattrs.Converter:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
    from cattrs.preconf.json import make_converter

    made = make_converter(forbid_extra_keys=True)
    made.register_structure_hook_func(lambda kind: kind == Address, lambda value, _: ip_address(_text(value)))
    made.register_unstructure_hook_func(lambda kind: kind == Address, str)
    made.register_structure_hook(Mac, lambda value, _: Mac(_text(value)))
    made.register_unstructure_hook(Mac, str)
    for kind in (bool, int):
        made.register_structure_hook(kind, _of_kind)
    for one in (Place, KnownAddress, KnownNode, KnownSubject, WatchState):
        names: Any = {field.name: override(rename=camel(field.name)) for field in fields(one)}
        made.register_structure_hook(one, make_dict_structure_fn(one, made, _cattrs_forbid_extra_keys=True, **names))
        made.register_unstructure_hook(one, make_dict_unstructure_fn(one, made, **names))
    return made


def _text(value: Any) -> str:
    return _of_kind(value, str)


def _of_kind(value: Any, kind: type[_T]) -> _T:
    """cattrs alone would make true of any text, and 3 of "3"."""
    if type(value) is not kind:
        raise ValueError(f"expected {kind.__name__}")
    return value
