"""`arpcheck demo`: runs a scene of `arpcheck.lab` on the kernel, and explains the exit code of the report."""

from __future__ import annotations

from typing import Annotated

import typer

from arpcheck.commands.options import scenes

EXAMPLES = ("arpcheck demo split-brain",)


def demo(
    scene: Annotated[
        str | None,
        typer.Argument(
            metavar="SCENE",
            help="The name of a scene, or a scene file. Default: two-non-strict, then ipv6-wrong-in-ipv6-alone.",
            autocompletion=scenes,
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="List the scenes.")] = False,
) -> int:
    """Run a scene on a LAN of network namespaces, with real kernel ARP and neighbour discovery."""
    from arpcheck.wire.privilege import confine, give_up

    (give_up if names else confine)()
    from arpcheck.lab.run import demo as run

    return run(scene, list_scenes=names)
