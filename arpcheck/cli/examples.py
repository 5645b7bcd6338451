"""The examples under a command's help, one a line. A command writes them into its epilog with `  |  ` between them."""

from __future__ import annotations

from collections.abc import Iterable

from typer.models import CommandInfo

from arpcheck.cli.help import Command

BETWEEN = "  |  "
_AS_IT_STANDS = "\b\n"
"""A paragraph that begins with this is not wrapped (click, "Preventing Rewrapping")."""


def examples(epilog: str | None) -> tuple[str, ...]:
    """Of an epilog as it was written, or as it is laid out."""
    text = (epilog or "").removeprefix(_AS_IT_STANDS)
    word, colon, rest = text.partition(":")
    if not colon or word not in ("Example", "Examples"):
        return ()
    lines = rest.splitlines() if "\n" in rest else rest.split(BETWEEN)
    return tuple(line.strip() for line in lines if line.strip())


def lay_out(commands: Iterable[CommandInfo]) -> None:
    for command in commands:
        command.cls = Command
        if found := examples(command.epilog):
            heading = "Examples:" if len(found) > 1 else "Example:"
            command.epilog = _AS_IT_STANDS + "\n".join((heading, *(f"  {example}" for example in found)))
