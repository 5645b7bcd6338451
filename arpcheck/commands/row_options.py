"""`--only` and `--faults`: which addresses the formats for people show. They change no count, no exit code and no JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from arpcheck.errors import UsageError, did_you_mean
from arpcheck.model import Outcome, Verdict
from arpcheck.reports import Shown


def _verdicts(incomplete: str) -> list[str]:
    return [verdict for verdict in Verdict if verdict.startswith(incomplete)]


Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="VERDICT",
        help="Show only addresses with this verdict. All are counted. Repeatable, or with commas.",
        autocompletion=_verdicts,
    ),
]
Faults = Annotated[bool, typer.Option("--faults", help="Show only addresses with a fault or a doubt. All are counted.")]


def rows_shown(only: list[str] | None, faults: bool) -> Shown | None:
    """What the two options choose together; None without them. Raises UsageError for what is not a verdict."""
    names = [name.strip() for text in only or () for name in text.split(",")]
    wanted = dict.fromkeys(map(_verdict, names))
    options = [f"--only {','.join(wanted)}"] if wanted else []
    if faults:
        wanted |= dict.fromkeys(verdict for verdict in Verdict if verdict.outcome in (Outcome.FAULT, Outcome.UNSURE))
        options.append("--faults")
    return Shown(verdicts=frozenset(wanted), options=" ".join(options)) if options else None


def _verdict(name: str) -> Verdict:
    try:
        return Verdict(name.lower())
    except ValueError:
        hint = did_you_mean(name, Verdict, f"One of {', '.join(Verdict)}")
        raise UsageError(f"--only {name[:80]!r} is not a verdict", hint) from None
