"""Clusters of public threads in which nobody replied, and others that look like them: the first reason is the thread's root cause.

A file is named by its thread, or `unlike-…` by the one that it resembles: there the same objects have another cause, or the
address is announced. What the objects look like is read from the controllers' source, never from what arpcheck reads."""

from pathlib import Path

import pytest
from test_scenes_pure import report

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences

SILENCES = sorted((Path(__file__).parent / "silences").glob("*.toml"))


@pytest.mark.parametrize("path", SILENCES, ids=lambda path: path.stem)
def test_scene_comes_out_as_it_says(path, tmp_path):
    scene = scene_file.load(str(path))
    found = differences(scene, report(scene, tmp_path))
    assert [line for line in found if not line.startswith("first reason")] == []


@pytest.mark.parametrize("path", SILENCES, ids=lambda path: path.stem)
def test_scene_says_the_reason_of_each_address(path):
    expected = scene_file.load(str(path)).expect
    assert expected is not None
    assert set(expected.reasons) == set(expected.verdicts)


def test_threads_and_look_alikes_are_many():
    threads = [path for path in SILENCES if not path.stem.startswith("unlike-")]
    assert len(threads) >= 25
    assert len(SILENCES) - len(threads) >= 25
