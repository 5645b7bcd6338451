"""A program for an enclosure: `arpcheck cluster` on a cluster of segments that stands. Prints JSON.

python cluster_on_stage.py CASE [OPTIONS-OF-THE-CASE-AS-JSON]"""

import json
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from arpcheck.lab import network
from arpcheck.lab.fixture import KUBECONFIG
from arpcheck.objects import text
from kubelet import segments
from kubelet.staged import cluster

OPTIONS = ("--rate", "100", "--rounds", "2", "--timeout", "5m", "-o", "json")
SOON = ("--start-timeout", "5s")
RUN = "arpcheck.io/run"
PATIENCE = 240


class Stage:
    """The cluster as a case sees it."""

    def __init__(self, standing):
        self.standing = standing
        self.plane = standing.plane
        self.before = everything(standing.plane.store)

    def start(self, *options, station="client"):
        words = network.python("arpcheck", "cluster", "--kubeconfig", str(KUBECONFIG), *options)
        return self.standing.fixture.start(station, words, stdout=-1, stderr=-1, text=True, start_new_session=True)

    def finish(self, program):
        out, err = program.communicate(timeout=PATIENCE)
        return {"code": program.returncode, "out": out, "err": err}

    def run(self, *options):
        return self.finish(self.start(*options))

    def pod(self, letter, true, job=""):
        """The first pod of a Job of this kind (`s` for scouts, `v` for vantages) of which something is true."""

        def found(store):
            mine = (stored.obj for stored in store.view("pods").values())
            return next(
                (pod for pod in mine if f"-{letter}" in text(pod, "metadata", "labels", "job-name") and true(pod)), None
            )

        return self.plane.until(found, 120)

    def left(self):
        """What is there now and was not before, once what is being removed is gone."""
        self.plane.until(lambda store: not any(key[0] == "pods" for key in everything(store) - self.before), 60)
        return sorted(map(" ".join, everything(self.plane.store) - self.before))

    def tokens(self):
        """Requests that came with one: from a container."""
        return sum("authorization" in request.headers for request in self.standing.server.requests)

    def requests(self):
        return len(self.standing.server.requests)


def everything(store):
    return {
        (resource.plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        for resource, obj in store.everything() if resource.plural not in ("events",) or RUN in str(obj)
    }  # fmt: skip


def running(pod):
    return text(pod, "status", "phase") == "Running"


# ------------------------------------------------------------------------------------------------------------------- Cases


def healthy(stage):
    return stage.run(*OPTIONS)


def namespace(stage):
    """In one that exists, with something of somebody else's in it."""
    found = stage.run(*OPTIONS, "-n", "probes")
    return {**found, "kept": bool(stage.plane.store.find("configmaps", "probes", "others"))}


def pending(stage):
    """Two nodes that take no pod: one for good, one of the others whose image can't be pulled."""
    stage.plane.trouble.no_image.update({"a-2", "b-1"})
    return stage.run(*OPTIONS, *SOON)


def refused(stage):
    """A namespace that forbids pods on the host's network."""
    return stage.run(*OPTIONS, "-n", "default")


def evicted(stage):
    program = stage.start(*OPTIONS)
    pod = stage.pod("v", running)
    stage.plane.kubelets.evict(pod["metadata"]["namespace"], pod["metadata"]["name"])
    return {**stage.finish(program), "node": text(pod, "spec", "nodeName")}


def cut(stage, how):
    """The log of a vantage is not whole: its beginning, its end or its middle is lost, or it holds what somebody else wrote."""
    program = stage.start(*OPTIONS)
    node = text(stage.pod("v", running), "spec", "nodeName")
    stage.plane.trouble.logs[node] = SPOILED[how]
    return {**stage.finish(program), "node": node}


def _without(log, first, last):
    lines = log.splitlines(keepends=True)
    return "".join(lines[: int(len(lines) * first)] + lines[int(len(lines) * last) :])


SPOILED = {
    "beginning": lambda log: _without(log, 0, 0.3),
    "middle": lambda log: _without(log, 0.3, 0.5),
    "end": lambda log: log[: -len(log) // 4],
    "foreign": lambda log: log.replace("\n", "\nW0101 some warning of somebody else\n"),
    "gone": lambda _: "unable to retrieve container logs for containerd://0123",
}


def lost(stage):
    program = stage.start(*OPTIONS)
    pod = stage.pod("v", running)
    node = text(pod, "spec", "nodeName")
    stage.plane.lose(node)
    found = stage.finish(program)
    stage.plane.find_again(node)
    return {**found, "node": node}


def interrupted(stage, after=None):
    """Ctrl-C while a vantage asks, or some seconds after the start."""
    program = stage.start(*OPTIONS)
    if after is None:
        stage.pod("v", running)
    else:
        time.sleep(after)
    program.send_signal(signal.SIGINT)
    return stage.finish(program)


def killed(stage, letter):
    """kill -9 while pods of this kind run; then the next start."""
    program = stage.start(*OPTIONS)
    stage.pod(letter, running)
    program.kill()
    program.communicate()
    middle = sorted(map(" ".join, everything(stage.plane.store) - stage.before))
    return {**stage.run("clean"), "middle": middle}


def together(stage):
    programs = [stage.start(*OPTIONS), stage.start(*OPTIONS, "--segment", "10.3.0.0/24")]
    return {"both": [stage.finish(program) for program in programs]}


CASES = {
    case.__name__: case for case in (healthy, namespace, pending, refused, evicted, cut, lost, interrupted, killed, together)
}
OTHERS = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "probes", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "others", "namespace": "probes"}, "data": {}},
)  # fmt: skip


def main(case, options="{}"):
    options = json.loads(options)
    scene = segments.scene(**options.pop("scene", {}))
    with cluster(scene) as standing:
        standing.apply(OTHERS)
        standing.plane.until(lambda store: store.find("serviceaccounts", "probes", "default"))
        stage = Stage(standing)
        began = time.monotonic()
        found = CASES[case](stage, **options)
        found |= {
            "seconds": time.monotonic() - began,
            "left": stage.left(),
            "requests": stage.requests(),
            "tokens": stage.tokens(),
        }
        json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
