"""However a run ends, by a signal at any time or because a process of it dies, it is no finding and no traceback, and nothing
of it stays behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from sudo_world import ARPCHECK, HOME, MINE, UID

from arpcheck.lab import network

pytestmark = pytest.mark.lab

PATIENCE = 30
CLUSTER = (
    '{"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}}]}'
)
WATCH = [
    "watch",
    "--iface",
    "eth0",
    "--ip",
    "10.0.0.50",
    "--cluster-file",
    "cluster.json",
    "--rate",
    "0",
    "--interval",
    "1s",
    "--output",
    "mine.prom",
]
WROTE = {f"{MINE}/cluster.json": UID, f"{MINE}/mine.prom": UID}
PLACES = ("/tmp", HOME, MINE, "/root")  # noqa: S108 - of its own machine


def running(world, *words):
    """The numbers, outside, of the processes that are arpcheck itself, once there is one."""
    return awaited(lambda: [number for number in world.processes(*words) if b"sudo" not in cmdline(number)])


def cmdline(number):
    with open(f"/proc/{number}/cmdline", "rb") as file:
        return file.read().split(b"\0")[0]


def awaited(found):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError("it never came to that")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_watch_that_is_ended_leaves_its_last_report_and_nothing_else(world, number):
    world.write(f"{MINE}/cluster.json", CLUSTER, owner=True)
    before = world.files("/root")
    run = world.start_sudo("arpcheck", *WATCH, cwd=MINE)
    awaited(lambda: f"{MINE}/mine.prom" in world.files(MINE))
    [watch] = running(world, ARPCHECK, "watch")
    os.kill(watch, number)
    _, stderr = run.communicate(timeout=PATIENCE)
    assert "Traceback" not in stderr
    assert run.returncode == (3 if number != signal.SIGKILL else -number)  # 3: it has judged nothing
    assert world.files(*PLACES) == WROTE | before
    assert world.processes(ARPCHECK) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("words", ["probe --iface eth0 --cluster-file fifo", "report fifo", "snapshot --cluster-file fifo"])
def test_before_anything_was_asked_it_ends_in_one_line(world, words, number):
    """It waits for somebody who writes into the file."""
    fifo = world.path(f"{MINE}/fifo")
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    run = world.start_sudo("arpcheck", *words.split(), cwd=MINE)
    writer = awaited(lambda: read_by_somebody(fifo))
    [process] = running(world, ARPCHECK, "fifo")
    os.kill(process, number)
    _, stderr = run.communicate(timeout=PATIENCE)
    os.close(writer)
    assert (run.returncode, stderr.strip()) == (130, "arpcheck: interrupted")


def read_by_somebody(fifo):
    """A writer's end of it, once somebody reads."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_hang_up_that_is_ignored_stays_ignored(world):
    world.write(f"{MINE}/cluster.json", CLUSTER, owner=True)
    run = world.start_sudo("nohup", ARPCHECK, *WATCH, "--for", "3s", cwd=MINE)
    awaited(lambda: f"{MINE}/mine.prom" in world.files(MINE))
    [watch] = running(world, ARPCHECK, "watch")
    os.kill(watch, signal.SIGHUP)
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 3


# ------------------------------------------------------------------------------------------------------- a child that dies


@pytest.mark.parametrize("way", ["demo by sudo", "lab by root"])
@pytest.mark.parametrize(
    ("victim", "said"),
    [
        pytest.param("arpcheck", "arpcheck: the probe died by signal 9 (Killed). ", id="the probe"),
        pytest.param("arpcheck.lab.fixture", "arpcheck: the lab died ", id="the first process of the lab"),
    ],
)
def test_who_is_killed_is_no_finding(world, request, way, victim, said):
    if way == "demo by sudo":  # which gives root's rights up first
        request.getfixturevalue("user_namespace")
        run = world.start_sudo("arpcheck", "demo", "two-non-strict")
    else:
        run = world.start(sys.executable, "-I", "-m", "arpcheck.lab", "two-non-strict", root=True)
    number, *_ = awaited(lambda: launched(victim, run.pid))
    os.kill(number, signal.SIGKILL)
    _, stderr = run.communicate(timeout=PATIENCE)
    assert (run.returncode, "Traceback" in stderr, "proven" in stderr) == (2, False, False)
    assert [line for line in stderr.splitlines() if line.startswith(said)], stderr


def launched(module, ancestor):
    """The processes below `ancestor` that `enclosure.python` started for this module."""
    parents, words = {}, {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat, open(f"/proc/{name}/cmdline", "rb") as line:
                parents[int(name)] = int(stat.read().rpartition(")")[2].split()[1])
                words[int(name)] = line.read().split(b"\0")
        except OSError:
            continue
    found = []
    for number in words:
        above = number
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and words[number][1:2] == [b"-I"] and module.encode() in words[number]:
            found.append(number)
    return found


IP = """#!/bin/sh
PATH={path}
case "$*" in "netns exec client "*) echo "no such luck" >&2; exit 1;; esac
exec ip "$@"
"""


def test_a_program_that_can_not_be_started_is_no_finding(tmp_path):
    """`ip netns exec` ends with 1 by itself, which would read as a fault that was proven."""
    path = tmp_path / "ip"
    path.write_text(IP.format(path=os.environ["PATH"]))
    path.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [ARPCHECK, "demo", "healthy"], env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 2
    assert "\narpcheck: the probe died with status 1. Its last output is above; nothing was judged\n" in done.stderr
    assert done.stderr.endswith("\nexit code 2: arpcheck could not run\n")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise SystemExit(1)", 65), ("raise SystemExit(0)", 64), ("pass", 64), ("raise SystemExit('words')", 66),
        ("1 // 0", 66), ("import nowhere", 66), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)  # fmt: skip
def test_only_what_came_to_its_end_has_a_code_of_its_own(tmp_path, body, code):
    """A module of this very package's folder, as the lab starts its own."""
    program = network.python("json.tool_of_the_test", past=network.PAST)
    folder = os.path.dirname(json.__file__)
    place = tmp_path / "world"
    place.mkdir()
    (place / "tool_of_the_test.py").write_text(body)
    shown = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'mount -t overlay overlay -o lowerdir={place}:{folder} {folder} && exec "$@"',
        "sh",
        *program,
    ]
    done = subprocess.run(shown, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
