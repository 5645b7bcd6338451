"""Under sudo: a real change to an unprivileged user, in an enclosure that has one."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from caller_land import GID, GROUP, HOME, UID
from probe_with_rights import ROOTS, SCENE, TOKEN

from arpcheck.lab import network, scene_file
from arpcheck.lab.fixture import KUBECONFIG
from arpcheck.lab.run import differences

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user: run it as root"),
]

HERE = Path(__file__).parent
TRIAL = HERE.parent / "wire" / "privilege_trial.py"
NONE = "0" * 16
SUDO = {"SUDO_UID": str(UID), "SUDO_GID": str(GID), "SUDO_USER": "caller", "USER": "root", "HOME": "/root"}


def in_caller_land(*program, **env):
    return subprocess.run(
        network.command([sys.executable, str(HERE / "caller_land.py"), sys.executable, *map(str, program)]),
        env={**os.environ, **SUDO, **env}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_process_becomes_the_caller_groups_and_home_included_for_good():
    done = in_caller_land(TRIAL, "/run/set-uid-id")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    status = found["status"]
    assert (found["socket before"], found["socket"], found["root"], found["socket of a child"]) == (
        "done",
        "refused",
        "refused",
        1,
    )
    assert (status["Uid"].split(), status["Gid"].split()) == ([str(UID)] * 4, [str(GID)] * 4)
    assert status["Groups"].split() == [str(GID), str(GROUP)]
    assert [status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [NONE] * 4
    assert found["environment"] == {"HOME": str(HOME), "USER": "caller", "LOGNAME": "caller"}
    assert (found["set-uid"], found["set-uid, sealed"], found["sealed"]) == ([0], [UID], "1")


@cache
def probed(case, *command):
    done = in_caller_land(HERE / "probe_with_rights.py", case, *command)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report_is_right(found):
    assert found["code"] == 1, found["stderr"]
    return differences(scene_file.load(SCENE), json.loads(found["stdout"])) == ()


def test_a_probe_has_no_privilege_while_it_asks_and_its_plugins_are_the_callers():
    found = probed("sudo")
    assert report_is_right(found)
    assert found["statuses"]
    for status in found["statuses"]:
        assert status == {
            "Uid": "\t".join([str(UID)] * 4), "Gid": "\t".join([str(GID)] * 4), "Groups": f"{GID} {GROUP}",
            "CapInh": NONE, "CapPrm": NONE, "CapEff": NONE, "CapAmb": NONE, "NoNewPrivs": "1",
        }  # fmt: skip
    assert found["plug-in"] == [str(UID), f"{GID} {GROUP}", f"CapPrm:\t{NONE}", f"CapEff:\t{NONE}", str(HOME), ""]
    assert found["tokens"] == [f"Bearer {TOKEN}"]
    assert found["written by"] == UID


def test_a_kubeconfig_that_only_root_can_read_is_read_first():
    found = probed("sudo-explicit")
    assert report_is_right(found)
    assert found["tokens"] == [f"Bearer {TOKEN}"]


def test_but_not_where_a_login_plugin_would_show_what_is_in_it_to_the_caller():
    found = probed("sudo-plug-in")
    assert (found["code"], found["statuses"], found["tokens"]) == (2, None, [])
    assert "login plug-in (exec)" in found["stderr"]


def test_the_callers_kubeconfig_borrows_no_file_of_roots():
    found = probed("sudo-borrowed")
    assert (found["code"], found["statuses"], found["tokens"]) == (2, None, [])
    assert "cannot read the tokenFile of context 'lab': /run/secret" in found["stderr"]


@pytest.mark.parametrize("case", ["pod", "sudo-explicit"])
def test_connections_are_tried_without_a_privilege_and_with_net_raw_alone(case):
    """By a pod with CAP_NET_RAW alone, and by the calling user: what needs it is opened before."""
    config = KUBECONFIG if case == "pod" else ROOTS
    command = ("probe", "-o", "json", "--rate", "100", "--iface", "eth0", "--reach", "--kubeconfig", str(config))
    found = probed(case, *command)
    assert report_is_right(found)
    assert {key: status[key] for status in found["statuses"] for key in ("CapPrm", "CapEff")} == {
        "CapPrm": NONE,
        "CapEff": NONE,
    }
    rows = [row for target in json.loads(found["stdout"])["targets"] for row in target["reach"]]
    assert {row["result"] for row in rows} == {"refused"}
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        pytest.param(("snapshot",), 0, '"kind": "Service"', id="snapshot"),
        pytest.param(("strict-arp", "status"), 1, "not-set: ", id="status"),
        pytest.param(
            ("strict-arp", "enable", "--dry-run", "--backup-dir", str(HOME)), 0, "Nothing was changed", id="enable"
        ),
    ],
)
def test_what_opens_no_socket_is_the_callers_too(command, code, said):
    found = probed("sudo", *command)
    assert (found["code"], said in found["stdout"], found["statuses"]) == (code, True, None), found["stderr"]
    assert found["plug-in"] == [str(UID), f"{GID} {GROUP}", f"CapPrm:\t{NONE}", f"CapEff:\t{NONE}", str(HOME), ""]


@pytest.mark.parametrize("case", ["pod", "root"])
def test_as_root_in_a_pod_and_in_a_shell_no_capability_is_left_while_it_asks(case):
    found = probed(case)
    assert report_is_right(found)
    assert found["statuses"]
    for status in found["statuses"]:
        assert [status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")] == [*[NONE] * 4, "1"]


def test_in_a_pod_the_interface_is_found_and_the_node_is_known():
    document = json.loads(probed("pod")["stdout"])
    assert document["run"]["interfacesBecause"].startswith("eth0, whose subnet 10.0.0.0/24 holds 1 of 1 addresses")
    assert document["evidence"]["host"]["nodeName"] == "worker-9"
