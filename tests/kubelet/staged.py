"""A scene that stands with a control plane and kubelets: what is created runs in the network namespaces of its nodes.

Inside an enclosure, by a program that has no threads yet:

    with cluster(scene) as standing:
        standing.apply(documents)
        standing.plane.until(…)"""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from apiserver import ApiServer
from apiserver.listener import Listener, tls_context
from apiserver.staged import serve

from arpcheck.cluster.discovery import resource_of
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import Fixture, stage
from arpcheck.lab.scene import Scene
from kubelet import probes
from kubelet.container import ROOT
from kubelet.control_plane import ControlPlane
from kubelet.runtimes import Processes
from kubelet.zygote import Zygote

FOLDER = ROOT.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    fixture: Fixture
    server: ApiServer
    plane: ControlPlane

    def apply(self, documents: Iterable[Any]) -> list[tuple[int, Any]]:
        """As `kubectl create` does it, one after the other: status and answer of each."""
        return [self.ask("POST", self._path(document), document) for document in documents]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Over HTTP, as the account of the lab. The answer: JSON where it is, else text."""
        host = self.server.url.removeprefix("http://")

        def connected() -> http.client.HTTPConnection:
            opened = http.client.HTTPConnection(host, timeout=30)
            opened.connect()
            return opened

        with closing(inside(self.fixture.scene.prober.station, connected)) as connection:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"}
            )
            with connection.getresponse() as response:
                content, kind = response.read(), response.headers["Content-Type"]
        return response.status, json.loads(content) if kind.startswith("application/json") else content.decode()

    def _path(self, document: Any) -> str:
        group, _, version = document["apiVersion"].rpartition("/")
        plural = resource_of(document["apiVersion"], document["kind"]).partition(".")[0]
        space = document["metadata"].get("namespace")
        within = f"/namespaces/{space}" if space else ""
        return f"/{f'apis/{group}' if group else 'api'}/{version}{within}/{plural}"


@contextmanager
def cluster(scene: Scene, *, executes: bool = False, pod_security: str = "baseline", **options: Any) -> Iterator[Standing]:
    """`executes`: containers are programs of their own, which takes a second each. `options`: of `ControlPlane`."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (
        Zygote() as zygote,
        stage(scene, partial(serve, pod_security=pod_security)) as fixture,
        Endpoints(fixture.api) as endpoints,
    ):
        plane = ControlPlane(
            fixture.api,
            Processes(zygote),
            FOLDER,
            endpoint=endpoints.of,
            executes=executes,
            pod_security=pod_security,
            **options,
        )
        with plane:
            yield Standing(fixture=fixture, server=fixture.api, plane=plane)


def _asked(node: str, address: str, port: int, path: str, limit: float) -> bool:
    return inside(node, lambda: probes.asks(address, port, path, limit))


class Endpoints:
    """Where pods reach the API server: on the loopback interface of their node, as through the local balancer of k3s, with TLS. The
    address of `default/kubernetes` is no way: a node that holds it on an interface may answer ARP for it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._found: dict[str, tuple[str, int, str]] = {}
        self._stack = ExitStack()
        self._key, self._certificate = FOLDER / "apiserver.key", FOLDER / "apiserver.crt"

    def __enter__(self) -> Endpoints:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=lab",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self._key), "-out", str(self._certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, node: str) -> tuple[str, int, str]:
        if node not in self._found:
            tls = tls_context((self._certificate, self._key), None)
            listener = inside(node, lambda: Listener(self._server.api, ("127.0.0.1", 0), self._server, tls))
            thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            self._stack.callback(listener.end)
            self._stack.callback(listener.shutdown)
            self._found[node] = "127.0.0.1", listener.server_address[1], Path(self._certificate).read_text()
        return self._found[node]
