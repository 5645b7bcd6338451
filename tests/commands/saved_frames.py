"""A run with its very frames, one of them padded with what was in a driver's memory."""

from datetime import UTC, datetime

from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCENE = scene_file.load("two-non-strict")
FRAMES = []
EVIDENCE = pipeline.observe(
    Options(interfaces=SCENE.prober.interfaces),
    objects=cluster_objects.objects(SCENE, NOW, pipeline.NEEDS),
    host=scene_host(SCENE),
    wire=SimulatedWire(SCENE),
    clock=lambda: NOW,
    tap=lambda _moment, frame: FRAMES.append(frame),
)
FRAMES[-1] += b"etherleak worker-1"
