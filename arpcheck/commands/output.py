"""Writes a result to stdout and to a file, and notices and progress to stderr. A file is written whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from select import select
from typing import IO, TextIO

from arpcheck.cluster import ClusterSource, preload
from arpcheck.errors import OutputError
from arpcheck.model import Report
from arpcheck.reports import FORMATS, Shown, Style, render
from arpcheck.text import PROSE_LIMIT, count, plain
from arpcheck.wire.privilege import caller, give_up, has_privileges
from arpcheck.wire.reach import ReachProgress
from arpcheck.wire.scan import Progress

PART = 1 << 20
"""Characters that are written in one step."""
SUFFIXES = {
    ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown", ".html": "html", ".xml": "junit",
    ".prom": "prometheus",
}  # fmt: skip
"""The format of an output file by its suffix; other files have the format of `-o`."""


def deliver(report: Report, format_name: str, output: str | None, style: Style) -> None:
    """Writes the report to `output`, if given, then to stdout.

    The file comes first, because a closed pipe must not prevent it. Its error is raised after the report is printed."""
    unwritten = None
    if output:
        try:
            write(Path(output), render(report, format_of(output, format_name), replace(style, colour=False, width=None)))
        except OutputError as error:
            unwritten = error
    show(render(report, format_name, style))
    if unwritten:
        raise unwritten


def check(output: str | None, option: str = "--output") -> None:
    """Raises OutputError before the run if the file can't be written after it.

    Under sudo it checks only after root is given up, so that it never tells the caller what only root can see."""
    if output == "-":
        raise OutputError(f"{option} -: stdout has the report already", "Name a file, or redirect stdout")
    if not output or caller() is not None:
        return
    place, other = Path(output).absolute(), "Name another folder, or redirect stdout"
    folder = _seen(place.parent, output, option)
    if folder is None or not stat.S_ISDIR(folder.st_mode):
        raise OutputError(f"{option} {output}: there is no folder {place.parent}", "Make it, or name another file")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{option} {output}: no right to write in {place.parent}", other)
    found = _seen(place, output, option)
    if found and stat.S_ISDIR(found.st_mode):
        raise OutputError(f"{option} {output} is a folder", "Name a file in it")
    if place.parent == Path("/dev") or (found and not stat.S_ISREG(found.st_mode)):
        # root would put a file in the place of /dev/null
        raise OutputError(f"{option} {output} is no regular file", "Name one, or redirect stdout")


def _seen(path: Path, output: str, option: str) -> os.stat_result | None:
    """None if there is no file, or a dangling link, which will be replaced as any link is."""
    try:
        return path.stat()
    except PermissionError:
        hint = "Name another folder, or redirect stdout"
        raise OutputError(f"{option} {output}: no right to look into {path.parent}", hint) from None
    except OSError:
        return None


def show(text: str | Iterable[str]) -> None:
    """Writes the text, or all its pieces, to stdout. A full disk behind a redirection is an error, not a short report."""
    try:
        sys.stdout.flush()
        for piece in parts(text):
            _write_all(sys.stdout, piece)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write to stdout: {error.strerror}") from None


def _write_all(stream: TextIO, text: str) -> None:
    """Writes to the file descriptor. With PYTHONUNBUFFERED, Python writes only once and silently loses the rest of a short
    write (io.TextIOWrapper over io.FileIO)."""
    try:
        out = stream.fileno()
    except OSError:  # no file behind it
        stream.write(text)
        return
    left = memoryview(text.encode(stream.encoding, "replace"))
    while left:
        try:
            left = left[os.write(out, left) :]
        except BlockingIOError:  # another process that shares the pipe made it non-blocking
            select([], [out], [])


def write(path: Path, text: str | Iterable[str]) -> None:
    """The whole text, or all pieces of it, or nothing."""
    with new_file(path) as file, told(path):
        for piece in parts(text):
            file.write(piece.encode())


def parts(text: str | Iterable[str]) -> Iterator[str]:
    """Pieces of about PART characters, so that a large text is not encoded, and copied, as a whole."""
    if isinstance(text, str):
        yield from (text[start : start + PART] for start in range(0, len(text), PART))
        return
    gathered, length = list[str](), 0
    for piece in text:
        gathered.append(piece)
        length += len(piece)
        if length >= PART:
            yield "".join(gathered)
            gathered, length = [], 0
    yield "".join(gathered)


def format_of(output: str, format_name: str, formats: Collection[str] = FORMATS) -> str:
    by_name = SUFFIXES.get(Path(output).suffix.lower())
    return by_name if by_name is not None and by_name in formats else format_name


# -------------------------------------------------------------------------------- A file that is written whole or not at all


class NewFile:
    """A temporary file beside `path`, which it replaces on `commit`. Write to `file` in a `with told(path)` block."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self._path, self._mode = path, mode
        with told(path):
            handle, self._name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        self.file: IO[bytes] = os.fdopen(handle, "w+b")

    def commit(self) -> None:
        """Replaces the file at `path`. The mode is reduced by the umask and by the mode of the file that was there."""
        with told(self._path):
            self.file.flush()
            os.fsync(self.file.fileno())
            os.fchmod(self.file.fileno(), self._mode & _allowed(self._path))
            os.replace(self._name, self._path)
        self._name = ""

    def discard(self) -> None:
        """Closes the file, and removes it unless it was committed."""
        if self._name:
            os.unlink(self._name)
            self._name = ""
        with suppress(OSError):  # an error of a full disk was raised by the write
            self.file.close()


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A new file that replaces `path` at the end of the block, unless the block raises."""
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
    """The mode bits that the umask and the mode of the existing file allow."""
    mask = os.umask(0)
    os.umask(mask)
    before = stat.S_IMODE(path.stat().st_mode) if path.is_file() and not path.is_symlink() else 0o777
    return before & ~mask


# ----------------------------------------------------------------- Commands that read the cluster and open no packet socket


def as_caller(source: ClusterSource, output: str | None = None) -> ClusterSource:
    """Gives up privileges and returns the source to read from.

    A kubeconfig that only root can have written is read first under sudo. Root itself reads any first, because only
    its capabilities open those of other users. Raises OutputError where `output` can't be written without privileges."""
    preloaded = preload(source, for_another=caller() is not None) if has_privileges() else source
    give_up()
    check(output)
    return preloaded


