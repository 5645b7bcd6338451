"""Runs to compare, merge and redact: scenes of the lab, judged without a kernel."""

from dataclasses import replace
from datetime import UTC, datetime

from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def scene_of(name, text=""):
    """A scene of the package, or one from TOML text."""
    return scene_file.parse(text, name) if text else scene_file.load(name)


def evidence_of(scene, *, at=NOW, prober=None, **options):
    """`prober`: the station from which it is asked, instead of the scene's."""
    if prober:
        scene = replace(scene, prober=replace(scene.prober, station=prober))
    return pipeline.observe(
        Options(interfaces=scene.prober.interfaces, **options),
        objects=cluster_objects.objects(scene, at, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: at,
    )


def run(name, **how):
    """Evidence and report of a scene by its name."""
    evidence = evidence_of(scene_of(name), **how)
    return evidence, pipeline.conclude(evidence)
