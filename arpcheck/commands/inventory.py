"""`arpcheck inventory`: whose MAC is whose by every source, and Jobs for the nodes of which none is known.

arpcheck prints the Jobs and writes nothing to the cluster; their logs are a `--mac-map`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import read
from arpcheck.commands.input_files import read_mac_maps
from arpcheck.commands.opening import opened, settled, stopping, to_open
from arpcheck.commands.output import show
from arpcheck.commands.probe import ProbeRequest, checked, observed
from arpcheck.commands.terminal import notice
from arpcheck.evidence import Evidence
from arpcheck.mac_owners import unmatched_hosts
from arpcheck.mac_owners.inventory import inventory_csv, inventory_manifest, inventory_table, unresolved
from arpcheck.wire.host import this_host

INTERRUPTED = 130


def inventory(request: ProbeRequest, image: str | None) -> int:
    """Prints the list, or with `image` the Jobs. 0 every node has a MAC, 3 one has none that is known, 130 interrupted."""
    with _evidence(request) as evidence:
        return _show(evidence, request, image)


def _show(evidence: Evidence, request: ProbeRequest, image: str | None) -> int:
    missing = unresolved(evidence)
    if image is None:
        show(inventory_csv(evidence) if request.format_name == "csv" else inventory_table(evidence))
    elif missing:
        show(inventory_manifest(missing, image, f"run-{evidence.started_at:%Y%m%d-%H%M%S}"))
    else:
        notice("a MAC is known of every node: there is no Job to run")
    for gap in evidence.objects.gaps:
        notice(f"not read: {gap.what} ({gap.why}); {gap.costs}")
    for gap in unmatched_hosts(evidence):
        notice(f"{gap.what}: {gap.why}; {gap.costs}")
    if evidence.interrupted:
        notice("interrupted: what was heard until then is shown")
        return INTERRUPTED
    return 3 if missing or evidence.objects.gap("nodes") else 0


@contextmanager
def _evidence(request: ProbeRequest) -> Iterator[Evidence]:
    """With an interface the nodes are asked on it; without one only objects and files speak."""
    host = this_host()
    if request.options.interfaces:
        options = checked(replace(request.options, services=False))
        with opened(to_open(options, host), request.source) as (wire, source):
            mac_map = read_mac_maps(request.mac_maps)
            objects = read(source, pipeline.NEEDS)
            options = settled(options, objects, host, wire)
            with stopping() as stop:
                yield observed(request, options, host, mac_map, objects, wire, stop=stop)
        return
    with opened((), request.source) as (_, source):
        mac_map = read_mac_maps(request.mac_maps)
        objects, now = read(source, pipeline.NEEDS), datetime.now(UTC)
    yield Evidence(
        arpcheck=arpcheck.__version__, started_at=now, ended_at=now, options=request.options, host=host, objects=objects,
        mac_map=mac_map,
    )  # fmt: skip
