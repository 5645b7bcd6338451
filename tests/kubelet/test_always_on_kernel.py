"""What `arpcheck pod --watch` prints, on the kernel, with exactly the rights of its manifests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.lab import network

pytestmark = pytest.mark.lab(long=True)

PROGRAM = Path(__file__).parent / "always_on_stage.py"


def test_two_watches_serve_what_the_other_can_not_hear_over_a_new_token_and_keep_their_state():
    program = network.command([sys.executable, str(PROGRAM), "two-non-strict"])
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["created"] == [201] * len(found["created"])
    assert {target.partition("?")[0] for target in found["refused"]} == {"/apis/coordination.k8s.io/v1/leases"}, (
        "of Cilium and kube-vip: not granted"
    )
    assert found["rotated"] == 2
    assert {*found["health"].values()} == {"ok\n"}
    for host, own in (("10.0.0.11", "worker-1"), ("10.0.0.12", "worker-2")):
        seen = found["since"][host]
        states = {labels["node"]: labels["state"] for labels, _ in seen["arpcheck_node_state"]}
        others = {"worker-1": "quiet", "worker-2": "non-strict", "worker-3": "non-strict"}
        assert states == {**others, own: "self"}
        [[_, is_read]] = seen["arpcheck_watch_cluster_readable"]
        assert is_read == 1, "with the new token"
        [name] = [name for name in found["states"] if name.endswith("a" if own == "worker-1" else "b")]
        kept = json.loads(found["states"][name]["state.json"])
        assert {one["name"]: one["arp"] for one in kept["nodes"]} == states
        assert [one["verdict"] for one in kept["addresses"]] == ["non-strict"]
