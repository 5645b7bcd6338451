"""What an account may read and how its server is doing, found with few questions: for `doctor`, before an incident.

One SelfSubjectRulesReview, of kube-system, where it shows what is granted everywhere and what is granted there. Knows
no load balancer; a resource that is refused and not served is nothing that is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from arpcheck.cluster.credentials import open_session
from arpcheck.cluster.discovery import Discovery
from arpcheck.cluster.limits import Budget, in_time
from arpcheck.cluster.refusals import UnreadError, by_status
from arpcheck.cluster.session import Response, Session
from arpcheck.cluster.source import ClusterSource
from arpcheck.errors import ClusterError
from arpcheck.model import Need
from arpcheck.objects import at, items, text, texts

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
