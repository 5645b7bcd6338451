"""`arpcheck snapshot`: prints what a probe would read, for a host of the LAN that has no credentials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.files import pieces
from arpcheck.commands.option_groups import SELECTION, Selection, cluster_words, kubeconfig_note, reads_cluster, stands_for
from arpcheck.commands.options import Verbose
from arpcheck.commands.output import as_caller, notice, show, write
from arpcheck.evidence import Options

EXAMPLES = (
    "arpcheck snapshot --output cluster.json",
    "sudo arpcheck probe --cluster-file cluster.json",
)


@reads_cluster()
@stands_for(selection=SELECTION.but("selector", "load_balancer_class", "ip", "external_ips"))
def snapshot(
    *,
    selection: Selection,
    cluster: ClusterSource,
    output: Annotated[str | None, typer.Option("--output", metavar="FILE", help="Write to FILE instead of stdout.")] = None,
    _verbose: Verbose = False,
) -> int:
    """Print everything that probe reads from the cluster, as input for --cluster-file."""
    return run(cluster, selection.of(Options()).namespaces, output)


def run(source: ClusterSource, namespaces: Sequence[str], output: str | None) -> int:
    """Prints the objects, or writes them to `output`. What could not be read is listed in the snapshot and on stderr."""
    source = as_caller(source, output)
    objects = read(source, pipeline.NEEDS, namespaces=namespaces)
    notice(f"read {cluster_words(objects, source)}")
    kubeconfig_note(source)
    for gap in objects.gaps:
        notice(f"not in it: {gap.what} ({gap.why}); {gap.costs}")
    if output:
        write(Path(output), pieces(objects))
    else:
        show(pieces(objects))
    return 0
