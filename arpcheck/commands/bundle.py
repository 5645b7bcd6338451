"""The options `--bundle FILE.tgz` and `--redact`: everything that a ticket needs in one file, on request with pseudonyms.

`bundle_file` writes the file, and is loaded only if one is requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer

from arpcheck.commands.option_groups import OptionGroup
from arpcheck.commands.output import check
from arpcheck.errors import OutputError, UsageError
from arpcheck.evidence import Evidence
from arpcheck.model import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The values of `--bundle` and `--redact`."""

    path: str | None = None
    redacted: bool = False

    def check(self) -> None:
        """Raises UsageError or OutputError before a run that may take minutes."""
        check(self.path, "--bundle")
        if self.path is not None:
            import arpcheck.commands.bundle_file  # noqa: F401 - an import that fails should fail before the run
        if self.redacted and self.path is None:
            raise UsageError("--redact needs --bundle", "Name the bundle: --bundle ticket.tgz --redact")

    @property
    def table(self) -> Path:
        """The file with the table of pseudonyms."""
        return Path(f"{self.path}.mapping.json")


BundleFile = Annotated[
    str | None,
    typer.Option("--bundle", metavar="FILE", help="Write an archive for a ticket: reports, frames, objects and log."),
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact", help="Replace all names and addresses in the bundle by pseudonyms; write the mapping beside it."
    ),
]


def _bundle(*, bundle: str | None, redact: bool) -> Bundle:
    return Bundle(path=bundle, redacted=redact)


BUNDLE = OptionGroup({"bundle": (BundleFile, None), "redact": (Redact, False)}, _bundle)


def bundled(
    bundle: Bundle, evidence: Evidence, report: Report, frames: IO[bytes] | None, log: Sequence[str] = ()
) -> OutputError | None:
    """Writes the bundle if one is requested. Returns an error instead of raising it, so that the caller can print the
    report first. `frames`: the pcap of the run; it is read from its beginning."""
    if bundle.path is None:
        return None
    from arpcheck.commands.bundle_file import write_bundle

    try:
        write_bundle(Path(bundle.path), bundle.table if bundle.redacted else None, evidence, report, frames, log)
    except OutputError as error:
        return error
    return None
