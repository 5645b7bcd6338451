"""`python -m arpcheck.lab` and `arpcheck demo` as a user types them."""

import os
import re
import subprocess
import sys

import pytest

from arpcheck.errors import LabError
from arpcheck.lab import run, scene_file
from arpcheck.lab.announcer import inside

LAB = (sys.executable, "-m", "arpcheck.lab")
DEMO = (sys.executable, "-m", "arpcheck", "demo")


def typed(*command, **how):
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


@pytest.mark.parametrize("command", [LAB, (*DEMO, "--list")])
def test_the_scenes_are_listed_with_what_they_are_about(command):
    done = typed(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run.listing()
    assert re.findall(r"^(\S+)  ", done.stdout, re.MULTILINE) == list(scene_file.names())


@pytest.mark.parametrize("command", [LAB, DEMO])
def test_a_scene_that_is_not_there_is_one_line(command):
    done = typed(*command, "nowhere")
    line = "arpcheck: no scene 'nowhere'. `arpcheck demo --list` names them all; or give the path of a TOML file\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.lab
def test_the_demo_prints_the_reports_and_names_their_exit_codes():
    done = typed(*DEMO)
    assert done.returncode == 1
    assert re.findall(r"^(?:ERROR )?(non-strict-nodes|split-announcers): (.+);", done.stdout, re.MULTILINE) == [
        ("non-strict-nodes", "worker-2, worker-3"), ("split-announcers", "worker-1, worker-2"),
    ]  # fmt: skip
    assert done.stderr.startswith("Two nodes without strict ARP.")
    assert done.stderr.count("\nexit code 1: a fault is proven\n") == 2
    assert done.stderr.endswith("\nexit code 1: a fault is proven\n")


def test_the_demo_ends_with_the_first_scene_that_does_not():
    """Ctrl-C, or a machine without a lab."""
    done = typed(sys.executable, "-c", STOPPED)
    assert (done.returncode, done.stdout) == (130, f"{run.DEMO[0]}\n")


STOPPED = """import sys
from arpcheck.lab import run
run.show = lambda name: print(name) or 130
sys.exit(run.demo())"""


@pytest.mark.lab
def test_a_scene_is_held_against_what_it_expects(tmp_path):
    path = tmp_path / "mine.toml"
    text = 'title = "Mine"\nabout = "Wrong."\nservices = []\n[expect]\nexit = 0\n'
    path.write_text(text + 'arp = { worker-1 = "quiet", worker-2 = "quiet", worker-3 = "non-strict" }\n')
    done = typed(*LAB, str(path), "--check", "--", "--rounds", "1", "--rate", "100")
    assert (done.returncode, done.stdout) == (1, f"{path}: arp of worker-3: expected non-strict, found quiet\n")
    path.write_text(text + 'arp = { worker-1 = "quiet", worker-2 = "quiet", worker-3 = "quiet" }\n')
    done = typed(*LAB, str(path), "--check", "--", "--rounds", "1", "--rate", "100")
    assert (done.returncode, done.stdout) == (0, f"{path}: as expected\n")


@pytest.mark.lab
def test_options_reach_the_probe_and_its_faults_come_back():
    done = typed(*LAB, "healthy", "--", "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


@pytest.mark.lab
def test_the_environment_does_not_lead_the_prober_astray(tmp_path):
    astray = {
        "KUBECONFIG": str(tmp_path / "nowhere"),
        "http_proxy": "http://192.0.2.7:3128", "HTTPS_PROXY": "http://192.0.2.7:3128",
        "ARPCHECK_NODE_NAME": "worker-1",
    }  # fmt: skip
    done = typed(*LAB, "healthy", "--check", "--", "--rate", "100", env={**os.environ, **astray})
    assert done.stdout == "healthy: as expected\n", done.stderr


@pytest.mark.lab
def test_what_the_kernel_refuses_is_one_line_with_the_command(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "t"\nabout = "a"\nhosts.x = { mac = "01:00:5e:00:00:01", addresses = "10.0.0.9" }\n')
    done = typed(*LAB, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "arpcheck: link add eth0 netns x address 01:00:5e:00:00:01 type veth peer name port5 netns lan-lan: "
        "RTNETLINK answers: Cannot assign requested address. It needs veth and bridge in the kernel, and iproute2 of 2019 or later"
    )


def test_a_namespace_that_is_not_there_is_an_error_of_the_lab():
    with pytest.raises(LabError, match="no network namespace 'nowhere'"):
        inside("nowhere", list)


def test_a_scene_that_expects_nothing_can_not_be_checked(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "t"\nabout = "a"\n')
    done = typed(*LAB, str(path), "--check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"arpcheck: {path}: the scene has no [expect]. Leave out --check to see the report\n"
