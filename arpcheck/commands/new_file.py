"""A file that is written whole or not at all: beside its place under another name, and renamed when all is in it.

So no half-written file replaces a good one, and a link that somebody put into a shared folder is replaced, not
followed. Every fault is an OutputError that names the file as the user did."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from arpcheck.errors import OutputError


class NewFile:
    """Whoever writes into `file` says `with told(path)`."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self._path, self._mode = path, mode
        with told(path):
            handle, self._name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        self.file: IO[bytes] = os.fdopen(handle, "w+b")

    def commit(self) -> None:
        """It takes its place, with its mode less the umask; never to be read by more than what was there."""
        with told(self._path):
            self.file.flush()
            os.fsync(self.file.fileno())
            os.fchmod(self.file.fileno(), self._mode & _allowed(self._path))
            os.replace(self._name, self._path)
        self._name = ""

    def discard(self) -> None:
        """Closes it. Nothing is left of it, unless it has taken its place."""
        if self._name:
            os.unlink(self._name)
            self._name = ""
        with suppress(OSError):  # what a full disk did not take was told when it was written
            self.file.close()


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Takes its place at the end of the block, unless an error comes out of it."""
    new = NewFile(path, mode)
    try:
        yield new.file
        new.commit()
    finally:
        new.discard()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An OSError in the block becomes an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from None


def _allowed(path: Path) -> int:
    """What the umask leaves, and of that no more than the file in its place has."""
    mask = os.umask(0)
    os.umask(mask)
    before = stat.S_IMODE(path.stat().st_mode) if path.is_file() and not path.is_symlink() else 0o777
    return before & ~mask
