"""`arpcheck strict-arp`: what kube-proxy is told, and the change of that one value."""

from typing import Annotated

import typer

from arpcheck.cli.app import Group, app
from arpcheck.cli.options import (
    As,
    ClusterFile,
    Context,
    Kubeconfig,
    Output,
    Rate,
    RequestTimeout,
    Rounds,
    Sender,
    Wait,
    source,
)  # fmt: skip
from arpcheck.errors import UsageError

strict_arp = typer.Typer(cls=Group, rich_markup_mode=None)
app.add_typer(
    strict_arp,
    name="strict-arp",
    help="Is strict ARP needed, is it set, and has it been loaded? And: enable it.",
)


@strict_arp.command(
    epilog="Examples:  arpcheck strict-arp status  |  arpcheck strict-arp status --logs  |"
    "  arpcheck strict-arp status --configz-file worker-1=configz.json"
)
def status(
    logs: Annotated[bool, typer.Option("--logs", help="Also read which mode each kube-proxy has logged.")] = False,
    configz_file: Annotated[
        list[str] | None,
        typer.Option(
            "--configz-file",
            metavar="FILE",
            help="NODE=FILE, or a file named like its node: what /configz printed. Repeatable.",
        ),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    request_timeout: RequestTimeout = 30.0,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table or json.")] = "table",
    output: Output = None,
) -> int:
    """Say for every node what is configured and what is loaded; 0 not needed or set, 1 not set or not loaded, 3 unknown."""
    from arpcheck.commands.strict_arp_status import FORMATS, StatusRequest, strict_arp_status

    if format_name not in FORMATS:
        raise UsageError(f"-o {format_name!r}: no such format of strict-arp status", f"One of {', '.join(FORMATS)}")
    if logs and cluster_file:
        raise UsageError("--logs needs a cluster: a file holds no logs", "Leave one of the two out")
    return strict_arp_status(
        StatusRequest(
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout),
            logs=logs,
            configz=tuple(configz_file or ()),
            format_name=format_name,
            output=output,
        )
    )


@strict_arp.command(
    epilog="Examples:  arpcheck strict-arp enable --dry-run  |  sudo arpcheck strict-arp enable --iface eth0"
    "  |  arpcheck strict-arp enable --yes --restart-announcer"
)
def enable(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the change, send it as the server's own dry run, and stop.")
    ] = False,
    iface: Annotated[
        list[str] | None,
        typer.Option("--iface", metavar="NAME", help="Prove it: ask on this interface before and after. Repeatable."),
    ] = None,
    restart_announcer: Annotated[
        bool, typer.Option("--restart-announcer", help="Restart the load balancer's speakers after that.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Seconds to wait for each rollout.")
    ] = 600.0,
    prove_within: Annotated[
        float,
        typer.Option("--prove-within", metavar="SECONDS", min=0, help="Ask again for so long until the proof holds."),
    ] = 120.0,
    backup_dir: Annotated[
        str, typer.Option("--backup-dir", metavar="FOLDER", help="Where the ConfigMap is saved as it was.")
    ] = ".",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where another system writes the configuration, and may undo it.")
    ] = False,
    rounds: Rounds = 3,
    wait: Wait = 1.0,
    rate: Rate = 10.0,
    sender: Sender = "auto",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    request_timeout: RequestTimeout = 30.0,
) -> int:
    """Set ipvs.strictARP in kube-proxy's ConfigMap, restart kube-proxy, watch it; 0 enabled, 3 not everywhere."""
    from arpcheck.commands.strict_arp_enable import strict_arp_enable
    from arpcheck.commands.strict_arp_steps import EnableRequest
    from arpcheck.evidence import Options

    options = Options(
        interfaces=tuple(dict.fromkeys(iface or ())), rounds=rounds, wait=wait, rate=rate, sender=sender, services=False,
        preflight=True,
    )  # fmt: skip
    return strict_arp_enable(
        EnableRequest(
            source=source(kubeconfig, context, as_user, None, request_timeout),
            yes=yes,
            dry_run=dry_run,
            anyway=anyway,
            backup_dir=backup_dir,
            timeout=timeout,
            prove_within=prove_within,
            restart_announcer=restart_announcer,
            proof=options if iface else None,
        )
    )
