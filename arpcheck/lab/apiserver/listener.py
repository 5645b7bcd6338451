"""Sockets: connections, TLS, and the failures that only a connection can have. Knows no object.

Every connection has a thread, and a request that fails fails only its own."""

from __future__ import annotations

import gzip
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from arpcheck.lab.apiserver.answers import Answer, Request
from arpcheck.lab.apiserver.faults import Fault

if TYPE_CHECKING:
    import ssl

GZIP = 128 << 10
"""Octets from which an answer is compressed for who accepts it (k8s.io/apiserver, defaultGzipThresholdBytes)."""


class Owner(Protocol):
    """What a listener needs of the server that it belongs to."""

    stopped: Event

    def note(self, request: Request) -> Fault | None: ...
    def answer(self, request: Request) -> Answer: ...
    def die(self) -> None: ...


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, listen: tuple[str, int], owner: Owner, tls: ssl.SSLContext | None) -> None:
        self.owner = owner
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(listen, _Connection)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of this host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that is slow to shake hands holds up nobody."""
        connection = request
        try:
            if self._tls:
                connection = self._tls.wrap_socket(request, server_side=True)
            with self._lock:
                self._open.add(connection)
            super().finish_request(connection, client_address)
        except OSError:
            return  # the client went away, or did not accept the certificate
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def end(self) -> None:
        self.server_close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def log_message(self, *_: object) -> None:
        """Requests are in `ApiServer.requests`."""

    def _serve(self) -> None:
        owner = self.server.owner
        request = self._request()
        fault = owner.note(request)
        if fault and not self._survives(fault):
            return
        answer = owner.answer(request)
        self._send(fault.answer(answer) if fault else answer, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that http.server looks for

    def _request(self) -> Request:
        url = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        return Request(
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={key.lower(): ", ".join(self.headers.get_all(key, ())) for key in self.headers},
            body=self.rfile.read(int(length)) if length.isdecimal() else b"",
        )

    def _survives(self, fault: Fault) -> bool:
        """Whether there is anything to be answered; waits as the fault says."""
        owner = self.server.owner
        if fault.hang or fault.delay:
            owner.stopped.wait(None if fault.hang else fault.delay)
        if fault.die:
            owner.die()
        self.close_connection = self.close_connection or fault.close or fault.die or fault.hang
        return not (fault.close or fault.die or fault.hang)

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        body = answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if len(body) > GZIP and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 4)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.end_headers()
        if fault and fault.cut is not None:
            body, self.close_connection = body[: fault.cut], True
        if fault and fault.drip is not None:
            self._drip(body, fault.drip)
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes, seconds: float) -> None:
        for octet in body:
            self.wfile.write(bytes([octet]))
            self.wfile.flush()
            if self.server.owner.stopped.wait(seconds):
                return
