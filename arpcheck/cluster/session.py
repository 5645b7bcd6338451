"""Questions to one API server by one account: raw answers, within a budget. Knows no object and no kubeconfig.

The pool is the client's; its models and its retries are not used (with them a server that hangs takes four times the
timeout)."""

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
    Turn,
    UnreadError,
    by_error,
    by_status,
    measure,
    timed_out,
    too_large,
)
from arpcheck.cluster.parse import Each, MalformedError, json_value

INFORMATIONAL = 20
"""Answers 1xx before the one that counts (RFC 9110 section 15.2). An API server sends none."""


class Connections:
    """Threads may share it."""

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
        """Whoever waits for one is told at once that it is closed; those to come are closed too."""
        with self._lock:
            self._ended, found, self._sockets = True, self._sockets, []
        for one in found:
            _shut(one)


def _shut(found: Any) -> None:
    with suppress(OSError, AttributeError):  # it is closed already
        socket.socket.shutdown(found, socket.SHUT_RDWR)  # of TLS too, whose own is not for another thread


class _Response(http.client.HTTPResponse):
    """Passes over answers 1xx, a few of them; http.client knows 100 alone, and has no end of it."""

    _passed = 0

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
            return version, status, reason
        self._passed += 1
        if self._passed > INFORMATIONAL:
            raise http.client.BadStatusLine("no answer after those that only announce one")
        return version, http.client.CONTINUE, reason


def watched(pool: Any) -> Connections:
    """Those that this pool of urllib3's will make."""
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
            """The socket before TLS begins on it."""
            opened = super()._new_conn()
            found.add(opened)
            return opened

        def connect(self) -> None:
            super().connect()
            found.add(self.sock)

    return Watched


# ---------------- How far an API server's clock is ahead of this host's, by the Date header of its answers (RFC 9110, 6.6.1)

DIFFERENCE = 5.0
"""Seconds; less is no difference."""


class ServerTime:
    """Threads may share it."""

    def __init__(self) -> None:
        self._least, self._most = float("-inf"), float("inf")
        self._last: float | None = None
        self._lock = threading.Lock()

    def saw(self, header: str | None, asked: datetime, answered: datetime) -> None:
        """`asked` and `answered`: this host's time around the answer. What is no date says nothing."""
        try:
            said = parsedate_to_datetime(header or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said
        least, most = (said - answered).total_seconds(), (said - asked).total_seconds() + 1
        with self._lock:
            self._least, self._most = max(self._least, least), min(self._most, most)
            self._last = (least + most) / 2

    @property
    def ahead(self) -> float | None:
        """Whole seconds, 0 where they are less than clocks may differ; None: no answer said it. Where answers contradict
        each other, as of several servers behind one address, by the last one."""
        with self._lock:
            if self._last is None:
                return None
            middle = (self._least + self._most) / 2
            found = float(round(middle if self._least <= self._most else self._last))
            return found if abs(found) >= DIFFERENCE else 0.0


# -------------------------------------------------------------------------------- Questions to one API server by one account

_log = logging.getLogger(__name__)

CHUNK = 1 << 18
ATTEMPTS = 10
"""As client-go: answers with Retry-After are asked again that often (rest/with_retry.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, 2xx or not."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self, each: Each | None = None) -> Any:
        """`each` as in `json_value`. UnreadError where it is no JSON, or more than `bounds` has room for."""
        measure(self.body)
        try:
            return json_value(self.body, each)
        except MalformedError:
            raise UnreadError(UNREADABLE, "Is this the address of a Kubernetes API?", status=self.status) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Threads may share it."""

    context: str
    """The kubeconfig context, or `in-cluster`."""
    server: str
    """Without credentials and path, for messages."""
    base: str = field(repr=False)
    headers: Any = field(repr=False)
    pool: Any = field(repr=False)
    connections: Connections = field(default_factory=Connections, repr=False, compare=False)
    """Those of the pool."""
    time: ServerTime = field(default_factory=ServerTime, repr=False, compare=False)

    @property
    def where(self) -> str:
        return f"{self.server} (context {self.context!r})"

    def ask(self, path: str, query: Mapping[str, str], budget: Budget, each: Each | None = None) -> Any:
        """The JSON under `path`, `each` as in `json_value`. UnreadError where it could not be had, for whatever reason."""
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
        """One request and its whole answer, whatever its status. Asked again where the server says when.

        `turn`: it may be a large one; without it, a small one."""
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
        except UnreadError as unread:
            _log.info("%s %s: %s, %.0f ms", method, path, unread.why, (time.monotonic() - began) * 1000)
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
            self.time.saw(found.get("date"), asked, datetime.now(UTC))
            return Response(status=response.status, headers=found, body=_whole(response, budget, turn))
        except (UnreadError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever urllib3, http.client, ssl and idna raise; never shown
            raise (by_error(error) if budget.left > 0 else timed_out()) from None

    def close(self) -> None:
        """Ends what still waits for an answer, too."""
        self.connections.end()
        self.pool.clear()


def _counted(each: Each, budget: Budget) -> Each:
    """The same, for as many entries as a page may have, while there is time, and counted by what is kept of them."""
    entries = 0

    def made(entry: Any) -> Any:
        nonlocal entries
        entries += 1
        if entries > ENTRIES:
            raise UnreadError(f"more than {ENTRIES:,} entries in one page")
        if budget.left <= 0:
            raise timed_out()
        kept = each(entry)
        budget.room.keep(kept)
        return kept

    return made


def _whole(response: Any, budget: Budget, turn: Turn | None) -> bytes:
    """The body, decoded, read by what each receive brings, so that a slow drip ends with the budget."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("gzip", "identity", ""):
        raise UnreadError(UNREADABLE, "It is compressed as nobody asked for. Is there a proxy between?")
    body = bytearray()
    done = False
    try:
        while chunk := response.read1(CHUNK):
            budget.room.take(len(chunk))
            if budget.left <= 0:
                raise timed_out()
            if len(body) + len(chunk) > SMALL:
                if turn is None:
                    raise too_large(f"more than {SMALL >> 20} MiB in one answer")
                turn.grow(budget)
            body += chunk
            if len(body) > ANSWER:
                raise too_large(f"more than {ANSWER >> 20} MiB in one answer")
        done = True
    finally:
        response.release_conn() if done else response.close()
    return bytes(body)
