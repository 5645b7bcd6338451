"""The machine that the other tests here stand on is what they take it for."""

import os
import re
from pathlib import Path

import pytest
from sudo_world import ARPCHECK, GID, GROUP, HOME, ONLY_ARPCHECK, UID, SudoWorld

from arpcheck.docs import page

pytestmark = pytest.mark.lab


def test_its_user_is_an_ordinary_one_who_becomes_root_by_sudo_alone(world):
    assert world.run("id", "-u").stdout == f"{UID}\n"
    assert world.run("id", "-G").stdout.split() == [str(GID), str(GROUP)]
    assert world.run("cat", "/etc/shadow").returncode != 0
    done = world.sudo("sh", "-c", "id -u; echo $SUDO_UID; echo $HOME")
    assert done.stdout.split() == ["0", str(UID), "/root"], done.stderr
    assert world.sudo("sh", "-c", "echo $HOME", options=["-E"]).stdout == f"{HOME}\n"


def test_a_narrow_rule_is_narrow():
    with SudoWorld(sudoers=ONLY_ARPCHECK) as world:
        assert world.sudo("id").returncode != 0
        assert world.sudo("arpcheck", "--version", options=["-E"]).returncode != 0
        done = world.sudo("arpcheck", "--version")
        assert (done.returncode, done.stdout[:9]) == (0, "arpcheck "), done.stderr


def test_the_rule_of_the_documentation_gives_arpcheck_and_no_environment():
    [rule] = re.findall(r"^%operators ALL=.*$", page("security"), re.MULTILINE)
    with SudoWorld(sudoers=f"{rule}\n".replace("/usr/local/bin/arpcheck", ARPCHECK)) as world:
        done = world.sudo("arpcheck", "report", "/etc/shadow")
        assert (done.returncode, done.stderr) == (
            2,
            "arpcheck: /etc/shadow: Permission denied. Name a file that `arpcheck probe -o json` wrote\n",
        )
        for options in (["-E"], ["PYTHONPATH=/run/home"], ["LD_PRELOAD=/run/home/x.so"]):
            done = world.sudo("arpcheck", "--version", options=options)
            assert (done.returncode, done.stdout) == (1, ""), done.stderr


def test_nothing_of_it_shows_outside(world):
    before = [Path(place).read_bytes() for place in ("/etc/passwd", "/etc/shadow", "/etc/group")]
    world.write(f"{HOME}/sub/mine", "x", owner=True)
    assert world.files(HOME) == {f"{HOME}/sub/mine": UID}
    assert not os.path.exists(HOME)
    assert not any(b"caller" in text for text in before)


def test_a_scene_can_stand_in_it():
    with SudoWorld(scene="healthy") as world:
        done = world.sudo("arpcheck", "doctor", "--iface", "eth0", "--kubeconfig", "/run/arpcheck-kubeconfig")
        assert done.returncode in (0, 3), done.stdout + done.stderr
        assert ["ok", "API"] in [line.split()[:2] for line in done.stdout.splitlines()]
