"""Pages of `watch` and `compare`, from scenes of the lab in virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.commands.compare import render
from arpcheck.commands.watch_loop import Drawing, Pace, WatchDependencies, run_watch
from arpcheck.commands.watch_page import watch_page
from arpcheck.evidence import Evidence, Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.reports import Style
from arpcheck.runs.compare import Comparison, compare

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORTY = "forty-addresses-five-faults"
OFFENDER = "02:01:00:00:05:00"
"""Of rack3-worker-a in that scene."""


@cache
def drawings(name: str) -> tuple[Drawing, ...]:
    """What a watch of this scene shows after each of its probes, and at its end."""
    scene = scene_file.load(name)
    wire, found = SimulatedWire(scene), list[Drawing]()
    world = WatchDependencies(
        wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), host=scene_host(scene),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS), reading=None, say=lambda line: None,
        store=lambda report: None, stop=lambda: False, draw=found.append,
    )  # fmt: skip
    options = Options(interfaces=scene.prober.interfaces, rounds=1, rate=100.0)
    run_watch(options, Pace(interval=30, lasts=12, every=0.25), world)
    return tuple(found)


@cache
def evidence(name: str) -> Evidence:
    scene = scene_file.load(name)
    wire = SimulatedWire(scene)
    return pipeline.observe(
        Options(interfaces=scene.prober.interfaces), objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), stop=lambda: False,
    )  # fmt: skip


@cache
def cured(again: bool = False) -> Comparison:
    """Forty addresses before and after their offender fell silent; `again`: the other way round."""
    faulty = evidence(FORTY)
    quiet = replace(faulty, replies=tuple(reply for reply in faulty.replies if reply.mac != OFFENDER))
    runs = [(one, pipeline.conclude(one)) for one in ((quiet, faulty) if again else (faulty, quiet))]
    return compare(*runs)


def other_pages() -> dict[str, str]:
    """HTML by name."""
    watched = {f"watch-{name}": watch_page(drawings(name)[-1]) for name in ("failover-overlap", "rollout", "healthy", FORTY)}
    return {
        **watched,
        "compare-cured": render(cured(), "html", Style()),
        "compare-worse": render(cured(again=True), "html", Style()),
        "compare-same": render(compare(*[(evidence(FORTY), pipeline.conclude(evidence(FORTY)))] * 2), "html", Style()),
    }
