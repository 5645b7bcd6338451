"""Commands on saved reports, which need neither cluster nor wire nor privilege."""

from __future__ import annotations

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import Format, Output, known_format


@app.command(epilog="Example:  arpcheck report saved.json -o markdown")
def report(
    file: Annotated[str, typer.Argument(help="What `arpcheck probe -o json` wrote; - is stdin.")],
    format_name: Format = "table",
    output: Output = None,
) -> int:
    """Judge and render a saved report again; ends with its exit code."""
    chosen = known_format(format_name)
    from arpcheck.commands.saved import report as run

    return run(file, chosen, output)


@app.command(epilog="Example:  arpcheck explain non-strict")
def explain(
    name: Annotated[str | None, typer.Argument(help="A verdict or a finding; none: all of them.")] = None,
) -> int:
    """Say what a verdict or a finding means, how it is decided and what to do."""
    from arpcheck.commands.explain import explain as run
    from arpcheck.commands.output import show

    show(run(name))
    return 0
