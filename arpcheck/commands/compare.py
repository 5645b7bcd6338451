"""`arpcheck compare BEFORE AFTER`: the proof that a change worked, or that it did not."""

from __future__ import annotations

import sys
from pathlib import Path

from arpcheck import pipeline
from arpcheck.commands.comparison_text import FORMATS, render
from arpcheck.commands.output import check, format_of, show, write
from arpcheck.commands.saved import load
from arpcheck.commands.terminal import style
from arpcheck.errors import UsageError
from arpcheck.reports import Style
from arpcheck.runs.compare import compare as compared


def compare(before: str, after: str, format_name: str, output: str | None, *, headers: bool = True) -> int:
    """Prints what changed, and writes it to `output` too; the exit code is the comparison's."""
    if format_name not in FORMATS:
        raise UsageError(f"-o {format_name!r}: no such format of compare", f"One of {', '.join(FORMATS)}")
    if before == after == "-":
        raise UsageError("both runs from stdin", "Name a file for one of them")
    check(output)
    runs = [(evidence, pipeline.conclude(evidence)) for evidence in (load(before), load(after))]
    found = compared(*runs)
    if output:
        write(Path(output), render(found, format_of(output, format_name, FORMATS), Style(headers=headers)))
    show(render(found, format_name, style(sys.stdout, headers=headers)))
    return found.exit_code
