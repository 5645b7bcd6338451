"""A cluster in IPVS mode behind the lab's API server, whose DaemonSet controller works at once. For strict-arp's tests."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime

from apiserver import ApiServer

from arpcheck.cluster import ClusterSource
from arpcheck.lab import cluster_objects, scene_file

TOKEN = "planted-token-19c0de"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
HEAD = 'title = "t"\nabout = "a"\n'

CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0   # all of them
ipvs:
  excludeCIDRs: null
  strictARP: false  # "true" for MetalLB
  syncPeriod: 0s
kind: KubeProxyConfiguration
mode: "ipvs"
"""


def objects(text="", *, config=CONFIG):
    """Three nodes, kube-proxy as kubeadm installs it; `text` is more of a scene."""
    scene = scene_file.parse(HEAD + text, "made")
    found = cluster_objects.resources(scene, datetime.now(UTC))
    made = json.loads(json.dumps([obj for of_kind in found.values() for obj in of_kind]))
    for obj in made:
        if obj["kind"] == "ConfigMap" and config is not None:
            obj["data"]["config.conf"] = config
    return made


def find(found, kind, name="kube-proxy"):
    return next(obj for obj in found if obj["kind"] == kind and obj["metadata"]["name"] == name)


@contextmanager
def serving(tmp_path, made=None, kind=ApiServer, **options):
    """The server, and the Source that reads it."""
    with kind(objects() if made is None else made, token=TOKEN, **options) as server:
        yield server, ClusterSource(kubeconfig=server.kubeconfig(tmp_path / "kubeconfig"), request_timeout=10.0)
