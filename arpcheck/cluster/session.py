"""Sends requests to one API server for one account, within a budget, and returns raw responses.

Uses the Python client's connection pool without its models and retries: with the retries, a server that hangs takes four
times the timeout."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from arpcheck.cluster.limits import (
    ANSWER,
    ENTRIES,
    SMALL,
    UNREADABLE,
    Budget,
    ReadError,
    Turn,
    by_error,
    by_status,
    measure,
    timed_out,
    too_large,
)
from arpcheck.cluster.parse import Each, MalformedError, json_value

INFORMATIONAL = 20
"""Maximum 1xx responses before the final one (RFC 9110 section 15.2). An API server sends none."""


class Connections:
    """The open sockets of a pool. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: list[Any] = []
        self._ended = False

    def add(self, found: Any) -> None:
        with self._lock:
            self._sockets = [one for one in self._sockets if one.fileno() >= 0] + [found]
            ended = self._ended
        if ended:
            _shut(found)

    def end(self) -> None:
        """Closes all sockets, now and later; waiting threads fail at once."""
        with self._lock:
            self._ended, found, self._sockets = True, self._sockets, []
        for one in found:
            _shut(one)


def _shut(found: Any) -> None:
    with suppress(OSError, AttributeError):  # already closed
        socket.socket.shutdown(found, socket.SHUT_RDWR)  # also for TLS, whose own shutdown is not thread-safe


class _Response(http.client.HTTPResponse):
    """Skips a few 1xx responses. http.client knows only 100 and has no limit."""

    _passed = 0

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
            return version, status, reason
        self._passed += 1
        if self._passed > INFORMATIONAL:
            raise http.client.BadStatusLine("too many 1xx responses")
        return version, http.client.CONTINUE, reason


def watched(pool: Any) -> Connections:
    """The connections that this urllib3 pool will open."""
    found = Connections()
    pool.pool_classes_by_scheme = {
        scheme: type(made.__name__, (made,), {"ConnectionCls": _watched(made.ConnectionCls, found)})
        for scheme, made in pool.pool_classes_by_scheme.items()
    }
    return found


def _watched(made: Any, found: Connections) -> Any:
    class Watched(made):  # type: ignore[misc]
        response_class = _Response

        def _new_conn(self) -> Any:
            """Registers the socket before the TLS handshake."""
            opened = super()._new_conn()
            found.add(opened)
            return opened

        def connect(self) -> None:
            super().connect()
            found.add(self.sock)

    return Watched


# ------------------------------------------------------- The API server's clock, from Date headers (RFC 9110 section 6.6.1)

DIFFERENCE = 5.0
"""Seconds; a smaller difference counts as none."""


