"""Makes and deletes the objects of a run of `arpcheck cluster`, reads how far its Jobs are, and reads their logs.

A request that was not answered is sent again: every object has a name that no other run uses, so a second attempt finds what
the first one made. A run outlives a token: where the server refuses the login, arpcheck logs in once more."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote

from arpcheck.cluster.api import read_api, read_list
from arpcheck.cluster.changes import server_message
from arpcheck.cluster.credentials import open_session
from arpcheck.cluster.discovery import Served
from arpcheck.cluster.limits import FORBIDDEN, Budget, ReadError, by_status, in_time, side_by_side
from arpcheck.cluster.requirements import merge
from arpcheck.cluster.session import Session
from arpcheck.cluster.source import ClusterSource, named_kubeconfig
from arpcheck.command_lines import IN_CLUSTER
from arpcheck.errors import ArpcheckError, ClusterError, UsageError
from arpcheck.gc_control import held_back
from arpcheck.model import Need
from arpcheck.objects import Object, Objects, text

Made = TypeVar("Made")

_log = logging.getLogger(__name__)

KINDS = {
    "Namespace": Served(api_version="v1", plural="namespaces", kind="Namespace", namespaced=False),
    "ServiceAccount": Served(api_version="v1", plural="serviceaccounts", kind="ServiceAccount", namespaced=True),
    "ConfigMap": Served(api_version="v1", plural="configmaps", kind="ConfigMap", namespaced=True),
    "Node": Served(api_version="v1", plural="nodes", kind="Node", namespaced=False),
    "Pod": Served(api_version="v1", plural="pods", kind="Pod", namespaced=True),
    "Event": Served(api_version="v1", plural="events", kind="Event", namespaced=True),
    "Job": Served(api_version="batch/v1", plural="jobs", kind="Job", namespaced=True),
    "RoleBinding": Served(
        api_version="rbac.authorization.k8s.io/v1", plural="rolebindings", kind="RoleBinding", namespaced=True
    ),
}
"""What a run makes and reads: kinds that every server serves in this version."""

_FIELDS = {
    "Namespace": ("metadata labels *", "metadata annotations *", "metadata deletionTimestamp"),
    "Node": ("metadata labels *", "spec taints", "status conditions"),
    "Pod": (
        "metadata labels *", "metadata deletionTimestamp", "spec nodeName",
        *(f"status {key}" for key in ("phase", "reason", "message", "conditions")),
        *(f"status containerStatuses {key}" for key in ("state", "ready")),
    ),
    "Event": ("involvedObject", "reason", "message", "type", "lastTimestamp", "eventTime"),
    "Job": ("metadata labels *", "metadata annotations *", "status conditions"),
}  # fmt: skip
_OTHERS = ("metadata labels *", "metadata annotations *")

ATTEMPTS = 5
PAUSE = 0.5
"""Seconds before the second attempt; twice as long before each further one."""


class RefusedByServerError(ClusterError):
    """The server refused to make an object: RBAC, an admission, or a limit."""


class LostServerError(ClusterError):
    """No request can succeed any more: the login or the certificate is not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What the API had to do."""

    requests: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadText:
    """A log, or why it could not be read."""

    text: str = ""
    why: str = ""


class JobsApi:
    """The API server as a run uses it."""

    def __init__(self, source: ClusterSource, again: ClusterSource) -> None:
        """Logs in. `again`: the source for a later login, without what was read of it before: tokens change. Raises
        ClusterError if there is no server or no login."""
        if source.cluster_file is not None:
            raise UsageError("--cluster-file: Jobs need a cluster", "Select one with --kubeconfig or --context")
        import kubernetes  # noqa: F401 - the import takes half a second, which must not count against the request timeout

        self._source = source
        self._again = again
        self._session = open_session(source, Budget(source.request_timeout))
        self._before = Used(requests=0, octets=0)
        self._lock = Lock()

    @property
    def where(self) -> str:
        return self._session.where

    @property
    def cluster(self) -> Objects:
        """Which cluster it is, without any object of it."""
        return Objects(context=self._session.context, server=self._session.server, account=self._session.account)

    @property
    def ahead(self) -> float:
        """Seconds by which the server's clock is ahead of this host's."""
        return self._session.time.ahead or 0.0

    @property
    def used(self) -> Used:
        traffic = self._session.traffic
        return Used(requests=self._before.requests + traffic.requests, octets=self._before.octets + traffic.octets)

    def close(self) -> None:
        self._session.close()

    # ------------------------------------------------------------------------------------------------------- reading

    def read(self, needs: Sequence[Need], *, services_required: bool = False) -> Objects:
        """Like `cluster.read`. Raises ClusterError."""
        with held_back():
            found = self._logged_in(
                lambda session, budget: read_api(
                    session, merge(needs), budget, within=(), services_required=services_required
                )
            )
        return replace(found, kubeconfig=named_kubeconfig(self._source) if found.context != IN_CLUSTER else None)

    def listed(self, kind: str, space: str | None, *, selector: str = "", field_selector: str = "") -> tuple[Object, ...]:
        """Raises ClusterError if the list can't be read completely."""
        need = Need(
            resource=KINDS[kind].plural, costs="", selector=selector, field_selector=field_selector,
            fields=_FIELDS.get(kind, _OTHERS),
        )  # fmt: skip
        [want] = merge((need,))

        def read(session: Session, budget: Budget) -> tuple[Object, ...]:
            def fetch(path: str, query: Mapping[str, str], each: Any = None) -> Any:
                return session.read(path, query, budget, each)

            return in_time(lambda: read_list(fetch, KINDS[kind], space, want).objects, budget)

        return self._repeated(read, f"list {KINDS[kind].plural}")

    def log(self, space: str, pod: str, container: str, limit: int) -> str:
        """The log of a container, at most `limit` bytes. Raises ClusterError."""
        path = f"{KINDS['Pod'].path(quote(space, safe=''))}/{quote(pod, safe='')}/log"
        query = {"container": container, "limitBytes": str(limit)}

        def read(session: Session, budget: Budget) -> str:
            with budget.room.turn() as turn:
                answer = session.send("GET", path, query, budget, turn=turn)
                if answer.status != 200:
                    raise _refusal(answer)
                return answer.body[:limit].decode("utf-8", "replace")

        return self._repeated(read, f"get pods/log ({space}/{pod})")

    def logs(self, space: str, pods: Mapping[str, str], container: str, limit: int) -> Iterator[tuple[str, ReadText]]:
        """The log of each Pod as it comes, by the caller's keys."""

        def read(pod: str) -> ReadText:
            try:
                return ReadText(text=self.log(space, pod, container, limit))
            except ClusterError as error:  # a value: an exception would end the others too
                return ReadText(why=error.message)

        yield from self._side_by_side({key: partial(read, pod) for key, pod in pods.items()})

    # ------------------------------------------------------------------------------------------------------- writing

    def create(self, manifests: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Makes them side by side, and returns by name why the server refused one. Other failures raise ClusterError."""

        def made(manifest: Mapping[str, Any]) -> str:
            try:
                self.create_one(manifest)
            except RefusedByServerError as error:
                return error.message
            return ""

        work = {text(one, "metadata", "name"): partial(made, one) for one in manifests}
        return {name: why for name, why in self._side_by_side(work) if why}

    def create_one(self, manifest: Mapping[str, Any]) -> None:
        """Raises RefusedByServerError if the server refuses it, ClusterError if it can't be asked."""
        served, title = KINDS[manifest["kind"]], text(manifest, "metadata", "name")
        space = text(manifest, "metadata", "namespace") or None
        path, body = served.path(space and quote(space, safe="")), json.dumps(manifest).encode()

        def post(session: Session, budget: Budget) -> None:
            answer = session.send("POST", path, {"fieldManager": "arpcheck"}, budget, body=body)
            if not 200 <= answer.status < 300 and answer.status != 409:  # a first attempt whose answer was lost made it
                raise _refusal(answer)

        self._repeated(post, f"create {served.plural} ({space + '/' if space else ''}{title})")

    def delete(self, kind: str, space: str | None, title: str) -> None:
        """Deletes one object and what depends on it. It may be gone already. Raises ClusterError."""
        served = KINDS[kind]
        path = f"{served.path(space and quote(space, safe=''))}/{quote(title, safe='')}"
        self._repeated(lambda session, budget: _deleted(session, path, {}, budget), f"delete {served.plural} ({title})")

    def delete_all(self, kind: str, space: str, selector: str) -> None:
        """Deletes the objects of a namespace with these labels, and what depends on them. Raises ClusterError."""
        served = KINDS[kind]
        query = {"labelSelector": selector}
        path = served.path(quote(space, safe=""))
        self._repeated(
            lambda session, budget: _deleted(session, path, query, budget), f"deletecollection {served.plural} in {space}"
        )

    # ------------------------------------------------------------------------------------------------------ attempts

    def _side_by_side(self, work: Mapping[str, Callable[[], Made]]) -> Iterator[tuple[str, Made]]:
        """As many requests as a run has: each has the time limit of one."""
        budget = Budget(self._source.request_timeout * (ATTEMPTS + len(work)))
        yield from side_by_side(work, budget)

    def _repeated(self, send: Callable[[Session, Budget], Made], what: str) -> Made:
        """Sends it again while the server can't answer: it restarts, or a load balancer in front of it changes."""
        pause = PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._logged_in(send)
            except ReadError as error:
                passes = error.status == 0 or error.status == 429 or error.status >= 500
                if attempt == ATTEMPTS or not passes or error.fatal:
                    raise self._told(error, what) from None
                _log.info("%s: %s; attempt %d", what, error.why, attempt)
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def _told(self, error: ReadError, what: str) -> ClusterError:
        message = f"{self._session.where}: {what}: {error.why}"
        if error.fatal:
            return LostServerError(message, error.cure)
        if 400 <= error.status < 500:
            return RefusedByServerError(message, error.cure)
        return ClusterError(message, error.cure)

    def _logged_in(self, send: Callable[[Session, Budget], Made]) -> Made:
        """Once more with a new login where the old one is not accepted any more."""
        session = self._session
        try:
            return send(session, Budget(self._source.request_timeout))
        except ReadError as error:
            if error.status != 401:
                raise
            self._log_in_again(session)
        return send(self._session, Budget(self._source.request_timeout))

    def _log_in_again(self, refused: Session) -> None:
        """Once for all threads that were refused."""
        with self._lock:
            if self._session is refused:
                self._before = self.used
                self._session = self._new_session()
                refused.close()

    def _new_session(self) -> Session:
        """From the files as they are now; under sudo only root could read some of them, before the run."""
        try:
            return open_session(self._again, Budget(self._source.request_timeout))
        except ArpcheckError as error:
            _log.info("the kubeconfig can't be read again: %s", error)
            return open_session(self._source, Budget(self._source.request_timeout))


def _deleted(session: Session, path: str, query: Mapping[str, str], budget: Budget) -> None:
    """With the objects that depend on it: a Job alone would leave its Pods (batch/v1, propagationPolicy)."""
    body = json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}).encode()
    answer = session.send("DELETE", path, query, budget, body=body)
    if not 200 <= answer.status < 300 and answer.status not in (404, 409):
        raise _refusal(answer)


def _refusal(answer: Any) -> ReadError:
    """The server's refusal with its own message."""
    found, message = by_status(answer.status), server_message(answer)
    why = FORBIDDEN if answer.status == 403 and not message else found.why
    return ReadError(f"{why}: {message}" if message else why, found.cure, status=answer.status, fatal=found.fatal)


@contextmanager
def jobs_api(source: ClusterSource, again: ClusterSource) -> Iterator[JobsApi]:
    """As `JobsApi` is made. Raises ClusterError if there is no server or no login; UsageError for a file."""
    found = JobsApi(source, again)
    try:
        yield found
    finally:
        found.close()
