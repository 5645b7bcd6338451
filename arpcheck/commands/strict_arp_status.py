"""`arpcheck strict-arp status`: shows whether strict ARP is needed, configured and loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.changes import Container, read_logs
from arpcheck.commands.option_groups import cluster_words, kubeconfig_note, reads_cluster
from arpcheck.commands.options import Output, one_of
from arpcheck.commands.output import as_caller, format_of, notice, show, write
from arpcheck.errors import InputError, UsageError
from arpcheck.kubeproxy import NEEDS, workload
from arpcheck.kubeproxy import status as kube_proxy_status
from arpcheck.kubeproxy.modes import StrictArpStatus
from arpcheck.kubeproxy.status import to_json, to_text
from arpcheck.objects import Objects, name, namespace, text

EXAMPLES = (
    "arpcheck strict-arp status",
    "arpcheck strict-arp status --logs",
    "arpcheck strict-arp status --configz-file worker-1=configz.json",
)


@reads_cluster()
def status(
    *,
    logs: Annotated[bool, typer.Option("--logs", help="Also read the proxy mode from the log of each kube-proxy.")] = False,
    configz_file: Annotated[
        list[str] | None,
        typer.Option(
            "--configz-file",
            metavar="FILE",
            help="Output of kube-proxy's /configz: NODE=FILE, or a file named like its node. Repeatable.",
        ),
    ] = None,
    cluster: ClusterSource,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table or json.")] = "table",
    output: Output = None,
) -> int:
    """Show for every node whether strict ARP is configured and loaded.

    Exit codes: 0 not needed, or set and loaded; 1 not set or not loaded; 3 unknown.
    """
    one_of(format_name, FORMATS, "strict-arp status")
    if logs and cluster.cluster_file is not None:
        raise UsageError("--logs needs a cluster: a cluster file holds no logs", "Leave out --logs or --cluster-file")
    return strict_arp_status(
        StatusRequest(
            source=cluster,
            logs=logs,
            configz=tuple(configz_file or ()),
            format_name=format_name,
            output=output,
        )
    )


FORMATS = ("table", "json")
MOST_BYTES = 1 << 20
"""The most that is read of a file. A real /configz has a few KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """The options of the command."""

    source: ClusterSource
    logs: bool = False
    configz: tuple[str, ...] = ()
    """Each `NODE=FILE`, or the path of a file named after its node: `worker-1.json`."""
    format_name: str = "table"
    output: str | None = None


def strict_arp_status(request: StatusRequest) -> int:
    """Prints the status; returns its exit code."""
    files = tuple(_node_and_file(given) for given in request.configz)
    request = replace(request, source=as_caller(request.source, request.output))
    objects = read(request.source, NEEDS, services_required=False)
    notice(f"read {cluster_words(objects, request.source)}")
    kubeconfig_note(request.source)
    configz = _configz(files, objects)
    logs, unread = _logs(request.source, objects) if request.logs else ({}, ())
    found = kube_proxy_status.status(objects, logs=logs, configz=configz)
    _deliver(replace(found, notes=(*found.notes, *unread)), request)
    return found.exit_code


def _deliver(found: StrictArpStatus, request: StatusRequest) -> None:
    if request.output:
        write(Path(request.output), _rendered(found, format_of(request.output, request.format_name, FORMATS)))
    show(_rendered(found, request.format_name))


def _rendered(found: StrictArpStatus, format_name: str) -> str:
    return json.dumps(to_json(found), indent=2) + "\n" if format_name == "json" else to_text(found)


def _logs(source: ClusterSource, objects: Objects) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Logs by node, and a note for each reason why logs could not be read."""
    pods = workload.pods(objects)
    wanted = {
        node: Container(namespace=namespace(pod.obj), pod=name(pod.obj), container=text(pod.container, "name"))
        for node, pod in pods.items()
    }
    found = read_logs(source, wanted)
    return found.found, tuple(_unread(found.unread))


def _unread(unread: Mapping[str, str]) -> Iterable[str]:
    for why in sorted(set(unread.values())):
        nodes = [node for node, reason in unread.items() if reason == why]
        shown = ", ".join(nodes[:8]) + (f" and {len(nodes) - 8} more" if len(nodes) > 8 else "")
        yield f"the log of kube-proxy could not be read on {shown} (pods/log: {why}), so the mode in it is not shown"


# ------------------------------------------------------------------------------------------------------------ /configz


def _node_and_file(given: str) -> tuple[str, Path]:
    node, equals, file = given.partition("=")
    path = Path(file if equals else given)
    return node if equals else path.name.removesuffix(".json"), path


def _configz(files: Iterable[tuple[str, Path]], objects: Objects) -> Mapping[str, str]:
    """File contents by node. Raises UsageError for an unknown node or a second file of a node, InputError for an unreadable
    file."""
    known, found = {node.name for node in objects.nodes()}, dict[str, str]()
    for node, path in files:
        if node not in known:
            hint = "Name it with --configz-file NODE=FILE; `kubectl get nodes` lists them"
            raise UsageError(f"--configz-file {path}: there is no node {node!r}", hint)
        if node in found:
            raise UsageError(f"--configz-file {path}: {node} already has a file", "Give one file for each node")
        found[node] = _file_text(path)
    return found


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1).decode("utf-8", "replace")
    except OSError as error:
        hint = "Save the output of `curl -s http://localhost:10249/configz` in it"
        raise InputError(f"--configz-file {path}: {error.strerror}", hint) from None
