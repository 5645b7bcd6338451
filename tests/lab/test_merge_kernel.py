"""Two nodes as probers on the kernel: each is blind to itself, merged they cover both."""

import json
import subprocess
import sys
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.lab(long=True)

PROGRAM = Path(__file__).parent / "lab_merge.py"


def probed(tmp_path, scene, *stations):
    done = forked.program([PROGRAM, scene, tmp_path, *stations])
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}


def merged(tmp_path, *stations):
    done = forked.arpcheck("merge", *(tmp_path / f"{s}.json" for s in stations), "-o", "json")
    return done.returncode, json.loads(done.stdout)


def test_what_one_node_can_not_hear_of_itself_the_other_hears(tmp_path):
    codes = probed(tmp_path, "prober-is-node", "worker-3", "worker-1")
    alone = json.loads((tmp_path / "worker-3.json").read_text())
    assert {node["name"]: node["arp"] for node in alone["nodes"]}["worker-3"] == "self"
    code, document = merged(tmp_path, "worker-3", "worker-1")
    assert {node["name"]: node["arp"] for node in document["nodes"]} == {
        "worker-1": "quiet", "worker-2": "quiet", "worker-3": "non-strict",
    }  # fmt: skip
    [target] = [target for target in document["targets"] if target["ip"] == "10.0.0.50"]
    assert target["verdict"] == "non-strict"
    assert {responder["node"]: responder["interfaces"] for responder in target["responders"]} == {
        "worker-1": ["worker-3:eth0"], "worker-3": ["worker-1:eth0"],
    }  # fmt: skip
    assert (codes["worker-3"], code) == (3, 1)
    assert [finding["id"] for finding in document["findings"]] == ["non-strict-nodes"]
    again = subprocess.run(
        [sys.executable, "-m", "arpcheck", "report", "-", "-o", "json"],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (again.returncode, json.loads(again.stdout)) == (1, document)


def test_a_pod_on_the_announcing_node_and_a_host_of_the_lan_say_together_that_all_is_well(tmp_path):
    codes = probed(tmp_path, "healthy", "pod:worker-2", "client")
    assert codes == {"worker-2": 3, "client": 0}
    alone = json.loads((tmp_path / "worker-2.json").read_text())
    assert (alone["evidence"]["host"]["nodeName"], [f["id"] for f in alone["findings"]]) == ("worker-2", ["self-blind"])
    assert [t["verdict"] for t in alone["targets"] if t["ip"] == "10.0.0.50"] == ["inconclusive"]
    code, document = merged(tmp_path, "worker-2", "client")
    assert (code, document["findings"]) == (0, [])
    [target] = [target for target in document["targets"] if target["ip"] == "10.0.0.50"]
    assert (target["verdict"], [responder["interfaces"] for responder in target["responders"]]) == ("ok", [["client:eth0"]])
    assert {node["arp"] for node in document["nodes"]} == {"quiet"}


def test_all_is_well_from_two_nodes_though_neither_alone_could_say_so(tmp_path):
    codes = probed(tmp_path, "healthy", "worker-1", "worker-2")
    assert codes == {"worker-1": 3, "worker-2": 3}
    code, document = merged(tmp_path, "worker-1", "worker-2")
    assert (code, document["findings"]) == (0, [])
    assert {node["arp"] for node in document["nodes"]} == {"quiet"}
