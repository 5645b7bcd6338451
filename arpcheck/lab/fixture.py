"""A scene that stands: built, announced, its API served in the prober's namespace. Only inside an enclosure.

Programs are started on its stations from here. What belongs to the run lies in a folder that ends with the enclosure."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arpcheck.lab import cluster_objects, enclosure, network
from arpcheck.lab.announcer import Announcers
from arpcheck.lab.apiserver import Api, ApiServer, Resource, Store
from arpcheck.lab.namespaces import inside
from arpcheck.lab.renewals import Renewals
from arpcheck.lab.scene import Scene
from arpcheck.lab.steps import Steps

KUBECONFIG = Path("/run/arpcheck-kubeconfig")
MAC_LIST = Path("/run/arpcheck-mac-list")
ACCEPTED = Path("/run/arpcheck-accepted.yaml")

_MISLEADING = ("KUBECONFIG", "SUDO_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "ARPCHECK_")
"""Of the environment: it would lead the prober to another cluster, make it another user, or another node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
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
def stage(scene: Scene, server: Callable[[Scene], ApiServer] = serve) -> Iterator[Stage]:
    """Inside it every link is up, every announcer answers and the API is served, by what `server` makes in the prober's
    namespace: it listens on the loopback there."""
    network.build(scene)
    for _, path, content in _files(scene):
        if content is not None:
            path.write_text(content, encoding="utf-8")
    with Steps(scene), Announcers(scene), inside(scene.prober.station, lambda: server(scene)) as api:
        api.kubeconfig(KUBECONFIG, context=cluster_objects.CONTEXT)
        with Renewals(scene, api.store):
            yield Stage(scene=scene, api=api)


def environment() -> dict[str, str]:
    """Of a program on a station: this process's, without what would mislead it."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_MISLEADING)}
