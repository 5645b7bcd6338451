"""Each case runs in a process of its own that really gives its rights up, and then says what it can still do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up: run it as root")

NONE = "0" * 16
NET_RAW = f"{1 << 13:016x}"
POD = (
    "setpriv",
    "--bounding-set=-all,+net_raw",
    "--inh-caps=-all,+net_raw",
    "--ambient-caps=-all,+net_raw",
    "--no-new-privs",
)
"""What a container has with `drop: [ALL], add: [NET_RAW]` and allowPrivilegeEscalation false, as uid 0."""


def trial(*before, **env):
    done = subprocess.run(
        [*before, sys.executable, str(Path(__file__).with_name("privilege_trial.py"))],
        env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("env", [{}, {"SUDO_UID": "0", "SUDO_GID": "0"}], ids=["root", "root who called sudo"])
def test_root_keeps_its_name_and_loses_every_capability_for_good(env):
    found = trial(**env)
    assert (found["socket before"], found["socket"], found["socket of a child"]) == ("done", "refused", 1)
    assert {key: value for key, value in found["status"].items() if key.startswith("Cap")} == {
        "CapInh": NONE, "CapPrm": NONE, "CapEff": NONE, "CapBnd": NONE, "CapAmb": NONE,
    }  # fmt: skip
    assert (found["status"]["Uid"].split(), found["status"]["NoNewPrivs"]) == (["0"] * 4, "1")


def test_what_a_pod_is_given_is_enough_for_the_socket_and_is_gone_after_it():
    found = trial(*POD)
    assert (found["socket before"], found["socket"], found["socket of a child"]) == ("done", "refused", 1)
    assert [found["status"][key] for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [NONE] * 4
    assert found["status"]["CapBnd"] == NET_RAW  # it takes CAP_SETPCAP to empty it, and no_new_privs makes it worthless


@pytest.mark.parametrize("uid", ["4294967294", "nobody", "99999999999999999999", ""])
def test_a_caller_who_does_not_exist_is_one_line(uid):
    done = subprocess.run(
        [sys.executable, "-c", "from arpcheck.wire.privilege import caller; caller()"],
        env={**os.environ, "SUDO_UID": uid, "SUDO_GID": "0"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert f"arpcheck.errors.WireError: SUDO_UID is {uid!r}, but this user does not exist." in done.stderr
