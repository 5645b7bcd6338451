"""`arpcheck inventory`: lists the MAC addresses of every node by source, and prints Jobs for nodes that have none.

arpcheck prints the Jobs and does not create them; their logs are input for `--mac-map`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Annotated, Any

import typer
import yaml

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.input_files import read_mac_maps
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open
from arpcheck.commands.option_groups import (
    REQUESTS,
    ReportOptions,
    cluster_words,
    kubeconfig_note,
    reads_cluster,
    stands_for,
)
from arpcheck.commands.options import MacMap, Quiet, Verbose, one_of
from arpcheck.commands.output import notice, show
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.mac_owners import all_identities, node_ip, rank, unmatched_hosts
from arpcheck.mac_owners.mac_list.nics import END
from arpcheck.mac_owners.mac_list.tables import NOTES
from arpcheck.model import Identity, Mac, SourceRank
from arpcheck.text import plain
from arpcheck.wire.host import this_host

EXAMPLES = (
    "sudo arpcheck inventory --iface eth0 -o csv > macs.csv",
    "arpcheck inventory --manifest --image IMAGE | kubectl apply -f -",
)


@reads_cluster()
@stands_for(requests=REQUESTS.but("family", rounds=2))
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
    requests: Options,
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
            options=replace(requests, interfaces=tuple(dict.fromkeys(iface or ()))),
            source=cluster,
            mac_maps=tuple(mac_map or ()),
            report=ReportOptions(format_name=format_name),
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
        show(inventory_csv(evidence) if request.report.format_name == "csv" else inventory_table(evidence))
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


# ----------------------------------------------------------------------------------------------------------- What is printed

# The MAC addresses of the nodes from all sources: as a table, as CSV for --mac-map, and a Job that reads a node's NICs.
# If sources contradict each other, the CSV has a comment, so that a doubt does not become the user's own statement.

HEARD_AT, ONE_OF = NOTES
HEADER = ("MAC", "NODE", "INTERFACE", "SOURCE", "WHERE", "SEEN")


def inventory_table(evidence: Evidence) -> str:
    """Each identity, the strongest first, then the nodes without a known MAC address; ends with a newline."""
    rows = [HEADER, *(_claim_row(identity) for identity in all_identities(evidence))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missing = unresolved(evidence)
    lines += ["", f"No MAC address is known for {', '.join(plain(node) for node in missing)}."] if missing else []
    return "\n".join(lines) + "\n"


def inventory_csv(evidence: Evidence) -> str:
    """`mac,node,interface,note`: a line for each MAC address on which the strongest sources agree, else a comment. The note
    says whether the source lists all NICs of the node, so that the file read back says no more than the source."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("mac", "node", "interface", "note"))
    for mac, claims in _by_mac(evidence).items():
        strongest = [claim for claim in claims if rank(claim) == rank(claims[0])]
        if len({claim.node for claim in strongest}) > 1 or strongest[0].rank is SourceRank.SEEN:
            owners = " or ".join(f"{claim.node} ({claim.source}: {claim.detail})" for claim in strongest)
            out.write(f"# {mac}: {plain(owners)}\n")
        else:
            writer.writerow((mac, plain(claims[0].node), plain(_own_nic(strongest)), plain(_note(strongest))))
    return out.getvalue()


def _note(claims: Sequence[Identity]) -> str:
    first = next((claim for claim in claims if claim.lists_nics), claims[0])
    if not first.lists_nics:
        return f"{HEARD_AT}{first.detail}"
    part = "" if any(claim.lists_all for claim in claims) else ONE_OF
    return f"{part}{first.source}: {first.detail}"


def unresolved(evidence: Evidence) -> tuple[str, ...]:
    """The nodes for which no source has a MAC address, sorted. What another host saw at an address is no source."""
    known = {identity.node for identity in all_identities(evidence) if identity.rank is not SourceRank.SEEN}
    return tuple(node.name for node in evidence.objects.nodes() if node.name and node.name not in known)


def _by_mac(evidence: Evidence) -> Mapping[Mac, Sequence[Identity]]:
    return {mac: tuple(claims) for mac, claims in groupby(all_identities(evidence), key=lambda claim: claim.mac)}


def _own_nic(claims: Iterable[Identity]) -> str:
    """The node's own NIC. In replies, the interface is the prober's."""
    return next((claim.interface for claim in claims if claim.interface and claim.source != node_ip.NAME), "")


def _claim_row(claim: Identity) -> tuple[str, ...]:
    seen = claim.observed_at.isoformat(timespec="seconds") if claim.observed_at else "-"
    nic = _own_nic([claim]) or "-"
    return (claim.mac, *(plain(cell) for cell in (claim.node, nic, claim.source, claim.detail)), seen)


# --------------------------------------------------------------------------------------- A Job that reads the NICs of a node

SCRIPT = f"""\
echo "node $NODE_NAME"
cd /sys/class/net && grep -H . */address */addr_assign_type */operstate */type */ifindex */iflink */master/ifindex \
*/bonding_slave/perm_hwaddr 2>/dev/null
echo ---route; cat /proc/net/route
echo ---vlan; cat /proc/net/vlan/config 2>/dev/null
echo {END}; exit 0
"""
"""Runs in any image with sh, cat and grep; kube-proxy's own has them."""

DEADLINE = 60
"""Seconds, including the pull of the image."""
KEPT = 600
"""Seconds that a finished Job and its log are kept."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")

_HEADER = """\
# Reads /sys/class/net of {count} node(s). hostNetwork needs a namespace whose pod security level is privileged.
#   kubectl -n NAMESPACE apply -f FILE
#   kubectl -n NAMESPACE wait --for=condition=complete --timeout={wait}s job -l arpcheck/run={run}
#   kubectl -n NAMESPACE logs -l arpcheck/run={run} --tail=-1 > macs.log    and then: arpcheck … --mac-map macs.log
"""


class _JobDumper(yaml.SafeDumper):
    """Writes the script line by line."""


_JobDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if text == SCRIPT else None)
)


def inventory_manifest(nodes: Sequence[str], image: str, run: str) -> str:
    """YAML with a Job for each node, sorted. `run` is a label of all: lower-case letters, digits and dashes, at most 32.

    Raises UsageError if the image or `run` is not valid."""
    if not _LABEL.fullmatch(run):
        raise UsageError(f"{run!r} is not a valid label", "Use lower-case letters, digits and dashes, at most 32")
    if not image or not image.isprintable() or " " in image or len(image) > 500:
        raise UsageError(f"{image[:80]!r} is not an image", "Use an image with sh, cat and grep, for example kube-proxy's")
    jobs = [_job(node, image, run) for node in sorted(set(nodes))]
    documents = yaml.dump_all(jobs, Dumper=_JobDumper, sort_keys=False, explicit_start=True, width=1000)
    return _HEADER.format(count=len(jobs), run=run, wait=DEADLINE + 30) + documents if jobs else ""


def _job(node: str, image: str, run: str) -> dict[str, Any]:
    """The Job's name has a digest of the node's name, which may be too long."""
    name = f"arpcheck-{sha256(node.encode()).hexdigest()[:12]}-{run}"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "arpcheck", "arpcheck/run": run},
            "annotations": {"arpcheck/node": node},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": {"arpcheck/run": run}}, "spec": _pod(node, image)},
        },
    }


def _pod(node: str, image: str) -> dict[str, Any]:
    """Bound to its node by affinity, as pods of a DaemonSet are, so that the scheduler still checks it."""
    this_node = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {
        "restartPolicy": "Never",
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [this_node]}}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "runAsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(image)],
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": "inventory",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", SCRIPT],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
    }
