"""The whole API server for a scene that stands: `stage(scene, serve)`. A restart of kube-proxy does what it does in a
cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apiserver.rollout import roll_out
from apiserver.server import ApiServer
from apiserver.store import Store
from arpcheck.kubeproxy import config, modes
from arpcheck.lab import cluster_objects, network
from arpcheck.lab.api_objects import Object
from arpcheck.lab.scene import Scene
from arpcheck.lab.scene_network import STRICT_ARP
from arpcheck.objects import mapping, name


def serve(scene: Scene, **options: Any) -> ApiServer:
    """`options`: of `ApiServer`."""
    served = cluster_objects.resources(scene, datetime.now(UTC))
    return ApiServer(
        [obj for objects in served.values() for obj in objects],
        serves=cluster_objects.kinds(scene),
        denied=[("*", resource) for resource in scene.cluster.refused],
        version=scene.cluster.version,
        on_write=lambda store, old, new: roll_out(
            store, old, new, started=lambda node, pod: _kube_proxy_starts(node, pod, store)
        ),
        **options,
    )


def _kube_proxy_starts(node: str, pod: Object, store: Store) -> None:
    """What it writes at its start, and never takes back (pkg/proxy/ipvs/proxier.go, NewProxier)."""
    if not name(pod).startswith(cluster_objects.KUBE_PROXY):
        return
    found = store.find("configmaps", cluster_objects.KUBE_PROXY_NAMESPACE, cluster_objects.KUBE_PROXY)
    told = config.read(mapping(found, "data").get("config.conf", ""))
    if told.mode == modes.IPVS and told.strict_arp:
        for key, value in STRICT_ARP.items():
            network.write_sysctl(node, "all", key, value)
