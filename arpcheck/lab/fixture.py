"""A scene that stands: built, announced, its API served in the prober's namespace. Only inside an enclosure.

Programs are started on its stations from here. What belongs to the run lies in a folder that ends with the enclosure."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from arpcheck.lab import answering, cluster_objects, network
from arpcheck.lab import network as enclosure
from arpcheck.lab.announcer import Announcers, inside
from arpcheck.lab.apiserver import Api, ApiServer, Resource, Store
from arpcheck.lab.network import write_sysctl
from arpcheck.lab.scene import Scene

KUBECONFIG = Path("/run/arpcheck-kubeconfig")
MAC_LIST = Path("/run/arpcheck-mac-list")
ACCEPTED = Path("/run/arpcheck-accepted.yaml")

_MISLEADING = ("KUBECONFIG", "SUDO_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "ARPCHECK_")
"""Of the environment: it would lead the prober to another cluster, make it another user, or another node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    scene: Scene
    api: ApiServer

    def start(self, station: str, program: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
        """A program in the network namespace of a station; `how` as for Popen."""
        return subprocess.Popen(["ip", "netns", "exec", station, *program], env=environment(), **how)

    def start_probe(self, options: Sequence[str], past: int = 0, **how: Any) -> subprocess.Popen[Any]:
        """`arpcheck probe` where the scene's prober stands, with the scene's options and these. `past`: as for
        `enclosure.python`."""
        program = enclosure.python("arpcheck", *probe_arguments(self.scene, options), past=past)
        return self.start(self.scene.prober.station, program, **how)


def probe_arguments(scene: Scene, options: Sequence[str]) -> list[str]:
    """What arpcheck is told where the scene's prober stands: the scene's options, and these."""
    interfaces = [part for interface in scene.prober.interfaces for part in ("--iface", interface)]
    files = [part for option, path, content in _files(scene) if content is not None for part in (option, str(path))]
    return ["probe", *interfaces, "--kubeconfig", str(KUBECONFIG), *files, *scene.prober.options, *options]


def _files(scene: Scene) -> tuple[tuple[str, Path, str | None], ...]:
    """What the prober has on its disk: by the option that names it."""
    return ("--mac-map", MAC_LIST, scene.prober.mac_list), ("--accept", ACCEPTED, scene.prober.accepted)


def serve(scene: Scene) -> ApiServer:
    """What `arpcheck probe` reads of the scene's cluster."""
    served = cluster_objects.resources(scene, datetime.now(UTC))
    store = Store(
        [obj for objects in served.values() for obj in objects], map(Resource.parse, cluster_objects.kinds(scene))
    )
    return ApiServer(Api(store, version=scene.cluster.version, refused=scene.cluster.refused))


@contextmanager
def stage(scene: Scene, server: Callable[[Scene], ApiServer] = serve) -> Iterator[Fixture]:
    """Inside it every link is up, every announcer answers and the API is served, by what `server` makes in the prober's
    namespace: it listens on the loopback there."""
    network.build(scene)
    for _, path, content in _files(scene):
        if content is not None:
            path.write_text(content, encoding="utf-8")
    with TimedEvents(scene), Announcers(scene), inside(scene.prober.station, lambda: server(scene)) as api:
        api.kubeconfig(KUBECONFIG, context=cluster_objects.CONTEXT)
        with Renewals(scene, api.store):
            yield Fixture(scene=scene, api=api)


def environment() -> dict[str, str]:
    """Of a program on a station: this process's, without what would mislead it."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_MISLEADING)}


# ------------------------------------------------------------------------- What a scene changes while it runs, on the kernel


class TimedEvents:
    """A context: inside it they are taken. An error of the thread is raised when it ends."""

    def __init__(self, scene: Scene) -> None:
        """Opens an ear on the LAN, so that the first question is not missed."""
        self._then = sorted(scene.then, key=lambda step: step.after)
        self._wake, self._waker = os.pipe()
        self._ear = inside(scene.then[0].station, partial(_opened, scene)) if scene.then else None
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="steps", daemon=True)

    def __enter__(self) -> TimedEvents:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.write(self._waker, b"\0")
        self._thread.join()
        if self._ear:
            self._ear.close()
        os.close(self._wake)
        os.close(self._waker)
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            self._take()
        except Exception as error:  # noqa: BLE001 - raised by __exit__, in the thread that can do something about it
            self._failed.append(error)

    def _take(self) -> None:
        if not self._ear or not self._asked(self._ear):
            return
        first = time.monotonic()
        for step in self._then:
            if select.select([self._wake], (), (), max(0.0, first + step.after - time.monotonic()))[0]:
                return
            for key, value in step.sysctl.items():
                write_sysctl(step.station, "all", key, value)

    def _asked(self, ear: socket.socket) -> bool:
        """Waits for a question; False where it ends before."""
        while self._wake not in select.select([self._wake, ear.fileno()], (), ())[0]:
            heard = answering.decode(ear.recv(2048))
            if heard and heard.operation == answering.REQUEST:
                return True
        return False


def _opened(scene: Scene) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.bind((scene.station(scene.then[0].station).nics[0].name, answering.ETHERTYPE))
    return opened


# --------------------------------------------- Leases that their holders renew while the scene runs, as they do in a cluster


class Renewals:
    """A context: inside it every Lease with `renews` is written anew that often. An error of the thread is raised when it
    ends."""

    def __init__(self, scene: Scene, store: Store) -> None:
        self._leases = tuple(lease for lease in scene.cluster.leases if lease.renews is not None)
        self._every = min((lease.renews for lease in self._leases if lease.renews is not None), default=0.0)
        self._store = store
        self._over = threading.Event()
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)

    def __enter__(self) -> Renewals:
        if self._leases:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        if self._leases:
            self._thread.join()
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            while not self._over.wait(self._every):
                self._renew(datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - raised by __exit__, in the thread that can do something about it
            self._failed.append(error)

    def _renew(self, now: datetime) -> None:
        """Holder, acquireTime and transitions stay: nothing changed hands."""
        for lease in self._leases:
            found = self._store.find("leases.coordination.k8s.io", lease.namespace, lease.name)
            if found:
                self._store.put({**found, "spec": {**found["spec"], "renewTime": cluster_objects.renewed(now)}})
