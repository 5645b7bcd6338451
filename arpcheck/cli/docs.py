"""`arpcheck docs`."""

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import pages


@app.command(epilog="Examples:  arpcheck docs  |  arpcheck docs symptoms")
def docs(
    page: Annotated[
        str | None, typer.Argument(metavar="PAGE", help="A page; without it the list of pages.", autocompletion=pages)
    ] = None,
) -> int:
    """Show the documentation, which is part of the package: how a probe works, symptoms, verdicts, rights and more."""
    from arpcheck.commands.docs import docs as run
    from arpcheck.commands.output import show

    show(run(page))
    return 0
