"""What is made while the sweep only listens: it is used, and nothing depends on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.lab.simulation import SimulatedWire, scene_host
from arpcheck.pipeline.records import recorded

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=2)], ids=["current", "outdated"])
@pytest.mark.parametrize("name", ["healthy", "two-non-strict", "split-brain"])
def test_who_should_answer_is_worked_out_once_and_before_the_end(name, age):
    scene = scene_file.load(name)
    objects = replace(cluster_objects.objects(scene, NOW, pipeline.NEEDS), read_at=NOW - age)
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces), objects=objects, host=scene_host(scene), wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )  # fmt: skip
    made = {of_target[0].ip: of_target[-1] for of_target in objects.memo("records", dict).values()}
    report = pipeline.conclude(evidence)
    judged = [found.target for found in report.targets if found.verdict and not found.target.skipped]
    assert judged
    assert made.keys() == {target.ip for target in judged}
    assert all(recorded(target, objects, objects.read_at) is made[target.ip] for target in judged)
    assert pipeline.conclude(replace(evidence, objects=replace(objects))) == report
