"""Sockets: TLS, compression, and the failures that only a connection can have."""

from __future__ import annotations

import gzip
import ssl
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from apiserver.faults import Fault
from apiserver.requests import Request
from arpcheck.lab import apiserver
from arpcheck.lab.apiserver import HttpResponse

GZIP = 128 << 10
"""Octets from which an answer is compressed for who accepts it (k8s.io/apiserver, defaultGzipThresholdBytes)."""


class Owner(Protocol):
    """What a listener needs of the server that it belongs to."""

    stopped: Event

    def note(self, request: Request) -> Fault | None: ...
    def answer(self, request: Request) -> HttpResponse: ...
    def die(self) -> None: ...


class Listener(apiserver.Listener):
    def __init__(self, api: Any, listen: tuple[str, int], owner: Owner, tls: ssl.SSLContext | None) -> None:
        self.owner = owner
        self.tls = tls
        super().__init__(api, listen, Connection)

    def secured(self, connection: Any) -> Any:
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection


class SecuredSocket(ssl.SSLSocket):
    """Closed also where the client reset the connection before the handshake.

    SSLSocket._create takes the descriptor over, reads from it, and does not close it where that read fails
    (https://github.com/python/cpython/issues/113280, mended in Python 3.11.8 and 3.12.2)."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            self.close()
            raise


class Connection(apiserver.ServedConnection):
    server: Listener

    def serve(self) -> None:
        owner = self.server.owner
        request = self.request_read()
        fault = owner.note(request)
        if fault and not self._survives(fault):
            return
        answer = owner.answer(request)
        self._send(fault.answer(answer) if fault else answer, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - names that http.server looks for

    def request_read(self) -> Request:
        read, length = super().request_read(), self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdecimal() else b""
        return Request(method=read.method, path=read.path, query=read.query, headers=read.headers, body=body)

    def _survives(self, fault: Fault) -> bool:
        """Whether there is anything to be answered; waits as the fault says."""
        owner = self.server.owner
        if fault.hang or fault.delay:
            owner.stopped.wait(None if fault.hang else fault.delay)
        if fault.die:
            owner.die()
        self.close_connection = self.close_connection or fault.close or fault.die or fault.hang
        return not (fault.close or fault.die or fault.hang)

    def _send(self, answer: HttpResponse, fault: Fault | None) -> None:
        body, headers = answer.body, dict(answer.headers)
        if len(body) > GZIP and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 4)
            headers = {"Content-Encoding": "gzip", **headers}
        sent = HttpResponse(status=answer.status, body=body, content_type=answer.content_type, headers=headers)
        self.send_head(sent, len(body))
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


def tls_context(tls: tuple[str | Path, str | Path], client_ca: str | Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = SecuredSocket
    context.load_cert_chain(*tls)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context
