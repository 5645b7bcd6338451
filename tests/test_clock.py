"""The clock of the world jumps while the wire is asked: what was heard is judged all the same, in every format."""

from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.evidence_json import from_json
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.reports import FORMATS, render
from arpcheck.reports.document import document

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "jump",
    [timedelta(hours=-1), timedelta(days=-20_000), timedelta(0), timedelta(days=20_000)],
    ids=["an hour back", "to 1971", "not at all", "far ahead"],
)
def test_a_jump_of_the_clock_changes_no_verdict(jump):
    scene = scene_file.load("two-non-strict")
    moments = chain([NOW, NOW], repeat(NOW + jump))  # before the scan it is read twice
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: next(moments),
    )
    report = pipeline.conclude(evidence)
    written = document(report)
    assert {t["ip"]: t["verdict"] for t in written["targets"] if t["verdict"]} == {"10.0.0.50": "non-strict"}
    assert all(render(report, name) for name in FORMATS)
    assert document(pipeline.conclude(from_json(written["evidence"], "report")))["nodes"] == written["nodes"]
