"""Describes a JSON document by its keys: each has a type, a description and the attribute that it is read from.

The document, its JSON Schema and the table of its keys are made from this one description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from operator import attrgetter
from re import sub
from typing import Any, NamedTuple, overload

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """The type of a value in the document."""

    words: str
    """For the table of keys: `text`, `address or null`, `list of text`."""
    schema: Schema
    write: Callable[[Any], Any]
    """From the Python value to plain JSON."""
    definitions: Mapping[str, Schema]
    """What `schema` refers to, by name."""
    keys: tuple[Key, ...] = ()
    """Of an object, or of the objects in a list."""
    suffix: str = ""
    """What follows the key in the path of the keys below it: `[]` for a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    name: str
    type: Type
    description: str
    read: Callable[[Any], Any]
    """From the Python object that the JSON object is made of."""


class Row(NamedTuple):
    """A key in the table: `targets[].also[].id`."""

    path: str
    type: str
    description: str


def key(name: str, kind: Type, description: str, read: Callable[[Any], Any] | None = None) -> Key:
    """Without `read` the value is the attribute of that name: `arpIgnore` is `arp_ignore`."""
    attribute = sub("[A-Z]+", lambda found: f"_{found[0].lower()}", name)
    return Key(name=name, type=kind, description=description, read=read or attrgetter(attribute))


def plain(words: str, schema: Schema, write: Callable[[Any], Any] = lambda value: value) -> Type:
    return Type(words=words, schema=schema, write=write, definitions={})


def defined(name: str, kind: Type) -> Type:
    """The same under a name of its own in the schema."""
    return replace(kind, schema={"$ref": f"#/$defs/{name}"}, definitions={**kind.definitions, name: kind.schema})


def pattern(words: str, regex: str, write: Callable[[Any], Any] = str, **more: str) -> Type:
    return plain(words, {"type": "string", "pattern": regex, **more}, write)


def choice(kind: type[StrEnum]) -> Type:
    """One of the values of an enumeration."""
    values = [member.value for member in kind]
    return plain(" / ".join(f"`{value}`" for value in values), {"enum": values}, str)


def optional(kind: Type) -> Type:
    """Null for None."""
    match kind.schema:
        case {"type": str(name)}:
            schema: Schema = {**kind.schema, "type": [name, "null"]}
        case {"enum": [*values]}:
            schema = {"enum": [*values, None]}
        case _:
            schema = {"anyOf": [kind.schema, {"type": "null"}]}
    write = kind.write
    return replace(
        kind, words=f"{kind.words} or null", schema=schema, write=lambda value: None if value is None else write(value)
    )


def many(kind: Type) -> Type:
    write = kind.write
    return replace(
        kind,
        words=f"list of {kind.words}",
        schema={"type": "array", "items": kind.schema},
        write=lambda values: [write(value) for value in values],
        suffix="[]",
    )


def entries(kind: Type, varies: str) -> Type:
    """A list of objects that are made on demand, since there may be a hundred thousand, from named tuples: their fields are
    the keys, in this order. `varies`: the key in which nearly all differ; not the first or the last key."""
    names = tuple(one.name for one in kind.keys)
    return replace(many(kind), write=lambda found: Entries(names, found, varies))


def structure(name: str, *keys: Key) -> Type:
    """An object. Every key is always there, and there are no others."""
    definitions: dict[str, Schema] = {}
    for one in keys:
        definitions.update(one.type.definitions)
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [one.name for one in keys],
        "properties": {one.name: {**one.type.schema, "description": one.description} for one in keys},
    }
    made = Type(
        words="object",
        schema=schema,
        write=lambda noun: {one.name: one.type.write(one.read(noun)) for one in keys},
        definitions=definitions,
        keys=keys,
    )
    return defined(name, made)


def schema(title: str, description: str, name: str, kind: Type) -> Schema:
    """The JSON Schema (draft 2020-12) of a document of this type, which `structure` gave that name."""
    definitions = dict(kind.definitions)
    top = definitions.pop(name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **top,
        "$defs": definitions,
    }


def table(kind: Type, above: str = "") -> Iterator[Row]:
    """Every key with its path, from the top."""
    for one in kind.keys:
        path = f"{above}{one.name}{one.type.suffix}"
        yield Row(path, one.type.words, one.description)
        yield from table(one.type, f"{path}.")


@dataclass(frozen=True, slots=True)
class Entries(Sequence[Mapping[str, Any]]):
    """The objects of one type, each made on demand."""

    names: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]
    varies: str

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return Entries(self.names, self.values[index], self.varies)
        return dict(zip(self.names, self.values[index], strict=True))


def rfc3339(moment: datetime) -> str:
    """In UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


TEXT = plain("text", {"type": "string"})
BOOLEAN = plain("boolean", {"type": "boolean"})
INTEGER = plain("integer", {"type": "integer"})
COUNT = plain("integer", {"type": "integer", "minimum": 0})
NUMBER = plain("number", {"type": "number"})
MAC = defined("mac", pattern("MAC", "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"))
IPV4 = defined("ipv4", pattern("IPv4 address", r"^([0-9]{1,3}\.){3}[0-9]{1,3}$"))
ADDRESS = defined("address", pattern("address", "^[0-9a-fA-F:.]+(%.+)?$", description="IPv4 or IPv6."))
DAY = pattern("date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", date.isoformat)
TIME = defined(
    "time",
    pattern(
        "time", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$", rfc3339, description="RFC 3339, UTC."
    ),
)
