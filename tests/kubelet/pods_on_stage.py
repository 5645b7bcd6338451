"""A program for an enclosure: manifests on the nodes of a scene. Prints JSON.

python pods_on_stage.py report             # what `arpcheck pod` prints, and the same probe beside it
python pods_on_stage.py rights CONTAINERS  # a shell in each container, which shows what it may do"""

import json
import subprocess
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from arpcheck.lab import network, scene_file
from arpcheck.objects import text
from kubelet.control_plane import pods_of
from kubelet.events import condition
from kubelet.staged import cluster

OPTIONS = ["-o", "json", "-q", "--rate", "200", "--rounds", "2"]
MANIFESTS = ["pod", "--node", "worker-2", "--job", "--create-namespace", "--with", "metallb", "--", *OPTIONS]
JOB = "arpcheck-worker-2"
SPACE = "arpcheck"


def printed(*words):
    done = subprocess.run(network.python("arpcheck", *words), capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def report():
    with cluster(scene_file.load("two-non-strict"), executes=True) as standing:
        created = standing.apply(printed(*MANIFESTS))
        standing.plane.until(lambda store: any(_is_over(stored.obj) for stored in store.view("jobs.batch").values()), 60)
        [pod] = pods_of(standing.plane.store, JOB)
        log = standing.ask("GET", f"/api/v1/namespaces/{SPACE}/pods/{pod['metadata']['name']}/log")[1]
        tokens = [request for request in standing.server.requests if "authorization" in request.headers]
        probe = standing.fixture.start(
            "worker-2", ["env", "ARPCHECK_NODE_NAME=worker-2", *network.python("arpcheck", "probe", *OPTIONS, "--cluster-file", snapshot(standing))],
            stdout=-1, stderr=-1, text=True,
        )  # fmt: skip
        stdout, stderr = probe.communicate(timeout=60)
        standing.ask("DELETE", f"/api/v1/namespaces/{SPACE}")
        standing.plane.until(lambda store: not store.find("namespaces", "", SPACE))
        return {
            "created": [status for status, _ in created], "state": pod["status"], "log": log, "beside": [probe.returncode, stdout, stderr],
            "refused": sorted({request.target for request in tokens if not _may(standing, request)}),
            "left": [f"{resource.plural} {obj['metadata']['name']}" for resource, obj in standing.plane.store.everything(SPACE)],
        }  # fmt: skip


def snapshot(standing):
    path = "/run/cluster.json"
    program = network.python("arpcheck", "snapshot", "--kubeconfig", "/run/arpcheck-kubeconfig", "--output", path)
    assert standing.fixture.start("client", program).wait(60) == 0
    return path


def _may(standing, request):
    return standing.server.api.answer(request).status != 403


def _is_over(job):
    return "True" in (condition(job, "Complete"), condition(job, "Failed"))


def rights(containers):
    """Each of them a pod on worker-1; the log of each by name."""
    with cluster(scene_file.load("healthy"), executes=True, pod_security="privileged") as standing:
        for name, container in json.loads(containers).items():
            spec = {"nodeName": "worker-1", "hostNetwork": True, "restartPolicy": "Never", **container.pop("pod", {})}
            spec["containers"] = [{"name": "c", "image": "a", **container}]
            document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
            assert standing.apply([document])[0][0] == 201
        over = ("Succeeded", "Failed")
        standing.plane.until(lambda store: all(text(pod.obj, "status", "phase") in over for pod in shells(store)), 60)
        names = [stored.obj["metadata"]["name"] for stored in shells(standing.plane.store)]
        return {name: standing.ask("GET", f"/api/v1/namespaces/default/pods/{name}/log")[1] for name in names}


def shells(store):
    return [stored for (space, _), stored in store.view("pods").items() if space == "default"]


if __name__ == "__main__":
    json.dump({"report": report, "rights": rights}[sys.argv[1]](*sys.argv[2:]), sys.stdout)
