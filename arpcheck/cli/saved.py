"""Commands on saved reports, which need neither cluster nor wire nor privilege."""

from __future__ import annotations

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.completing import rules
from arpcheck.cli.options import Accept, ExitZero, Format, NoHeaders, Output, ended, known_format


@app.command(epilog="Example:  arpcheck report saved.json -o markdown")
def report(
    file: Annotated[str, typer.Argument(help="What `arpcheck probe -o json` wrote; - is stdin.")],
    accept: Accept = None,
    format_name: Format = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    exit_zero: ExitZero = False,
) -> int:
    """Judge and render a saved report again; ends with its exit code."""
    chosen = known_format(format_name)
    from arpcheck.commands.saved import report as run

    return ended(run(file, chosen, output, accept=accept, headers=not no_headers), exit_zero)


@app.command(epilog="Example:  arpcheck compare before.json after.json -o markdown")
def compare(
    before: Annotated[str, typer.Argument(help="A saved report; - is stdin.")],
    after: Annotated[str, typer.Argument(help="A later one of the same cluster.")],
    format_name: Annotated[str, typer.Option("-o", help="table, markdown or json.")] = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    exit_zero: ExitZero = False,
) -> int:
    """Say what changed between two runs; 0 nothing new, 1 something new or worse, 3 not comparable."""
    from arpcheck.commands.compare import compare as run

    return ended(run(before, after, format_name, output, headers=not no_headers), exit_zero)


@app.command(epilog="Example:  arpcheck explain non-strict")
def explain(
    name: Annotated[
        str | None, typer.Argument(help="A verdict or a finding; none: all of them.", autocompletion=rules)
    ] = None,
) -> int:
    """Say what a verdict or a finding means, how it is decided and what to do."""
    from arpcheck.commands.explain import explain as run
    from arpcheck.commands.output import show

    show(run(name))
    return 0
