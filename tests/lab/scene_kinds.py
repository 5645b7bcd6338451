"""What a scene has that others do not have, as far as the kernel, the frames and the API server are about it; and the few scenes
that have all of it between them.

A kind is read off the nouns of a scene: a field that is not at its default, a value of an enumeration, a sysctl, an option of the
prober, the exit code. A new key of the scene format or a new verdict is a kind by itself, with nothing to be added here."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum

from arpcheck.lab import scene_file
from arpcheck.lab.scene import SYSCTLS, Expectation, Scene


def kinds(scene: Scene) -> frozenset[str]:
    return frozenset(_of(scene, type(scene).__name__))


def chosen(scenes: Mapping[str, Scene]) -> tuple[str, ...]:
    """The names of the fewest scenes that have every kind there is, by choosing the one that adds the most each time; of equals
    the first by name."""
    of = {name: kinds(scenes[name]) for name in sorted(scenes)}
    found, left = [], frozenset().union(*of.values())
    while left:
        found.append(best := max(of, key=lambda name: len(of[name] & left)))
        left -= of[best]
    return tuple(sorted(found))


def of_each_kind() -> tuple[str, ...]:
    return chosen({name: scene_file.load(name) for name in scene_file.names()})


def _of(value, place):
    """`place`: whose field it is, as `Announcer.shape`."""
    match value:
        case Enum():
            yield f"{place}={value}"
        case Mapping():
            yield from (f"{place}.{key}={number}" for key, number in value.items() if key in SYSCTLS)
            for one in value.values():
                yield from _of(one, place)
        case tuple():
            for one in value:
                yield from _of(one, place)
            yield from (
                f"{place} {word.partition('=')[0]}" for word in value if isinstance(word, str) and word.startswith("--")
            )
        case Expectation():
            yield f"exit {value.exit_code}"
            yield from _of_fields(value)
        case _ if is_dataclass(value):
            yield from _of_fields(value)


def _of_fields(value):
    for field in fields(value):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        held, place = getattr(value, field.name), f"{type(value).__name__}.{field.name}"
        if default is not MISSING and held != default:
            yield place
        yield from _of(held, place)
