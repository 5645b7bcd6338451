"""The typer application itself, and what `--version` and the name in the help are."""

import os
import sys
from typing import Annotated

import typer

from arpcheck import __version__
from arpcheck.cli.help import Group

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
(`commands.opening`, `commands.calling`), or that make namespaces (`wire.privilege.confine`)."""


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
