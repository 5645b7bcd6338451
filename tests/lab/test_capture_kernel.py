"""A capture that tcpdump took on the LAN, judged with a snapshot of the cluster: real ARP, real files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import pytest

from arpcheck.lab import scene_file

pytestmark = pytest.mark.lab

PROGRAM = Path(__file__).parent / "lab_capture.py"
VIP, CANARY = "10.0.0.50", "10.96.0.1"
NODES = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]


@pytest.fixture
def recorded(tmp_path):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed (Debian: tcpdump)")

    def record(scene, *addresses, options=("-i", "eth0")):
        done = forked.program([PROGRAM, scene, tmp_path, json.dumps(options), *addresses])
        assert done.returncode == 0, done.stderr

    return record


def report(tmp_path, *options):
    files = ["--capture", str(tmp_path / "lan.pcap"), "--cluster-file", str(tmp_path / "cluster.json")]
    command = [sys.executable, "-m", "arpcheck", "report", *files, "-o", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ))
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def judged(document):
    return {target["ip"]: target["verdict"] for target in document["targets"] if target["verdict"]}


def test_what_tcpdump_recorded_proves_two_nodes_without_strict_arp(recorded, tmp_path):
    recorded("two-non-strict", VIP, CANARY, *NODES)
    code, document = report(tmp_path)
    assert (code, judged(document)) == (1, {VIP: "non-strict"})
    assert document["summary"]["nonStrictNodes"] == ["worker-2", "worker-3"]
    assert [
        responder["repliesPerProbe"]
        for target in document["targets"]
        if target["ip"] == VIP
        for responder in target["responders"]
    ] == [1, 1, 1]
    assert document["evidence"]["capture"] == {
        "name": "lan.pcap",
        "frames": document["evidence"]["capture"]["frames"],
        "unseen": 0,
    }


def test_several_macs_of_nobody_known_and_the_list_that_names_them(recorded, tmp_path):
    recorded("two-non-strict", VIP)
    code, document = report(tmp_path)
    assert (code, judged(document)) == (3, {VIP: "inconclusive"})
    macs = tmp_path / "macs.csv"
    macs.write_text("mac,node\n" + "".join(f"02:01:00:00:0{n}:00,worker-{n}\n" for n in (1, 2, 3)))
    code, document = report(tmp_path, "--mac-map", str(macs))
    assert (code, judged(document)) == (1, {VIP: "duplicate"})


def test_two_nodes_that_reply_for_an_ipv6_address(recorded, tmp_path):
    vip = "2001:db8:10::50"
    recorded("ipv6-wrong-in-ipv6-alone", "10.0.0.50", vip, *NODES, options=("-i", "eth0", "arp or icmp6"))
    code, document = report(tmp_path)
    expected = scene_file.load("ipv6-wrong-in-ipv6-alone").expect
    assert (code, judged(document)[vip]) == (1, expected.verdicts[vip])
    target = next(target for target in document["targets"] if target["ip"] == vip)
    assert {responder["node"] for responder in target["responders"]} == {one.station for one in expected.responders[vip]}


def test_nanoseconds(recorded, tmp_path):
    recorded("two-non-strict", VIP, CANARY, *NODES, options=("-i", "eth0", "--nano", "arp"))
    assert judged(report(tmp_path)[1]) == {VIP: "non-strict"}


def test_recorded_on_any_interface(recorded, tmp_path):
    recorded("two-non-strict", VIP, options=("-i", "any"))
    code, said = report(tmp_path)
    assert code == 2
    assert "Linux cooked), not Ethernet. Record on one interface with `tcpdump -i IFACE`, not `-i any`" in said
