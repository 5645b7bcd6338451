"""On the kernel: no command that sends frames changes what a client believes, or what a node is about to take."""

import json
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.lab(long=True)

PROGRAM = Path(__file__).with_name("watching_clients.py")
COMMANDS = (
    ("probe", "--rate", "100", "-o", "json"),
    ("preflight", "--rate", "100", "-o", "json"),
    ("pool", "--rate", "100", "-o", "json"),
    ("watch", "--interval", "2s", "--for", "4s", "--rate", "100"),
)
HELD, WRONG = ("2001:db8:10::50", "2001:db8:10::51"), "02:0f:00:00:00:01"
OF_THE_SERVICE = {"10.0.0.50", "2001:db8:10::50", "2001:db8:10::60"}
OF_THE_POOL = {"10.0.0.51", "2001:db8:10::51", "2001:db8:10::61"}


def test_nothing_that_is_sent_changes_a_cache_or_fails_a_check():
    done = forked.program([PROGRAM, json.dumps(COMMANDS)])
    assert done.returncode == 0, done.stderr
    before, *ran, after = json.loads(done.stdout)
    for told, seen in zip(("before", *(name for name, *_ in COMMANDS)), (before, *ran), strict=True):
        assert {mac for [mac] in seen["cache"].values()} == {WRONG}, told
        assert seen["checked"] == [["tentative"]] * 2, told
        assert seen["code"] in (None, 0, 1, 3), seen
    assert all(after["cache"][ip] != [WRONG] for ip in HELD), "a check changes them"
    assert after["checked"] == [["dadfailed", "tentative"]] * 2, "and fails others"
    probe, _, pool, _ = ran
    assert {one["ip"] for one in json.loads(probe["out"])["targets"] if one["verdict"]} == OF_THE_SERVICE
    replied = {one["ip"]: one["state"] for one in json.loads(pool["out"])["addresses"] if one["ip"] in OF_THE_POOL}
    assert replied == {"10.0.0.51": "in-use", "2001:db8:10::51": "in-use", "2001:db8:10::61": "free"}
