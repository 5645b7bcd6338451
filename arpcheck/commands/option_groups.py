"""The options that a command gets as one argument each: of its requests, of the Services that it selects, of its report, and
those that choose the cluster and the account, with kubectl's names."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from arpcheck.cluster import ClusterSource
from arpcheck.commands.options import (
    Accept,
    AllNamespaces,
    ExternalIps,
    Family,
    Faults,
    Format,
    Ip,
    LoadBalancerClass,
    Namespace,
    NoHeaders,
    Only,
    Output,
    Rate,
    Rounds,
    Selector,
    Sender,
    Wait,
    address,
    clusters,
    contexts,
    duration,
    known_family,
    known_format,
    rows_shown,
    users,
)
from arpcheck.commands.output import deliver, notice, style
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.model import Report
from arpcheck.model.constants import RATE, REQUEST_TIMEOUT, ROUNDS, WAIT
from arpcheck.objects import Objects
from arpcheck.reports import Shown

Command = Callable[..., int]


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options that a command gets as one argument."""

    options: Mapping[str, tuple[Any, Any]]
    """Annotation and default of each, in the order of the help."""
    made: Callable[..., Any]
    """Makes the argument of the values."""

    def but(self, *names: str, **defaults: Any) -> OptionGroup:
        """Without the options `names`, and with other defaults."""
        kept = {name: one for name, one in self.options.items() if name not in names}
        return replace(self, options={name: (kind, defaults.get(name, value)) for name, (kind, value) in kept.items()})


def stands_for(**groups: OptionGroup) -> Callable[[Command], Command]:
    """The command gets each of these arguments from the options of its group, which take its place in the help."""

    def made(command: Command) -> Command:
        @wraps(command)
        def called(**given: Any) -> int:
            for argument, group in groups.items():
                given[argument] = group.made(**{name: given.pop(name) for name in group.options})
            return command(**given)

        hints = get_type_hints(command, localns={"ClusterSource": object}, include_extras=True)
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            kept = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            options = groups[parameter.name].options if parameter.name in groups else None
            parameters += [kept] if options is None else [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                for name, (annotation, default) in options.items()
            ]  # fmt: skip
        called.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return made


# ------------------------------------------------------------------------------------------- Requests, selection and report


def _requests(*, family: str | None = None, **given: Any) -> Options:
    found = Options(**given)
    return found if family is None else replace(found, families=known_family(family))


REQUESTS = OptionGroup(
    {
        "rounds": (Rounds, ROUNDS),
        "wait": (Wait, WAIT),
        "rate": (Rate, RATE),
        "sender": (Sender, "auto"),
        "family": (Family, "auto"),
    },
    _requests,
)
"""The argument is an Options of how to send requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which Services are selected, and what else is asked for."""

    namespace: Sequence[str] = ()
    all_namespaces: bool = False
    selector: Sequence[str] = ()
    """All must hold."""
    load_balancer_class: Sequence[str] = ()
    ip: Sequence[str] = ()
    external_ips: bool = False

    def __bool__(self) -> bool:
        return self != Selection()

    def of(self, options: Options, services: Iterable[str] = ()) -> Options:
        """The options with what is selected. Raises UsageError."""
        from arpcheck.targets import check_options, namespaces, service_names

        if self.namespace and self.all_namespaces:
            raise UsageError("-n and -A can't be combined", "Give one of them")
        spaces = namespaces(self.namespace)
        selected = replace(
            options,
            namespaces=spaces,
            service_names=service_names(services, spaces),
            selector=",".join(words for words in self.selector if words.strip()),
            load_balancer_classes=tuple(dict.fromkeys(self.load_balancer_class)),
            ips=tuple(dict.fromkeys(map(address, self.ip))),
            external_ips=self.external_ips,
        )
        check_options(selected)
        return selected


def _selection(**given: Any) -> Selection:
    return Selection(**{name: value for name, value in given.items() if value})


