"""The files of `--mac-map`: read here, understood in `identities`."""

from __future__ import annotations

from pathlib import Path

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry

MOST_BYTES = 16 << 20


def read_mac_maps(paths: tuple[str, ...]) -> tuple[MacEntry, ...]:
    """All entries of all files; of a folder, of every file in it, sorted by name. Raises InputError with the place."""
    if not paths:
        return ()
    from arpcheck.identities.files import read_mac_map

    files = [file for path in paths for file in _files(Path(path))]
    return tuple(entry for file in files for entry in read_mac_map(_text(file), file.name))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
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
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"--mac-map {path}: not UTF-8 text at byte {error.start}", "Save it as UTF-8") from None
