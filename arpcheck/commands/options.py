"""The options that several commands share, and the checks that need nothing but the option itself."""

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
"""Words of which no shell makes anything else. typer's script for zsh evaluates what it is given, and bash expands its
patterns; a context may have any name, and whoever sends a kubeconfig around chooses it."""


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete) and _HARMLESS.fullmatch(word)]


def contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Of the kubeconfig that the command line names, else as kubectl finds it."""
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
    """Verdicts and findings."""
    from arpcheck.judge import findings, verdicts

    return _beginning(incomplete, sorted(text.name for text in (*verdicts.texts(), *findings.texts())))


def pages(incomplete: str) -> list[str]:
    """The pages of `docs`."""
    from arpcheck.docs import PAGES

    return _beginning(incomplete, PAGES)


def shells(incomplete: str) -> list[str]:
    return _beginning(incomplete, SHELLS)


# --------------------------- The options that several commands share, and the checks that need nothing but the option itself

Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig", metavar="FILE", help="A kubeconfig, else KUBECONFIG, ~/.kube/config, the pod's own account."
    ),
]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="A context of the kubeconfig.", autocompletion=contexts),
]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="A user to impersonate.")]
ClusterFile = Annotated[
    str | None,
    typer.Option(
        "--cluster-file",
        metavar="FILE",
        help="Read the cluster from FILE or - (stdin): `arpcheck snapshot`, or kubectl get svc,nodes,events,… -A -o json"
        " --show-managed-fields.",
    ),
]
FileHas = Annotated[
    list[str] | None,
    typer.Option(
        "--file-has",
        metavar="KINDS",
        help="Kinds that kubectl was asked for and may read, or all: those of which FILE has none are none. Repeatable.",
    ),
]
RequestTimeout = Annotated[
    float, typer.Option("--request-timeout", metavar="SECONDS", min=0.1, help="Seconds for reading the cluster in all.")
]
Namespace = Annotated[str | None, typer.Option("-n", "--namespace", metavar="NAME", help="Only Services of this namespace.")]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="All namespaces, which is the default.")]
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
    typer.Option("--output", metavar="FILE", help="Write the report to FILE as well, in the format of its name or of -o."),
]


Iface = Annotated[
    list[str] | None,
    typer.Option(
        "--iface",
        metavar="NAME",
        help="The interface to ask on. Repeatable; or auto, which a pod does unasked.",
        autocompletion=interfaces,
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", metavar="N", min=1, max=1000, help="How often every address is asked.")]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0.1, max=60, help="Seconds to listen after the last frame.")
]
Rate = Annotated[
    float, typer.Option("--rate", metavar="N", min=0, help="Frames a second on each interface; 0 is the top rate, 4000.")
]
Sender = Annotated[
    str, typer.Option("--sender", metavar="ADDRESS", help="auto, own, zero, or one of the interface's addresses.")
]
LoadBalancerClass = Annotated[
    str | None,
    typer.Option("--lb-class", metavar="NAME", help="Only Services of this loadBalancerClass; '' is those without one."),
]
Ip = Annotated[
    list[str] | None, typer.Option("--ip", metavar="ADDRESS", help="Also this address, Service or not. Repeatable.")
]
ExternalIps = Annotated[bool, typer.Option("--external-ips", help="Also spec.externalIPs of all Services.")]
OnLink = Annotated[
    bool,
    typer.Option("--on-link", help="Judge only addresses in the networks of the interfaces; the others are counted."),
]
MacMap = Annotated[
    list[str] | None,
    typer.Option("--mac-map", metavar="FILE", help="A file that says whose MAC is whose. Repeatable; or a folder."),
]
Accept = Annotated[
    str | None,
    typer.Option("--accept", metavar="FILE", help="YAML: known faults with a reason and a last day; shown, not counted."),
]
Pcap = Annotated[
    str | None,
    typer.Option("--pcap", metavar="FILE", help="Write every frame that was sent, and every reply that was kept, to FILE."),
]
BundleFile = Annotated[
    str | None,
    typer.Option("--bundle", metavar="FILE", help="Write all that a ticket needs: reports, frames, objects, log."),
]
Redact = Annotated[
    bool,
    typer.Option("--redact", help="Pseudonyms for all names, addresses and MACs in the bundle; their table beside it."),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="No column headings.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="End with 0 also where 1 or 3 is due; 2 and 130 stay.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")]


def _speak(wanted: bool) -> None:
    if wanted:
        from arpcheck.commands.log import speak

        speak()


Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", callback=_speak, help="Say on stderr what is read and opened, and how long it takes."),
]
"""Done by being given; no command looks at it."""


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
        raise UsageError("--cluster-file goes with none of --kubeconfig, --context, --as", "Name one of the two")
    if file_has and not cluster_file:
        raise UsageError("--file-has speaks of a --cluster-file", "Name that too")
    return ClusterSource(
        kubeconfig=kubeconfig,
        context=context,
        as_user=as_user,
        cluster_file=cluster_file,
        request_timeout=timeout,
        file_has=tuple(file_has or ()),
    )


def ended(code: int, exit_zero: bool) -> int:
    """The exit code of the process: with `--exit-zero` a report's own is not shown, a failure's is."""
    return 0 if exit_zero and code in (1, 3) else code


def one_namespace(namespace: str | None, all_namespaces: bool) -> str | None:
    if namespace and all_namespaces:
        raise UsageError("-n and -A contradict each other", "Give one of them")
    return namespace


def address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError(f"--ip {text!r} is no IPv4 address", "ARP knows IPv4 only") from None


def known_format(name: str) -> str:
    from arpcheck.reports import FORMATS

    if name not in FORMATS:
        raise UsageError(f"-o {name!r}: no such format", f"One of {', '.join(FORMATS)}")
    return name