class ServerTime:
    """How far the server's clock is ahead of this host's. Thread-safe."""

    def __init__(self) -> None:
        self._least, self._most = float("-inf"), float("inf")
        self._last: float | None = None
        self._lock = threading.Lock()

    def observe(self, header: str | None, asked: datetime, answered: datetime) -> None:
        """`asked` and `answered`: this host's time before and after the request. An invalid header is ignored."""
        try:
            date = parsedate_to_datetime(header or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        least, most = (date - answered).total_seconds(), (date - asked).total_seconds() + 1
        with self._lock:
            self._least, self._most = max(self._least, least), min(self._most, most)
            self._last = (least + most) / 2

    @property
    def ahead(self) -> float | None:
        """Whole seconds; 0 if less than DIFFERENCE; None if no response had a date. If responses contradict each other, as
        from several servers behind one address, the last one counts."""
        with self._lock:
            if self._last is None:
                return None
            middle = (self._least + self._most) / 2
            found = float(round(middle if self._least <= self._most else self._last))
            return found if abs(found) >= DIFFERENCE else 0.0


class Traffic:
    """Requests that were sent, and bytes of the bodies in both directions. Thread-safe."""

    def __init__(self) -> None:
        self.requests = 0
        self.octets = 0
        self._lock = Lock()

    def count(self, octets: int) -> None:
        with self._lock:
            self.requests += 1
            self.octets += octets


# ----------------------------------------------------------------------------------------------------------------- Requests

_log = logging.getLogger(__name__)

CHUNK = 1 << 18
ATTEMPTS = 10
"""Like client-go: maximum attempts for responses with Retry-After (rest/with_retry.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response with any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self, each: Each | None = None) -> Any:
        """`each` as in `json_value`. Raises ReadError if the body is not JSON or exceeds the limits."""
        measure(self.body)
        try:
            return json_value(self.body, each)
        except MalformedError:
            raise ReadError(
                UNREADABLE, "Check that the server in the kubeconfig is a Kubernetes API server", status=self.status
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One account on one API server. Thread-safe."""

    context: str
    """The kubeconfig context, or `in-cluster`."""
    account: str
    """`kubeconfig FILE`, or `the pod's service account`, for messages."""
    server: str
    """The URL without credentials and path, for messages."""
    base: str = field(repr=False)
    headers: Any = field(repr=False)
    pool: Any = field(repr=False)
    connections: Connections = field(default_factory=Connections, repr=False, compare=False)
    """The connections of the pool."""
    time: ServerTime = field(default_factory=ServerTime, repr=False, compare=False)
    traffic: Traffic = field(default_factory=Traffic, repr=False, compare=False)

    @property
    def where(self) -> str:
        return f"{self.server} (context {self.context!r})"

    def read(self, path: str, query: Mapping[str, str], budget: Budget, each: Each | None = None) -> Any:
        """GETs the JSON at `path`; `each` as in `json_value`. Raises ReadError on any failure."""
        with budget.room.turn() as turn:
            answer = self.send("GET", path, query, budget, turn=turn)
            if not 200 <= answer.status < 300:
                raise by_status(answer.status)
            with budget.room.parsing:
                found = answer.json(_counted(each, budget) if each else None)
        if each is None:
            budget.room.keep(found)
        return found

    def send(
        self, method: str, path: str, query: Mapping[str, str], budget: Budget, *,
        body: bytes | None = None, content_type: str = "application/json", turn: Turn | None = None,
    ) -> Response:  # fmt: skip
        """Sends one request and reads the complete response, whatever its status. Repeats it if the server sends
        Retry-After.

        `turn`: allows a large response; without it, only a small one is read."""
        target = f"{path}?{urlencode(query)}" if query else path
        for _ in range(ATTEMPTS):
            answer = self._logged(method, target, budget, body, content_type, turn)
            seconds = answer.headers.get("retry-after", "")
            if (answer.status != 429 and answer.status < 500) or not seconds.isdecimal() or len(seconds) > 6:
                break
            if not budget.pause(int(seconds)):
                break
        return answer

    def _logged(self, method: str, path: str, *rest: Any) -> Response:
        began = time.monotonic()
        try:
            answer = self._once(method, path, *rest)
        except ReadError as error:
            _log.info("%s %s: %s, %.0f ms", method, path, error.why, (time.monotonic() - began) * 1000)
            raise
        _log.info(
            "%s %s: %d, %d octets, %.0f ms", method, path, answer.status, len(answer.body), (time.monotonic() - began) * 1000
        )
        return answer

    def _once(
        self, method: str, path: str, budget: Budget, body: bytes | None, content_type: str, turn: Turn | None
    ) -> Response:
        import urllib3

        if budget.left <= 0:
            raise timed_out()
        headers = self.headers.copy()
        if body is not None:
            headers["Content-Type"] = content_type
        timeout, asked = urllib3.Timeout(connect=budget.left, read=budget.left), datetime.now(UTC)
        try:
            response = self.pool.request(
                method, self.base + path, headers=headers, body=body, timeout=timeout, retries=False, preload_content=False,
                enforce_content_length=True,
            )  # fmt: skip
            found = {key.lower(): value for key, value in response.headers.items()}
            self.time.observe(found.get("date"), asked, datetime.now(UTC))
            whole = _whole(response, budget, turn)
            self.traffic.count(len(whole) + len(body or b""))
            return Response(status=response.status, headers=found, body=whole)
        except (ReadError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - urllib3, http.client, ssl and idna raise many types; never shown
            raise (by_error(error) if budget.left > 0 else timed_out()) from None

    def close(self) -> None:
        """Closes all connections, including those that wait for a response."""
        self.connections.end()
        self.pool.clear()


def _counted(each: Each, budget: Budget) -> Each:
    """Wraps `each`: bounds the entries of a page, checks the deadline and counts what is kept."""
    entries = 0

    def made(entry: Any) -> Any:
        nonlocal entries
        entries += 1
        if entries > ENTRIES:
            raise ReadError(f"a page with more than {ENTRIES:,} entries")
        if budget.left <= 0:
            raise timed_out()
        kept = each(entry)
        budget.room.keep(kept)
        return kept

    return made


def _whole(response: Any, budget: Budget, turn: Turn | None) -> bytes:
    """Reads and decodes the body receive by receive, so that a slow response ends at the deadline."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("gzip", "identity", ""):
        raise ReadError(
            UNREADABLE, "The response has a compression that arpcheck did not request. Check for a proxy in between"
        )
    body = bytearray()
    done = False
    try:
        while chunk := response.read1(CHUNK):
            budget.room.take(len(chunk))
            if budget.left <= 0:
                raise timed_out()
            if len(body) + len(chunk) > SMALL:
                if turn is None:
                    raise too_large(f"a response larger than {SMALL >> 20} MiB")
                turn.grow(budget)
            body += chunk
            if len(body) > ANSWER:
                raise too_large(f"a response larger than {ANSWER >> 20} MiB")
        done = True
    finally:
        response.release_conn() if done else response.close()
    return bytes(body)
