"""Where the cluster's objects come from, and how they are read: from a file, or from an API server."""

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
    Unheld,
    UnreadableError,
    absolute,
    embedded,
    expanded,
    load,
)
from arpcheck.cluster.limits import Budget, UnreadError, by_status, in_time
from arpcheck.cluster.ownership import read_roots
from arpcheck.cluster.requirements import merge
from arpcheck.errors import ClusterError
from arpcheck.gc_control import held_back
from arpcheck.model import Need
from arpcheck.objects import Objects, at, items, text, texts

if TYPE_CHECKING:
    from arpcheck.cluster.session import Response, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSource:
    """What the user said about the cluster."""

    kubeconfig: str | None = None
    """A file; None: as kubectl finds it, else the pod's service account."""
    context: str | None = None
    as_user: str | None = None
    """Whom to impersonate (`--as`)."""
    cluster_file: str | None = None
    """A file in place of an API; `-`: the standard input."""
    file_has: tuple[str, ...] = ()
    """The kinds that kubectl was asked for, where the file is kubectl's; `all`: every one."""
    request_timeout: float = 30.0
    """Seconds for all reading together, the login included."""
    held: Context | None = field(default=None, repr=False)
    """What `hold` read of the kubeconfig."""
    unheld: Unheld | None = None
    """Why `hold` did not read the kubeconfig that was named, though root was there to do it."""


def hold(source: ClusterSource, *, for_another: bool) -> ClusterSource:
    """The same with its kubeconfig read, and the files that this names: called while there is the right to read them.

    `for_another`: this process is about to become another user, so it reads only what was named explicitly and what
    root alone can have written; else that user could send any of root's files to a server of his own as a token. The
    same goes for each file that the kubeconfig names. What is not read so is that user's to read, who is told what he may
    see by himself. ClusterError for a kubeconfig that can't be used."""
    if source.cluster_file is not None or (for_another and not source.kubeconfig):
        return source
    path = str(absolute(expanded(source.kubeconfig))) if source.kubeconfig else None
    if not for_another:
        found = load(path, source.context, os.environ)
        return replace(source, held=embedded(found) if found else None)
    try:
        found = load(path, source.context, os.environ, read_roots)
    except (UnreadableError, NotAKubeconfigError):
        return replace(source, unheld=Unheld.NOT_ROOTS)
    if found and "exec" in found.user:
        return replace(source, unheld=Unheld.PLUGIN)
    return replace(source, held=embedded(found, read_roots) if found else None)


def read(
    source: ClusterSource, needs: Sequence[Need], *, namespace: str | None = None, services_required: bool = True
) -> Objects:
    """All that the needs name, each resource once, cut down to their fields.

    What is refused, unreadable or late becomes a Gap, and a resource that the server does not serve is absent. Where
    `namespace` is given it is enough that its objects may be listed. ClusterError: no server, no login, or no Services
    while they are required; InputError: a file that is none; UsageError: a selector that is none."""
    wants = merge(needs)
    if source.cluster_file is not None:
        with held_back():
            return read_file(source.cluster_file, wants, services_required=services_required, has=source.file_has)
    import kubernetes  # noqa: F401 - half a second, which is not the server's

    from arpcheck.cluster.api import read_api
    from arpcheck.cluster.credentials import open_session

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        with held_back():
            return read_api(session, wants, budget, within=namespace, services_required=services_required)
    finally:
        session.close()


# --- What an account may read

NAMESPACE = "kube-system"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The answers."""

    context: str
    server: str
    version: str | None
    took: float
    """Seconds for one question and its answer."""
    ahead: float | None
    """Seconds by which this host's clock is ahead of the server's, to a second; None where it says no time."""
    refused: tuple[Need, ...]
    """Needs that are served and that this account may not read."""
    unknown: tuple[Need, ...]
    """Needs of which the server does not say it."""


def access(
    source: ClusterSource, needs: Sequence[Need], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Access:
    """Raises ClusterError where there is no server, no login, or no answer."""
    from arpcheck.cluster.credentials import open_session

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        return in_time(lambda: _access(session, needs, budget, clock), budget)
    except UnreadError as unread:
        raise ClusterError(f"the API server {session.where} can't be read: {unread.why}", unread.cure) from None
    finally:
        session.close()


def _access(session: Session, needs: Sequence[Need], budget: Budget, clock: Callable[[], datetime]) -> Access:
    began, asked_at = time.monotonic(), clock()
    answer = session.send("GET", "/version", {}, budget)
    took = time.monotonic() - began
    if answer.status == 401:
        raise by_status(answer.status)
    review = _review(session, budget)
    denied = [need for need in needs if not _grants(review, need)]
    discovery = Discovery(lambda path: session.ask(path, {}, budget), budget)
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
        ahead=_ahead(answer, asked_at),
        refused=tuple(need for need in missing if need not in unknown),
        unknown=unknown,
    )


def _review(session: Session, budget: Budget) -> Any:
    """A SelfSubjectRulesReview (kubernetes/api authorization/v1); every account that is logged in may ask for its own."""
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
    """A rule for single objects grants no list."""
    names = texts(rule, "resourceNames")
    return not names or (need.verb == "get" and set(need.names) <= set(names))


def _ahead(answer: Response, asked_at: datetime) -> float | None:
    """The Date header is cut to the second (RFC 9110 section 6.6.1)."""
    try:
        said = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return (asked_at - (said if said.tzinfo else said.replace(tzinfo=UTC))).total_seconds()
