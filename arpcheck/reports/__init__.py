"""The output formats. Each is a module with `NAME` and `render(report, style)`, and is imported when it is used, so that
`--help` and `-o json` do not load tabulate and yaml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module

from arpcheck.errors import OutputError, UsageError
from arpcheck.model import Report, Verdict

__all__ = ["FORMATS", "Style", "render"]

FORMATS = ("table", "wide", "matrix", "markdown", "html", "json", "yaml", "name", "junit", "prometheus")
"""The values of `-o`, the default first. Each is the name of a module of this package; `wide` is the table with `wide`."""


def render(report: Report, format_name: str, style: Style | None = None) -> str:
    """The report as text that ends with a newline, or an empty text.

    Raises UsageError for an unknown format, and OutputError for evidence that is nested too deeply."""
    if format_name not in FORMATS:
        raise UsageError(f"unknown output format {format_name!r}", f"Use one of {', '.join(FORMATS)}")
    style = style or Style()
    if format_name == "wide":
        format_name, style = "table", replace(style, wide=True)
    try:
        text: str = import_module(f"{__name__}.{format_name}").render(report, style)
    except RecursionError:
        raise OutputError("the evidence is nested too deeply", "Save it with fewer objects") from None
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    colour: bool = False
    """ANSI colours in the formats for a terminal. Words and letters carry the same information."""
    width: int | None = None
    """Columns of the terminal; None for a file or a pipe, where no cell is cut."""
    headers: bool = True
    """False for `--no-headers`."""
    wide: bool = False
    """Every column, a line for each responder, and no cell cut."""
    only: frozenset[Verdict] | None = None
    """The verdicts whose addresses the formats for people show; None: all. It changes no count and no exit code."""
    only_by: str = "--only"
    """The option that chose them."""

    def shows(self, verdict: Verdict) -> bool:
        return self.only is None or verdict in self.only
