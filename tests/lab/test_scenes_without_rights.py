"""What only explains may be forbidden: without it every scene has the same verdicts and the same exit code."""

from dataclasses import replace

import pytest
from test_scenes_pure import report

from arpcheck.endpoints import ENDPOINT_SLICES
from arpcheck.lab import scene_file


def judged(scene, folder):
    found = report(scene, folder)
    verdicts = {(target["ip"], *target["services"]): target["verdict"] for target in found["targets"]}
    return verdicts, found["summary"]["exitCode"], {gap["what"] for gap in found["gaps"]}


@pytest.mark.parametrize("name", scene_file.names())
def test_endpoint_slices_explain_and_do_not_judge(name, tmp_path):
    scene = scene_file.load(name)
    refused = tuple({*scene.cluster.refused, ENDPOINT_SLICES.resource})
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    verdicts, code, gaps = judged(scene, tmp_path / "a")
    without, code_without, gaps_without = judged(
        replace(scene, cluster=replace(scene.cluster, refused=refused)), tmp_path / "b"
    )
    assert (without, code_without) == (verdicts, code)
    assert gaps_without == gaps | {ENDPOINT_SLICES.resource}
