"""Reads the cluster's objects from a file or from an API server, and checks what an account may read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from arpcheck.cluster.discovery import Discovery
from arpcheck.cluster.files import read_file
from arpcheck.cluster.kubeconfig import (
    Context,
    NotAKubeconfigError,
    NotPreloaded,
    UnreadableError,
    absolute,
    embedded,
    expanded,
    load,
)
from arpcheck.cluster.limits import Budget, ReadError, by_status, in_time
from arpcheck.cluster.overrides import Overrides
from arpcheck.cluster.ownership import read_roots
from arpcheck.cluster.requirements import merge
from arpcheck.command_lines import IN_CLUSTER
from arpcheck.errors import ClusterError
from arpcheck.gc_control import held_back
from arpcheck.model import Need
from arpcheck.objects import Objects, at, items, text, texts

if TYPE_CHECKING:
    from arpcheck.cluster.session import Response, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSource:
    """The options that select the cluster."""

    kubeconfig: str | None = None
    """Path of the kubeconfig. None: as kubectl finds it, else the pod's service account."""
    context: str | None = None
    as_user: str | None = None
    """Whom to impersonate (`--as`)."""
    as_groups: tuple[str, ...] = ()
    as_uid: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    cluster_file: str | None = None
    """Path of a file that is read instead of an API server; `-` is standard input."""
    file_has: tuple[str, ...] = ()
    """The kinds that a file written by kubectl covers; `all` for every kind."""
    request_timeout: float = 30.0
    """Seconds for all requests together, including the login."""
    preloaded: Context | None = field(default=None, repr=False)
    """The context that `preload` read."""
    not_preloaded: NotPreloaded | None = None
    """Why `preload` did not read the kubeconfig that the user named, although it ran as root."""


def preload(source: ClusterSource, *, for_another: bool) -> ClusterSource:
    """Returns the source with its kubeconfig, and the files that the kubeconfig names, already read. Call it while the
    process may still read them.

    `for_another`: this process is about to become another user. It then reads only an explicitly named file that root alone
    can have written; otherwise that user could send any of root's files to a server of their own as a token. The same rule
    applies to each file that the kubeconfig names. The user reads the rest later, with their own rights, and all of it where
    `overrides` could send its credentials to a server of their choice. Raises ClusterError for a kubeconfig that can't be
    used."""
    if source.cluster_file is not None or (for_another and not source.kubeconfig):
        return source
    path = str(absolute(expanded(source.kubeconfig))) if source.kubeconfig else None
    if not for_another:
        found = load(path, source.context, os.environ, overrides=source.overrides)
        return replace(source, preloaded=embedded(found) if found else None)
    if source.overrides.moves_credentials:
        return replace(source, not_preloaded=NotPreloaded.OVERRIDDEN)
    try:
        found = load(path, source.context, os.environ, read_roots)
    except (UnreadableError, NotAKubeconfigError):
        return replace(source, not_preloaded=NotPreloaded.NOT_ROOTS)
    if found and "exec" in found.user:
        return replace(source, not_preloaded=NotPreloaded.PLUGIN)
    return replace(source, preloaded=embedded(found, read_roots) if found else None)


def read(
    source: ClusterSource, needs: Sequence[Need], *, namespaces: Sequence[str] = (), services_required: bool = True
) -> Objects:
    """Reads everything that the needs name, each resource once, and keeps only the fields that they name.

    A resource that is forbidden, unreadable or late becomes a Gap. A resource that the server does not serve is absent. With
    `namespaces`, permission to list in those is enough. Raises ClusterError if there is no server or no login, or if
    Services are required and can't be read; InputError for a damaged file; UsageError for an invalid selector."""
    wants = merge(needs)
    if source.cluster_file is not None:
        with held_back():
            return read_file(source.cluster_file, wants, services_required=services_required, has=source.file_has)
    import kubernetes  # noqa: F401 - the import takes half a second, which must not count against the request timeout

    from arpcheck.cluster.api import read_api
    from arpcheck.cluster.credentials import open_session

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        with held_back():
            found = read_api(session, wants, budget, within=namespaces, services_required=services_required)
        return replace(found, kubeconfig=named_kubeconfig(source) if found.context != IN_CLUSTER else None)
    finally:
        session.close()


