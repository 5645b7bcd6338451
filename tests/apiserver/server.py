"""The server as a thing that is started and ended. What it answers is in `api`, how it fails in `faults` and `listener`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event, Lock
from typing import Any

from apiserver.api import Api
from apiserver.faults import Fault, Faults
from apiserver.listener import Listener, tls_context
from apiserver.requests import Request
from apiserver.rights import Rights
from apiserver.store import Store
from arpcheck.lab import apiserver
from arpcheck.lab.api_objects import Object, Resource
from arpcheck.lab.apiserver import HttpResponse


class ApiServer(apiserver.ApiServer):
    """Listens from the moment it is made; answers inside `with`."""

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
        pod_security: str = "privileged",
    ) -> None:
        """`serves`: as `Resource.parse` reads it. `denied` and `rules`: as in `Rights`. `logs`: by `namespace/pod`.
        `on_write` is called with the store and the object before and after, once that is stored. `tls`: certificate and
        key. `client_ca`: clients must show a certificate of this authority.
        `pod_security`: the level of namespaces that are not labelled."""
        self.requests: list[Request] = []
        """Every request, in the order in which they came."""
        self.stopped = Event()
        self._faults = Faults([(fault, 0) for fault in faults])
        self._lock = Lock()
        self._token = token
        self._tls = bool(tls)
        store = Store(objects, map(Resource.parse, serves))
        store.seed_namespaces()
        api = Api(
            store,
            rights=Rights(user=user, denied=tuple(denied), rules=None if rules is None else tuple(rules)),
            preferred=preferred or {}, token=token, logs=logs or {}, version=version, on_write=on_write,
            pod_security=pod_security,
        )  # fmt: skip
        super().__init__(api, Listener(api, listen, self, tls_context(tls, client_ca) if tls else None))

    @property
    def url(self) -> str:
        plain = super().url
        return plain.replace("http://", "https://") if self._tls else plain

    def stop(self) -> None:
        self.stopped.set()
        super().stop()

    def kubeconfig(self, path: str | Path, *, context: str = "lab", ca: str | Path | None = None, **user: Any) -> str:
        """Writes one for this server, and returns its path. `user`: more of the user's entry, with `_` for `-`."""
        config = self.config(context)
        config["clusters"][0]["cluster"] |= {"certificate-authority": str(Path(ca).absolute())} if ca else {}
        config["users"][0]["user"] |= {"token": self._token} if self._token else {}
        config["users"][0]["user"] |= {key.replace("_", "-"): value for key, value in user.items()}
        return apiserver.write_kubeconfig(path, config)

    def note(self, request: Request) -> Fault | None:
        """Writes the request down, and says what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            return self._faults.next(request.method, request.path, request.target)

    def fail(self, fault: Fault) -> None:
        """From now on this goes wrong too."""
        with self._lock:
            self._faults.seen.append((fault, 0))

    def answer(self, request: Request) -> HttpResponse:
        return self.api.answer(request)

    def die(self) -> None:
        """As when the process is killed. A listener that were only closed would be polled without a pause."""
        self.stop()
