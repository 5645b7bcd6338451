"""The file of `--pcap`: written while the run lasts, in its place when the run is over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from arpcheck.commands.new_file import NewFile, told
from arpcheck.errors import OutputError
from arpcheck.wire.recorder import Recorder


class Frames:
    """Takes every frame with its time; where nobody wants them it forgets them."""

    def __init__(self, path: Path | None, *, kept: bool) -> None:
        """`kept`: they can be read again from `file`, with a path or without. OutputError where there can be no file."""
        self._path = path or Path("a temporary file")
        self._new = NewFile(path) if path else None
        self._recorder: Recorder | None = None
        self.file: IO[bytes] | None = None
        try:
            with told(self._path):
                self.file = self._new.file if self._new else tempfile.TemporaryFile() if kept else None  # noqa: SIM115
                self._recorder = Recorder(self.file) if self.file else None
        except OutputError:
            self.discard()
            raise

    def __call__(self, moment: datetime, frame: bytes) -> None:
        if self._recorder is not None:
            self._recorder(moment, frame)

    def finish(self) -> OutputError | None:
        """Gives the file its name; else the error, for whoever has a report to deliver first."""
        if self._recorder is None:
            return None
        try:
            with told(self._path):
                self._recorder.check()
            if self._new is not None:
                self._new.commit()
        except OutputError as error:
            return error
        return None

    def discard(self) -> None:
        if self._new is not None:
            self._new.discard()
        elif self.file is not None:
            self.file.close()


@contextmanager
def recording(path: str | None, *, kept: bool = False) -> Iterator[Frames]:
    """A file that is not finished in the block is gone after it."""
    frames = Frames(Path(path) if path else None, kept=kept)
    try:
        yield frames
    finally:
        frames.discard()
