"""What a run made is gone at its end, however it ends, and nothing of anybody else's is."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from simulated_cluster import IMAGE, node_of, words, world

from arpcheck.commands.cluster_jobs import Life, life, owner

PATIENCE = 60.0


class Gate:
    """A container on this node waits until it is let through."""

    def __init__(self, node, *, scout=False):
        self.node, self.scout = node, scout
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, played, said):
        given = [*said]
        if node_of(played) == self.node and ("--scout" in words(played)) is self.scout:
            self.reached.set()
            while not (self.opened.wait(0.02) or played.over.is_set()):
                pass
        yield from given


@contextmanager
def started(there, *more):
    """The command as a process of its own."""
    command = [
        sys.executable,
        "-m",
        "arpcheck",
        "cluster",
        "--image",
        IMAGE,
        "--kubeconfig",
        there.kubeconfig,
        "--rate",
        "0",
        *more,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process):
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


MOMENTS = {"while the nodes are asked": Gate("worker-3", scout=True), "while the second probes": Gate("worker-3")}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_it_reports_what_it_has_and_leaves_nothing(tmp_path, moment, how):
    gate = Gate(MOMENTS[moment].node, scout=MOMENTS[moment].scout)
    with world("healthy", tmp_path, play=gate) as there, started(there, "-o", "json") as process:
        assert gate.reached.wait(PATIENCE)
        process.send_signal(how)
        code, out, err = ended(process)
        assert (code, json.loads(out)["summary"]["exitCode"], there.left()) == (130, 130, []), err


def test_interrupted_twice_it_still_leaves_nothing(tmp_path):
    gate = Gate("worker-3")
    with world("healthy", tmp_path, play=gate) as there, started(there) as process:
        assert gate.reached.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        code, _, err = ended(process)
        assert (code, there.left()) == (130, []), err


@pytest.mark.parametrize("existing", [False, True], ids=["own namespace", "existing"])
def test_what_a_killed_run_left_the_next_one_removes(tmp_path, existing):
    gate, within = Gate("worker-3"), ("-n", "tools") if existing else ()
    with world("healthy", tmp_path, play=gate, more=(*TOOLS,)) as there:
        with started(there, *within) as process:
            assert gate.reached.wait(PATIENCE)
            process.kill()
            assert ended(process)[0] == -signal.SIGKILL
            assert there.left() != []
        gate.opened.set()
        code, _, err = there.report(*within)
        assert (code, there.left(), others(there)) == (0, [], OTHERS), err


TOOLS = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tools"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "tools"}, "data": {"a": "b"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "mine", "namespace": "tools", "labels": {"app.kubernetes.io/name": "arpcheck"}}},
)  # fmt: skip
OTHERS = ["ConfigMap mine", "Namespace tools", "ServiceAccount mine"]


def others(there):
    with there.server.api.store.lock:
        return sorted(
            f"{obj['kind']} {obj['metadata']['name']}"
            for _, obj in there.server.api.store.everything()
            if "tools" in (obj["metadata"].get("namespace"), obj["metadata"]["name"])
            and obj["metadata"]["name"] not in ("default", "kube-root-ca.crt")
            and obj["kind"] not in ("Event",)
        )


def test_a_namespace_that_was_there_stays_as_it_was(tmp_path):
    with world("healthy", tmp_path, more=TOOLS) as there:
        code, _, err = there.report("-n", "tools")
        assert (code, there.left(), others(there)) == (0, [], OTHERS), err
        posts = {request.path for request in there.server.requests if request.method == "POST"}
        assert not any(path.endswith("/namespaces") for path in posts)


def test_two_runs_at_once_leave_each_other_alone(tmp_path):
    gate = Gate("worker-3")
    with world("healthy", tmp_path, play=gate, more=TOOLS) as there:
        with started(there, "-n", "tools") as first:
            assert gate.reached.wait(PATIENCE)
            own = there.left()
            code, _, err = there.report("--nodes", "worker-1,worker-2", "-n", "tools")
            assert (code, there.left()) == (0, own), err
            assert there.run("clean", "-n", "tools").stdout.count("kept run") == 1
            assert there.left() == own
            gate.opened.set()
            code, _, err = ended(first)
        assert (code, there.left(), others(there)) == (0, [], OTHERS), err


def test_clean_removes_what_died_and_keeps_what_may_run_elsewhere(tmp_path):
    def leftover(run, lifetime, made):
        metadata = {
            "name": f"arpcheck-{run}", "labels": {"arpcheck.io/run": run}, "creationTimestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "annotations": {"arpcheck.io/owner": "another-boot/1/2/3", "arpcheck.io/lifetime": str(lifetime)},
        }  # fmt: skip
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    now = datetime.now(UTC)
    old, young = leftover("aaaa", 60, now - timedelta(hours=1)), leftover("bbbb", 7200, now - timedelta(hours=1))
    with world("healthy", tmp_path, more=(old, young)) as there:
        done = there.run("clean")
        assert (done.returncode, there.left()) == (0, ["Namespace arpcheck-bbbb"]), done.stderr
        assert ("removed run aaaa" in done.stdout, "kept run bbbb" in done.stdout) == (True, True)
        code, _, err = there.report()
        assert (code, there.left()) == (0, ["Namespace arpcheck-bbbb"]), err
        assert there.run("clean", "--force").returncode == 0
        assert there.left() == []
        assert "Nothing is left" in there.run("clean").stdout


def test_whose_process_lives():
    now = datetime.now(UTC)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here, start = owner().rsplit("/", 2)[0], owner().rsplit("/", 1)[1]
    try:
        assert life(owner(), "60", now - timedelta(days=9), now) is Life.ALIVE
        assert life(f"{here}/{child.pid}/{start}x", "60", now, now) is Life.DEAD  # another process has the number
    finally:
        child.communicate()
    assert life(f"{here}/{child.pid}/{start}", "60", now, now) is Life.DEAD
    assert life("other/1/2/3", "60", now, now) is Life.ELSEWHERE
    assert life("other/1/2/3", "60", now - timedelta(seconds=61), now) is Life.DEAD
    for whose in ("", "x", "-/-/1/2", f"{here}/x/y", f"{here}//"):
        assert life(whose, "60", now, now) is Life.ELSEWHERE