# ------------------------------------------------------------------------------------------ Notices and progress on stderr


def style(stream: TextIO, *, headers: bool = True, shown: Shown | None = None) -> Style:
    """Colour and width for a terminal only; no colour with NO_COLOR (no-color.org) or on a dumb terminal."""
    if not stream.isatty():
        return Style(headers=headers, shown=shown)
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(colour=colour, width=shutil.get_terminal_size().columns, headers=headers, shown=shown)


def notice(line: str) -> None:
    """Prints a line on stderr, apart from the result on stdout."""
    _tell(f"arpcheck: {plain(line, PROSE_LIMIT)}\n")


def duration(seconds: float) -> str:
    """`8 s`, `2 min 5 s`."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def how_long(seconds: float, most: float) -> str:
    """`8 s`, `4 s, up to 2 min 46 s if addresses are silent`: what is silent is requested again at a slow rate."""
    words = duration(seconds)
    return f"{words}, up to {duration(most)} if addresses are silent" if most - seconds > TOLD else words


TOLD = 10.0
"""Seconds that silent addresses may add before that is said."""


class ProgressLine:
    """One line on a terminal that is overwritten with each step."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, progress: Progress) -> None:
        left = duration(progress.seconds_left)
        self._show(
            f"round {progress.round}/{progress.rounds}, {progress.sent} asked, {progress.replies} replies, {left} left"
        )

    def reach(self, progress: ReachProgress) -> None:
        done, left = f"{progress.settled} of {progress.aims} done", duration(progress.seconds_left)
        self._show(f"--reach: {done}, {count(progress.sent, 'TCP SYN')} sent, {left} left")

    def _show(self, line: str) -> None:
        if self._shown:
            _tell(f"\r\x1b[K{line}")

    def clear(self) -> None:
        if self._shown:
            _tell("\r\x1b[K")


def _tell(text: str) -> None:
    """A closed terminal must not end the run."""
    with suppress(OSError):
        print(text, end="", file=sys.stderr, flush=True)  # noqa: T201
