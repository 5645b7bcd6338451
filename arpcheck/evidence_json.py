"""The versioned JSON form of an evidence: camelCase, every key in every entry.

Requests and replies are rows, because a run of a cluster has 100,000 of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from math import isfinite
from typing import TYPE_CHECKING, Any, get_origin, overload

from arpcheck.errors import InputError
from arpcheck.evidence import Capture, Evidence, MacEntry, Options, Vantage
from arpcheck.model import (
    Acceptance,
    Address,
    Families,
    Gap,
    Gratuitous,
    Host,
    Interface,
    Loss,
    Mac,
    MacListFormat,
    Neighbour,
    NotAsked,
    Overflow,
    PassedOver,
    PassReason,
    Question,
    ReachReply,
    ReachRun,
    ReachSignal,
    ReachSkip,
    ReachTry,
    Reply,
    Verdict,
)
from arpcheck.model.constants import IPV4
from arpcheck.objects import Objects, selects

if TYPE_CHECKING:
    import cattrs

VERSION = "arpcheck/v1"
"""Other versions are refused. Files of 0.1.0, which have the same version, are updated in `migrated`."""


def to_json(evidence: Evidence) -> dict[str, Any]:
    """The JSON form as plain objects and lists."""
    document = as_document(evidence)
    return {**document, "questions": [*document["questions"]], "replies": [*document["replies"]]}


def as_document(evidence: Evidence) -> dict[str, Any]:
    """The same with `Rows` and `Lines` for large lists, which cost nothing until they are written."""
    found = {f.name: getattr(evidence, f.name) for f in fields(Evidence) if f.init}
    plain = {camel(name): Rows(value) if name in ROWS else _plain(value) for name, value in found.items()}
    return {"apiVersion": VERSION, "kind": "Evidence", **plain}


def from_json(document: Any, where: str) -> Evidence:
    """Reads the output of `to_json`. `where` names the file in the error, which gives the position of the first fault."""
    if not isinstance(document, Mapping) or not isinstance(document.get("apiVersion"), str):
        raise InputError(f"{where}: not a run saved by arpcheck", "Save a run with `arpcheck probe -o json`")
    if (version := document["apiVersion"]) != VERSION:
        raise InputError(f"{where}: unsupported version {version!r}; this arpcheck reads {VERSION}", "Use a newer arpcheck")
    try:
        return _converter().structure(migrated(document), Evidence)
    except Exception as error:  # noqa: BLE001 - cattrs wraps whatever a hostile document raises
        hint = "The file is damaged or was not written by arpcheck"
        raise InputError(f"{where}: {_first_fault(error, document)}", hint) from None


def migrated(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A saved evidence in the current form. Only keys without a default need a migration: a missing key gets the default of
    its field in `Evidence`. Conclusions (`nodes[].arp: strict`, `causes[].row`) are never read, because a saved run is
    judged again."""
    found = dict(document)
    if isinstance(entries := document.get("macMap"), list):
        found["macMap"] = [{**_format(e), **e} if isinstance(e, Mapping) else e for e in entries]
    if isinstance(options := document.get("options"), Mapping):
        several = ("namespace", "namespaces"), ("loadBalancerClass", "loadBalancerClasses")
        found["options"] = {**{new: _as_list(options[old]) for old, new in several if old in options}, **options}
    return found


def _as_list(value: Any) -> list[Any]:
    """0.1.0 had one namespace and one class, or null."""
    return [] if value is None else [value]


_FORMAT = re.compile(r" \((?P<format>[A-Za-z_ -]+)\)$")


def _format(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """0.1.0 wrote the format of a MAC list only after its place, and none for arpcheck's own format."""
    found = _FORMAT.search(str(entry.get("where")))
    return {"format": found["format"] if found else MacListFormat.CSV.value}


_MISSING = "is missing"
SHOWN = 60
"""Characters of a value."""
_EXPECTED = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "tuple": "a list",
    "datetime": "a time with its zone", "date": "a date", "Mac": "a MAC address", "IPv4Address": "an IPv4 address",
    "IPv6Address": "an IPv6 address", "Address": "an IP address",
    "Mapping": "an object", "Reply": "a reply as arpcheck writes it", "Question": "a request as arpcheck writes it",
}  # fmt: skip
"""What a value should be, by the name of its type; any other type is an object with its own keys."""


def _first_fault(error: Exception, document: Mapping[str, Any]) -> str:
    """`evidence.options.rounds is 'x', expected a whole number`: the first fault with its place and value."""
    import cattrs

    faults = cattrs.transform_error(error, path="evidence", format_exception=_expectation)
    expected, _, path = (faults or [f"{_EXPECTED['Mapping']} @ evidence"])[0].partition(" @ ")
    place, value = "evidence", document
    for name, index in re.findall(r"\.(\w+)|\[([^\]]*)\]", path):
        key: Any = camel(name) if name else int(index) if index.isdecimal() else index.strip("'\"")
        place += f".{key}" if name else f"[{index}]"
        value = _entry(value, key)
    if expected == _MISSING:
        return f"{place} {_MISSING}"
    shown = repr(value)
    return f"{place} is {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'}, expected {expected}"


