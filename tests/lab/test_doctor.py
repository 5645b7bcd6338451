"""`arpcheck doctor` where the trouble will be: all well, and each thing that can be missing."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import forked
import pytest

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.source import Access
from arpcheck.commands.doctor import exit_code, in_cluster
from arpcheck.commands.doctor_commands import EVERY_NEED, WRITES, Check, CheckId, CheckState, command_states
from arpcheck.model import Host, Interface, Mac

HERE = Path(__file__).parent
NO_RIGHT = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def examined(station, *prefix, options=()):
    done = forked.program([HERE / "doctor_on_stage.py", station, *prefix, "--", *options])
    assert done.stderr == ""
    return done.returncode, done.stdout


ALL_WELL = [
    ("ok", "versions"),
    ("ok", "privilege"),
    ("note", "user"),
    ("ok", "interface"),
    ("note", "IPv6"),
    ("ok", "API"),
    ("ok", "clock"),
    ("ok", "rights"),
    ("ok", "optional"),
    ("ok", "services"),
    ("ok", "nodes"),
    ("ok", "subnet"),
    ("ok", "vantage"),
]


@pytest.mark.lab
def test_all_is_well_on_a_lan_host():
    code, text = examined("client", options=("-o", "json"))
    found = json.loads(text)
    assert (code, found["exitCode"], [(one["state"], one["check"]) for one in found["checks"]]) == (0, 0, ALL_WELL)
    assert [one["command"] for one in found["commands"] if one["state"] != "ok"] == []


@pytest.mark.lab
def test_on_a_node_it_says_from_where_to_probe_instead():
    code, text = examined("worker-2", options=("--iface", "eth0"))
    assert code == 0
    [note] = [line for line in text.splitlines() if line.split()[:2] == ["note", "vantage"]]
    assert "worker-2" in note
    assert "worker-1" in note
    assert ["ok", "file"] in [line.split()[:2] for line in text.splitlines()]
    assert ["fails", "arpcheck", "strict-arp", "enable"] in [line.split()[:4] for line in text.splitlines()]


@pytest.mark.lab
def test_without_the_privilege_no_probe_runs():
    code, text = examined("client", *NO_RIGHT)
    assert code == 2
    states = [line.split()[:3] for line in text.splitlines()]
    assert ["fails", "privilege", "no"] in states
    assert ["fails", "arpcheck", "probe"] in states
    assert ["ok", "arpcheck", "snapshot"] in states
    assert ["ok", "API"] in [line[:2] for line in states]


def check(state):
    return Check(what=CheckId.API, state=state, says="x")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        pytest.param([], 3, id="of nothing that was checked nothing is known"),
        pytest.param([CheckState.OK, CheckState.NOT_KNOWN], 3, id="what can't be told is not well"),
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
    assert found_in(tmp_path) == {"file": "missing", "services": "ok", "nodes": "ok", "subnet": "ok", "vantage": "ok"}
    assert found_in(tmp_path, ip="fd00::50")["services"] == "missing", "a probe would judge no address"
    assert found_in(tmp_path, ip="10.9.0.50")["subnet"] == "missing", "the addresses are on another segment"
    assert found_in(tmp_path, nodes=())["vantage"] == "not-known", "whether this host is a node is not known"
    assert found_in(tmp_path, nodes=())["nodes"] == "missing"
    assert found_in(tmp_path, ip=None)["services"] == "missing"


def test_ipv6_addresses_are_probed_where_the_interface_can(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "NIC", replace(NIC, ipv6=("fe80::5/64", "fd00::5/64")))
    six = {"metadata": {"name": "n2"}, "status": {"addresses": [{"type": "InternalIP", "address": "fd00::11"}]}}
    assert found_in(tmp_path, ip="fd00::50", nodes=(six,)) == {
        "file": "missing",
        "services": "ok",
        "nodes": "ok",
        "subnet": "ok",
        "vantage": "ok",
    }
    assert found_in(tmp_path, ip="fd01::50", nodes=(six,))["subnet"] == "missing"


def node(name, ip):
    return {"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": ip}]}}


def test_what_it_can_hear_is_said_of_the_nodes_that_are_in_its_networks(tmp_path):
    far = [node("n1", "10.9.0.11"), node("n2", "10.9.0.12")]
    assert found_in(tmp_path, nodes=far)["vantage"] == "not-known"
    assert found_in(tmp_path, nodes=[*far, NODE | {"metadata": {"name": "n3"}}])["vantage"] == "note"


# ------------------------------------------------------------------------------------------------- what each command lacks

WELL = [Check(what=one, state=CheckState.OK, says="well") for one in CheckId]


def lacking(*bad, refused=(), unknown=(), file=False):
    """By command, the state of those that are not OK."""
    checks = [*(one for one in WELL if one.what not in {b.what for b in bad}), *bad]
    states = command_states(checks, refused, unknown, file=file)
    return {one.command: one.state.value for one in states if one.state is not CheckState.OK}


def of(resource):
    return [need for need in EVERY_NEED if need.resource == resource and need.verb != "patch"]


WIRE = ("probe", "preflight", "pool", "watch")


@pytest.mark.parametrize(
    ("bad", "more", "expected"),
    [
        pytest.param((), {}, {}, id="nothing"),
        pytest.param(
            [Check(what=CheckId.PRIVILEGE, state=CheckState.FAILS, says="no")], {}, dict.fromkeys(WIRE, "fails"),
            id="no packet socket",
        ),
        pytest.param(
            [Check(what=CheckId.SERVICES, state=CheckState.MISSING, says="none")], {},
            dict.fromkeys(("probe", "watch"), "missing"), id="no address to probe",
        ),
        pytest.param(
            [Check(what=CheckId.SERVICES, state=CheckState.FAILS, says="forbidden")], {},
            dict.fromkeys(("probe", "preflight", "watch", "snapshot"), "fails"), id="Services are forbidden",
        ),
        pytest.param((), {"refused": WRITES}, {"strict-arp enable": "fails"}, id="an account that only reads"),
        pytest.param((), {"unknown": WRITES}, {"strict-arp enable": "not-known"}, id="a server that does not say"),
        pytest.param((), {"file": True}, {"strict-arp enable": "fails"}, id="a file"),
        pytest.param(
            (), {"refused": of("ipaddresspools.metallb.io")}, {"pool": "missing"}, id="MetalLB's pools are not shown",
        ),
        pytest.param(
            (), {"refused": of("daemonsets.apps")},
            dict.fromkeys(("probe", "preflight", "watch", "snapshot", "strict-arp status", "strict-arp enable"), "missing"),
            id="kube-proxy's DaemonSet is not shown",
        ),
        pytest.param(
            [Check(what=CheckId.API, state=CheckState.FAILS, says="connection refused")], {},
            dict.fromkeys((*WIRE, "inventory", "snapshot", "strict-arp status", "strict-arp enable"), "fails"),
            id="no API server",
        ),
    ],
)  # fmt: skip
def test_each_command_says_what_it_lacks(bad, more, expected):
    assert lacking(*bad, **more) == expected


def test_without_the_right_to_list_nodes_it_is_not_known_whether_this_host_is_one(monkeypatch):
    from arpcheck.commands import doctor
    from arpcheck.model import Gap
    from arpcheck.objects import Objects

    forbidden = Objects(gaps=(Gap(what="nodes", why="forbidden", costs=""),), resources={"services": ()})
    monkeypatch.setattr(doctor, "read", lambda *_, **__: forbidden)
    granted = Access(context="prod", server="https://x", version=None, took=0.0, ahead=0.0, refused=(), unknown=())
    found = in_cluster(Host(interfaces=(NIC,)), (), ClusterSource(), granted)
    states = {check.what.value: check.state.value for check in found}
    assert (states["nodes"], states["vantage"]) == ("missing", "not-known")
