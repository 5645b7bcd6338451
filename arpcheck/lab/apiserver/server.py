"""The API server as a thread: a thread for every connection, and a request that fails fails only its own."""

from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from arpcheck.lab.apiserver.api import Api, HttpRequest, HttpResponse


class ServedConnection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal is the report's."""

    def serve(self) -> None:
        self.send(self.server.api.answer(self.request_read()))

    do_GET = serve  # noqa: N815 - a name that http.server looks for

    def request_read(self) -> HttpRequest:
        url = urlsplit(self.path)
        return HttpRequest(
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={key.lower(): ", ".join(self.headers.get_all(key, ())) for key in self.headers},
        )

    def finish(self) -> None:
        """Closes the connection also where the client went away before all was sent."""
        try:
            super().finish()
        finally:
            self.rfile.close()

    def send(self, answer: HttpResponse) -> None:
        self.send_head(answer, len(answer.body))
        self.wfile.write(answer.body)

    def send_head(self, answer: HttpResponse, length: int) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(length))
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.end_headers()


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, api: Api, listen: tuple[str, int] = ("127.0.0.1", 0), connection: type[ServedConnection] = ServedConnection
    ) -> None:
        self.api = api
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(listen, connection)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of this host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def secured(self, connection: Any) -> Any:
        """The connection as it is read and written; called in its own thread."""
        return connection

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that is slow to shake hands holds up nobody."""
        connection = request
        try:
            connection = self.secured(request)
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


class ApiServer:
    """Listens from the moment it is made; answers inside `with`."""

    def __init__(self, api: Api, listener: Listener | None = None) -> None:
        self.api = api
        self.store = api.store
        self._listener = listener or Listener(api)
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> ApiServer:
        self._thread = Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends every connection."""
        if self._thread:
            self._listener.shutdown()
        self._listener.end()

    def __enter__(self) -> ApiServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def config(self, context: str) -> dict[str, Any]:
        """A kubeconfig of one context, cluster and user."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": context, "user": {}}],
        }

    def kubeconfig(self, path: str | Path, *, context: str = "lab") -> str:
        """Writes one for this server, and returns its path."""
        return write_kubeconfig(path, self.config(context))


def write_kubeconfig(path: str | Path, config: dict[str, Any]) -> str:
    Path(path).touch(mode=0o600)
    Path(path).write_text(json.dumps(config, indent=1))
    return str(path)
