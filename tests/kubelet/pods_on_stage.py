"""A program for an enclosure: manifests on the nodes of a scene. Prints JSON.

python pods_on_stage.py report             # what `arpcheck pod` prints, and the same probe beside it
python pods_on_stage.py rights CONTAINERS  # a shell in each container, which shows what it may do"""

import json
import subprocess
import sys
import time
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


WATCH = ["pod", "--watch", "--node", "worker-1", "--node", "worker-3", "--iface", "eth0", "--create-namespace", "--with", "metallb", "--",
         "--rate", "200", "--rounds", "2"]  # fmt: skip


def watch():
    """Both Deployments; their metrics; their state; and a restart of the first."""
    with cluster(scene_file.load("two-non-strict"), executes=True) as standing:
        plane = standing.plane
        created = standing.apply(printed(*WATCH))
        plane.until(lambda store: len(ready(store)) == 2 and len(kept(store)) == 2, 90)
        first, second = sorted(ready(plane.store), key=lambda pod: text(pod, "spec", "nodeName"))
        found = {
            "metrics": {text(pod, "spec", "nodeName"): scraped(standing, pod) for pod in (first, second)},
            "state": kept(plane.store),
        }
        found["log"] = logged(standing, first)
        standing.ask("DELETE", f"/api/v1/namespaces/{SPACE}/pods/{first['metadata']['name']}")
        old = {pod["metadata"]["uid"] for pod in (first, second)}
        [again] = plane.until(lambda store: [pod for pod in ready(store) if pod["metadata"]["uid"] not in old], 90)
        before = kept(plane.store)
        own = text(again, "metadata", "labels", "app.kubernetes.io/instance")
        plane.until(lambda store: kept(store)[own] != before[own], 90)
        found["log of the next"] = logged(standing, again)
        found["node"] = text(again, "spec", "nodeName")
        seen = [request for request in standing.server.requests if "authorization" in request.headers]
        found["refused"] = sorted({request.path for request in seen if standing.server.api.answer(request).status == 403})
        began = time.monotonic()
        standing.ask("DELETE", f"/api/v1/namespaces/{SPACE}")
        plane.until(lambda store: not store.find("namespaces", "", SPACE), 60)
        return {**found, "created": [status for status, _ in created], "seconds to end": time.monotonic() - began}


def logged(standing, pod):
    return standing.ask("GET", f"/api/v1/namespaces/{SPACE}/pods/{pod['metadata']['name']}/log")[1]


def ready(store):
    mine = (stored.obj for (space, _), stored in store.view("pods").items() if space == SPACE)
    return [pod for pod in mine if condition(pod, "Ready") == "True" and "deletionTimestamp" not in pod["metadata"]]


def kept(store):
    """The ConfigMaps of the watches that hold something."""
    found = {
        name: stored.obj for (space, name), stored in store.view("configmaps").items() if space == SPACE and "watch" in name
    }
    return {name: obj["data"] for name, obj in found.items() if obj.get("data")}


def scraped(standing, pod):
    code = f"from urllib.request import urlopen; print(urlopen('http://{text(pod, 'status', 'podIP')}:9798/metrics', timeout=20).read().decode())"
    return standing.fixture.start("client", [sys.executable, "-c", code], stdout=-1, text=True).communicate(timeout=60)[0]


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
    json.dump({"report": report, "rights": rights, "watch": watch}[sys.argv[1]](*sys.argv[2:]), sys.stdout)
