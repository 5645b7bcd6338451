"""The files of `--mac-map`: read here, understood in `identities`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from arpcheck.cluster.document import MalformedError, decoded
from arpcheck.commands.terminal import notice
from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry

MOST_BYTES = 16 << 20
SHOWN = 5
"""Places without a MAC that are named."""


def read_mac_maps(paths: tuple[str, ...]) -> tuple[MacEntry, ...]:
    """All entries of all files; of a folder, of every file in it, sorted by name. Says where a MAC was missing. Raises
    InputError with the place, and where a path has no MAC at all."""
    return tuple(entry for path in paths for entry in _entries(path))


def _entries(path: str) -> Iterator[MacEntry]:
    from arpcheck.mac_owners.mac_list import read_mac_map

    lists = [(file.name, read_mac_map(_text(file), file.name)) for file in _files(Path(path))]
    for name, found in lists:
        if found.blanks:
            notice(f"--mac-map {name}: {_passed_over(found.blanks)}")
    if not any(found.entries for _, found in lists):
        raise InputError(f"--mac-map {path}: names no MAC", "Leave it out, or give one that does")
    for _, found in lists:
        yield from found.entries


def _passed_over(blanks: Sequence[int | str]) -> str:
    places = ", ".join(f"line {place}" if isinstance(place, int) else place for place in blanks[:SHOWN])
    more = f" and {len(blanks) - SHOWN} more" if len(blanks) > SHOWN else ""
    return f"no MAC, passed over ({len(blanks)}): {places}{more}"


def _files(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if os.path.isfile(file) and not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"--mac-map {path}: {error.strerror}") from None
    if not found:
        raise InputError(f"--mac-map {path}: no file in this folder", "Put one file a node there")
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"--mac-map {path}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"--mac-map {path}: larger than {MOST_BYTES >> 20} MiB", "Is it a MAC list?")
    try:
        return decoded(content)
    except MalformedError as error:
        raise InputError(f"--mac-map {path}:{error.line}: {error}", "Save it as UTF-8") from None
