"""The output formats. Each is a module with a function `render(report, style)`, and is imported when it is used, so
that `--help` and `-o json` do not load jinja2 and yaml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module

from arpcheck.errors import OutputError, UsageError
from arpcheck.model import Report, Verdict

__all__ = ["FORMATS", "Shown", "Style", "render"]

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
class Shown:
    """The addresses that the formats for people show. The others are counted, and make the exit code, all the same."""

    verdicts: frozenset[Verdict]
    options: str
    """That chose them: `--only foreign`."""


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
    shown: Shown | None = None
    """None: all addresses."""

    def shows(self, verdict: Verdict | None) -> bool:
        """Also what has no verdict: canary, control and nodes."""
        return self.shown is None or verdict is None or verdict in self.shown.verdicts
