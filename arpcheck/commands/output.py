"""Where a result goes: stdout, and a file beside it. A file is written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from select import select
from typing import TextIO

from arpcheck.commands.new_file import new_file, told
from arpcheck.errors import OutputError
from arpcheck.model import Report
from arpcheck.reports import FORMATS, Style, render

SUFFIXES = {
    ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown", ".html": "html", ".xml": "junit",
    ".prom": "prometheus",
}  # fmt: skip
"""What the name of an output file says of its format; any other name takes that of `-o`."""


def deliver(report: Report, format_name: str, output: str | None, style: Style) -> None:
    """Prints the report, and writes it to `output` too. The file comes first: a closed pipe must not cost it, and a file
    that can't be written is told when the report is out."""
    unwritten = None
    if output:
        try:
            write(Path(output), render(report, format_of(output, format_name), Style(headers=style.headers)))
        except OutputError as error:
            unwritten = error
    show(render(report, format_name, style))
    if unwritten:
        raise unwritten


def check(output: str | None, option: str = "--output") -> None:
    """Raises OutputError now rather than after a run of minutes."""
    if output == "-":
        raise OutputError(f"{option} -: stdout has the report already", "Name a file, or redirect stdout")
    folder = Path(output).absolute().parent if output else None
    if folder and not folder.is_dir():
        raise OutputError(f"{option} {output}: there is no folder {folder}", "Make it, or name another file")
    if folder and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{option} {output}: no right to write in {folder}", "Name another folder, or redirect stdout")
    if output and Path(output).is_dir():
        raise OutputError(f"{option} {output} is a folder", "Name a file in it")
    special = folder == Path("/dev") or (output and Path(output).exists() and not Path(output).is_file())
    if special:  # root would put a file in the place of /dev/null
        raise OutputError(f"{option} {output} is no regular file", "Name one, or redirect stdout")


def show(text: str) -> None:
    """Writes all of it to stdout. A full disk behind a redirection is an error, not a short report."""
    try:
        sys.stdout.flush()
        _write_all(sys.stdout, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write to stdout: {error.strerror}") from None


def _write_all(stream: TextIO, text: str) -> None:
    """Past Python's own layers: with PYTHONUNBUFFERED they write once, and what a signal or a full disk left over of it
    is gone without a word (io.TextIOWrapper over io.FileIO, whose write may be short)."""
    try:
        out = stream.fileno()
    except OSError:  # no file behind it
        stream.write(text)
        return
    left = memoryview(text.encode(stream.encoding, "replace"))
    while left:
        try:
            left = left[os.write(out, left) :]
        except BlockingIOError:  # somebody who shares the pipe made it so
            select([], [out], [])


def write(path: Path, text: str) -> None:
    """The whole text or nothing."""
    with new_file(path) as file, told(path):
        file.write(text.encode())


def format_of(output: str, format_name: str, formats: Collection[str] = FORMATS) -> str:
    by_name = SUFFIXES.get(Path(output).suffix.lower())
    return by_name if by_name is not None and by_name in formats else format_name