SELECTION = OptionGroup(
    {
        "namespace": (Namespace, None),
        "all_namespaces": (AllNamespaces, False),
        "selector": (Selector, None),
        "load_balancer_class": (LoadBalancerClass, None),
        "ip": (Ip, None),
        "external_ips": (ExternalIps, False),
    },
    _selection,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """How a report is judged and written."""

    accept: str | None = None
    format_name: str = "table"
    shown: Shown | None = None
    headers: bool = True
    output: str | None = None

    def deliver(self, report: Report) -> None:
        """Writes the report to its file, if there is one, and to stdout."""
        deliver(report, self.format_name, self.output, style(sys.stdout, headers=self.headers, shown=self.shown))


def _report(
    *, format_name: str, only: list[str] | None = None, faults: bool = False, no_headers: bool = False, **given: Any
) -> ReportOptions:
    known, shown = known_format(format_name), rows_shown(only, faults)
    return ReportOptions(format_name=known, shown=shown, headers=not no_headers, **given)


REPORT = OptionGroup(
    {
        "accept": (Accept, None),
        "format_name": (Format, "table"),
        "only": (Only, None),
        "faults": (Faults, False),
        "no_headers": (NoHeaders, False),
        "output": (Output, None),
    },
    _report,
)


# ------------------------------------------------------------------------------------------------------- Cluster and account

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
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="NAME", help="Another cluster of the kubeconfig than the context's.", autocompletion=clusters
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Another user of the kubeconfig than the context's.", autocompletion=users),
]
Server = Annotated[
    str | None,
    typer.Option("-s", "--server", metavar="URL", help="The API server, instead of the kubeconfig's."),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file", metavar="FILE", help="Log in with the token in FILE. A token on the command line would be public."
    ),
]
Authority = Annotated[
    str | None,
    typer.Option("--certificate-authority", metavar="FILE", help="The certificate authority of the API server."),
]
TlsServerName = Annotated[
    str | None,
    typer.Option("--tls-server-name", metavar="NAME", help="The name in the certificate of the API server."),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure-skip-tls-verify", help="Do not check the certificate of the API server: anybody could read the login."
    ),
]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="The user to impersonate.")]
AsGroup = Annotated[
    list[str] | None, typer.Option("--as-group", metavar="GROUP", help="A group to impersonate, with --as. Repeatable.")
]
AsUid = Annotated[str | None, typer.Option("--as-uid", metavar="UID", help="The uid to impersonate, with --as.")]
RequestTimeout = Annotated[
    float,
    typer.Option(
        "--request-timeout",
        metavar="TIME",
        parser=duration(0.1, 86400),
        show_default="30s",
        help="Time limit for reading the cluster.",
    ),
]
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

_ONLINE = {
    "kubeconfig": (Kubeconfig, None),
    "context": (Context, None),
    "cluster_name": (Cluster, None),
    "user": (User, None),
    "server": (Server, None),
    "token_file": (TokenFile, None),
    "certificate_authority": (Authority, None),
    "tls_server_name": (TlsServerName, None),
    "insecure": (Insecure, False),
    "as_user": (As, None),
    "as_group": (AsGroup, None),
    "as_uid": (AsUid, None),
}
_FILE = {"cluster_file": (ClusterFile, None), "file_has": (FileHas, None)}
_TIME = {"request_timeout": (RequestTimeout, REQUEST_TIMEOUT)}


def reads_cluster(*, file: bool = True) -> Callable[[Command], Command]:
    """The command gets its argument `cluster`, a ClusterSource, from these options, which take its place in the help.

    `file`: also --cluster-file and --file-has."""
    return stands_for(cluster=OptionGroup({**_ONLINE, **(_FILE if file else {}), **_TIME}, source))