def _expectation(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return _MISSING
    names = re.findall(r"\w+", getattr(kind, "__name__", None) or repr(kind))
    return next((_EXPECTED[name] for name in names if name in _EXPECTED), "values as arpcheck writes them")


def _entry(value: Any, key: Any) -> Any:
    """None where the path leads to nothing."""
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return None


# --------------------------------------------------------------------------------------------------------------- Conversion


ROWS = ("questions", "replies")
"""The fields that are rows, by their Python names."""


@cache
def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)


def _plain(value: Any) -> Any:
    """A value of an Evidence as JSON, without the contents of Kubernetes objects."""
    match value:
        case Enum():
            return value.value
        case str() | IPv4Address() | IPv6Address():
            return str(value)
        case date():
            return value.isoformat()
        case Objects():
            return _objects_to_json(value)
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case Mapping():
            return {key: _plain(entry) for key, entry in value.items()}
        case _ if is_dataclass(value):
            return {camel(f.name): _plain(getattr(value, f.name)) for f in fields(value) if f.init}
        case _:
            return value


@cache
def _converter() -> cattrs.Converter:
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    made = cattrs.Converter()
    for plain, also in ((str, ()), (int, ()), (float, (int,)), (bool, ())):
        made.register_structure_hook(plain, _exactly(plain, *also))
    made.register_structure_hook(Mac, lambda value, _: Mac(_saved_text(value)))
    made.register_structure_hook(IPv4Address, lambda value, _: _ipv4(_saved_text(value)))
    made.register_structure_hook(Families, lambda value, _: Families(_saved_text(value)))
    made.register_structure_hook_func(lambda kind: kind == Address, lambda value, _: _address(_saved_text(value)))
    made.register_structure_hook_func(
        lambda kind: kind == Address | None, lambda value, _: None if value is None else _address(_saved_text(value))
    )
    made.register_structure_hook(datetime, lambda value, _: _instant(_saved_text(value)))
    made.register_structure_hook(
        Verdict, lambda value, _: Verdict(_saved_text(value))
    )  # otherwise cattrs accepts any string
    made.register_structure_hook(PassReason, lambda value, _: PassReason(_saved_text(value)))
    made.register_structure_hook(NotAsked, lambda value, _: NotAsked(_saved_text(value)))
    made.register_structure_hook(ReachSignal, lambda value, _: ReachSignal(_saved_text(value)))
    made.register_structure_hook(date, lambda value, _: date.fromisoformat(_saved_text(value)))
    made.register_structure_hook(MacListFormat, lambda value, _: MacListFormat(_saved_text(value)))
    made.register_structure_hook(Objects, lambda value, _: _objects(value, made))
    made.register_structure_hook(Question, _question)
    made.register_structure_hook(Reply, _reply)
    several = made.get_structure_hook(tuple[str, ...])
    made.register_structure_hook_func(_is_tuple, _list_only(several))
    wire = (Loss, Overflow, Gratuitous, PassedOver, ReachReply, ReachTry, ReachSkip, ReachRun)
    inner = (Gap, Acceptance, Capture, Vantage, *wire, Neighbour, Interface, Host, MacEntry, Options)
    for kind in (*inner, Evidence):
        names: Any = {f.name: override(rename=camel(f.name)) for f in fields(kind)}
        structure: Callable[[Any, Any], Any] = make_dict_structure_fn(kind, made, **names)
        made.register_structure_hook(kind, _checked(structure, _CHECKS.get(kind)))
    return made


