"""EDGE: what containers logged when they began. Bounded, whatever they logged; what was refused comes back as its reason.

Knows no kube-proxy and reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from arpcheck.cluster.credentials import open_session
from arpcheck.cluster.limits import Budget, side_by_side
from arpcheck.cluster.refusals import TIMED_OUT, UnreadError, by_status
from arpcheck.cluster.session import Session
from arpcheck.cluster.source import Source
from arpcheck.errors import UsageError

BYTES = 256 * 1024
"""From the beginning of a log, where a process says how it starts; the kubelet itself rotates at 10 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """By the keys of what was asked for."""

    found: Mapping[str, str]
    unread: Mapping[str, str]
    """Why: `forbidden`, `timed out`, `not found`."""


def read_logs(source: Source, containers: Mapping[str, Container]) -> Logs:
    """The beginning of each log. ClusterError where there is no server or no login; UsageError for a file."""
    if source.cluster_file is not None:
        raise UsageError("a cluster file holds no logs", "Leave out --logs, or name a cluster")
    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        work = {key: (lambda one=one: _log(session, one, budget)) for key, one in containers.items()}
        told = dict(side_by_side(work, budget))
    finally:
        session.close()
    outcomes = {key: told.get(key, (None, TIMED_OUT)) for key in sorted(containers)}
    return Logs(
        found={key: log for key, (log, _) in outcomes.items() if log is not None},
        unread={key: why for key, (log, why) in outcomes.items() if log is None},
    )


def _log(session: Session, one: Container, budget: Budget) -> tuple[str | None, str]:
    """The log, or None and why not."""
    path = f"/api/v1/namespaces/{quote(one.namespace, safe='')}/pods/{quote(one.pod, safe='')}/log"
    query = {"container": one.container, "limitBytes": str(BYTES)}
    try:
        answer = session.send("GET", path, query, budget)
    except UnreadError as unread:
        return None, unread.why
    if answer.status != 200:
        return None, by_status(answer.status).why
    return answer.body[:BYTES].decode("utf-8", "replace"), ""
