"""`arpcheck merge`: judges the reports of several hosts as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from arpcheck.commands.bundle import Bundle
from arpcheck.commands.options import (
    Accept,
    BundleFile,
    ExitZero,
    Faults,
    Format,
    NoHeaders,
    Only,
    Output,
    Redact,
    ended,
    known_format,
    rows_shown,
)  # fmt: skip
from arpcheck.commands.report import load, render_report
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence
from arpcheck.runs import merge as runs

EXAMPLES = ("arpcheck merge worker-1.json worker-2.json --output all.json",)


def merge(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Saved reports of one cluster, each from a different host; - is stdin."),
    ],
    accept: Accept = None,
    format_name: Format = "table",
    only: Only = None,
    faults: Faults = False,
    no_headers: NoHeaders = False,
    output: Output = None,
    bundle: BundleFile = None,
    redact: Redact = False,
    exit_zero: ExitZero = False,
) -> int:
    """Merge reports from several hosts into one. The exit code is that of the merged report."""
    chosen = known_format(format_name)
    wanted, shown = Bundle(path=bundle, redacted=redact), rows_shown(only, faults)
    read, headers = (lambda: merged(files)), not no_headers
    code = render_report(read, chosen, output, accept=accept, headers=headers, shown=shown, bundle=wanted)
    return ended(code, exit_zero)


def merged(paths: Sequence[str]) -> Evidence:
    """Raises InputError where a file can't be read, or the runs are not of one state of one cluster."""
    if len(paths) < 2:
        raise UsageError("merge needs at least two reports", "Save one on each host with `arpcheck probe -o json`")
    if paths.count("-") > 1:
        raise UsageError("only one report can be read from stdin", "Give files")
    return runs.merge([("stdin" if path == "-" else Path(path).stem, load(path)) for path in paths])
