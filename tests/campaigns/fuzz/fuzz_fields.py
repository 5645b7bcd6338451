"""JSON of the right shape, but for some values: a fuzzer that had to find the braces would never come to the fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
GONE = object()
VALUES = (
    *(GONE, None, True, False, 0, -1, 1.5, 2**40, 10**400, float("inf"), float("nan")),
    *(
        "",
        "x",
        "x" * 400,
        "0",
        "true",
        "None",
        "\ud800",
        "\0",
        "\n",
        "\x1b[31m",
        "\u202e",
        "%s{0}$(x)",
        "../..",
        "a/b",
        "a,b:c",
    ),
    *("10.0.0.50", "10.0.0.11", "0.0.0.0", "10.0.0.0/24", "10.0.0.1-10.0.0.9", "255.255.255.255", "fd00::1", "192.0.2.1"),
    *(
        "02:00:00:00:00:11",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "worker-1",
        "worker-2",
        "eth0",
        "web/nginx",
        "duplicate",
    ),
    *(
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-03-01",
    ),
    *(
        [],
        {},
        [None],
        ["x"],
        [[]],
        [{}],
        {"x": None},
        {"x": {}},
        {"": ["x"]},
        {"name": "worker-1"},
        [0, "eth0", 1, "10.0.0.50"],
    ),
    *(
        "mode: ipvs\n",
        "{",
        "[" * 300,
        "apiVersion: v1\nkind: KubeProxyConfiguration\n",
        "--config=/x",
        "a in (b)",
        "!a",
        "a=b,",
    ),
)
"""What takes the place of a value: each type, and texts that mean something somewhere."""


def changed_fields(good: Any, changes: bytes) -> Any:
    """Each three octets are a change: two say where, one what is put there; what is no number of `VALUES` is a value from
    another place. `good` stays as it is."""
    known, whole = places(good), good
    for at in range(0, min(len(changes) - 2, 24), 3):
        path = known[int.from_bytes(changes[at : at + 2], "big") % len(known)]
        what = changes[at + 2]
        value = VALUES[what] if what < len(VALUES) else value_at(whole, known[what * 257 % len(known)])
        good = with_value(good, path, value)
    return good


_PLACES: dict[int, tuple[Any, tuple[Path, ...]]] = {}


def places(good: Any) -> tuple[Path, ...]:
    """Every place but the root; kept, since the good ones are few and changed a million times."""
    if id(good) not in _PLACES:
        _PLACES[id(good)] = good, tuple(_paths(good, ()))
    return _PLACES[id(good)][1]


def _paths(value: Any, path: Path) -> Iterator[Path]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inner:
        yield from _paths(entry, (*path, key))


def value_at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def with_value(value: Any, path: Path, new: Any) -> Any:
    """A copy as far as the path goes; the same where the path is no more."""
    key, rest = path[0], path[1:]
    fits = (isinstance(value, dict) and key in value) or (
        isinstance(value, list) and isinstance(key, int) and key < len(value)
    )
    if not fits:
        return value
    copy = value.copy()
    if rest:
        copy[key] = with_value(value[key], rest, new)
    elif new is GONE:
        del copy[key]
    else:
        copy[key] = new
    return copy
