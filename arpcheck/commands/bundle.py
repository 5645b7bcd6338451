"""`--bundle FILE.tgz`: all that a ticket needs in one file, and with `--redact` without a name in it.

What was asked for; `bundle_file` writes it, and is loaded where one was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arpcheck.commands.output import check
from arpcheck.errors import OutputError, UsageError
from arpcheck.evidence import Evidence
from arpcheck.model import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What the command line asked for."""

    path: str | None = None
    redacted: bool = False

    def check(self) -> None:
        """Raises UsageError or OutputError now rather than after a run of minutes."""
        check(self.path, "--bundle")
        if self.path is not None:
            import arpcheck.commands.bundle_file  # noqa: F401 - what can't be loaded is to be said before the run too
        if self.redacted and self.path is None:
            raise UsageError("--redact goes with --bundle", "Name the bundle: --bundle ticket.tgz --redact")

    @property
    def table(self) -> Path:
        """Where what stands for what is written."""
        return Path(f"{self.path}.mapping.json")


def bundled(
    bundle: Bundle, evidence: Evidence, report: Report, frames: IO[bytes] | None, log: Sequence[str] = ()
) -> OutputError | None:
    """Writes it where one was asked for; gives the error to whoever has a report to deliver first. `frames`: the pcap of
    the run, to be read from its beginning."""
    if bundle.path is None:
        return None
    from arpcheck.commands.bundle_file import write_bundle

    try:
        write_bundle(Path(bundle.path), bundle.table if bundle.redacted else None, evidence, report, frames, log)
    except OutputError as error:
        return error
    return None
