"""A scene as a whole cluster without a kernel: the API server, its controllers and kubelets, and containers that do what
`arpcheck vantage` does on a simulated wire from their node."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import forked
from apiserver import ApiServer
from kubelet import ControlPlane
from kubelet.runtimes import Played, Plays
from simulated.wire import SimulatedWire, scene_host

import arpcheck
from arpcheck import pipeline
from arpcheck.evidence import Evidence, Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.lab.scene import Scene
from arpcheck.model import Host
from arpcheck.objects import Objects
from arpcheck.vantages.jobs import lines, unpack
from arpcheck.vantages.manifests import PLAN, PLAN_KEY

IMAGE = "registry.example/arpcheck:1"


@dataclass
class World:
    """A cluster that stands."""

    server: ApiServer
    plane: ControlPlane
    kubeconfig: str
    scene: Scene
    """As the next container finds it."""
    plans: dict[str, Evidence] = field(default_factory=dict)
    """By node: what its vantage was told."""
    heard: dict[str, Evidence] = field(default_factory=dict)

    def run(self, *words, **how):
        return forked.arpcheck("cluster", "--image", IMAGE, "--kubeconfig", self.kubeconfig, *words, **how)

    def report(self, *words):
        """Exit code, report and stderr of `-o json`."""
        done = self.run("-o", "json", "--rate", "0", *words)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    def left(self):
        """What a run made and nobody deletes, by kind. What is in a namespace that ends is deleted by its controller."""
        with self.server.api.store.lock:
            every = [obj for _, obj in self.server.api.store.everything()]
            ending = {obj["metadata"]["name"] for obj in every if obj["kind"] == "Namespace" and _ends(obj)}
            return sorted(
                f"{obj['kind']} {obj['metadata']['name']}"
                for obj in every
                if "arpcheck.io/run" in obj["metadata"].get("labels", {})
                and not _ends(obj)
                and obj["metadata"].get("namespace") not in ending
            )


def _ends(obj: dict) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


@contextmanager
def world(
    scene: str | Scene,
    tmp_path: Path,
    *,
    play: Callable[[Played, Iterator[str]], Iterator[str]] = lambda _played, said: said,
    more: tuple[dict, ...] = (),
    plane_security: str = "privileged",
    serves: tuple[str, ...] = (),
    **options,
) -> Iterator[World]:
    """`play`: what a container writes, made of what it would write. `options`: of the API server."""
    scene = scene_file.load(scene) if isinstance(scene, str) else scene
    objects = [obj for found in cluster_objects.resources(scene, datetime.now(UTC)).values() for obj in found]
    server = ApiServer(
        [*objects, *more], serves=[*cluster_objects.kinds(scene), *serves], version=scene.cluster.version, **options
    )
    found = World(server=server, plane=None, kubeconfig="", scene=scene)

    def container(played: Played) -> Iterator[str]:
        if "vantage" not in played.spec.argv:  # a Pod of the scene
            played.over.wait()
            return
        yield from (line.rstrip("\n") for line in play(played, _said(found, played)))

    folder = tmp_path / "kubelets"
    folder.mkdir()
    plane = ControlPlane(server, Plays(container), folder, pod_security=plane_security)
    with server, plane:
        found.plane, found.kubeconfig = plane, server.kubeconfig(tmp_path / "kubeconfig")
        yield found


def words(played: Played) -> list[str]:
    """The arguments of a container."""
    argv = list(played.spec.argv)
    return argv[argv.index("vantage") :]


def node_of(played: Played) -> str:
    return dict(played.spec.env)["ARPCHECK_NODE_NAME"]


def _said(found: World, played: Played) -> Iterator[str]:
    scene, given, node = found.scene, words(played), node_of(played)
    job = given[given.index("--job") + 1]
    seen = replace(
        scene, prober=replace(scene.prober, station=node, interfaces=tuple(n.name for n in scene.station(node).nics))
    )
    host = replace(scene_host(seen), node_name=node)
    if "--scout" in given:
        yield from lines({"evidence": to_json(_interfaces(host)), "vlans": {}}, job)
        return
    [folder] = [mount.source for mount in played.spec.mounts if mount.target == PLAN]
    document = unpack((Path(folder) / PLAN_KEY).read_bytes())
    assert document["job"] == job
    told = from_json(document["evidence"], "plan")
    chosen = tuple(word for before, word in itertools.pairwise(given) if before == "--iface")
    assert told.options.interfaces == chosen
    found.plans[node] = told
    begun = datetime.now(UTC)
    heard = pipeline.observe(
        told.options, objects=told.objects, host=host, mac_map=told.mac_map, accepted=told.accepted,
        wire=SimulatedWire(replace(seen, prober=replace(seen.prober, interfaces=chosen))), clock=lambda: begun,
    )  # fmt: skip
    heard = replace(heard, ended_at=datetime.now(UTC))
    found.heard[node] = heard
    yield from lines({"evidence": to_json(replace(heard, objects=Objects(), mac_map=(), accepted=()))}, job)


def _interfaces(host: Host) -> Evidence:
    now = datetime.now(UTC)
    usable = tuple(one.name for one in host.interfaces if one.name.startswith("eth"))
    return Evidence(
        arpcheck=arpcheck.__version__, started_at=now, ended_at=now, options=Options(interfaces=usable), host=host
    )


def run_id(stderr: str) -> str:
    """The run of a notice that names it."""
    return re.search(r"arpcheck-([0-9a-f]{8})", stderr)[1]
