"""The help as this program prints it: a command's whole first sentence, and arguments by the names that are said.

typer cuts the sentence at the end of the line, and shows Python's type of an argument behind its name."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from arpcheck.errors import StoppedByUserError

_WHOLE = 1000
"""Letters of a sentence, which the formatter wraps."""


class Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # of which typer makes an exit code without a word
            raise StoppedByUserError("interrupted") from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command and not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Command(TyperCommand):
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`FILE`, `[FILE]`, `FILE...`."""
        once = (re.sub(r"^\[(\[.*\])\](\.\.\.)?$", r"\1", piece) for piece in super().collect_usage_pieces(ctx))
        return [re.sub(r"[{}]", "", piece) for piece in once]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for heading, kind in (("Arguments", "argument"), ("Options", "option")):
            shown = (_described(p, ctx) for p in self.get_params(ctx) if p.param_type_name == kind)
            if rows := [row for row in shown if row]:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _described(parameter: Any, ctx: Any) -> tuple[str, str] | None:
    """What it is called, and what it means; None where it is hidden."""
    record = parameter.get_help_record(ctx)
    if not record or parameter.param_type_name != "argument":
        return record  # type: ignore[no-any-return]
    name, words = record
    return re.sub(r" <[^>]*>$", "", name), re.sub(r"\s*\[required\]$", "", words)
