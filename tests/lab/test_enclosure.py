"""Nothing of the lab is seen outside of its enclosure, and nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from simulated.wire import scene_host

from arpcheck.lab import network, scene_file

pytestmark = pytest.mark.lab

PATIENCE = 20.0
SCENE = [sys.executable, "-m", "arpcheck.lab", "healthy", "--json", "--"]
ENDLESS = [*SCENE, "--rounds", "60"]


def started(program):
    """A run of the lab in a session of its own, once it is asking: then all of it stands."""
    run = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in run.stderr:
        if "asking" in line:
            return run
    raise AssertionError("it ended without asking anything")


def descendants(pid):
    """Every process that `pid` started, and they in turn."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = stat.read_text().partition(" (")
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found, left = [], [pid]
    while left:
        left.extend(more := children.get(left.pop(), []))
        found.extend(more)
    return found


def held(pids, kept):
    """The network namespaces of processes but ours. Each stays open: the kernel gives a number that is free away anew."""
    links = [f"/proc/{pid}/ns/net" for pid in pids]
    for link in links:
        kept.callback(os.close, os.open(link, os.O_RDONLY))
    return {os.readlink(link) for link in links} - {os.readlink("/proc/self/ns/net")}


def in_use():
    """The network namespaces of all processes there are."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # nobody of ours forbids root to look
            continue
    return found


def gone(pids):
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def seen_outside():
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    return [word for word in (*names.split(), *links.split()) if "worker" in word or "lan-" in word or "ipvs" in word]


def victims(run):
    """By what can die of anything: who started it, the first process in the enclosure, the one between them."""
    between, *inner = descendants(run.pid)
    return {"runner": run.pid, "between": between, "first": inner[0]}


@contextmanager
def running(program):
    """The same; it ends with the test, however that ends."""
    with started(program) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.parametrize("who", ["runner", "between", "first"])
def test_all_of_it_ends_whoever_is_killed(who):
    with running(ENDLESS) as run, ExitStack() as kept:
        everyone = descendants(run.pid)
        spaces = held(everyone, kept)
        assert len(everyone) >= 3
        assert len(spaces) >= 2
        assert seen_outside() == []
        os.kill(victims(run)[who], signal.SIGKILL)
        run.wait(PATIENCE)
        assert gone(everyone)
        assert not spaces & in_use()
        assert seen_outside() == []


def test_ctrl_c_ends_with_what_was_measured():
    with running(ENDLESS) as run:
        os.killpg(run.pid, signal.SIGINT)
        out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert json.loads(out)["summary"]["complete"] is False


@pytest.mark.usefixtures("user_namespace")
def test_without_root_in_a_user_namespace():
    program = network.command(["sh", "-c", "id -u && ip netns add a && ip netns list && ip -br link"], user_namespace=True)
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == ["0", "a"]
    assert done.stdout.split()[2:4] == ["lo", "DOWN"]


def said(*prefix, **how):
    done = subprocess.run([*prefix, *SCENE], capture_output=True, text=True, check=False, **how)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


def test_missing_programs_are_named_with_their_packages(tmp_path):
    assert said(env={**os.environ, "PATH": str(tmp_path)}) == (
        "arpcheck: the lab needs ip, mount, setpriv, unshare. Install iproute2, mount, util-linux\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a privilege to lose")
def test_a_missing_privilege_is_said_in_one_line_with_the_cure():
    line = said("setpriv", "--bounding-set=-sys_admin")
    assert line.count("\n") == 1
    assert line.startswith("arpcheck: the lab cannot create network namespaces here (")
    assert line.endswith("It needs CAP_SYS_ADMIN and CAP_NET_ADMIN, and veth and bridge; in a container: --privileged\n")


HOST = """
import subprocess, sys
from arpcheck.lab import network, scene_file
scene = scene_file.load(sys.argv[1])
network.build(scene)
this_host = "from arpcheck.wire.host import this_host; print(this_host())"
subprocess.run(["ip", "netns", "exec", scene.prober.station, sys.executable, "-c", this_host], check=True)
"""


@pytest.mark.parametrize("name", ["healthy", "prober-is-node", "prober-holds-ip", "two-interfaces"])
def test_the_imagined_host_is_the_one_that_is_built(name):
    program = network.command([sys.executable, "-c", HOST, name])
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(scene_host(scene_file.load(name)))
