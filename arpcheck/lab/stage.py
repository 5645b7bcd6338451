"""A scene that stands: built, announced, its API served. Only inside an enclosure.

Programs are started on its stations from here. What belongs to the run lies in a folder that ends with the enclosure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arpcheck.lab import cluster_objects, network
from arpcheck.lab.announcer import Announcers
from arpcheck.lab.scene import Scene

FOLDER = Path("/run/arpcheck")


@contextmanager
def stage(scene: Scene) -> Iterator[None]:
    """Inside it every link is up and every announcer answers."""
    network.build(scene)
    FOLDER.mkdir(mode=0o755)
    with Announcers(scene):
        yield


def start(station: str, program: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
    """A program in the network namespace of a station; `how` as for Popen."""
    return subprocess.Popen(["ip", "netns", "exec", station, *program], **how)


def probe(scene: Scene, arguments: Sequence[str]) -> list[str]:
    """The command line of `arpcheck probe` in this scene."""
    from arpcheck import cluster, pipeline

    path = FOLDER / "cluster.json"
    path.write_text(cluster.snapshot(cluster_objects.objects(scene, datetime.now(UTC), pipeline.NEEDS)))
    interfaces = [part for interface in scene.prober.interfaces for part in ("--iface", interface)]
    return [
        *(sys.executable, "-m", "arpcheck", "probe"), *interfaces, "--cluster-file", str(path),
        *scene.prober.options, *arguments,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Without what would lead the prober to another cluster than the scene's."""
    return {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
