"""`arpcheck snapshot`: exactly what probe would read, for a host of the LAN that has no credentials."""

from __future__ import annotations

from pathlib import Path

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.files import pieces
from arpcheck.commands.output import as_caller, show, write
from arpcheck.commands.terminal import notice


def snapshot(source: ClusterSource, namespace: str | None, output: str | None) -> int:
    """Prints it, or writes it to `output`. What could not be read is in the snapshot and said on stderr."""
    source = as_caller(source, output)
    objects = read(source, pipeline.NEEDS, namespace=namespace)
    for gap in objects.gaps:
        notice(f"not in it: {gap.what} ({gap.why}); {gap.costs}")
    if output:
        write(Path(output), pieces(objects))
    else:
        show(pieces(objects))
    return 0
