"""Commands that ask on the wire beside `probe`."""

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import (
    As,
    ClusterFile,
    Context,
    FileHas,
    Format,
    Iface,
    Kubeconfig,
    MacMap,
    Output,
    Quiet,
    Rate,
    RequestTimeout,
    Rounds,
    Sender,
    Verbose,
    Wait,
    known_format,
    source,
)
from arpcheck.errors import UsageError


@app.command(epilog="Example:  sudo arpcheck preflight --iface eth0 -o markdown")
def preflight(
    iface: Iface = None,
    rounds: Rounds = 3,
    wait: Wait = 1.0,
    rate: Rate = 10.0,
    sender: Sender = "auto",
    mac_map: MacMap = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    format_name: Format = "table",
    output: Output = None,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Before a load balancer is installed: which nodes would answer for its addresses, and is it safe?"""
    chosen = known_format(format_name)
    from arpcheck.commands.probe import ProbeRequest
    from arpcheck.commands.probe import probe as run
    from arpcheck.evidence import Options

    return run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())),
                rounds=rounds,
                wait=wait,
                rate=rate,
                sender=sender,
                services=False,
                preflight=True,
            ),
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
            mac_maps=tuple(mac_map or ()),
            format_name=chosen,
            output=output,
            quiet=quiet,
        )
    )


@app.command(
    epilog="Examples:  sudo arpcheck pool --iface eth0"
    "  |  sudo arpcheck pool --iface eth0 --range 10.0.0.50-10.0.0.99"
)
def pool(
    iface: Iface = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="A-B", help="A-B or a CIDR instead of the cluster's pools. Repeatable."),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, max=65536, help="Refuse more addresses than this.")
    ] = 1024,
    rounds: Rounds = 3,
    wait: Wait = 1.0,
    rate: Rate = 10.0,
    sender: Sender = "auto",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table or json.")] = "table",
    output: Output = None,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Ask whether somebody already uses an address that a load balancer may hand out next."""
    from arpcheck.commands.pool import FORMATS
    from arpcheck.commands.pool import pool as run

    if format_name not in FORMATS:
        raise UsageError(f"-o {format_name!r}: no such format of pool", f"One of {', '.join(FORMATS)}")
    from arpcheck.commands.probe import ProbeRequest
    from arpcheck.evidence import Options

    return run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())), rounds=rounds, wait=wait, rate=rate, sender=sender
            ),
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
            format_name=format_name,
            output=output,
            quiet=quiet,
        ),
        tuple(ranges or ()),
        most,
    )


@app.command(
    epilog="Examples:  sudo arpcheck inventory --iface eth0 -o csv > macs.csv"
    "  |  arpcheck inventory --manifest --image IMAGE | kubectl apply -f -"
)
def inventory(
    iface: Annotated[
        list[str] | None, typer.Option("--iface", metavar="NAME", help="Ask the nodes on this interface too. Repeatable.")
    ] = None,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Print a Job for each node without a known MAC; its log is a --mac-map.")
    ] = False,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="For --manifest: an image with sh, cat and grep.")
    ] = "",
    rounds: Rounds = 2,
    wait: Wait = 1.0,
    rate: Rate = 10.0,
    sender: Sender = "auto",
    mac_map: MacMap = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table, or csv as --mac-map reads it.")] = "table",
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Print whose MAC is whose, by every source."""
    if format_name not in ("table", "csv"):
        raise UsageError(f"-o {format_name!r}: no such format of inventory", "One of table, csv")
    if manifest != bool(image):
        raise UsageError("--manifest and --image go together", "Name an image with sh, cat and grep")
    from arpcheck.commands.inventory import inventory as run
    from arpcheck.commands.probe import ProbeRequest
    from arpcheck.evidence import Options

    return run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())), rounds=rounds, wait=wait, rate=rate, sender=sender
            ),
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
            mac_maps=tuple(mac_map or ()),
            format_name=format_name,
            quiet=quiet,
        ),
        image or None,
    )
