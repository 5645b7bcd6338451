"""`arpcheck help [COMMAND]`: the help of a command, as `--help` prints it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from arpcheck.commands.app import app, program, unknown_command
from arpcheck.commands.options import command_names
from arpcheck.commands.output import show

EXAMPLES = ("arpcheck help probe", "arpcheck help strict-arp enable")


def help(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="A command. Default: the list of all.", autocompletion=command_names),
    ] = None,
) -> int:
    """Show the help of a command."""
    command: Any = typer.main.get_command(app)
    context = command.make_context(program(), ["--"], resilient_parsing=True)
    for word in words or ():
        known = getattr(command, "commands", {})
        if word not in known:
            raise unknown_command(word, known, context.command_path)
        command = known[word]
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
    show(command.get_help(context) + "\n")
    return 0
