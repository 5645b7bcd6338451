"""`arpcheck strict-arp status` against the API server stand-in and on files: what it reads, and how it ends."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from apiserver import Fault
from forked import arpcheck
from strict_arp_world import CONFIG, find, objects, serving

from arpcheck.cluster import ClusterSource
from arpcheck.commands.strict_arp_status import StatusRequest, strict_arp_status
from arpcheck.errors import ClusterError, InputError, UsageError

STRICT = CONFIG.replace("strictARP: false", "strictARP: true")
CONFIGZ = json.dumps({"kubeproxy.config.k8s.io": {"Mode": "ipvs", "IPVS": {"StrictARP": False}}})
USING_IPVS = 'I0101 00:00:00.0 1 server_linux.go:194] "Using ipvs Proxier"\n'
USING_IPTABLES = 'I0101 00:00:00.0 1 server_linux.go:194] "Using iptables Proxier"\n'


def logs(line):
    return {f"kube-system/{p['metadata']['name']}": line for p in objects() if p["kind"] == "Pod"}


def asked(source, capsys, **more):
    code = strict_arp_status(StatusRequest(source=source, format_name="json", **more))
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("config", "answer", "code"),
    [
        pytest.param(CONFIG, "not-set", 1, id="not set"),
        pytest.param(STRICT, "set", 0, id="set"),
        pytest.param(CONFIG.replace('"ipvs"', "iptables"), "not-needed", 0, id="not needed"),
        pytest.param(CONFIG.replace("strictARP: false", "strictArp: true"), "not-set", 1, id="misspelt"),
        pytest.param("a: [", "unknown", 3, id="not YAML"),
    ],
)
def test_the_answer_and_the_exit_code(tmp_path, capsys, config, answer, code):
    with serving(tmp_path, objects(config=config)) as (_, source):
        found_code, found = asked(source, capsys)
    assert (found["kind"], found["answer"], found_code) == ("StrictArpStatus", answer, code)
    assert [node["name"] for node in found["nodes"]] == ["worker-1", "worker-2", "worker-3"]


def test_a_refused_resource_is_no_clean_answer(tmp_path, capsys):
    with serving(tmp_path, objects(config=STRICT), denied=[("*", "configmaps")]) as (_, source):
        code, found = asked(source, capsys)
    assert (code, found["answer"]) == (3, "unknown")
    assert "let arpcheck read configmaps (forbidden)" in found["do"]


def test_the_log_says_what_runs(tmp_path, capsys):
    with serving(tmp_path, objects(config=STRICT), logs=logs(USING_IPTABLES)) as (server, source):
        code, found = asked(source, capsys, logs=True)
        reads = [request for request in server.requests if request.path.endswith("/log")]
    assert (code, found["answer"]) == (1, "not-loaded")
    assert "its log says that it runs in mode iptables, not ipvs" in found["nodes"][0]["notes"]
    assert len(reads) == 3
    assert {request.query["limitBytes"] for request in reads} == {str(256 * 1024)}


def test_a_log_that_may_not_be_read_is_named(tmp_path, capsys):
    with serving(tmp_path, objects(config=STRICT), denied=[("get", "pods/log")]) as (_, source):
        code, found = asked(source, capsys, logs=True)
    note = "the log of kube-proxy could not be read on worker-1, worker-2, worker-3 (pods/log: forbidden), "
    assert (code, found["answer"]) == (0, "set")
    assert [told for told in found["notes"] if told.startswith(note)]


def test_a_log_that_hangs_is_named(tmp_path, capsys):
    with serving(tmp_path, objects(config=STRICT), logs=logs(USING_IPVS), faults=[Fault(path="*/log", hang=True)]) as (
        _,
        source,
    ):
        _, found = asked(replace(source, request_timeout=1.0), capsys, logs=True)
    assert [told for told in found["notes"] if "(pods/log: timed out)" in told]


def test_without_logs_no_log_is_read(tmp_path, capsys):
    with serving(tmp_path) as (server, source):
        asked(source, capsys)
        assert not [request for request in server.requests if request.path.endswith("/log")]


# ------------------------------------------------------------------------------------------------------------ /configz


@pytest.mark.parametrize("name", ["worker-2.json", "worker-2", "worker-2=anything"])
def test_what_configz_printed_is_known_of_its_node(tmp_path, capsys, name):
    (tmp_path / name.rpartition("=")[2]).write_text(CONFIGZ)
    node, equals, file = name.rpartition("=")
    with serving(tmp_path, objects(config=STRICT)) as (_, source):
        code, found = asked(source, capsys, configz=(f"{node}{equals}{tmp_path / file}",))
    assert (code, found["answer"]) == (1, "not-loaded")
    assert {node["name"]: node["loaded"] for node in found["nodes"]} == {
        "worker-1": True,
        "worker-2": False,
        "worker-3": True,
    }


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        pytest.param("{}/configz.json", UsageError, "there is no node 'configz'", id="no node's name"),
        pytest.param("worker-9={}/configz.json", UsageError, "there is no node 'worker-9'", id="no such node"),
        pytest.param("worker-1={}/none.json", InputError, "No such file", id="no file"),
        pytest.param("worker-1={}", InputError, "Is a directory", id="a folder"),
    ],
)
def test_a_configz_file_that_does_not_fit(tmp_path, given, error, words):
    (tmp_path / "configz.json").write_text(CONFIGZ)
    with serving(tmp_path) as (_, source), pytest.raises(error, match=words):
        strict_arp_status(StatusRequest(source=source, configz=(given.format(tmp_path),)))


def test_a_node_has_one_configz_file(tmp_path):
    (tmp_path / "c").write_text(CONFIGZ)
    twice = (f"worker-1={tmp_path}/c", f"worker-1={tmp_path}/c")
    with serving(tmp_path) as (_, source), pytest.raises(UsageError, match="already has a file"):
        strict_arp_status(StatusRequest(source=source, configz=twice))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", '{"a": 1}'])
def test_a_configz_file_that_is_none_is_noted(tmp_path, capsys, text):
    (tmp_path / "worker-1.json").write_text(text)
    with serving(tmp_path, objects(config=STRICT)) as (_, source):
        code, found = asked(source, capsys, configz=(f"{tmp_path}/worker-1.json",))
    assert code == 0
    assert "what was given as /configz is not its output" in found["nodes"][0]["notes"]


# ---------------------------------------------------------------------------------------------------------- the command


def typed(*arguments):
    return arpcheck("strict-arp", *arguments)


def test_from_a_file_in_a_process_that_never_loads_scapy(tmp_path):
    made = objects()
    find(made, "ConfigMap")["metadata"]["managedFields"] = []
    (tmp_path / "cluster.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    code = (
        "import sys; from arpcheck.__main__ import main; c = main(['strict-arp', 'status', '--cluster-file', sys.argv[1]]);"
        "print('scapy' in sys.modules, c, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cluster.json")], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "False 1"
    assert done.stdout.startswith("not-set: Strict ARP is needed and not set on 3 of 3 nodes")
    assert "arpcheck strict-arp enable" in done.stdout


def test_the_file_beside_stdout(tmp_path, capsys):
    with serving(tmp_path) as (_, source):
        strict_arp_status(StatusRequest(source=source, output=str(tmp_path / "status.txt")))
        assert (tmp_path / "status.txt").read_text() == capsys.readouterr().out
        strict_arp_status(StatusRequest(source=source, output=str(tmp_path / "status.json")))
    assert json.loads((tmp_path / "status.json").read_text())["kind"] == "StrictArpStatus"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "needs a command", id="no command"),
        pytest.param(["status", "-o", "xml"], "unknown format of strict-arp status", id="format"),
        pytest.param(["status", "--logs", "--cluster-file", "x"], "--logs needs a cluster", id="logs of a file"),
        pytest.param(["status", "--cluster-file", "/nowhere"], "/nowhere", id="no file"),
    ],
)
def test_bad_input_is_one_line(arguments, words):
    done = typed(*arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_no_server_is_an_error(tmp_path):
    with serving(tmp_path) as (_, source):
        pass
    with pytest.raises(ClusterError, match="connection refused"):
        strict_arp_status(StatusRequest(source=ClusterSource(kubeconfig=source.kubeconfig, request_timeout=5.0)))
