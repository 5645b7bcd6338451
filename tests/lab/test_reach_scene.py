"""`probe --reach` as a program on a scene: what it reports, records and does when it is interrupted."""

from __future__ import annotations

import json
from collections import Counter

import forked
import pytest

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences

pytestmark = pytest.mark.lab

SCENE = "split-brain"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    path = tmp_path_factory.mktemp("reach") / "frames.pcap"
    return forked.scene(SCENE, ["-o", "json", "--rate", "100", "--reach", "--pcap", str(path)]), path


def test_the_verdicts_are_those_without_it(ran) -> None:
    assert differences(scene_file.load(SCENE), ran[0].report) == ()


def test_both_responders_were_asked_and_refused(ran) -> None:
    """Nobody listens at the address in the scene."""
    rows = [row for target in ran[0].report["targets"] for row in target["reach"]]
    assert [(row["node"], row["result"], row["tries"]) for row in rows] == [
        ("worker-1", "refused", 1),
        ("worker-2", "refused", 1),
    ]
    assert "--reach: 2 TCP SYNs to 2 MAC addresses" in ran[0].stderr


def test_the_pcap_has_every_segment_at_its_time(ran) -> None:
    from scapy.layers.inet import IP, TCP
    from scapy.utils import rdpcap

    segments = [frame for frame in rdpcap(str(ran[1])) if TCP in frame]
    flags = Counter(str(frame[TCP].flags) for frame in segments)
    assert flags == {"S": 2, "RA": 2}
    assert {frame[IP].src for frame in segments if str(frame[TCP].flags) == "RA"} == {"10.0.0.50"}
    arp = [frame.time for frame in rdpcap(str(ran[1])) if TCP not in frame]
    assert min(frame.time for frame in segments) > max(arp)


def test_the_saved_run_is_judged_alike(ran, tmp_path) -> None:
    saved = tmp_path / "run.json"
    saved.write_text(json.dumps(ran[0].report))
    again = json.loads(forked.arpcheck("report", str(saved), "-o", "json").stdout)
    assert again["targets"] == ran[0].report["targets"]
