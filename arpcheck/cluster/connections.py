"""The connections of a pool, so that they can be ended while a thread waits for one of them, and what a server may say
before its answer.

A server that sends one octet a minute, or trailers without an end, holds its thread: only the end of the socket ends it."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from threading import Lock
from typing import Any

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
