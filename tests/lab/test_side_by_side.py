"""Several probes at once on one host: each hears the answers to the others' questions, and proves what it proves alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.lab import network

pytestmark = pytest.mark.lab

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("scene", "verdict", "finding"),
    [("two-non-strict", "non-strict", "non-strict-nodes"), ("split-brain", "duplicate", "split-announcers")],
)
def test_each_proves_what_it_proves_alone(scene, verdict, finding):
    program = network.command([sys.executable, str(HERE / "probes_side_by_side.py"), scene, "3"])
    done = subprocess.run(program, capture_output=True, text=True, timeout=200, check=False)
    assert done.stderr == ""
    for report, code in json.loads(done.stdout):
        assert (code, report["summary"]["verdicts"]) == (1, {verdict: 1})
        assert finding in [found["id"] for found in report["findings"]]
