"""All that was observed, and its versioned JSON form. What `pipeline.conclude` needs is here and nowhere else.

Pure: a saved evidence is judged again anywhere, years later, with the same result. Questions and replies are rows in
JSON, since a cluster's run has a hundred thousand of them. Knows no rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Interface
from itertools import groupby
from math import isfinite
from operator import attrgetter
from typing import Any, overload

import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from arpcheck.errors import InputError
from arpcheck.model import Acceptance, Gap, Host, Interface, Loss, Mac, Neighbour, Overflow, Question, Reply, Verdict
from arpcheck.objects import Objects, selects

VERSION = "arpcheck/v1"
"""Of the JSON form. A newer one is refused, an older one migrated in `MIGRATIONS`."""

MIGRATIONS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""By version: what turns a document of that version into one of the next. None yet: v1 is the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked of arpcheck, as far as the judgement depends on it."""

    interfaces: tuple[str, ...] = ()
    """The interfaces that were probed, in the order given; `auto` before they are chosen."""
    interfaces_because: str | None = None
    """Why these, where arpcheck chose them; None: the user named them."""
    rounds: int = 3
    wait: float = 1.0
    """Seconds of listening after the last frame."""
    rate: float = 10.0
    """Frames a second on each interface, as it was really used (the top rate where `--rate 0` was given)."""
    sender: str = "auto"
    namespace: str | None = None
    selector: str = ""
    load_balancer_class: str | None = None
    ips: tuple[IPv4Address, ...] = ()
    external_ips: bool = False
    services: bool = True
    """The addresses of LoadBalancer Services are asked; False where only what is named or known otherwise is."""
    preflight: bool = False
    """The nodes' pod gateways are asked too, and whether a load balancer can be installed is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacEntry:
    """A line of a file that says whose a MAC is."""

    mac: Mac
    node: str
    interface: str | None
    where: str
    """File and line: `macs.csv:3`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A file of frames that somebody else recorded. What is not in it may have been on the wire all the same."""

    name: str
    frames: int
    unseen: int
    """Replies whose question is not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A host that asked, where several runs were merged. What is its own carries its name: `worker-1:eth0` in every row,
    in the host and in the options of the whole."""

    name: str
    node_name: str | None
    """As `Host.node_name`."""
    first_round: int
    """Its rounds are counted from here to the next vantage's first."""
    rounds: int
    """The rounds that it had announced."""
    rate: float
    arpcheck: str
    started_at: datetime
    ended_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    arpcheck: str
    """The version that observed."""
    started_at: datetime
    ended_at: datetime
    options: Options
    host: Host = field(default_factory=Host)
    objects: Objects = field(default_factory=Objects)
    mac_map: tuple[MacEntry, ...] = ()
    vendors: Mapping[str, str] = field(default_factory=dict)
    """Manufacturers by the prefix of the MACs that were heard, as Wireshark's manuf writes it: `8C:1F:64`."""
    questions: tuple[Question, ...] = ()
    replies: tuple[Reply, ...] = ()
    losses: tuple[Loss, ...] = ()
    overflows: tuple[Overflow, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    """ARP frames that were no reply to us, by reason."""
    complete: bool = True
    """Every announced round was finished."""
    interrupted: bool = False
    """The user stopped it."""
    capture: Capture | None = None
    """Where the frames come from; None: arpcheck asked and listened itself."""
    vantages: tuple[Vantage, ...] = ()
    """In the order of their rounds; none: the one host that `host` is."""
    accepted: tuple[Acceptance, ...] = ()
    """What `--accept` named."""
    trouble: tuple[str, ...] = ()
    """What went wrong on the wire while it ran: "eth0 went down after 12.3 s"."""
    _by_address: dict[IPv4Address, list[Reply]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def by_address(self) -> Mapping[IPv4Address, Sequence[Reply]]:
        """The replies by the address that they are for, each in their order. Made once: most rules ask for a few
        addresses only, and a hundred thousand replies may be for others."""
        if not self._by_address:
            for ip, found in groupby(self.replies, key=attrgetter("ip")):  # those of one question mostly come together
                self._by_address.setdefault(ip, []).extend(found)
        return self._by_address


def to_json(evidence: Evidence) -> dict[str, Any]:
    """The JSON form: camelCase, every key in every entry."""
    document: dict[str, Any] = {"apiVersion": VERSION, "kind": "Evidence"}
    document.update(_converter().unstructure(evidence))
    return document


def as_document(evidence: Evidence) -> dict[str, Any]:
    """The same with `Rows` and `Lines` where it has many of a kind: it costs nothing before it is written."""
    without = to_json(replace(evidence, questions=(), replies=()))
    resources = without["objects"]["resources"]
    without["objects"]["resources"] = {resource: Lines(found) for resource, found in resources.items()}
    return {**without, "questions": Rows(evidence.questions), "replies": Rows(evidence.replies)}


def from_json(document: Any, where: str) -> Evidence:
    """Reads what `to_json` wrote. `where` names the file in the error, which says the place of the first fault."""
    if not isinstance(document, Mapping) or not isinstance(document.get("apiVersion"), str):
        raise InputError(f"{where}: no evidence of arpcheck in it", "Save one with `arpcheck probe -o json`")
    while (version := str(document.get("apiVersion"))) != VERSION:
        if version not in MIGRATIONS:
            raise InputError(f"{where}: written as {version!r}, this arpcheck reads {VERSION}", "Use a newer arpcheck")
        document = MIGRATIONS[version](dict(document))
    try:
        return _converter().structure(document, Evidence)
    except Exception as error:  # noqa: BLE001 - cattrs wraps whatever a hostile document raises
        raise InputError(f"{where}: {_first_fault(error)}", "The file is damaged or was not written by arpcheck") from None


def _first_fault(error: Exception) -> str:
    faults = cattrs.transform_error(error, path="evidence")
    return faults[0][:300] if faults else str(error)[:300]


# --------------------------------------------------------------------------------------------------------- conversion


def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for plain, also in ((str, ()), (int, ()), (float, (int,)), (bool, ())):
        converter.register_structure_hook(plain, _exactly(plain, *also))
    converter.register_structure_hook(Mac, lambda value, _: Mac(_text(value)))
    converter.register_structure_hook(IPv4Address, lambda value, _: _ipv4(_text(value)))
    converter.register_structure_hook(datetime, lambda value, _: _instant(_text(value)))
    converter.register_structure_hook(Verdict, lambda value, _: Verdict(_text(value)))  # else it is taken as a str
    converter.register_unstructure_hook(Mac, str)
    converter.register_unstructure_hook(IPv4Address, str)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_structure_hook(date, lambda value, _: date.fromisoformat(_text(value)))
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_structure_hook(Objects, lambda value, _: _objects(value, converter))
    converter.register_unstructure_hook(Objects, lambda objects: _objects_to_json(objects, converter))
    converter.register_structure_hook(Question, _question)
    converter.register_structure_hook(Reply, _reply)
    inner = (Gap, Acceptance, Capture, Vantage, Loss, Overflow, Neighbour, Interface, Host, MacEntry, Options)
    for kind in (*inner, Evidence):
        names: Any = {f.name: override(rename=camel(f.name)) for f in fields(kind)}
        if kind is Evidence:
            names |= {name: override(rename=name, unstruct_hook=_as_rows) for name in ("questions", "replies")}
        structure = make_dict_structure_fn(kind, converter, **names)
        converter.register_structure_hook(kind, _checked(structure, _CHECKS[kind]) if kind in _CHECKS else structure)
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **names))
    return converter


