"""`arpcheck probe`."""

from typing import Annotated

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
    Iface,
    Ip,
    Kubeconfig,
    LoadBalancerClass,
    MacMap,
    Namespace,
    NoHeaders,
    OnLink,
    Output,
    Pcap,
    Quiet,
    Rate,
    Redact,
    RequestTimeout,
    Rounds,
    Selector,
    Sender,
    Verbose,
    Wait,
    address,
    ended,
    known_format,
    one_namespace,
    source,
)  # fmt: skip


@app.command(
    epilog="Examples:  sudo arpcheck probe --iface eth0"
    "  |  sudo arpcheck probe --iface eth0 -n web -o markdown --output ticket.json"
    "  |  arpcheck snapshot | ssh lan-host sudo arpcheck probe --iface eth0 --cluster-file -"
)
def probe(
    iface: Iface = None,
    rounds: Rounds = 3,
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
    format_name: Format = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    pcap: Pcap = None,
    bundle: BundleFile = None,
    redact: Redact = False,
    exit_zero: ExitZero = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be asked and for how long. Sends nothing, needs no right.")
    ] = False,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Ask who answers for every LoadBalancer IP, and judge the answers."""
    chosen = known_format(format_name)
    from arpcheck.commands.bundle import Bundle
    from arpcheck.commands.probe import ProbeRequest
    from arpcheck.commands.probe import probe as run
    from arpcheck.evidence import Options

    code = run(
        ProbeRequest(
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
            format_name=chosen,
            headers=not no_headers,
            output=output,
            pcap=pcap,
            bundle=Bundle(path=bundle, redacted=redact),
            dry_run=dry_run,
            quiet=quiet,
        )
    )
    return ended(code, exit_zero)