def _checked(structure: Callable[[Any, Any], Any], check: Callable[[Any], object] | None) -> Callable[[Any, Any], Any]:
    """Checks what types can't express, so that a damaged file fails here and not in a rule. A list in the place of an object
    would have none of its keys, and get the default of each."""

    def made(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError("expected an object")
        found = structure(value, kind)
        if check is not None:
            check(found)
        return found

    return made


_CHECKS: Mapping[type, Callable[[Any], object]] = {
    Interface: lambda found: [
        *(IPv4Interface(address) for address in found.addresses),
        *(IPv6Interface(address) for address in found.ipv6),
    ],
    Options: lambda found: selects(found.selector, {}),
}


def _is_tuple(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple


def _list_only(structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A text in the place of a list would be the list of its letters."""

    def made(value: Any, kind: Any) -> Any:
        if isinstance(value, str | Mapping):
            raise TypeError("expected a list")
        return structure(value, kind)

    return made


def _exactly(kind: type, *also: type) -> Callable[[Any, Any], Any]:
    """A hook that accepts only this type: cattrs alone would turn anything into text and "3" into 3."""

    def check(value: Any, _: Any) -> Any:
        if not isinstance(value, (kind, *also)) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return kind(value)

    return check


def _number(value: Any) -> float:
    if not isinstance(value, (float, int)) or isinstance(value, bool) or not isfinite(value):
        raise TypeError("expected a number")
    return float(value)


_integer = _exactly(int)


def _saved_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")
    return value


def _optional_text(value: Any) -> str | None:
    return None if value is None else _saved_text(value)


@lru_cache(maxsize=65536)
def _ipv4(value: str) -> IPv4Address:
    return IPv4Address(value)


@lru_cache(maxsize=65536)
def _address(value: str) -> Address:
    found = ip_address(value)
    if isinstance(found, IPv6Address) and found.scope_id:
        raise ValueError("an address with a zone")
    return found


@lru_cache(maxsize=65536)
def _ipv6(value: str) -> IPv6Address:
    return IPv6Address(value)


@lru_cache(maxsize=65536)
def _saved_mac(value: str) -> Mac:
    return Mac(value)


def _instant(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    found.astimezone(UTC)  # an overflow must fail here and not in a report
    return found


def _question(row: Any, _: Any) -> Question:
    """Six values, and in IPv6 the destination."""
    at, interface, number, ip, sender, to, *more = row
    found = Question(
        _number(at), _saved_text(interface), _integer(number, int), _address(_saved_text(ip)), _address(_saved_text(sender)),
        None if to is None else _saved_mac(_saved_text(to)), *(_optional_ipv6(value) for value in more),
    )  # fmt: skip
    _same_family(found.ip, found.sender, six=bool(more))
    return found


def _reply(row: Any, _: Any) -> Reply:
    """Nine values, and in IPv6 the destination of the request, the source and the flags."""
    at, interface, number, ip, sender, to, mac, source, after, *more = row
    destination, origin, flags = more or (None, None, None)
    found = Reply(
        _number(at),
        _saved_text(interface),
        _integer(number, int),
        _address(_saved_text(ip)),
        _address(_saved_text(sender)),
        None if to is None else _saved_mac(_saved_text(to)),
        _saved_mac(_saved_text(mac)),
        _saved_mac(_saved_text(source)),
        _number(after),
        _optional_ipv6(destination),
        _optional_ipv6(origin),
        _integer(flags, int) if more else None,
    )
    _same_family(found.ip, found.sender, six=bool(more))
    return found


def _optional_ipv6(value: Any) -> IPv6Address | None:
    return None if value is None else _ipv6(_saved_text(value))


def _same_family(ip: Address, sender: Address, *, six: bool) -> None:
    if not ip.version == sender.version == (6 if six else 4):
        raise ValueError("addresses of two families in one row")


class Lines(list[Any]):
    """Kubernetes objects, each written on its own line."""


Row = tuple[Any, ...]


def _text(ip: IPv6Address | None) -> str | None:
    return None if ip is None else str(ip)


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Sequence[Row]):
    """Requests or replies as JSON rows, each created on access."""

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
                row = round(q.at, 3), q.interface, q.round, str(q.ip), str(q.sender), q.to
                return row if q.ip.version == IPV4 else (*row, _text(q.destination))
            case Reply() as r:
                plain = r.at, r.interface, r.round, str(r.ip), str(r.sender), r.to, r.mac, r.source, r.after
                return plain if r.ip.version == IPV4 else (*plain, _text(r.destination), _text(r.source_ip), r.flags)
            case found:
                return Rows(found)

    def __eq__(self, other: object) -> bool:
        return [*self] == [*other] if isinstance(other, Rows | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # like a list's


def _objects_to_json(objects: Objects) -> dict[str, Any]:
    return {
        "resources": {resource: Lines(found) for resource, found in sorted(objects.resources.items())},
        "gaps": _plain(objects.gaps),
        "context": objects.context,
        "kubeconfig": objects.kubeconfig,
        "version": objects.version,
        "readAt": _plain(objects.read_at),
        "serverAhead": objects.server_ahead,
    }


def _objects(value: Any, converts: cattrs.Converter) -> Objects:
    read_at = value["readAt"]
    return Objects(
        resources={
            _saved_text(resource): tuple(obj for obj in found if isinstance(obj, Mapping))
            for resource, found in value["resources"].items()
        },
        gaps=converts.structure(value["gaps"], tuple[Gap, ...]),
        context=_optional_text(value["context"]),
        kubeconfig=_optional_text(value.get("kubeconfig")),
        version=_optional_text(value["version"]),
        read_at=None if read_at is None else _instant(_saved_text(read_at)),
        server_ahead=None if (ahead := value.get("serverAhead")) is None else _number(ahead),
    )
