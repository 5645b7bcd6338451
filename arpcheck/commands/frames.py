"""The file of `--pcap`: written while the run lasts, in its place when the run is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from arpcheck.commands.new_file import NewFile, told
from arpcheck.errors import OutputError
from arpcheck.wire.recorder import Recorder


class Frames:
    """Takes every frame with its time; without a file it forgets them."""

    def __init__(self, path: Path | None) -> None:
        """Raises OutputError where there can be no file."""
        self._path = path or Path()
        self._new = NewFile(path) if path else None
        self._recorder: Recorder | None = None
        try:
            with told(self._path):
                self._recorder = Recorder(self._new.file) if self._new else None
        except OutputError:
            self.discard()
            raise

    def __call__(self, moment: datetime, frame: bytes) -> None:
        if self._recorder is not None:
            self._recorder(moment, frame)

    def finish(self) -> OutputError | None:
        """Gives the file its name; else the error, for whoever has a report to deliver first."""
        if self._new is None or self._recorder is None:
            return None
        try:
            with told(self._path):
                self._recorder.check()
            self._new.commit()
        except OutputError as error:
            return error
        return None

    def discard(self) -> None:
        if self._new is not None:
            self._new.discard()


@contextmanager
def recording(path: str | None) -> Iterator[Frames]:
    """A file that is not finished in the block is gone after it."""
    frames = Frames(Path(path) if path else None)
    try:
        yield frames
    finally:
        frames.discard()
