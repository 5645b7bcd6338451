"""The formats: one module each, with `NAME` and `render(report, style)`, pure from Report to text.

Only the names are known here. A format's module is imported when it is asked for, so that `--help` and `-o json` pay
for no tabulate and no yaml."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from arpcheck.errors import OutputError, UsageError
from arpcheck.model import Report

__all__ = ["FORMATS", "Style", "render"]

FORMATS = ("table", "wide", "matrix", "markdown", "html", "json", "yaml", "name", "junit", "prometheus")
"""What `-o` takes, the default first. Each is a module of this package and its own NAME."""


def render(report: Report, format_name: str, style: Style | None = None) -> str:
    """The report as text that ends with a newline, or nothing where the format has nothing to say.

    An unknown format is a UsageError; evidence that is nested too deeply to be written is an OutputError."""
    if format_name not in FORMATS:
        raise UsageError(f"no output format {format_name!r}", f"One of {', '.join(FORMATS)}")
    try:
        text: str = import_module(f"{__name__}.{format_name}").render(report, style or Style())
    except RecursionError:
        raise OutputError("the evidence is nested too deeply to be written", "Save it with fewer objects") from None
    return text


# ------------------------------------------------------------------ How a report is to be shown, as whoever calls decided it


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    colour: bool = False
    """ANSI colours in the formats for a terminal. A word or a letter always says the same."""
    width: int | None = None
    """Columns of the terminal; None: unknown or endless (a file, a pipe), then no cell is cut."""
    headers: bool = True
    """False: no column headings (`--no-headers`)."""
