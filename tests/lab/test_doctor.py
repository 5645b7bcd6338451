"""`arpcheck doctor` where the trouble will be: all well, and each thing that can be missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.cluster import ClusterSource
from arpcheck.commands.doctor import Check, CheckState, exit_code, in_cluster
from arpcheck.lab import network
from arpcheck.model import Host, Interface, Mac

HERE = Path(__file__).parent
NO_RIGHT = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def examined(station, *prefix, options=()):
    program = [sys.executable, str(HERE / "doctor_on_stage.py"), station, *prefix, "--", *options]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


ALL_WELL = [
    ("ok", "versions"),
    ("ok", "privilege"),
    ("note", "user"),
    ("ok", "interface"),
    ("ok", "API"),
    ("ok", "clock"),
    ("ok", "rights"),
    ("ok", "optional"),
    ("ok", "services"),
    ("ok", "subnet"),
    ("ok", "vantage"),
]


@pytest.mark.lab
def test_all_is_well_on_a_lan_host():
    code, text = examined("client")
    assert (code, [tuple(line.split()[:2]) for line in text.splitlines()]) == (0, ALL_WELL)


@pytest.mark.lab
def test_on_a_node_it_says_from_where_to_probe_instead():
    code, text = examined("worker-2", options=("--iface", "eth0"))
    assert code == 0
    [note] = [line for line in text.splitlines() if line.split()[:2] == ["note", "vantage"]]
    assert "worker-2" in note
    assert "worker-1" in note
    assert "ok       file       " in text


@pytest.mark.lab
def test_without_the_privilege_no_probe_runs():
    code, text = examined("client", *NO_RIGHT)
    assert code == 2
    assert "fails    privilege  no permission to open a packet socket" in text
    assert "ok       API" in text


def check(state):
    return Check(what="x", state=state, says="x")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        pytest.param([], 3, id="of nothing that was checked nothing is known"),
        pytest.param([CheckState.OK, CheckState.UNKNOWN], 3, id="what can't be told is not well"),
        pytest.param([CheckState.OK, CheckState.NOTE], 0, id="a note is no fault"),
        pytest.param([CheckState.MISSING, CheckState.OK], 3, id="missing"),
        pytest.param([CheckState.MISSING, CheckState.FAILS], 2, id="fails"),
    ],
)
def test_its_exit_code(states, code):
    assert exit_code(map(check, states)) == exit_code(map(check, reversed(states))) == code


NIC = Interface(name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=("10.0.0.5/24",))


def listing(kind, *objects):
    return [{"apiVersion": "v1", "kind": kind, **found} for found in objects]


def balanced(ip):
    return {
        "metadata": {"name": "a", "namespace": "web"}, "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": ip}] if ip else []}},
    }  # fmt: skip


NODE = {"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.11"}]}}


def found_in(tmp_path, ip="10.0.0.50", nodes=(NODE,), has=("all",)):
    """By what is checked: the state, of a file with the Services and Nodes alone."""
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps([*listing("Service", balanced(ip)), *listing("Node", *nodes)]))
    checks = in_cluster(Host(interfaces=(NIC,)), (), ClusterSource(cluster_file=str(path), file_has=has))
    return {check.what: check.state.value for check in checks}


def test_green_is_only_what_is_known(tmp_path):
    assert found_in(tmp_path) == {"file": "missing", "services": "ok", "subnet": "ok", "vantage": "ok"}
    assert found_in(tmp_path, ip="fd00::50")["services"] == "missing", "a probe would judge no address"
    assert found_in(tmp_path, ip="10.9.0.50")["subnet"] == "missing", "the addresses are on another segment"
    assert found_in(tmp_path, nodes=())["vantage"] == "unknown", "whether this host is a node is not known"
    assert found_in(tmp_path, ip=None)["services"] == "missing"
