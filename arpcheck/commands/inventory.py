"""`arpcheck inventory`: lists the MAC addresses of every node by source, and prints Jobs for nodes that have none.

arpcheck prints the Jobs and does not create them; their logs are input for `--mac-map`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.cluster_options import reads_cluster
from arpcheck.commands.cluster_words import cluster_words, kubeconfig_note
from arpcheck.commands.input_files import read_mac_maps
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open
from arpcheck.commands.options import (
    MacMap,
    Quiet,
    Rate,
    Rounds,
    Sender,
    Verbose,
    Wait,
)  # fmt: skip
from arpcheck.commands.output import notice, show
from arpcheck.commands.values import one_of
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.mac_owners import unmatched_hosts
from arpcheck.mac_owners.inventory import inventory_csv, inventory_manifest, inventory_table, unresolved
from arpcheck.model.constants import RATE, WAIT
from arpcheck.wire.host import this_host

EXAMPLES = (
    "sudo arpcheck inventory --iface eth0 -o csv > macs.csv",
    "arpcheck inventory --manifest --image IMAGE | kubectl apply -f -",
)


@reads_cluster()
def inventory(
    *,
    iface: Annotated[
        list[str] | None,
        typer.Option("--iface", metavar="NAME", help="Also send requests to the nodes on this interface. Repeatable."),
    ] = None,
    manifest: Annotated[
        bool,
        typer.Option(
            "--manifest", help="Print a Job for each node without a known MAC address; its log is input for --mac-map."
        ),
    ] = False,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="The image of the Jobs of --manifest: it needs sh, cat and grep.")
    ] = "",
    rounds: Rounds = 2,
    wait: Wait = WAIT,
    rate: Rate = RATE,
    sender: Sender = "auto",
    mac_map: MacMap = None,
    cluster: ClusterSource,
    format_name: Annotated[
        str, typer.Option("-o", metavar="FORMAT", help="table, or csv, which --mac-map reads.")
    ] = "table",
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """List the MAC addresses of every node, by source."""
    one_of(format_name, ("table", "csv"), "inventory")
    if manifest != bool(image):
        raise UsageError("--manifest needs --image, and --image needs --manifest", "Give an image with sh, cat and grep")
    return run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())), rounds=rounds, wait=wait, rate=rate, sender=sender
            ),
            source=cluster,
            mac_maps=tuple(mac_map or ()),
            format_name=format_name,
            quiet=quiet,
        ),
        image or None,
    )


INTERRUPTED = 130


def run(request: ProbeRequest, image: str | None) -> int:
    """Prints the list, or with `image` the Jobs. Returns 0 if every node has a MAC address, 3 if one has none, 130 if
    interrupted."""
    with _evidence(request) as evidence:
        return _show(evidence, request, image)


def _show(evidence: Evidence, request: ProbeRequest, image: str | None) -> int:
    missing = unresolved(evidence)
    if image is None:
        show(inventory_csv(evidence) if request.format_name == "csv" else inventory_table(evidence))
    elif missing:
        show(inventory_manifest(missing, image, f"run-{evidence.started_at:%Y%m%d-%H%M%S}"))
    else:
        notice("the MAC address of every node is known: no Job is needed")
    for gap in evidence.objects.gaps:
        notice(f"{gap.what} could not be read: {gap.why}; {gap.costs}")
    for gap in unmatched_hosts(evidence):
        notice(f"{gap.what}: {gap.why}; {gap.costs}")
    if evidence.interrupted:
        notice("interrupted: the list shows the replies received so far")
        return INTERRUPTED
    return 3 if missing or evidence.objects.gap("nodes") else 0


@contextmanager
def _evidence(request: ProbeRequest) -> Iterator[Evidence]:
    """Sends requests to the nodes if an interface is given, and otherwise uses only objects and files."""
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
        if not request.quiet:
            notice(f"read {cluster_words(objects, source)}")
            kubeconfig_note(source)
    yield Evidence(
        arpcheck=arpcheck.__version__, started_at=now, ended_at=now, options=request.options, host=host, objects=objects,
        mac_map=mac_map,
    )  # fmt: skip
