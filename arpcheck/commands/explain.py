"""`arpcheck explain`: prints the text of a verdict or a finding, from the docstring of its rule."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

import typer

from arpcheck.commands.options import rules
from arpcheck.commands.output import show
from arpcheck.errors import UsageError
from arpcheck.judge import findings, verdicts
from arpcheck.judge.verdicts import Text

EXAMPLES = ("arpcheck explain non-strict",)


def explain(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A verdict or a finding. Default: all of them.", autocompletion=rules),
    ] = None,
) -> int:
    """Explain a verdict or a finding: what it means, how it is decided and what to do."""
    show(text(name))
    return 0


def text(name: str | None) -> str:
    """The text of one rule, or of all. An unknown name is a UsageError that says which are alike."""
    known = {"verdict": verdicts.texts(), "finding": findings.texts()}
    parts = [_page(kind, text) for kind, texts in known.items() for text in texts if name in (None, text.name)]
    if not parts:
        names = sorted({text.name for texts in known.values() for text in texts})
        near = get_close_matches(name or "", names)
        hint = f"Is it {' or '.join(near)}?" if near else "`arpcheck explain` shows all of them"
        raise UsageError(f"no verdict and no finding is called {name!r}", hint)
    return "\n".join(parts)


def _page(kind: str, text: Text) -> str:
    lines = [f"{text.name} ({kind})", *_filled(text.means, "  "), "  Decided when:"]
    for number, condition in enumerate(text.decided, 1):
        lines.extend(_filled(condition, f"  {number}. ", "     "))
    lines.append("  Do:")
    for step in text.do:
        lines.extend(_filled(step, "  - ", "    "))
    return "\n".join(lines) + "\n"


def _filled(words: str, first: str, rest: str = "  ") -> Iterable[str]:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
