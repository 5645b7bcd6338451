"""`arpcheck merge`: judges the reports of several hosts as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from arpcheck.commands.bundle import BUNDLE, Bundle
from arpcheck.commands.option_groups import REPORT, ReportOptions, stands_for
from arpcheck.commands.options import ExitZero, ended
from arpcheck.commands.report import load, render_report
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence
from arpcheck.runs import merge as runs

EXAMPLES = ("arpcheck merge worker-1.json worker-2.json --output all.json",)


@stands_for(wanted=REPORT, bundle=BUNDLE)
def merge(
    *,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Saved reports of one cluster, each from a different host; - is stdin."),
    ],
    wanted: ReportOptions,
    bundle: Bundle,
    exit_zero: ExitZero = False,
) -> int:
    """Merge reports from several hosts into one. The exit code is that of the merged report."""
    return ended(render_report(lambda: merged(files), wanted, bundle), exit_zero)


def merged(paths: Sequence[str]) -> Evidence:
    """Raises InputError where a file can't be read, or the runs are not of one state of one cluster."""
    if len(paths) < 2:
        raise UsageError("merge needs at least two reports", "Save one on each host with `arpcheck probe -o json`")
    if paths.count("-") > 1:
        raise UsageError("only one report can be read from stdin", "Give files")
    return runs.merge([("stdin" if path == "-" else Path(path).stem, load(path)) for path in paths])
