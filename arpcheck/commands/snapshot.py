"""`arpcheck snapshot`: prints what a probe would read, for a host of the LAN that has no credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.files import pieces
from arpcheck.commands.options import (
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
from arpcheck.commands.output import as_caller, notice, show, write
from arpcheck.model.constants import REQUEST_TIMEOUT

EXAMPLES = (
    "arpcheck snapshot --output cluster.json",
    "sudo arpcheck probe --iface eth0 --cluster-file cluster.json",
)


def snapshot(
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Annotated[str | None, typer.Option("--output", metavar="FILE", help="Write to FILE instead of stdout.")] = None,
    _verbose: Verbose = False,
) -> int:
    """Print everything that probe reads from the cluster, as input for --cluster-file."""
    cluster = source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has)
    return run(cluster, one_namespace(namespace, all_namespaces), output)


def run(source: ClusterSource, namespace: str | None, output: str | None) -> int:
    """Prints the objects, or writes them to `output`. What could not be read is listed in the snapshot and on stderr."""
    source = as_caller(source, output)
    objects = read(source, pipeline.NEEDS, namespace=namespace)
    for gap in objects.gaps:
        notice(f"not in it: {gap.what} ({gap.why}); {gap.costs}")
    if output:
        write(Path(output), pieces(objects))
    else:
        show(pieces(objects))
    return 0
