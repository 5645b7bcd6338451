"""`arpcheck explain`: prints the text of a verdict or a finding, from the docstring of its rule, or of a word of the report,
from the glossary."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import Annotated

import typer

from arpcheck.commands.options import rules
from arpcheck.commands.output import show
from arpcheck.docs import glossary
from arpcheck.errors import UsageError, did_you_mean
from arpcheck.judge import findings, reasons, verdicts
from arpcheck.judge.verdicts import Text

EXAMPLES = ("arpcheck explain non-strict", "arpcheck explain canary")


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A verdict, a finding, a reason or a word of a report. Default: all rules.",
            autocompletion=rules,
        ),
    ] = None,
) -> int:
    """Explain a verdict, a finding, a reason or a word of the report: what it means, how it is decided and what to do."""
    show(text(name))
    return 0


def text(name: str | None) -> str:
    """The text of one rule or word, or of all rules. An unknown name is a UsageError that says which are alike."""
    name = name.strip().lower().replace("_", "-").replace(" ", "-") if name else name
    known = {"verdict": verdicts.texts(), "finding": findings.texts(), "reason": reasons.texts()}
    parts = [_page(kind, text) for kind, texts in known.items() for text in texts if name in (None, text.name)]
    words = {word.lower().replace(" ", "-"): (word, meaning) for word, meaning in glossary().items()}
    if not parts and name in words:
        word, meaning = words[name]
        parts = [f"{word}\n" + "\n".join(_filled(meaning, "  ")) + "\n"]
    if not parts and name is not None:
        names = sorted({*words, *(text.name for texts in known.values() for text in texts)})
        hint = did_you_mean(name, names, "`arpcheck explain` shows all rules, `arpcheck docs glossary` all words")
        raise UsageError(f"no verdict, finding, reason or word of a report is called {name[:80]!r}", hint)
    return "\n".join(parts)


def _page(kind: str, text: Text) -> str:
    lines = [f"{text.name} ({kind})", *_filled(text.means, "  "), *(("  Decided when:",) if text.decided else ())]
    for number, condition in enumerate(text.decided, 1):
        lines.extend(_filled(condition, f"  {number}. ", "     "))
    lines.append("  Do:")
    for step in text.do:
        lines.extend(_filled(step, "  - ", "    "))
    return "\n".join(lines) + "\n"


def _filled(words: str, first: str, rest: str = "  ") -> Iterable[str]:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
