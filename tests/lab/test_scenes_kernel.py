"""Scenes on the kernel: namespaces, real ARP, the API over HTTP, `arpcheck probe` as a process of its own.

The few that have every kind between them; every one where ARPCHECK_SCENES=all says so (`scripts/scenes --all`)."""

import json
import os
from pathlib import Path

import forked
import jsonschema
import pytest
from scene_kinds import of_each_kind

import arpcheck.reports
from arpcheck.lab import scene_file
from arpcheck.lab.run import differences

pytestmark = pytest.mark.lab

FASTER = ("--rate", "100")
"""Ten frames a second, which is polite on a LAN, would make it minutes."""

SCHEMA = json.loads((Path(arpcheck.reports.__file__).parent / "report.schema.json").read_text())


NAMES = scene_file.names() if os.environ.get("ARPCHECK_SCENES") == "all" else of_each_kind()


@pytest.mark.parametrize("name", NAMES)
def test_scene_comes_out_as_it_says(name):
    scene = scene_file.load(name)
    result = forked.scene(name, ["-o", "json", *FASTER])
    assert result.exit_code == result.report["summary"]["exitCode"], result.stderr
    assert differences(scene, result.report) == ()
    jsonschema.validate(result.report, SCHEMA)


def test_frames_that_are_no_answer_are_counted_by_reason():
    report = forked.scene("odd-frames", ["-o", "json", *FASTER]).report
    assert [(entry["reason"], entry["frames"]) for entry in report["evidence"]["passedOver"]] == [
        ("other-host", 3),
        ("vlan", 3),
    ]
    assert report["run"]["ignored"] == {
        "not-a-reply": 3,
        "not-asked": 3,
        "not-ethernet-ipv4": 3,
        "not-for-us": 3,
        "truncated": 3,
        "vlan": 3,
    }
