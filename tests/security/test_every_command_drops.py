"""Under sudo every command reads and writes as the user who called it, whatever it is told to open."""

import json
import shutil
import sys
from itertools import count
from pathlib import Path

import pytest
from sudo_world import HOME, MINE, UID, SudoWorld

from arpcheck.commands.app import COMMANDS as LISTED

pytestmark = pytest.mark.lab

AUDITED = Path(__file__).with_name("audited.py")
ROOTS, SECRET = "/mnt/roots", "hunter2"
NUMBERS = count()
SERVICE = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "web", "name": "nginx"},
    "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.50"}]}},
}  # fmt: skip
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}}
CLUSTER = json.dumps({"apiVersion": "v1", "kind": "List", "items": [SERVICE, NODE]})
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
"""
ACCEPT = "accept: [{finding: own-cache, ip: 10.0.0.50, reason: known, until: 2099-01-01}]\n"
MACS = "02:00:00:00:00:01,worker-1,eth0\n"

ASK = "--iface eth0 --rounds 1 --rate 0 --wait 0.2 --quiet --cluster-file cluster.json"
COMMANDS = {
    "probe": f"probe {ASK} --ip 10.0.0.50 --accept accept.yaml --mac-map macs.csv --pcap new.pcap --bundle new.tgz --output new.json",
    "probe --dry-run": f"probe {ASK} --ip 10.0.0.50 --mac-map macs.csv --dry-run",
    "preflight": f"preflight {ASK} --mac-map macs.csv --output new.json",
    "pool": f"pool {ASK} --range 10.0.0.50-10.0.0.51 --output new.json",
    "cluster": "cluster --kubeconfig kubeconfig --mac-map macs.csv --accept accept.yaml --bundle new.tgz --output new.json",
    "vantage": "vantage --job plan.z --iface eth0 .",  # it reads ./plan.z
    "inventory": "inventory --cluster-file cluster.json --mac-map macs.csv",
    "inventory --iface": f"inventory {ASK} --mac-map macs.csv",
    "watch": f"watch {ASK} --ip 10.0.0.50 --for 1s --accept accept.yaml --mac-map macs.csv --output new.prom --serve 127.0.0.1:9798 --state new.state",
    "doctor": "doctor --iface eth0 --cluster-file cluster.json",
    "snapshot": "snapshot --cluster-file cluster.json --output new.json",
    "snapshot --server": "snapshot --server https://127.0.0.1:1 --token-file token --certificate-authority ca.pem",
    "strict-arp status": "strict-arp status --cluster-file cluster.json --configz-file worker-1=configz.json --output new.json",
    "strict-arp enable": "strict-arp enable --dry-run --kubeconfig kubeconfig --backup-dir backups",
    "strict-arp enable --iface": "strict-arp enable --dry-run --kubeconfig kubeconfig --backup-dir backups --iface eth0",
    "report": "report saved.json --accept accept.yaml --bundle new.tgz --output new.html",
    "report --capture": "report --capture frames.pcap --cluster-file cluster.json --mac-map macs.csv --output new.html",
    "compare": "compare saved.json saved.json --output new.md",
    "merge": "merge saved.json again.json --accept accept.yaml --output new.html",
    "explain": "explain non-strict",
    "docs": "docs verdicts",
    "pod": "pod --node worker-1",
    "completion": "completion bash",
    "help": "help probe",
    "version": "version -o json",
    "demo": "demo --list",
}
"""Each with everything that it can be told to read and to write."""

FILES = {"accept.yaml": ACCEPT, "macs.csv": MACS, "cluster.json": CLUSTER, "configz.json": "{}", "kubeconfig": KUBECONFIG}
FILES |= {"token": "t", "ca.pem": "none", "plan.z": "none"}
READING = [
    (name, word)
    for name, line in COMMANDS.items()
    for word in dict.fromkeys(w.partition("=")[2] or w for w in line.split())
    if word in (*FILES, "saved.json", "again.json", "frames.pcap")
    and not (name == "probe --dry-run" and word == "saved.json")
]
WRITING = [(name, word) for name, line in COMMANDS.items() for word in line.split() if word.startswith("new.")]


@pytest.fixture(scope="module")
def shared(saved):
    """One world for all: what a case makes lies in a folder of its own."""
    with SudoWorld() as world:
        text = Path(saved).read_text()
        for name, content in (*FILES.items(), ("saved.json", text), ("again.json", text)):
            world.write(f"/mnt/all/{name}", content)
        world.path("/mnt/all/frames.pcap").write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        world.path("/mnt/all/backups").mkdir()
        yield world


@pytest.fixture
def folder(shared):
    """With all the files, the user's own."""
    place = f"{MINE}/{next(NUMBERS)}"
    shutil.copytree(shared.path("/mnt/all"), shared.path(place))
    for path in (shared.path(place), *shared.path(place).rglob("*")):
        shutil.chown(path, UID)
    return place


def test_the_table_knows_every_command():
    assert {name.partition(" --")[0] for name in COMMANDS} == {*LISTED} - {"strict-arp"}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_file_of_the_users_is_opened_while_there_is_a_privilege(shared, folder, name):
    log = f"/run/log-{next(NUMBERS)}"
    done = shared.sudo(sys.executable, "-I", AUDITED, log, *COMMANDS[name].split(), cwd=folder)
    assert "Traceback" not in done.stderr
    lines = [line.split(maxsplit=3) for line in shared.path(log).read_text().splitlines()]
    his = [line for line in lines if line[2] == "open" and line[3].startswith((MINE, HOME))]
    assert [line for line in his if line[:2] != [str(UID), "unable"]] == []
    early = {line[3] for line in lines if line[2] == "import" and line[:2] != [str(UID), "unable"]}
    assert {module for module in early if module.startswith("scapy")} == set()
    listed = LISTED[name.partition(" --")[0]]
    assert listed.privileged or early <= {"arpcheck.commands.app"}, "its file is loaded without a privilege"
    assert bool(his) == any(word in COMMANDS[name] for word in (*FILES, "saved.json")), done.stderr
    assert lines[-1][:2] == [str(UID), "unable"] or name == "demo"
    assert set(shared.files(folder).values()) == {UID}


