"""Every scene without a kernel: the same pipeline on a simulated wire, in milliseconds.

In `worlds` are more of the same format, which cost no time on the kernel: further instances of what the scenes are about."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from simulated.probe_options import accepted, mac_map, options
from simulated.sampling import sampled
from simulated.wire import SimulatedWire, scene_host

from arpcheck import cluster, pipeline
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.lab.run import differences
from arpcheck.reports.document import document

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORLDS = sorted((Path(__file__).parent / "worlds").glob("*.toml"))


def report(scene, tmp_path, *more):
    """As `arpcheck probe --cluster-file` comes to it, but for the wire, the clock and this host."""
    path = tmp_path / "cluster.json"
    path.write_text(cluster.snapshot(cluster_objects.objects(scene, NOW, pipeline.NEEDS)))
    chosen = options(scene, more)
    source = cluster.ClusterSource(cluster_file=str(path))
    objects = cluster.read(source, pipeline.NEEDS, services_required=not chosen.ips)
    wire, host = SimulatedWire(scene), scene_host(scene)
    evidence = pipeline.observe(
        chosen, objects=objects, host=host, mac_map=mac_map(scene), accepted=accepted(scene), wire=wire, clock=lambda: NOW,
    )  # fmt: skip
    return document(pipeline.conclude(evidence))


@pytest.mark.parametrize("name", scene_file.names())
def test_scene_comes_out_as_it_says(name, tmp_path):
    scene = scene_file.load(name)
    assert differences(scene, report(scene, tmp_path)) == ()


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_world_comes_out_as_it_says(path, tmp_path):
    world = scene_file.load(str(path))
    assert world.expect is not None
    assert differences(world, report(world, tmp_path)) == ()


@pytest.mark.parametrize("name", sampled(scene_file.names()))
def test_scene_comes_out_the_same_at_the_top_rate(name, tmp_path):
    scene = scene_file.load(name)
    assert differences(scene, report(scene, tmp_path, "--rate", "0")) == ()
