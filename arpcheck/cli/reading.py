"""Commands that read the cluster and send nothing on the wire."""

from typing import Annotated

import typer

from arpcheck.cli.app import app
from arpcheck.cli.options import (
    AllNamespaces,
    As,
    ClusterFile,
    Context,
    FileHas,
    Kubeconfig,
    Namespace,
    RequestTimeout,
    Verbose,
    one_namespace,
    source,
)  # fmt: skip


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
