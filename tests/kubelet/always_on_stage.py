"""A program for an enclosure: the Pods of `arpcheck pod --watch` on two nodes of a scene. Prints JSON.

They are read by another host, their token is replaced, and they end as a kubelet ends them. A Deployment is no more here than
its Pod."""

import http.client
import json
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from prometheus_client.parser import text_string_to_metric_families

from arpcheck.lab import scene_file
from arpcheck.lab.announcer import inside
from arpcheck.objects import text
from kubelet.pods_on_stage import printed
from kubelet.staged import FOLDER, cluster

OPTIONS = ("--", "--rate", "500", "--interval", "3s", "--probe-every", "0.2s")
MANIFESTS = (
    "pod",
    "--watch",
    "--node",
    "worker-1",
    "--node",
    "worker-2",
    "--iface",
    "eth0",
    "--create-namespace",
    "--with",
    "metallb",
)
SPACE, NAMES = "arpcheck", ("arpcheck-watch-eth0-a", "arpcheck-watch-eth0-b")
HOSTS = ("10.0.0.11", "10.0.0.12")


def main(scene):
    documents = [one for one in printed(*MANIFESTS, *OPTIONS) if one["kind"] != "PodMonitor"]
    with cluster(scene_file.load(scene), executes=True) as standing:
        created = standing.apply(map(pod_of, documents))
        first = {host: scraped(host, lambda found: outcomes(found).get("fault")) for host in HOSTS}
        old = tokens(standing)
        rotate(standing, old)
        probes = {host: sum(outcomes(found).values()) for host, found in first.items()}
        since = {
            host: scraped(host, lambda found, host=host: sum(outcomes(found).values()) > probes[host] + 2) for host in HOSTS
        }
        health = {host: fetched(host, "/healthz") for host in HOSTS}
        for name in NAMES:
            standing.ask("DELETE", f"/api/v1/namespaces/{SPACE}/pods/{name}")
        standing.plane.until(lambda store: not any(store.find("pods", SPACE, name) for name in NAMES), 60)
        states = {name: standing.plane.store.find("configmaps", SPACE, name).get("data", {}) for name in NAMES}
        refused = [r.target for r in standing.server.requests if "authorization" in r.headers and taken(standing, r) == 403]
        return {
            "created": [status for status, _ in created], "first": samples(first), "since": samples(since), "health": health,
            "states": states, "refused": refused, "rotated": len(old),
        }  # fmt: skip


def taken(standing, request):
    return standing.server.api.answer(request).status


def pod_of(document):
    if document["kind"] != "Deployment":
        return document
    template = document["spec"]["template"]
    metadata = {**template["metadata"], "name": document["metadata"]["name"], "namespace": SPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def scraped(host, is_enough):
    for _ in range(900):
        time.sleep(0.1)
        try:
            found = fetched(host, "/metrics")
        except OSError:  # it does not listen yet
            continue
        families = {family.name: family.samples for family in text_string_to_metric_families(found)}
        if is_enough(families):
            return families
    raise AssertionError(f"{host}: not enough")


def outcomes(families):
    return {one.labels["outcome"]: one.value for one in families.get("arpcheck_watch_probes", ())}


def fetched(host, path):
    def connected():
        opened = http.client.HTTPConnection(host, 9798, timeout=20)
        opened.connect()
        return opened

    with closing(inside("client", connected)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def samples(found):
    return {
        host: {name: [[one.labels, one.value] for one in some if one.value] for name, some in families.items()}
        for host, families in found.items()
    }


def tokens(standing):
    """The files with the tokens of the pods."""
    pods = [standing.plane.store.find("pods", SPACE, name) for name in NAMES]
    folders = [FOLDER / "volumes" / text(pod, "metadata", "uid") for pod in pods]
    return sorted({path.resolve() for folder in folders for path in folder.rglob("token")})


def rotate(standing, files):
    """Each gets another token; the server does not take the old one any more."""
    accounts = standing.server.api.accounts
    for path in files:
        before = path.read_text()
        accounts[f"new-{before}"] = accounts.pop(before)
        path.write_text(f"new-{before}")


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
