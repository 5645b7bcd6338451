"""Commands on saved reports, which need neither cluster nor wire nor privilege."""

from typing import TYPE_CHECKING, Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import (
    Accept,
    AllNamespaces,
    As,
    BundleFile,
    ClusterFile,
    Context,
    ExitZero,
    ExternalIps,
    FileHas,
    Format,
    Ip,
    Kubeconfig,
    LoadBalancerClass,
    MacMap,
    Namespace,
    NoHeaders,
    Output,
    Redact,
    RequestTimeout,
    Selector,
    Verbose,
    address,
    ended,
    known_format,
    one_namespace,
    rules,
    source,
)
from arpcheck.errors import UsageError

if TYPE_CHECKING:
    from arpcheck.evidence import Evidence

@app.command(
    epilog="Examples:  arpcheck report saved.json -o markdown"
    "  |  tcpdump -i eth0 -w lan.pcap arp; arpcheck report --capture lan.pcap --cluster-file cluster.json"
)
def report(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="What `arpcheck probe -o json` or `-o html` wrote; - is stdin.")
    ] = None,
    capture: Annotated[
        str | None, typer.Option("--capture", metavar="FILE", help="Judge what tcpdump recorded; needs --cluster-file.")
    ] = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    mac_map: MacMap = None,
    namespace: Namespace = None,
    selector: Selector = "",
    load_balancer_class: LoadBalancerClass = None,
    ip: Ip = None,
    external_ips: ExternalIps = False,
    accept: Accept = None,
    format_name: Format = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    bundle: BundleFile = None,
    redact: Redact = False,
    exit_zero: ExitZero = False,
) -> int:
    """Judge and render a saved report, or what tcpdump recorded; ends with the report's exit code."""
    chosen = known_format(format_name)
    with_capture = (cluster_file, file_has, mac_map, namespace, selector, load_balancer_class, ip, external_ips)
    if (file is None) == (capture is None):
        raise UsageError("a saved report or --capture is needed, and not both", "See arpcheck report --help")
    if capture is None and any(with_capture):
        raise UsageError("a saved report has its cluster and selection in it", "They go with --capture alone")
    if capture is not None and cluster_file is None:
        raise UsageError("--capture needs --cluster-file", "Make one where the cluster can be read: arpcheck snapshot")
    from arpcheck.commands.bundle import Bundle
    from arpcheck.commands.saved import load
    from arpcheck.commands.saved import report as run

    def recorded() -> "Evidence":
        from arpcheck.commands.capture import Recording, evidence
        from arpcheck.evidence import Options

        options = Options(
            namespace=namespace,
            selector=selector,
            load_balancer_class=load_balancer_class,
            ips=tuple(dict.fromkeys(address(text) for text in ip or ())),
            external_ips=external_ips,
        )
        return evidence(
            Recording(
                path=capture or "",
                cluster_file=cluster_file or "",
                file_has=tuple(file_has or ()),
                options=options,
                mac_maps=tuple(mac_map or ()),
            )
        )

    read = recorded if file is None else lambda: load(file)
    wanted = Bundle(path=bundle, redacted=redact)
    return ended(run(read, chosen, output, accept=accept, headers=not no_headers, bundle=wanted), exit_zero)


@app.command(epilog="Example:  arpcheck compare before.json after.json -o markdown")
def compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A saved report; - is stdin.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A later one of the same cluster.")],
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table, markdown or json.")] = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    exit_zero: ExitZero = False,
) -> int:
    """Say what changed between two runs; 0 nothing new, 1 something new or worse, 3 not comparable."""
    from arpcheck.commands.compare import compare as run

    return ended(run(before, after, format_name, output, headers=not no_headers), exit_zero)


@app.command(epilog="Example:  arpcheck merge worker-1.json worker-2.json --output all.json")
def merge(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Saved reports of one cluster, each from another host; - is stdin.")
    ],
    accept: Accept = None,
    format_name: Format = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    bundle: BundleFile = None,
    redact: Redact = False,
    exit_zero: ExitZero = False,
) -> int:
    """Judge the runs of several hosts as one: what one can't hear another does. Ends with that report's exit code."""
    chosen = known_format(format_name)
    from arpcheck.commands.bundle import Bundle
    from arpcheck.commands.saved import merged
    from arpcheck.commands.saved import report as run

    wanted = Bundle(path=bundle, redacted=redact)
    code = run(lambda: merged(files), chosen, output, accept=accept, headers=not no_headers, bundle=wanted)
    return ended(code, exit_zero)


@app.command(epilog="Example:  arpcheck explain non-strict")
def explain(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A verdict or a finding; none: all of them.", autocompletion=rules)
    ] = None,
) -> int:
    """Say what a verdict or a finding means, how it is decided and what to do."""
    from arpcheck.commands.output import show
    from arpcheck.commands.saved import explain as run

    show(run(name))
    return 0


# --------------------------------------------------------------- Commands that read the cluster and send nothing on the wire


@app.command(
    epilog="Examples:  arpcheck snapshot --output cluster.json"
    "  |  sudo arpcheck probe --iface eth0 --cluster-file cluster.json"
)
def snapshot(
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write it to FILE instead of stdout.")
    ] = None,
    _verbose: Verbose = False,
) -> int:
    """Print exactly what probe would read of the cluster, as input for --cluster-file."""
    from arpcheck.commands.snapshot import snapshot as run

    cluster = source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has)
    return run(cluster, one_namespace(namespace, all_namespaces), output)