@pytest.mark.parametrize(("name", "file"), READING)
def test_a_file_that_only_root_may_read_is_not_read(shared, folder, name, file):
    path = shared.path(f"{folder}/{file}")
    shutil.chown(path, 0)
    path.write_text(f"{SECRET}: [\n")
    path.chmod(0o600)
    done = shared.forked_sudo(*COMMANDS[name].split(), cwd=folder)
    assert (done.returncode, SECRET in done.stdout + done.stderr, "Traceback" in done.stderr) == (2, False, False), (
        done.stderr
    )
    told = done.stdout if name == "doctor" else done.stderr
    assert f"{file}: Permission denied" in told or f"{file} can't be read" in told
    assert [path for path in shared.files(folder) if "/new." in path] == []


@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        *((name, file, "a folder of root's") for name, file in WRITING),
        *(
            (name, file, "a folder that only root can look into") for name, file in WRITING if name == "probe"
        ),  # each option once
    ],
)
def test_nothing_is_written_where_only_root_may_write(shared, folder, name, file, place):
    where = f"{ROOTS}/{next(NUMBERS)}"
    shared.path(where).mkdir(parents=True)
    shared.path(f"{where}/{file}").write_text("root's own")
    if place != "a folder of root's":
        shared.path(where).chmod(0o700)
    done = shared.forked_sudo(*COMMANDS[name].replace(file, f"{where}/{file}").split(), cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{where}/{file}: no right to " in done.stderr
    assert {path: shared.path(path).read_text() for path in shared.files(where)} == {f"{where}/{file}": "root's own"}


@pytest.mark.parametrize("there", [True, False])
def test_what_only_root_can_see_is_not_told(shared, folder, there):
    """Not even whether it is there."""
    where = f"{ROOTS}/hidden-{there}"
    shared.path(where).mkdir(parents=True)
    shared.path(where).chmod(0o700)
    if there:
        shared.path(f"{where}/x").mkdir()
    told = set()
    for words in ("--output {}/x/y", "--output {}/x", "--accept {}/x", "--mac-map {}/x", "--pcap {}/x"):
        line = words.format(where)
        done = shared.forked_sudo(*f"probe {ASK} --ip 10.0.0.50 {line}".split(), cwd=folder)
        assert done.returncode == 2
        told.add(done.stderr)
    assert told == {
        f"arpcheck: --output {where}/x/y: no right to look into {where}. Name another folder, or redirect stdout\n",
        f"arpcheck: --output {where}/x: no right to write in {where}. Name another folder, or redirect stdout\n",
        f"arpcheck: --pcap {where}/x: no right to write in {where}. Name another folder, or redirect stdout\n",
        f"arpcheck: --accept {where}/x: Permission denied. Name a file that you may read\n",
        f"arpcheck: --mac-map {where}/x: Permission denied. Name a file that you may read\n",
    }


def test_the_candidates_of_a_shell_are_no_secret_of_roots(shared, folder):
    shared.write("/mnt/roots-kubeconfig", KUBECONFIG.replace("name: c", f"name: {SECRET}"), mode=0o600)
    words = {
        "_ARPCHECK_COMPLETE": "complete_bash",
        "COMP_WORDS": f"arpcheck snapshot --kubeconfig /mnt/roots-kubeconfig --context {SECRET[:2]}",
        "COMP_CWORD": "5",
    }
    done = shared.sudo(*(f"{name}={value}" for name, value in words.items()), "arpcheck", cwd=folder)
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------- root without sudo


def test_root_itself_stays_root_without_capabilities_and_doctor_says_so(shared, folder):
    done = shared.run(
        *["arpcheck", "doctor", "--iface", "eth0", "--cluster-file", "cluster.json"], root=True, cwd="/mnt/all"
    )
    assert ["note", "user", "root"] in [line.split()[:3] for line in done.stdout.splitlines()]
    done = shared.sudo(*["arpcheck", "doctor", "--iface", "eth0", "--cluster-file", "cluster.json"], cwd=folder)
    assert "user" not in [line.split()[1] for line in done.stdout.splitlines() if line]


def test_root_itself_is_told_why_it_was_refused(shared, folder):
    """Another user's file, which root reads by CAP_DAC_OVERRIDE alone."""
    shared.path(f"{folder}/saved.json").chmod(0o600)
    done = shared.run("arpcheck", "report", "saved.json", root=True, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("arpcheck has given up root's capabilities, so what is another user's is closed to it\n")


def test_an_ordinary_users_login_plugin_may_still_be_set_uid(shared, folder):
    """no_new_privs would keep it from that: who has no privilege gives none up."""
    plugin = f"#!/bin/sh\ngrep NoNewPrivs /proc/self/status >{folder}/told\nexit 1\n"
    shared.write(f"{folder}/plugin", plugin, owner=True, mode=0o755)
    text = KUBECONFIG.replace(
        "{token: t}",
        f'{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: "{folder}/plugin"}}}}',
    )
    shared.write(f"{folder}/kubeconfig", text, owner=True)
    done = shared.run("arpcheck", "snapshot", "--kubeconfig", "kubeconfig", cwd=folder)
    assert done.returncode == 2
    assert shared.path(f"{folder}/told").read_text().split() == ["NoNewPrivs:", "0"]