def source(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    cluster_name: str | None = None,
    user: str | None = None,
    server: str | None = None,
    token_file: str | None = None,
    certificate_authority: str | None = None,
    tls_server_name: str | None = None,
    insecure: bool = False,
    as_user: str | None = None,
    as_group: list[str] | None = None,
    as_uid: str | None = None,
    cluster_file: str | None = None,
    file_has: list[str] | None = None,
    request_timeout: float = REQUEST_TIMEOUT,
) -> ClusterSource:
    """Raises UsageError for options that exclude or need each other."""
    from arpcheck.cluster.overrides import Overrides

    given = {
        "--kubeconfig": kubeconfig, "--context": context, "--cluster": cluster_name, "--user": user, "--server": server,
        "--token-file": token_file, "--certificate-authority": certificate_authority, "--tls-server-name": tls_server_name,
        "--insecure-skip-tls-verify": insecure, "--as": as_user, "--as-group": as_group, "--as-uid": as_uid,
    }  # fmt: skip
    if empty := next((option for option, value in given.items() if value == ""), None):
        raise UsageError(f"{empty} '': an empty value", "Give one, or leave the option out")
    used = [option for option, value in given.items() if value]
    if cluster_file is not None and used:
        raise UsageError(f"--cluster-file can't be combined with {used[0]}", "Give the file or the others")
    if file_has and cluster_file is None:
        raise UsageError("--file-has needs --cluster-file", "Give that too")
    if (as_group or as_uid) and not as_user:
        raise UsageError(f"{'--as-group' if as_group else '--as-uid'} needs --as", "Name the user to impersonate")
    if insecure and certificate_authority:
        raise UsageError("--insecure-skip-tls-verify can't be combined with --certificate-authority", "Give one of them")
    return ClusterSource(
        kubeconfig=kubeconfig,
        context=context,
        as_user=as_user,
        as_groups=tuple(as_group or ()),
        as_uid=as_uid,
        overrides=Overrides(
            cluster=cluster_name, user=user, server=server, certificate_authority=_absolute(certificate_authority),
            tls_server_name=tls_server_name, insecure=insecure, token_file=_absolute(token_file),
        ),
        cluster_file=cluster_file,
        request_timeout=request_timeout,
        file_has=tuple(file_has or ()),
    )  # fmt: skip


def _absolute(path: str | None) -> str | None:
    """Of the options that name a file beside the kubeconfig, whose own relative paths begin where it lies."""
    if path is None:
        return None
    try:
        return os.fspath(Path(path).absolute())
    except OSError:
        raise UsageError(f"{path}: its folder can't be found", "Use an absolute path") from None


# ------------------------------------------------------------------------------------------------------ The cluster in words

# Which cluster a command reads, for the first line on stderr: context, server and kubeconfig, and whether sudo chose it.


def cluster_words(objects: Objects, source: ClusterSource) -> str:
    """`context 'prod', https://10.0.0.1:6443, kubeconfig /home/ann/.kube/config`."""
    if source.cluster_file is None:
        context = "the pod's cluster" if objects.context == "in-cluster" else f"context {objects.context!r}"
        return ", ".join(word for word in (context, objects.server, objects.account) if word)
    file = "standard input" if source.cluster_file == "-" else f"file {source.cluster_file}"
    return f"{file}, context {objects.context!r}" if objects.read_at else file


def kubeconfig_note(source: ClusterSource) -> None:
    """Under sudo, which drops KUBECONFIG by default (sudoers, env_reset), another cluster than meant may be read."""
    if source.cluster_file is None and source.kubeconfig is None and not source.overrides.server and dropped(os.environ):
        notice(
            "sudo drops KUBECONFIG, so this is the default kubeconfig. To keep yours:"
            " sudo --preserve-env=KUBECONFIG arpcheck …, or --kubeconfig FILE"
        )


def dropped(environ: os._Environ[str]) -> bool:
    """Whether sudo may have dropped KUBECONFIG."""
    return "SUDO_UID" in environ and not environ.get("KUBECONFIG")
