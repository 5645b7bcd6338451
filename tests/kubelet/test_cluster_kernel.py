"""`arpcheck cluster` on three segments of six nodes: its real Jobs run on the nodes, and whatever happens to them, the report holds
nothing that is not so, and nothing is left in the API. `scripts/clusters` tries much more of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.lab import network
from kubelet import segments

pytestmark = pytest.mark.lab(long=True)

PROGRAM = Path(__file__).parent / "cluster_on_stage.py"
IN_DOUBT = "inconclusive"
TRUTH = {ip: "non-strict" if ip.startswith("10.1.") else "ok" for ip in segments.addresses()} | {
    segments.DUPLICATE: "duplicate"
}


def staged(case, **options):
    program = network.command([sys.executable, str(PROGRAM), case, json.dumps(options)])
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["left"], found["tokens"]) == ([], 0), found["err"]
    return found


def verdicts(report):
    return {target["ip"]: target["verdict"] for target in report["targets"] if target["verdict"]}


def findings(report):
    return {finding["id"]: finding["nodes"] for finding in report["findings"]}


def gaps(report):
    return {gap["what"]: gap["why"] for gap in report["gaps"]}


def honest(report):
    """What is in doubt is said to be; nothing else differs from the truth."""
    return {ip: verdict for ip, verdict in verdicts(report).items() if verdict not in (TRUTH[ip], IN_DOUBT)} == {}


def test_all_segments_are_one_report_with_each_fault_and_nothing_else():
    found = staged("healthy")
    report = json.loads(found["out"])
    assert (found["code"], report["summary"]["exitCode"]) == (1, 1)
    assert verdicts(report) == TRUTH
    expected = dict.fromkeys(segments.node_names(), "quiet") | {segments.NON_STRICT: "non-strict"}
    assert {node["name"]: node["arp"] for node in report["nodes"]} == expected, "no node is blind to itself"
    assert findings(report) == {"non-strict-nodes": [segments.NON_STRICT], "split-announcers": ["b-2", segments.SECOND]}
    assert report["gaps"] == []


def test_another_node_takes_the_place_of_one_whose_pod_is_evicted():
    found = staged("evicted")
    report = json.loads(found["out"])
    assert (found["code"], verdicts(report)) == (1, TRUTH)
    assert "Evicted" in gaps(report)[f"evidence of {found['node']}"]


def test_ctrl_c_leaves_nothing_behind():
    found = staged("interrupted")
    assert found["code"] == 130
    assert honest(json.loads(found["out"]))


def test_what_a_killed_run_left_is_removed():
    found = staged("killed", letter="v")
    assert found["code"] == 0
    assert any(line.startswith("jobs ") for line in found["middle"])
