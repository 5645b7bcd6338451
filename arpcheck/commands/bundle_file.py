"""Writes a bundle: the reports, the objects, the frames and the log of a run in one archive.

The table of pseudonyms is written beside the bundle, never into it. Both files have mode 0600."""

from __future__ import annotations

import gzip
import io
import json
import platform
import re
import shlex
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import IO

from arpcheck import __version__, pipeline
from arpcheck.cluster.files import pieces
from arpcheck.commands.output import new_file, parts, told
from arpcheck.errors import OutputError
from arpcheck.evidence import Evidence, views
from arpcheck.model import Report
from arpcheck.reports import FORMATS, render
from arpcheck.reports.formatting import moment
from arpcheck.runs.redact import Redacted, difference, is_everybodys, left_over, redact
from arpcheck.text import PROSE_LIMIT, count, plain
from arpcheck.wire.pcap import Recorded, entries
from arpcheck.wire.scapy_library import Recorder

PRIVATE = 0o600
COMMAND = "run.txt"
REPORTS = {"report.md": "markdown", "report.html": "html", "report.json": "json"}
LIBRARIES = ("scapy", "kubernetes", "typer", "tabulate", "psutil", "cattrs", "PyYAML")

Texts = Mapping[str, Callable[[], str | Iterable[str]]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_bundle(
    path: Path, table: Path | None, evidence: Evidence, report: Report, frames: IO[bytes] | None, log: Sequence[str]
) -> None:
    """`table`: the file for the table of pseudonyms; None: the bundle is not redacted. `frames`: the pcap of the run; it is
    read from its beginning. Raises OutputError and leaves no bundle if it cannot be written or redacted."""
    with tempfile.TemporaryFile() as file:
        command = [*without_secrets(sys.argv[1:])]
        if table is not None:
            found = redact(evidence, (frame for _, frame in _frames(frames)))
            again = pipeline.conclude(found.evidence)
            if changed := difference(report, again, found.found):
                raise OutputError(f"{path}: redacting would change the result: {changed}")
            frames = _rewritten(frames, found, file)
            command = [*redacted(command, found)]
            texts = _texts(found.evidence, again, command, ())
            if left := left_over(chain(_reports(texts), _values(command)), found.found):
                raise OutputError(
                    f"{path}: redacting left {count(len(left), 'original value')} in it, for example {left[0]!r}"
                )
            _write_table(table, found)
        else:
            texts = _texts(evidence, report, command, log)
        _write(path, texts, frames, evidence.ended_at)


def _texts(evidence: Evidence, report: Report, command: Sequence[str], log: Sequence[str]) -> Texts:
    """By file name. Each text is made when it is written, because all of them at once may not fit in memory."""
    files: dict[str, Callable[[], str | Iterable[str]]] = {
        name: partial(_rendered, report, chosen) for name, chosen in REPORTS.items()
    }
    return {
        **files,
        "objects.json": lambda: pieces(evidence.objects),
        "arpcheck.log": lambda: (f"{line}\n" for line in (*log, *account(evidence, report))),
        COMMAND: lambda: (f"{line}\n" for line in (shlex.join(("arpcheck", *command)), "", *_versions())),
    }


def _rendered(report: Report, format_name: str) -> str:
    return render(report, format_name)


def _reports(texts: Texts) -> Iterator[str]:
    """All texts except the command line: a namespace may have the same name as one of its options."""
    made = (text() for name, text in texts.items() if name != COMMAND)
    return (text if isinstance(text, str) else "".join(text) for text in made)


def _values(command: Sequence[str]) -> Iterator[str]:
    return (word for word in command[1:] if not word.startswith("-"))


def _versions() -> Iterator[str]:
    """Only the number of the kernel: its suffix may name who built it."""
    kernel = re.match(r"[\d.]*", platform.release())
    yield f"arpcheck {__version__}"
    yield f"Python {platform.python_version()}"
    yield f"{platform.system()} {kernel[0] if kernel else ''} {platform.machine()}"
    for library in LIBRARIES:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            yield f"{library} not installed"


# ------------------------------------------------------------------------------------------------------- the frames


def _frames(file: IO[bytes] | None) -> Iterator[tuple[datetime, bytes]]:
    if file is not None:
        file.seek(0)
        for entry in entries(file, "the frames of this run"):
            if isinstance(entry, Recorded):
                yield _EPOCH + timedelta(microseconds=entry.at // 1000), entry.frame


def _rewritten(frames: IO[bytes] | None, found: Redacted, file: IO[bytes]) -> IO[bytes] | None:
    if frames is None:
        return None
    recorder = Recorder(file)
    for when, frame in _frames(frames):
        recorder(when, found.frame(frame))
    recorder.check()
    return file


# --------------------------------------------------------------------------------------------------------- the files


def _write(path: Path, texts: Texts, frames: IO[bytes] | None, at: datetime) -> None:
    with (
        new_file(path, PRIVATE) as file,
        told(path),
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        add = _adding(archive, f"arpcheck-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}", at)
        for name, text in texts.items():
            with tempfile.TemporaryFile() as content:
                for part in parts(text()):
                    content.write(part.encode("utf-8", "backslashreplace"))
                length = content.tell()
                content.seek(0)
                add(name, content, length)
        if frames is not None:
            length = frames.seek(0, io.SEEK_END)
            frames.seek(0)
            add("frames.pcap", frames, length)


def _adding(archive: tarfile.TarFile, folder: str, at: datetime) -> Callable[[str, IO[bytes], int], None]:
    def add(name: str, content: IO[bytes], length: int) -> None:
        entry = tarfile.TarInfo(f"{folder}/{name}")
        entry.size, entry.mode, entry.mtime = length, PRIVATE, int(at.timestamp())
        archive.addfile(entry, content)

    return add


def _write_table(path: Path, found: Redacted) -> None:
    with new_file(path, PRIVATE) as file, told(path):
        file.write((json.dumps(found.table(), indent=1, ensure_ascii=True) + "\n").encode())


# -------------------------------------------------------------------------------------------- the command line in a bundle

COMMANDS = ("probe", "report", "merge", "cluster")
"""The commands that write a bundle."""

_SECRET = re.compile(r"(--[\w-]*(?:token|password|secret|key)[\w-]*)(?:=.*)?", re.DOTALL)
_CREDENTIALS = re.compile(r"://[^/@\s]*@")
_OPTION = re.compile(r"(?P<option>--[a-z-]+(?:=|$)|-[A-Za-z])(?P<value>.*)", re.DOTALL)


def without_secrets(words: Sequence[str]) -> Iterator[str]:
    """Replaces values of options that could be secrets, and credentials in URLs, by `…`."""
    hidden = False
    for word in words:
        secret = _SECRET.fullmatch(word)
        yield "…" if hidden else f"{secret[1]}=…" if secret and "=" in word else _CREDENTIALS.sub("://…@", word)
        hidden = bool(secret) and "=" not in word


def redacted(words: Sequence[str], found: Redacted) -> Iterator[str]:
    """Keeps the command and the options. A value may be attached to its option: `-nweb`, `--namespace=web`."""
    for number, word in enumerate(words):
        option = _OPTION.fullmatch(word)
        if number == 0 and word in COMMANDS:
            yield word
        elif option:
            yield option["option"] + (_value(option["value"], found) if option["value"] else "")
        else:
            yield _value(word, found)


def _value(word: str, found: Redacted) -> str:
    if found.found.names.of(word) is None and (word in FORMATS or is_everybodys(word)):
        return word
    return found.strings.value(word, name=True)


# --------------------------------------------------------------------------------------- the log of a run, from its evidence


def account(evidence: Evidence, report: Report) -> Iterator[str]:
    """The lines of the log. Every string is safe for a terminal."""
    objects = evidence.objects
    read_at = f" at {moment(objects.read_at)} UTC" if objects.read_at else ""
    yield f"cluster: context {plain(objects.context or '-')}, {plain(objects.version or 'version not known')}{read_at}"
    yield from (f"read: {count(len(found), 'object')} of {plain(what)}" for what, found in sorted(objects.resources.items()))
    yield from (f"gap: {plain(gap.what)}: {plain(gap.why, PROSE_LIMIT)}" for gap in report.gaps)
    for name, place in views(evidence):
        yield from (f"{plain(name)}: {line}" if name else line for line in _course(place))
    yield from (f"trouble: {plain(trouble, PROSE_LIMIT)}" for trouble in evidence.trouble)
    yield f"exit code {report.summary.exit_code}: {plain('; '.join(report.summary.because), PROSE_LIMIT) or 'clean'}"


def _course(evidence: Evidence) -> Iterator[str]:
    options = evidence.options
    where = plain(", ".join(options.interfaces) or "no interface")
    how = f"{count(options.rounds, 'round')} at {options.rate:g} frames/s"
    yield f"began {moment(evidence.started_at)} UTC on {where}, {how}"
    asked, heard = (Counter(row.round for row in rows) for rows in (evidence.questions, evidence.replies))
    for number in sorted({*asked, *heard}):
        yield f"round {number}: {count(asked[number], 'request')}, {count(heard[number], 'reply')}"
    for loss in evidence.losses:
        rounds = ", ".join(map(str, loss.rounds)) or "-"
        yield f"lost: {count(loss.frames, 'frame')} on {plain(loss.interface)}, round {rounds}"
    yield f"ended {moment(evidence.ended_at)} UTC, {'complete' if evidence.complete else 'not complete'}"
