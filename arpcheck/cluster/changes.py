"""Writes to the cluster: one key of a ConfigMap and a rollout restart, with the reads beside them; also reads container
logs.

A write carries the object's resourceVersion, so it never overwrites a concurrent change. Every failure is a ClusterError
that says whether the write was done."""

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
from arpcheck.cluster.limits import FORBIDDEN, TIMED_OUT, Budget, ReadError, by_status, in_time, side_by_side
from arpcheck.cluster.requirements import merge
from arpcheck.cluster.session import Response, Session
from arpcheck.cluster.source import ClusterSource
from arpcheck.errors import ClusterError, UsageError
from arpcheck.model import Need
from arpcheck.model.constants import RESTARTED
from arpcheck.objects import Object, Objects, items, name, namespace, text
from arpcheck.text import plain

MANAGER = "arpcheck"
"""The field manager in metadata.managedFields."""

_LONGEST_MESSAGE = 1000
"""Maximum number of characters of a server's message."""

_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


class UncertainError(ClusterError):
    """The server did not confirm a write, or failed while it handled the write: it may have been done."""

    def __init__(self, message: str, hint: str, *, why: str, cure: str) -> None:
        super().__init__(message, hint)
        self.why = why
        """What went wrong."""
        self.cure = cure


class Connection:
    """An open session with one account on one server."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self._date = ""

    @property
    def context(self) -> str:
        return self._session.context

    @property
    def cluster(self) -> Objects:
        """Which cluster it is, without any object of it."""
        return Objects(context=self._session.context, server=self._session.server, account=self._session.account)

    @property
    def clock(self) -> datetime:
        """The server's time from its last response, else this host's. Whole seconds, UTC."""
        try:
            return parsedate_to_datetime(self._date).astimezone(UTC)
        except (ValueError, TypeError):
            return datetime.now(UTC).replace(microsecond=0)

    def read(self, needs: Sequence[Need]) -> Objects:
        """Like `cluster.read`, but Services are not required."""
        budget = Budget(self._seconds)
        return read_api(self._session, merge(needs), budget, within=(), services_required=False)

    def config_map(self, space: str, title: str) -> Object:
        """Reads a complete ConfigMap."""
        return self._object("GET", _config_map(space, title), f"get configmaps ({space}/{title})")

    def set_key(self, config_map: Object, key: str, value: str, *, dry_run: bool = False) -> Object:
        """Writes one key of `data`, unless the object has changed since it was read."""
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
            if dry_run:  # a dry run changes nothing, so there is no doubt about the write
                why = f"{self._session.where}: dry run of {what}: {error.why}"
                raise ClusterError(why, error.cure or "Try again later") from None
            raise

    def _object(
        self, method: str, path: str, what: str, query: Mapping[str, str] | None = None, body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Object:  # fmt: skip
        try:
            budget, send = Budget(self._seconds), self._session.send
            answer = in_time(lambda: send(method, path, query or {}, budget, body=body, content_type=content_type), budget)
            self._date = answer.headers.get("date", "")
            return self._checked(answer, what)
        except ReadError as error:
            if body is not None and not 300 <= error.status < 500:
                why = f"{self._session.where}: {what}: {error.why}; the change may have been made"
                raise UncertainError(
                    why, "Run the command again: it first reads the current state", why=error.why, cure=error.cure
                ) from None
            raise ClusterError(f"{self._session.where}: {what}: {error.why}", error.cure) from None

    def _checked(self, answer: Response, what: str) -> Object:
        if answer.status == 409:
            why = f"{what}: the object changed since it was read; nothing was written"
            raise ClusterError(why, "Run the command again: it starts from the current state")
        if answer.status == 403:
            raise self._forbidden(answer, what)
        if not 200 <= answer.status < 300:
            raise self._refused(answer, what)
        found = answer.json()
        if not isinstance(found, Mapping) or not name(found):
            raise ReadError(
                "unreadable answer",
                "Check that the server in the kubeconfig is a Kubernetes API server",
                status=answer.status,
            )
        return found

    def _forbidden(self, answer: Response, what: str) -> ClusterError:
        """RBAC refuses with a fixed sentence (k8s.io/apiserver, responsewriters/errors.go); an admission policy has its own
        message."""
        verb, _, resource = what.partition(" ")
        if f" cannot {verb} resource " not in text(answer.json(), "message"):
            message = server_message(answer)
            why = f"{self._session.where}: {FORBIDDEN}: an admission policy refused {what}"
            if message:
                return ClusterError(f"{why}: {message}")
            return ClusterError(why, "Run the same change with `kubectl edit` to see the policy's message")
        hint = "Grant this verb to the account, or use an account that has it"
        return ClusterError(f"{self._session.where}: {FORBIDDEN}: this account may not {verb} {resource}", hint)

    def _refused(self, answer: Response, what: str) -> Exception:
        """The server's refusal with its own message. If an admission webhook can't be reached, the change was not made."""
        found, message = by_status(answer.status), server_message(answer)
        why = f"{found.why}: {message}" if message else found.why
        if answer.status >= 500 and "failed calling webhook" in message:
            hint = "Nothing was written. Check that the webhook's Service is running"
            return ClusterError(f"{self._session.where}: {what}: {why}", hint)
        cure = "" if message and answer.status < 500 else found.cure
        return ReadError(why, cure, status=answer.status, fatal=found.fatal)


def server_message(answer: Response) -> str:
    """`message` and `details.causes` of a Status (k8s.io/apimachinery meta/v1) in one line, each text once. Empty if the
    body is not a Status, because a proxy may echo what it was sent."""
    try:
        found = answer.json()
    except ReadError:
        return ""
    if text(found, "kind") != "Status":
        return ""
    message = " ".join(text(found, "message").split())
    causes = [" ".join(f"{text(one, 'field')} {text(one, 'message')}".split()) for one in items(found, "details", "causes")]
    more = [cause for one, cause in zip(items(found, "details", "causes"), causes, strict=True) if _is_new(one, message)]
    return plain("; ".join(dict.fromkeys(part for part in (message, *more) if part)), _LONGEST_MESSAGE)


def _is_new(cause: object, message: str) -> bool:
    words = " ".join(text(cause, "message").split())
    return bool(words) and words not in message


@contextmanager
def connected(source: ClusterSource) -> Iterator[Connection]:
    """Opens a connection. Raises ClusterError if there is no server or no login; UsageError for a file, which can't be
    changed."""
    if source.cluster_file is not None:
        raise UsageError("--cluster-file: a file can't be changed", "Select a cluster with --kubeconfig or --context")
    import kubernetes  # noqa: F401 - the import takes half a second, which must not count against the request timeout

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        yield Connection(session, source.request_timeout)
    finally:
        session.close()


def _config_map(space: str, title: str) -> str:
    return f"/api/v1/namespaces/{quote(space, safe='')}/configmaps/{quote(title, safe='')}"


# ----------------------------------------------------------------------------------------------------------- Container logs

BYTES = 256 * 1024
"""Bytes from the beginning of a log, where a process prints its settings; the kubelet rotates logs at 10 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Logs by the caller's keys."""

    found: Mapping[str, str]
    unread: Mapping[str, str]
    """The reason by key: `forbidden`, `timed out`, `not found`."""