def _as_rows(found: Sequence[Question] | Sequence[Reply]) -> list[Row]:
    return [*Rows(found)]


def _checked(structure: Callable[[Any, Any], Any], check: Callable[[Any], object]) -> Callable[[Any, Any], Any]:
    """What no type says fails here, where it is a fault of the file, and not in a rule."""

    def made(value: Any, kind: Any) -> Any:
        found = structure(value, kind)
        check(found)
        return found

    return made


_CHECKS: Mapping[type, Callable[[Any], object]] = {
    Interface: lambda found: [IPv4Interface(address) for address in found.addresses],
    Options: lambda found: selects(found.selector, {}),
}


def _exactly(kind: type, *also: type) -> Callable[[Any, Any], Any]:
    """A hook that takes a value of this very type: cattrs alone would turn anything into text and "3" into 3."""

    def check(value: Any, _: Any) -> Any:
        if not isinstance(value, (kind, *also)) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
        return kind(value)

    return check


def _number(value: Any) -> float:
    if not isinstance(value, (float, int)) or isinstance(value, bool) or not isfinite(value):
        raise TypeError("a number expected")
    return float(value)


_integer = _exactly(int)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


@lru_cache(maxsize=65536)
def _ipv4(value: str) -> IPv4Address:
    return IPv4Address(value)


@lru_cache(maxsize=65536)
def _mac(value: str) -> Mac:
    return Mac(value)


def _instant(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    found.astimezone(UTC)  # overflows here, where it is a fault of the file, and not in a report
    return found


def _question(row: Any, _: Any) -> Question:
    at, interface, number, ip, sender, to = row
    return Question(
        _number(at), _text(interface), _integer(number, int), _ipv4(_text(ip)), _ipv4(_text(sender)),
        None if to is None else _mac(_text(to)),
    )  # fmt: skip


def _reply(row: Any, _: Any) -> Reply:
    at, interface, number, ip, sender, to, mac, source, after = row
    return Reply(
        _number(at), _text(interface), _integer(number, int), _ipv4(_text(ip)), _ipv4(_text(sender)),
        None if to is None else _mac(_text(to)), _mac(_text(mac)), _mac(_text(source)), _number(after),
    )  # fmt: skip


class Lines(list[Any]):
    """Objects of the cluster, each of which is written on a line of its own."""


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Sequence[Row]):
    """Questions or replies as the rows that JSON has of them, each made when it is asked for."""

    found: Sequence[Question] | Sequence[Reply]

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        match self.found[index]:
            case Question() as q:
                return round(q.at, 3), q.interface, q.round, str(q.ip), str(q.sender), q.to
            case Reply() as r:
                return r.at, r.interface, r.round, str(r.ip), str(r.sender), r.to, r.mac, r.source, r.after
            case found:
                return Rows(found)

    def __eq__(self, other: object) -> bool:
        return [*self] == [*other] if isinstance(other, Rows | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # like a list's


def _objects_to_json(objects: Objects, converter: cattrs.Converter) -> dict[str, Any]:
    return {
        "resources": {resource: list(found) for resource, found in sorted(objects.resources.items())},
        "gaps": converter.unstructure(objects.gaps),
        "context": objects.context,
        "version": objects.version,
        "readAt": objects.read_at.isoformat() if objects.read_at else None,
    }


def _objects(value: Any, converter: cattrs.Converter) -> Objects:
    read_at = value["readAt"]
    return Objects(
        resources={
            _text(resource): tuple(obj for obj in found if isinstance(obj, Mapping))
            for resource, found in value["resources"].items()
        },
        gaps=converter.structure(value["gaps"], tuple[Gap, ...]),
        context=_optional_text(value["context"]),
        version=_optional_text(value["version"]),
        read_at=None if read_at is None else _instant(_text(read_at)),
    )
