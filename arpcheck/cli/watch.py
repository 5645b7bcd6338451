"""`arpcheck watch`."""

import re
from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import (
    Accept,
    AllNamespaces,
    As,
    ClusterFile,
    Context,
    ExitZero,
    ExternalIps,
    FileHas,
    Iface,
    Ip,
    Kubeconfig,
    LoadBalancerClass,
    MacMap,
    Namespace,
    OnLink,
    Quiet,
    Rate,
    RequestTimeout,
    Rounds,
    Selector,
    Sender,
    Verbose,
    Wait,
    address,
    ended,
    one_namespace,
    source,
)  # fmt: skip
from arpcheck.errors import UsageError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@app.command(
    epilog="Examples:  sudo arpcheck watch --iface eth0 --for 10m"
    "  |  sudo arpcheck watch --iface eth0 -n web --probe-every 0.2s"
    "  |  sudo arpcheck watch --iface eth0 --output /var/lib/node_exporter/arpcheck.prom"
)
def watch(
    iface: Iface = None,
    interval: Annotated[str, typer.Option("--interval", metavar="TIME", help="From one whole probe to the next.")] = "30s",
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long: 90s, 10m, 2h; else until Ctrl-C.")
    ] = None,
    every: Annotated[
        str,
        typer.Option("--probe-every", metavar="TIME", help="Each address is asked so often in between, as --rate allows."),
    ] = "0.5s",
    rounds: Rounds = 1,
    wait: Wait = 1.0,
    rate: Rate = 10.0,
    sender: Sender = "auto",
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    selector: Selector = "",
    load_balancer_class: LoadBalancerClass = None,
    ip: Ip = None,
    external_ips: ExternalIps = False,
    on_link: OnLink = False,
    mac_map: MacMap = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    accept: Accept = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="FILE", help="Keep FILE up to date, in the format of its name: .prom, .json, .html, …"
        ),
    ] = None,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Watch a failover or a rollout: a line at each change, and at the end how it went."""
    pace = seconds("--interval", interval), seconds("--for", lasts) if lasts else None, seconds("--probe-every", every)
    from arpcheck.commands.probe import ProbeRequest
    from arpcheck.commands.watch import Pace
    from arpcheck.commands.watch import watch as run
    from arpcheck.evidence import Options

    request = ProbeRequest(
        options=Options(
            interfaces=tuple(dict.fromkeys(iface or ())),
            rounds=rounds,
            wait=wait,
            rate=rate,
            sender=sender,
            namespace=one_namespace(namespace, all_namespaces),
            selector=selector,
            load_balancer_class=load_balancer_class,
            ips=tuple(dict.fromkeys(address(text) for text in ip or ())),
            external_ips=external_ips,
            on_link=on_link,
        ),
        source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
        mac_maps=tuple(mac_map or ()),
        accept=accept,
        output=output,
        quiet=quiet,
    )
    return ended(run(request, Pace(interval=pace[0], lasts=pace[1], every=pace[2])), exit_zero)


def seconds(option: str, text: str) -> float:
    """`0.5s`, `90`, `10m`, `2h`; above zero and at most a year."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smh]?)", text)
    found = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0.01 <= found <= 366 * 86400:
        raise UsageError(f"{option} {text!r} is no time", "Say it as 0.5s, 90s, 10m or 2h")
    return found
