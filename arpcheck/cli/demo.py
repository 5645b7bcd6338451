"""`arpcheck demo`."""

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.completing import scenes


@app.command(epilog="Example:  arpcheck demo split-brain")
def demo(
    scene: Annotated[
        str | None, typer.Argument(metavar="SCENE", help="A scene's name, or a scene file.", autocompletion=scenes)
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Name the scenes.")] = False,
) -> int:
    """Run the whole of it on a LAN of network namespaces with real kernel ARP."""
    from arpcheck.wire.privilege import confine, give_up

    (give_up if names else confine)()
    from arpcheck.lab.run import demo as run

    return run(scene, list_scenes=names)
