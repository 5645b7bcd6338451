"""Captures and reports that were kept as they were written, judged and compared as a user does it."""

import json
from pathlib import Path

import pytest
from forked import arpcheck

KEPT = Path(__file__).parent / "kept"
VIP = "10.0.0.50"
NODES = "02:01:00:00:01:00,worker-1\n02:01:00:00:02:00,worker-2\n"


def judged(name, cluster=None, *options):
    done = arpcheck(
        "report",
        "--capture",
        KEPT / f"{name}.pcap",
        "--cluster-file",
        KEPT / f"{cluster or name}.cluster.json",
        *options,
        "-o",
        "json",
    )
    document = json.loads(done.stdout)
    assert done.returncode == document["summary"]["exitCode"], done.stderr
    [target] = [target for target in document["targets"] if target["ip"] == VIP]
    return document, target


def finding(document, id):
    [found] = [found for found in document["findings"] if found["id"] == id]
    return found


def ids(entries):
    return [entry["id"] for entry in entries]


def test_two_machines_with_a_nodes_address_that_answer_alike_are_a_doubt():
    document, target = judged("node-and-its-double", "two-nodes")
    assert (document["summary"]["exitCode"], target["verdict"]) == (3, "inconclusive")
    assert {mac for responder in target["responders"] for mac in responder["macs"]} == {
        "02:01:00:00:02:00",
        "00:50:56:9a:77:01",
    }
    conflict = finding(document, "address-conflict")
    assert (conflict["nodes"], conflict["ips"]) == (["worker-2"], ["10.0.0.12"])


def test_a_list_of_one_of_the_two_does_not_say_that_the_other_is_the_nodes(tmp_path):
    (tmp_path / "macs.csv").write_text(NODES)
    document, target = judged("node-and-its-double", "two-nodes", "--mac-map", tmp_path / "macs.csv")
    assert (document["summary"]["exitCode"], target["verdict"]) == (3, "inconclusive")
    assert target["reason"].startswith("00:50:56:9a:77:01 replied, and it is not certain that it belongs to worker-2")
    assert "address-conflict" in ids(document["findings"])


@pytest.mark.parametrize("listed", [False, True])
def test_who_announces_and_does_not_answer_is_told_of(tmp_path, listed):
    (tmp_path / "macs.csv").write_text(NODES)
    document, target = judged("announced-by-another", "two-nodes", *(("--mac-map", tmp_path / "macs.csv") if listed else ()))
    assert (document["summary"]["exitCode"], target["verdict"]) == (3, "inconclusive")
    assert [(entry["id"], entry["mac"]) for entry in target["also"]] == [("gratuitous", "02:01:00:00:02:00")]
    assert finding(document, "gratuitous")["outcome"] == "unsure"


def test_frames_of_a_vlan_are_no_answer_of_this_segment_and_are_named():
    document, target = judged("tagged", "two-nodes")
    assert (document["summary"]["exitCode"], target["verdict"], target["responders"]) == (3, "inconclusive", [])
    assert "VLAN 20" in target["reason"]


def test_a_record_that_is_younger_than_the_frames_accuses_nobody():
    document, target = judged("older-than-its-record")
    assert (document["summary"]["exitCode"], target["verdict"]) == (3, "inconclusive")
    assert [responder["node"] for responder in target["responders"]] == ["worker-1"]
    assert ids(document["findings"]) == ["stale-claim", "gap"]


def test_replies_to_nobody_seen_around_a_failover_are_no_two_announcers():
    document, target = judged("replies-around-a-failover")
    assert (document["summary"]["exitCode"], target["verdict"]) == (3, "inconclusive")
    assert "split-announcers" not in ids(document["findings"])


@pytest.mark.parametrize(
    ("name", "subject", "change"),
    [
        pytest.param("announcer-fell-silent", VIP, "worse", id="the announcer is missing among who answered before"),
        pytest.param("stranger-on-the-canary", "canary 10.96.0.1", "new", id="a MAC of no node answers for the canary"),
    ],
)
def test_what_one_of_two_runs_alone_does_not_show(name, subject, change):
    done = arpcheck("compare", KEPT / f"{name}.before.json", KEPT / f"{name}.after.json", "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["summary"]["exitCode"]) == (1, 1), done.stderr
    assert [entry["change"] for entry in document["addresses"] if entry["subject"] == subject] == [change]
    back = arpcheck("compare", KEPT / f"{name}.after.json", KEPT / f"{name}.before.json", "-o", "json")
    assert back.returncode in (0, 3)