def read_logs(source: ClusterSource, containers: Mapping[str, Container]) -> Logs:
    """Reads the beginning of each log. Raises ClusterError if there is no server or no login; UsageError for a file."""
    if source.cluster_file is not None:
        raise UsageError("--logs: a cluster file has no container logs", "Remove --logs, or select a cluster with --context")
    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        work = {key: (lambda one=one: _log(session, one, budget)) for key, one in containers.items()}
        results = dict(side_by_side(work, budget))
    finally:
        session.close()
    outcomes = {key: results.get(key, (None, TIMED_OUT)) for key in sorted(containers)}
    return Logs(
        found={key: log for key, (log, _) in outcomes.items() if log is not None},
        unread={key: why for key, (log, why) in outcomes.items() if log is None},
    )


def _log(session: Session, one: Container, budget: Budget) -> tuple[str | None, str]:
    """The log, or None and the reason."""
    path = f"/api/v1/namespaces/{quote(one.namespace, safe='')}/pods/{quote(one.pod, safe='')}/log"
    query = {"container": one.container, "limitBytes": str(BYTES)}
    try:
        answer = session.send("GET", path, query, budget)
    except ReadError as error:
        return None, error.why
    if answer.status != 200:
        return None, by_status(answer.status).why
    return answer.body[:BYTES].decode("utf-8", "replace"), ""
