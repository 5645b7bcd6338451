"""The stand-in as a thing that is started and ended. What it answers is in `api`, how it listens in `listener`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from arpcheck.lab.apiserver.answers import Answer, Request
from arpcheck.lab.apiserver.api import Api
from arpcheck.lab.apiserver.faults import Fault, Faults
from arpcheck.lab.apiserver.listener import Listener
from arpcheck.lab.apiserver.rights import Rights
from arpcheck.lab.apiserver.store import Object, Resource, Store

if TYPE_CHECKING:
    import ssl


class ApiServer:
    """Listens from the moment it is made; answers inside `with`, or after `start`."""

    def __init__(
        self,
        objects: Iterable[Mapping[str, Any]] = (),
        *,
        serves: Iterable[str] = (),
        preferred: Mapping[str, str] | None = None,
        denied: Iterable[tuple[str, ...]] = (),
        rules: Iterable[Mapping[str, Any]] | None = None,
        user: str = "lab",
        token: str | None = None,
        logs: Mapping[str, str] | None = None,
        faults: Iterable[Fault] = (),
        version: str = "v1.33.4",
        on_write: Callable[[Store, Object, Object], None] | None = None,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        tls: tuple[str | Path, str | Path] | None = None,
        client_ca: str | Path | None = None,
    ) -> None:
        """`serves`: as `Resource.parse` reads it. `denied` and `rules`: as in `Rights`. `logs`: by `namespace/pod`.
        `on_write` is called with the store and the object before and after, once that is stored. `tls`: certificate and
        key. `client_ca`: clients must show a certificate of this authority."""
        self.store = Store(objects, map(Resource.parse, serves))
        rights = Rights(user=user, denied=tuple(denied), rules=None if rules is None else tuple(rules))
        self.api = Api(
            store=self.store, rights=rights, preferred=preferred or {}, token=token, logs=logs or {}, version=version,
            on_write=on_write,
        )  # fmt: skip
        self.requests: list[Request] = []
        """Every request, in the order in which they came."""
        self.stopped = Event()
        self._faults = Faults([(fault, 0) for fault in faults])
        self._lock = Lock()
        self._token = token
        self._tls = bool(tls)
        self._listener = Listener(listen, self, _tls_context(tls, client_ca) if tls else None)
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        host, port = self._listener.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    def start(self) -> ApiServer:
        self._thread = Thread(target=self.serve, daemon=True)
        self._thread.start()
        return self

    def serve(self) -> None:
        """Until `stop`, in this thread."""
        self._listener.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        """Ends every connection. From another thread than that of `serve`."""
        self.stopped.set()
        if self._thread:
            self._listener.shutdown()
        self._listener.end()

    def __enter__(self) -> ApiServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kubeconfig(self, path: str | Path, *, context: str = "lab", ca: str | Path | None = None, **user: Any) -> str:
        """Writes one for this server, and returns its path. `user`: more of the user's entry, with `_` for `-`."""
        entry = {"token": self._token} if self._token else {}
        entry |= {key.replace("_", "-"): value for key, value in user.items()}
        cluster = {"server": self.url} | ({"certificate-authority": str(Path(ca).absolute())} if ca else {})
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": entry}],
        }
        Path(path).touch(mode=0o600)
        Path(path).write_text(json.dumps(config, indent=1))
        return str(path)

    def note(self, request: Request) -> Fault | None:
        """Writes the request down, and says what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            return self._faults.next(request.method, request.path, request.target)

    def fail(self, fault: Fault) -> None:
        """From now on this goes wrong too."""
        with self._lock:
            self._faults.seen.append((fault, 0))

    def answer(self, request: Request) -> Answer:
        return self.api.answer(request)

    def die(self) -> None:
        """As when the process is killed."""
        self.stopped.set()
        self._listener.end()


def _tls_context(tls: tuple[str | Path, str | Path], client_ca: str | Path | None) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context
