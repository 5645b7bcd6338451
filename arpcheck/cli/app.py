"""The typer application itself, and what `--version` and the name in the help are."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandInfo

from arpcheck import __version__
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


# --------------------------------------------- The typer application itself, and what --version and the name in the help are

app = typer.Typer(
    cls=Group,
    help="Ask the wire who answers ARP for every LoadBalancer IP of a Kubernetes cluster, and say which answers are wrong.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 clean, 1 a fault is proven, 2 could not run, 3 nothing proven and not everything was heard, "
    "130 interrupted.",
)


def program() -> str:
    """What the user typed, for the help: a kubectl plug-in is called by its name with the dash."""
    name = os.path.basename(sys.argv[0])
    return "kubectl arpcheck" if name.startswith("kubectl-") else "arpcheck"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"arpcheck {__version__}")
        raise typer.Exit


_LATER = frozenset({"probe", "preflight", "pool", "inventory", "watch", "doctor", "snapshot", "strict-arp", "demo"})
"""Commands that open a socket or read a kubeconfig that is root's own, and give up all else at once after that
(`commands.opening`, `commands.output`), or that make namespaces (`wire.privilege.confine`)."""


@app.callback()
def _top(
    ctx: typer.Context,
    _version_wanted: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    # Here for every command, and before its arguments are looked at: one that is added has no privilege by itself.
    if ctx.invoked_subcommand not in _LATER:
        from arpcheck.wire.privilege import give_up

        give_up()


# --------------------------------------------------------------------------- The examples under a command's help, one a line

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
