"""EDGE: one login for a change and for all that is read beside it, and the few writes that arpcheck knows.

A write names the object's resourceVersion, so what somebody else wrote meanwhile is never overwritten. Knows no
kube-proxy. Whatever goes wrong is a ClusterError, and says whether the write was done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from arpcheck.cluster.api import read_api
from arpcheck.cluster.credentials import open_session
from arpcheck.cluster.limits import FORBIDDEN, TIMED_OUT, Budget, UnreadError, by_status, in_time, side_by_side
from arpcheck.cluster.requirements import merge
from arpcheck.cluster.session import Response, Session
from arpcheck.cluster.source import ClusterSource
from arpcheck.errors import ClusterError, UsageError
from arpcheck.model import Need
from arpcheck.objects import Object, Objects, items, name, namespace, text
from arpcheck.text import plain

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a pod template by which `kubectl rollout restart` makes new pods (kubectl pkg/polymorphichelpers)."""
MANAGER = "arpcheck"
"""Whom metadata.managedFields names for what is written here."""

_MOST_SAID = 1000
"""Characters of what the server says."""

_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


class UncertainError(ClusterError):
    """The answer to a write did not come, or was that of a server in trouble: it may have been done."""

    def __init__(self, message: str, hint: str, *, why: str, cure: str) -> None:
        super().__init__(message, hint)
        self.why = why
        """What came instead of an answer."""
        self.cure = cure


