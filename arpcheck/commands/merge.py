"""`arpcheck merge A B …`: saved reports from several hosts as one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arpcheck.commands.saved import load
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence
from arpcheck.runs.merge import merge


def merged(paths: Sequence[str]) -> Evidence:
    """Raises InputError where a file can't be read, or the runs are not of one state of one cluster."""
    if len(paths) < 2:
        raise UsageError("merge takes two reports or more", "Save one on each host with `arpcheck probe -o json`")
    if paths.count("-") > 1:
        raise UsageError("several runs from stdin", "Name files")
    return merge([("stdin" if path == "-" else Path(path).stem, load(path)) for path in paths])
