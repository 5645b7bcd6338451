"""The options that several commands share, their completion, and the checks of their values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated

import typer

from arpcheck.errors import ArpcheckError, UsageError

if TYPE_CHECKING:
    from arpcheck.cluster import ClusterSource

SHELLS = ("bash", "zsh", "fish")


_HARMLESS = re.compile(r"[A-Za-z0-9._@:/+-]+")
"""Candidates that no shell expands. typer's script for zsh evaluates them and bash expands patterns in them, and the
author of a kubeconfig chooses the names of its contexts."""


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete) and _HARMLESS.fullmatch(word)]


def contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig on the command line, or of the one that kubectl would read."""
    from arpcheck.cluster.kubeconfig import contexts as found

    try:
        return _beginning(incomplete, found(ctx.params.get("kubeconfig"), os.environ))
    except ArpcheckError:
        return []


def interfaces(incomplete: str) -> list[str]:
    import socket

    names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
    return _beginning(incomplete, ["auto", *sorted(name for name in names if name != "lo")])


def implementations(incomplete: str) -> list[str]:
    from arpcheck import pipeline

    return _beginning(incomplete, pipeline.CHOICES)


def scenes(incomplete: str) -> list[str]:
    from arpcheck.lab.scene_file import names

    return _beginning(incomplete, names())


def formats(incomplete: str) -> list[str]:
    from arpcheck.reports import FORMATS

    return _beginning(incomplete, FORMATS)


def rules(incomplete: str) -> list[str]:
    """The names of all verdicts and findings."""
    from arpcheck.judge import findings, verdicts

    return _beginning(incomplete, sorted(text.name for text in (*verdicts.texts(), *findings.texts())))


def pages(incomplete: str) -> list[str]:
    """The pages of `docs`."""
    from arpcheck.docs import FILES, PAGES

    return _beginning(incomplete, (*PAGES, *FILES))


def shells(incomplete: str) -> list[str]:
    return _beginning(incomplete, SHELLS)


# ------------------------------------------------------------------------------------------------ The options of the cluster

Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="The kubeconfig. Default: KUBECONFIG, ~/.kube/config or the pod's account.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="The context of the kubeconfig.", autocompletion=contexts),
]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="The user to impersonate.")]
ClusterFile = Annotated[
    str | None,
    typer.Option(
        "--cluster-file",
        metavar="FILE",
        help="Read the cluster from FILE, or from stdin (-): output of `arpcheck snapshot`, or of kubectl get"
        " svc,nodes,events,… -A -o json --show-managed-fields.",
    ),
]
FileHas = Annotated[
    list[str] | None,
    typer.Option(
        "--file-has",
        metavar="KINDS",
        help="Kinds that kubectl was asked for, or all: if FILE has none of a kind, the cluster has none. Repeatable.",
    ),
]
RequestTimeout = Annotated[
    float,
    typer.Option("--request-timeout", metavar="SECONDS", min=0.1, help="Time limit for reading the cluster, in seconds."),
]
Namespace = Annotated[str | None, typer.Option("-n", "--namespace", metavar="NAME", help="Only Services in this namespace.")]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Services in all namespaces (the default).")]
Selector = Annotated[str, typer.Option("-l", "--selector", metavar="LABELS", help="Only Services with these labels.")]
Format = Annotated[
    str,
    typer.Option(
        "-o",
        metavar="FORMAT",
        autocompletion=formats,
        help="table, wide, matrix, markdown, html, json, yaml, name, junit, prometheus.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="FILE", help="Also write the report to FILE, in the format of its suffix, else of -o."),
]


Iface = Annotated[
    list[str] | None,
    typer.Option(
        "--iface",
        metavar="NAME",
        help="The interface to send on, or auto (the default in a pod). Repeatable.",
        autocompletion=interfaces,
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", metavar="N", min=1, max=1000, help="Requests for every address.")]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0.1, max=60, help="Seconds to wait for replies after the last request."),
]
Rate = Annotated[
    float, typer.Option("--rate", metavar="N", min=0, help="Requests per second on each interface; 0 is the maximum, 4000.")
]
Sender = Annotated[
    str,
    typer.Option(
        "--sender", metavar="ADDRESS", help="The ARP sender address: auto, own, zero, or an address of the interface."
    ),
]
LoadBalancerClass = Annotated[
    str | None,
    typer.Option(
        "--lb-class", metavar="NAME", help="Only Services with this loadBalancerClass; '' selects those without one."
    ),
]
Ip = Annotated[
    list[str] | None,
    typer.Option("--ip", metavar="ADDRESS", help="Also send requests for this address, of a Service or not. Repeatable."),
]
ExternalIps = Annotated[
    bool, typer.Option("--external-ips", help="Also send requests for spec.externalIPs of all Services.")
]
OnLink = Annotated[
    bool,
    typer.Option("--on-link", help="Judge only addresses in a network of the interfaces; report the number of the others."),
]
MacMap = Annotated[
    list[str] | None,
    typer.Option(
        "--mac-map",
        metavar="FILE",
        help="A file, or a folder of files, that lists MAC addresses with their hosts. Repeatable.",
    ),
]
Accept = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="FILE",
        help="YAML: known faults with an expiry date, shown without effect on the exit code.",
    ),
]
Pcap = Annotated[
    str | None,
    typer.Option("--pcap", metavar="FILE", help="Write every request and every reply to FILE."),
]
BundleFile = Annotated[
    str | None,
    typer.Option("--bundle", metavar="FILE", help="Write an archive for a ticket: reports, frames, objects and log."),
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact", help="Replace all names and addresses in the bundle by pseudonyms; write the mapping beside it."
    ),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="No column headings.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 instead of 1 or 3.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors on stderr.")]


def _speak(wanted: bool) -> None:
    if wanted:
        from arpcheck.commands.log import speak

        speak()


Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", callback=_speak, help="Print on stderr what is read and opened, and how long it takes."),
]
"""The callback does it; no command reads the value."""


def source(
    kubeconfig: str | None,
    context: str | None,
    as_user: str | None,
    cluster_file: str | None,
    timeout: float,
    file_has: list[str] | None = None,
) -> ClusterSource:
    from arpcheck.cluster import ClusterSource

    if cluster_file and (kubeconfig or context or as_user):
        raise UsageError(
            "--cluster-file can't be combined with --kubeconfig, --context or --as", "Give the file or the others"
        )
    if file_has and not cluster_file:
        raise UsageError("--file-has needs --cluster-file", "Give that too")
    return ClusterSource(
        kubeconfig=kubeconfig,
        context=context,
        as_user=as_user,
        cluster_file=cluster_file,
        request_timeout=timeout,
        file_has=tuple(file_has or ()),
    )


def ended(code: int, exit_zero: bool) -> int:
    """The exit code of the process: `--exit-zero` turns 1 and 3 into 0, and keeps 2 and 130."""
    return 0 if exit_zero and code in (1, 3) else code


def one_namespace(namespace: str | None, all_namespaces: bool) -> str | None:
    if namespace and all_namespaces:
        raise UsageError("-n and -A can't be combined", "Give one of them")
    return namespace


def address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError(f"--ip {text!r} is not an IPv4 address", "ARP is for IPv4 only") from None


def known_format(name: str) -> str:
    from arpcheck.reports import FORMATS

    if name not in FORMATS:
        raise UsageError(f"-o {name!r}: unknown format", f"One of {', '.join(FORMATS)}")
    return name
