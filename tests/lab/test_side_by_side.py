"""Several probes at once on one host: each hears the answers to the others' questions, and proves what it proves alone."""

import json
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.lab

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("scene", "verdict", "finding"),
    [("two-non-strict", "non-strict", "non-strict-nodes"), ("split-brain", "duplicate", "split-announcers")],
)
def test_each_proves_what_it_proves_alone(scene, verdict, finding):
    done = forked.program([HERE / "probes_side_by_side.py", scene, "3"])
    assert done.stderr == ""
    for report, code in json.loads(done.stdout):
        assert (code, report["summary"]["verdicts"]) == (1, {verdict: 1})
        assert finding in [found["id"] for found in report["findings"]]
