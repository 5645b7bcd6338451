"""The command line: arguments in, exit code out, no logic.

Every command imports what it does only when it runs, so that `--help` pays for neither scapy nor kubernetes nor
tabulate nor rich."""

from __future__ import annotations

import os
import sys
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated

import typer

from arpcheck import __version__
from arpcheck.errors import UsageError

if TYPE_CHECKING:
    from arpcheck.cluster import Source

app = typer.Typer(
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


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


# ---------------------------------------------------------------------------------------------------- shared options

Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", help="A kubeconfig, else KUBECONFIG, ~/.kube/config, the pod's own account.")
]
Context = Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")]
As = Annotated[str | None, typer.Option("--as", help="A user to impersonate.")]
ClusterFile = Annotated[
    str | None,
    typer.Option(
        "--cluster-file",
        help="Read the cluster from FILE or - (stdin): `arpcheck snapshot`, or kubectl get svc,nodes,events,… -A -o json"
        " --show-managed-fields.",
    ),
]
RequestTimeout = Annotated[float, typer.Option("--request-timeout", min=0.1, help="Seconds for reading the cluster in all.")]
Namespace = Annotated[str | None, typer.Option("-n", "--namespace", help="Only Services of this namespace.")]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="All namespaces, which is the default.")]
Selector = Annotated[str, typer.Option("-l", "--selector", help="Only Services with these labels.")]
Format = Annotated[str, typer.Option("-o", help="table, wide, markdown, json, yaml, name.")]
Output = Annotated[
    str | None, typer.Option("--output", help="Write the report to FILE as well, in the format of its name or of -o.")
]


def _source(
    kubeconfig: str | None, context: str | None, as_user: str | None, cluster_file: str | None, timeout: float
) -> Source:
    from arpcheck.cluster import Source

    if cluster_file and (kubeconfig or context or as_user):
        raise UsageError("--cluster-file goes with none of --kubeconfig, --context, --as", "Name one of the two")
    return Source(
        kubeconfig=kubeconfig, context=context, as_user=as_user, cluster_file=cluster_file, request_timeout=timeout
    )


def _namespace(namespace: str | None, all_namespaces: bool) -> str | None:
    if namespace and all_namespaces:
        raise UsageError("-n and -A contradict each other", "Give one of them")
    return namespace


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError(f"--ip {text!r} is no IPv4 address", "ARP knows IPv4 only") from None


def _format(name: str) -> str:
    from arpcheck.reports import FORMATS

    if name not in FORMATS:
        raise UsageError(f"-o {name!r}: no such format", f"One of {', '.join(FORMATS)}")
    return name


# ---------------------------------------------------------------------------------------------------------- commands


@app.command(
    epilog="Examples:  arpcheck probe --iface eth0  |  arpcheck probe --iface eth0 -n web -o markdown --output ticket.json"
    "  |  kubectl get svc,nodes,events -A -o json | sudo arpcheck probe --iface eth0 --cluster-file -"
)
def probe(
    iface: Annotated[list[str], typer.Option("--iface", help="The interface to ask on. Repeatable.")],
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="How often every address is asked.")] = 3,
    wait: Annotated[float, typer.Option("--wait", min=0.1, max=60, help="Seconds to listen after the last frame.")] = 1.0,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Frames a second on each interface; 0 is the top rate, 4000.")
    ] = 10.0,
    sender: Annotated[str, typer.Option("--sender", help="auto, own, zero, or one of the interface's addresses.")] = "auto",
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    selector: Selector = "",
    load_balancer_class: Annotated[
        str | None, typer.Option("--class", help="Only Services of this loadBalancerClass; '' is those without one.")
    ] = None,
    ip: Annotated[list[str] | None, typer.Option("--ip", help="Also this address, Service or not. Repeatable.")] = None,
    external_ips: Annotated[bool, typer.Option("--external-ips", help="Also spec.externalIPs of all Services.")] = False,
    mac_map: Annotated[
        list[str] | None, typer.Option("--mac-map", help="A file that says whose MAC is whose. Repeatable; or a folder.")
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    request_timeout: RequestTimeout = 30.0,
    format_name: Format = "table",
    output: Output = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be asked and for how long. Sends nothing, needs no right.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")] = False,
) -> int:
    """Ask who answers for every LoadBalancer IP, and judge the answers."""
    chosen = _format(format_name)
    from arpcheck.commands.probe import Request
    from arpcheck.commands.probe import probe as run
    from arpcheck.evidence import Options

    return run(
        Request(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface)),
                rounds=rounds,
                wait=wait,
                rate=rate,
                sender=sender,
                namespace=_namespace(namespace, all_namespaces),
                selector=selector,
                load_balancer_class=load_balancer_class,
                ips=tuple(dict.fromkeys(_address(text) for text in ip or ())),
                external_ips=external_ips,
            ),
            source=_source(kubeconfig, context, as_user, cluster_file, request_timeout),
            mac_maps=tuple(mac_map or ()),
            format_name=chosen,
            output=output,
            dry_run=dry_run,
            quiet=quiet,
        )
    )


@app.command(epilog="Example:  arpcheck report saved.json -o markdown")
def report(
    file: Annotated[str, typer.Argument(help="What `arpcheck probe -o json` wrote; - is stdin.")],
    format_name: Format = "table",
    output: Output = None,
) -> int:
    """Judge and render a saved report again; ends with its exit code."""
    chosen = _format(format_name)
    from arpcheck.commands.saved import report as run

    return run(file, chosen, output)


@app.command(epilog="Example:  arpcheck snapshot > cluster.json, then on the LAN host: --cluster-file cluster.json")
def snapshot(
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    request_timeout: RequestTimeout = 30.0,
    output: Annotated[str | None, typer.Option("--output", help="Write it to FILE instead of stdout.")] = None,
) -> int:
    """Print exactly what probe would read of the cluster, as input for --cluster-file."""
    from arpcheck.commands.snapshot import snapshot as run

    source = _source(kubeconfig, context, as_user, cluster_file, request_timeout)
    return run(source, _namespace(namespace, all_namespaces), output)


@app.command(epilog="Example:  arpcheck explain non-strict")
def explain(
    name: Annotated[str | None, typer.Argument(help="A verdict or a finding; none: all of them.")] = None,
) -> int:
    """Say what a verdict or a finding means, how it is decided and what to do."""
    from arpcheck.commands.explain import explain as run
    from arpcheck.commands.output import show

    show(run(name))
    return 0


@app.command(epilog="Example:  arpcheck demo split-brain")
def demo(
    scene: Annotated[str | None, typer.Argument(help="A scene's name, or a scene file.")] = None,
    names: Annotated[bool, typer.Option("--list", help="Name the scenes.")] = False,
) -> int:
    """Run the whole of it on a LAN of network namespaces with real kernel ARP."""
    from arpcheck.lab.run import demo as run

    return run(scene, list_scenes=names)


