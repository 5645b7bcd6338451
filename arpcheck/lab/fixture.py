"""Runs a scene on the kernel: its network, its announcers, its timed events, and its API in the prober's namespace.

It must run inside an enclosure (see `network`). Programs on the stations are started from here, and the files of the run
are in /run, which ends with the enclosure.

    python -m arpcheck.lab.fixture SCENE [OPTION OF arpcheck probe]…

is the first process in the enclosure: it ends with the probe's exit code. `run` starts it, and tells a crash from an exit
code of the probe (`network.PAST`)."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
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

from arpcheck.errors import ArpcheckError, LabError, fault
from arpcheck.lab import advertising, answering, cluster_objects, network, scene_file
from arpcheck.lab.announcer import Announcers, BackgroundThread, inside
from arpcheck.lab.api_objects import Resource, Store
from arpcheck.lab.apiserver import Api, ApiServer
from arpcheck.lab.network import write_sysctl
from arpcheck.lab.network_ipv6 import write_sysctl6
from arpcheck.lab.scene import Scene

KUBECONFIG = Path("/run/arpcheck-kubeconfig")
MAC_LIST = Path("/run/arpcheck-mac-list")
ACCEPTED = Path("/run/arpcheck-accepted.yaml")

_MISLEADING = ("KUBECONFIG", "SUDO_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "ARPCHECK_")
"""Prefixes of environment variables that would change the prober's cluster, user or node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    scene: Scene
    api: ApiServer

    def start(self, station: str, program: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
        """Starts a program in the network namespace of a station. `how`: arguments of Popen."""
        return subprocess.Popen(["ip", "netns", "exec", station, *program], env=environment(), **how)

    def start_probe(self, options: Sequence[str], past: int = 0, **how: Any) -> subprocess.Popen[Any]:
        """Starts `arpcheck probe` on the prober, with the scene's options and these. `past`: see `network.python`."""
        program = network.python("arpcheck", *probe_arguments(self.scene, options), past=past)
        return self.start(self.scene.prober.station, program, **how)


def probe_arguments(scene: Scene, options: Sequence[str]) -> list[str]:
    """The arguments of arpcheck on the scene's prober: those of the scene, and these."""
    interfaces = [part for interface in scene.prober.interfaces for part in ("--iface", interface)]
    files = [part for option, path, content in _files(scene) if content is not None for part in (option, str(path))]
    return ["probe", *interfaces, "--kubeconfig", str(KUBECONFIG), *files, *scene.prober.options, *options]


def _files(scene: Scene) -> tuple[tuple[str, Path, str | None], ...]:
    """The prober's files: option, path, and content (None: no such file)."""
    return ("--mac-map", MAC_LIST, scene.prober.mac_list), ("--accept", ACCEPTED, scene.prober.accepted)


def serve(scene: Scene) -> ApiServer:
    """An API server with the objects of the scene's cluster."""
    served = cluster_objects.resources(scene, datetime.now(UTC))
    store = Store([obj for objects in served.values() for obj in objects], map(Resource.parse, cluster_objects.kinds(scene)))
    return ApiServer(Api(store, version=scene.cluster.version, refused=scene.cluster.refused))


@contextmanager
def stage(scene: Scene, server: Callable[[Scene], ApiServer] = serve) -> Iterator[Fixture]:
    """A context in which every link is up, every announcer replies, and the API is served. `server` makes the API server,
    which listens on the loopback interface of the prober's namespace."""
    network.build(scene)
    for _, path, content in _files(scene):
        if content is not None:
            path.write_text(content, encoding="utf-8")
    with TimedEvents(scene), Announcers(scene), inside(scene.prober.station, lambda: server(scene)) as api:
        network.await_announcers(scene)
        api.kubeconfig(KUBECONFIG, context=cluster_objects.CONTEXT)
        with Renewals(scene, api.store):
            yield Fixture(scene=scene, api=api)


def environment() -> dict[str, str]:
    """The environment of a program on a station: that of this process, without the variables of `_MISLEADING`."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_MISLEADING)}


# ------------------------------------------------------------------------------- sysctls that a scene changes while it runs


class TimedEvents(BackgroundThread):
    """A context in which the scene's timed events happen."""

    def __init__(self, scene: Scene) -> None:
        """Opens a socket, so that the first request is not missed."""
        super().__init__("steps")
        self._then = sorted(scene.then, key=lambda step: step.after)
        if scene.then:
            self._sockets.append(inside(scene.prober.station, partial(_opened, scene)))

    def _work(self) -> None:
        if not self._sockets or not self._first_request(self._sockets[0]):
            return
        first = time.monotonic()
        for step in self._then:
            if select.select([self._wake], (), (), max(0.0, first + step.after - time.monotonic()))[0]:
                return
            for key, value in step.sysctl.items():
                write_sysctl(step.station, "all", key, value)
            for key, value in step.sysctl6.items():
                write_sysctl6(step.station, "all", key, value)

    def _first_request(self, opened: socket.socket) -> bool:
        """Waits for the first request; False if the context ends before."""
        while self._wake not in select.select([self._wake, opened.fileno()], (), ())[0]:
            frame, (_, _, kind, *_) = opened.recvfrom(2048)
            if kind == socket.PACKET_OUTGOING and _is_request(frame):
                return True
        return False


def _opened(scene: Scene) -> socket.socket:
    """Receives what the prober sends itself: a switch that snoops keeps most solicitations from the stations."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.bind((scene.prober.interfaces[0], _EVERY_PROTOCOL))
    return opened


_EVERY_PROTOCOL = 3
"""ETH_P_ALL: only such sockets receive what is sent (packet(7))."""


def _is_request(frame: bytes) -> bool:
    if packet := answering.decode(frame):
        return packet.operation == answering.REQUEST
    message = advertising.decode(frame)
    return message is not None and message.kind == advertising.SOLICITATION


# ----------------------------------------------------------------------- Leases that their holders renew while a scene runs


class Renewals:
    """A context in which every Lease with `renews` (seconds) is renewed. An error of the thread is raised at its end."""

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
        except Exception as error:  # noqa: BLE001 - raised by __exit__ in the caller's thread
            self._failed.append(error)

    def _renew(self, now: datetime) -> None:
        """Only renewTime changes: the holder, acquireTime and the transitions stay."""
        for lease in self._leases:
            found = self._store.find("leases.coordination.k8s.io", lease.namespace, lease.name)
            if found:
                self._store.put({**found, "spec": {**found["spec"], "renewTime": cluster_objects.renewed(now)}})


# ----------------------------------------------------------------------------------------- The first process in an enclosure

PATIENCE = 1800.0
"""Time limit of a probe in seconds."""


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # the probe gets it too, and then prints its report
    name, *options = arguments
    try:
        scene = scene_file.load(name)
        with stage(scene) as standing:
            return network.ended(_await(standing.start_probe(options, past=network.PAST)), "the probe")
    except ArpcheckError as error:
        sys.stderr.write(f"arpcheck: {error}\n")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a traceback does not help who runs a demo
        sys.stderr.write(f"arpcheck: the lab failed: {fault(error)}. Please report it with this line\n")
        return LabError.exit_code


def _await(probe: subprocess.Popen[bytes]) -> int:
    try:
        return probe.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        probe.kill()
        raise LabError(f"the probe did not end within {PATIENCE:g} s") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