class Connection:
    """One account on one server, for as long as a change takes."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self._date = ""

    @property
    def context(self) -> str:
        return self._session.context

    @property
    def clock(self) -> datetime:
        """The server's, as its last answer told it; this host's where it told none. Whole seconds, UTC."""
        try:
            return parsedate_to_datetime(self._date).astimezone(UTC)
        except (ValueError, TypeError):
            return datetime.now(UTC).replace(microsecond=0)

    def read(self, needs: Sequence[Need]) -> Objects:
        """As `cluster.read`; Services are not insisted on."""
        budget = Budget(self._seconds)
        return read_api(self._session, merge(needs), budget, within=None, services_required=False)

    def config_map(self, space: str, title: str) -> Object:
        """The whole of it, as it is now."""
        return self._object("GET", _config_map(space, title), f"get configmaps ({space}/{title})")

    def set_key(self, config_map: Object, key: str, value: str, *, dry_run: bool = False) -> Object:
        """Writes one key of `data`, if nobody has changed the object since it was read."""
        space, title = namespace(config_map), name(config_map)
        guard = {"resourceVersion": text(config_map, "metadata", "resourceVersion")}
        patch = {"metadata": guard, "data": {key: value}}
        return self._patch(_config_map(space, title), _MERGE, patch, f"patch configmaps ({space}/{title})", dry_run)

    def restart(self, space: str, title: str, at: datetime, *, dry_run: bool = False) -> Object:
        """Replaces the pods of a DaemonSet as `kubectl rollout restart` does."""
        annotations = {RESTARTED: at.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        path = f"/apis/apps/v1/namespaces/{quote(space, safe='')}/daemonsets/{quote(title, safe='')}"
        return self._patch(path, _STRATEGIC, patch, f"patch daemonsets.apps ({space}/{title})", dry_run)

    def _patch(self, path: str, content_type: str, patch: Mapping[str, Any], what: str, dry_run: bool) -> Object:
        query = {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})
        body = json.dumps(patch).encode()
        try:
            return self._object("PATCH", path, what, query, body, content_type)
        except UncertainError as error:
            if dry_run:  # which changes nothing, whatever became of it
                why = f"{self._session.where}: {what} as a dry run: {error.why}"
                raise ClusterError(why, error.cure or "Try again later") from None
            raise

    def _object(
        self, method: str, path: str, what: str, query: Mapping[str, str] | None = None, body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Object:  # fmt: skip
        try:
            budget, send = Budget(self._seconds), self._session.send
            answer = in_time(
                lambda: send(method, path, query or {}, budget, body=body, content_type=content_type), budget
            )
            self._date = answer.headers.get("date", "")
            return self._checked(answer, what)
        except UnreadError as unread:
            if body is not None and not 300 <= unread.status < 500:
                why = f"{self._session.where}: {what}: {unread.why}; whether it was done is not known"
                raise UncertainError(why, "Run it again: it looks first", why=unread.why, cure=unread.cure) from None
            raise ClusterError(f"{self._session.where}: {what}: {unread.why}", unread.cure) from None

    def _checked(self, answer: Response, what: str) -> Object:
        if answer.status == 409:
            why = f"{what}: somebody changed it meanwhile, so nothing was written"
            raise ClusterError(why, "Run it again: it begins with what is there now")
        if answer.status == 403:
            raise self._forbidden(answer, what)
        if not 200 <= answer.status < 300:
            raise self._refused(answer, what)
        found = answer.json()
        if not isinstance(found, Mapping) or not name(found):
            raise UnreadError("unreadable answer", "Is this the address of a Kubernetes API?", status=answer.status)
        return found

    def _forbidden(self, answer: Response, what: str) -> ClusterError:
        """Rights are refused in fixed words (k8s.io/apiserver, responsewriters/errors.go); an admission says its own."""
        verb, _, resource = what.partition(" ")
        if f" cannot {verb} resource " not in text(answer.json(), "message"):
            said = _said(answer)
            why = f"{self._session.where}: {FORBIDDEN}: {what} is refused by an admission policy"
            return ClusterError(f"{why}: {said}" if said else why, "" if said else "`kubectl edit` shows what it says")
        hint = "Give this account that right, or let somebody run it who has it"
        return ClusterError(f"{self._session.where}: {FORBIDDEN}: the verb {verb} on {resource} is missing", hint)


    def _refused(self, answer: Response, what: str) -> Exception:
        """With the server's own words. What an admission webhook that can't be reached stops has not been done."""
        found, said = by_status(answer.status), _said(answer)
        why = f"{found.why}: {said}" if said else found.why
        if answer.status >= 500 and "failed calling webhook" in said:
            hint = "Is the webhook's Service running? Nothing was written"
            return ClusterError(f"{self._session.where}: {what}: {why}", hint)
        return UnreadError(why, "" if said and answer.status < 500 else found.cure, status=answer.status, fatal=found.fatal)


def _said(answer: Response) -> str:
    """`message` and `details.causes` of a Status (k8s.io/apimachinery meta/v1), in one line; empty where it is none, since a
    proxy echoes what it was sent. The same text in both is said once."""
    try:
        found = answer.json()
    except UnreadError:
        return ""
    if text(found, "kind") != "Status":
        return ""
    message = " ".join(text(found, "message").split())
    causes = [" ".join(f"{text(one, 'field')} {text(one, 'message')}".split()) for one in items(found, "details", "causes")]
    more = [cause for one, cause in zip(items(found, "details", "causes"), causes, strict=True) if _is_new(one, message)]
    return plain("; ".join(dict.fromkeys(part for part in (message, *more) if part)), _MOST_SAID)


def _is_new(cause: object, message: str) -> bool:
    words = " ".join(text(cause, "message").split())
    return bool(words) and words not in message


@contextmanager
def connected(source: ClusterSource) -> Iterator[Connection]:
    """ClusterError where there is no server or no login; UsageError for a file, which can't be changed."""
    if source.cluster_file is not None:
        raise UsageError("a cluster file can't be changed", "Name a cluster with --kubeconfig or --context")
    import kubernetes  # noqa: F401 - half a second, which is not the server's

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        yield Connection(session, source.request_timeout)
    finally:
        session.close()


def _config_map(space: str, title: str) -> str:
    return f"/api/v1/namespaces/{quote(space, safe='')}/configmaps/{quote(title, safe='')}"


# ---------------------------------------------------------------------------------------------------------------------- EDGE

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


def read_logs(source: ClusterSource, containers: Mapping[str, Container]) -> Logs:
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