def named_kubeconfig(source: ClusterSource) -> str | None:
    """The kubeconfig that `--kubeconfig` or KUBECONFIG names. Several that are merged are no single path."""
    path = source.kubeconfig or os.environ.get("KUBECONFIG", "")
    if not path or (not source.kubeconfig and os.pathsep in path):
        return None
    return str(absolute(expanded(path)))


# ------------------------------------------------------------------------------------------------- What an account may read

NAMESPACE = "kube-system"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The result of the check that `doctor` runs."""

    context: str
    server: str
    version: str | None
    took: float
    """Seconds for one request and its response."""
    ahead: float | None
    """Seconds by which this host's clock is ahead of the server's, to the second. None if the server sends no date."""
    refused: tuple[Need, ...]
    """Needs that the server serves and this account may not read."""
    unknown: tuple[Need, ...]
    """Needs for which the server does not say whether this account may read them."""


def access(
    source: ClusterSource, needs: Sequence[Need], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Access:
    """Finds with a few requests what this account may read and how far its server is away.

    Sends one SelfSubjectRulesReview for kube-system, which shows cluster-wide rights and the rights there. A forbidden
    resource that the server does not serve is not reported. Raises ClusterError if there is no server, no login or no
    response."""
    from arpcheck.cluster.credentials import open_session

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        return in_time(lambda: _access(session, needs, budget, clock), budget)
    except ReadError as error:
        raise ClusterError(f"cannot read from the API server {session.where}: {error.why}", error.cure) from None
    finally:
        session.close()


def _access(session: Session, needs: Sequence[Need], budget: Budget, clock: Callable[[], datetime]) -> Access:
    began, sent_at = time.monotonic(), clock()
    answer = session.send("GET", "/version", {}, budget)
    took = time.monotonic() - began
    if answer.status == 401:
        raise by_status(answer.status)
    review = _review(session, budget)
    denied = [need for need in needs if not _grants(review, need)]
    discovery = Discovery(lambda path: session.read(path, {}, budget), budget)
    missing = tuple(
        need for need in denied
        if discovery.find(need.resource) and discovery.has_namespace(need.namespace) and discovery.has_group(need.group)
    )  # fmt: skip
    unsure = at(review, "status", "incomplete") is not False
    unknown = tuple(need for need in missing if unsure or need.namespace not in (None, NAMESPACE))
    return Access(
        context=session.context,
        server=session.server,
        version=text(answer.json(), "gitVersion")[:100] or None if answer.status == 200 else None,
        took=took,
        ahead=_clock_ahead(answer, sent_at),
        refused=tuple(need for need in missing if need not in unknown),
        unknown=unknown,
    )


def _review(session: Session, budget: Budget) -> Any:
    """A SelfSubjectRulesReview (kubernetes/api authorization/v1). Every authenticated account may create one for itself."""
    body = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": NAMESPACE},
    }  # fmt: skip
    answer = session.send("POST", REVIEW, {}, budget, body=json.dumps(body).encode())
    if not 200 <= answer.status < 300:
        raise by_status(answer.status)
    return answer.json()


def _grants(review: Any, need: Need) -> bool:
    plural, _, group = need.resource.partition(".")
    wanted = {"verbs": need.verb, "apiGroups": group, "resources": plural}
    return any(
        all({"*", value} & set(texts(rule, key)) for key, value in wanted.items()) and _rule_names(rule, need)
        for rule in items(review, "status", "resourceRules")
    )


def _rule_names(rule: Mapping[str, Any], need: Need) -> bool:
    """A rule with resourceNames does not grant list."""
    names = texts(rule, "resourceNames")
    return not names or (need.verb != "list" and set(need.names) <= set(names))


def _clock_ahead(answer: Response, sent_at: datetime) -> float | None:
    """The Date header has a resolution of one second (RFC 9110 section 6.6.1)."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return (sent_at - (date if date.tzinfo else date.replace(tzinfo=UTC))).total_seconds()
