"""Kube-proxy as kubeadm installs it: ConfigMap, DaemonSet, pods (cmd/kubeadm/app/phases/addons/proxy)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from arpcheck.lab.scene import Cluster, KubeNode, KubeProxyConfig

Object = dict[str, Any]

BORN = timedelta(days=60)
"""The age of the cluster."""


def meta(name: str, namespace: str | None, born: datetime, **more: Any) -> Object:
    """`metadata` with a uid that is the same in every run."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    within = {"namespace": namespace} if namespace else {}
    return {"name": name, **within, "uid": uid, "creationTimestamp": stamp(born), **more}


def stamp(moment: datetime) -> str:
    """metav1.Time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(moment: datetime) -> str:
    """metav1.MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def suffix(*parts: str) -> str:
    """Five letters, as generateName appends them, the same in every run."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:5]


# ----------------------------------------------------------------------------------------- Kube-proxy as kubeadm installs it

NAMESPACE, NAME = "kube-system", "kube-proxy"
LABELS = {"k8s-app": "kube-proxy"}

CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
clusterCIDR: 10.244.0.0/16
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
{strict}  syncPeriod: 0s
kind: KubeProxyConfiguration
metricsBindAddress: ""
mode: {mode}
"""


def resources(cluster: Cluster, now: datetime) -> dict[str, list[Object]]:
    """The three lists, empty where the cluster has no such objects."""
    config = cluster.kube_proxy
    return {
        "configmaps": [_config_map(config, now)] if config else [],
        "daemonsets.apps": [_daemon_set(cluster, now)] if config else [],
        "pods": [_pod(node, cluster, now) for node in cluster.nodes] if config else [],
    }


def _config_map(config: KubeProxyConfig, now: datetime) -> Object:
    strict = "" if config.strict_arp is None else f"  strictARP: {str(config.strict_arp).lower()}\n"
    written = CONFIG.format(mode=config.mode or '""', strict=strict)
    edited = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "apiVersion": "v1",
        "time": stamp(now - timedelta(seconds=config.edited)),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:config.conf": {}}},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(NAME, NAMESPACE, now - BORN, labels={"app": NAME}, managedFields=[edited]),
        "data": {"config.conf": config.text or written},
    }


def _daemon_set(cluster: Cluster, now: datetime) -> Object:
    count = len(cluster.nodes)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta(NAME, NAMESPACE, now - BORN, labels=LABELS, generation=1),
        "spec": {
            "selector": {"matchLabels": LABELS},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": _template_metadata(cluster, now), "spec": _pod_spec(cluster)},
        },
        "status": {
            "desiredNumberScheduled": count,
            "currentNumberScheduled": count,
            "updatedNumberScheduled": count,
            "numberAvailable": count,
            "numberReady": count,
            "observedGeneration": 1,
        },
    }


def _template_metadata(cluster: Cluster, now: datetime) -> Object:
    if cluster.kube_proxy is None or cluster.kube_proxy.restarted is None:
        return {"labels": LABELS}
    at = stamp(now - timedelta(seconds=cluster.kube_proxy.restarted))
    return {"labels": LABELS, "annotations": {"kubectl.kubernetes.io/restartedAt": at}}


def _pod(node: KubeNode, cluster: Cluster, now: datetime) -> Object:
    started = stamp(now - timedelta(seconds=node.kube_proxy_age))
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": NAME, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(
            f"{NAME}-{suffix(node.name)}",
            NAMESPACE,
            now - timedelta(seconds=node.kube_proxy_age),
            labels=LABELS,
            ownerReferences=[{**owner, "uid": meta(NAME, NAMESPACE, now)["uid"]}],
        ),
        "spec": {"nodeName": node.name, **_pod_spec(cluster)},
        "status": {
            "phase": "Running",
            "startTime": started,
            "containerStatuses": [{"name": NAME, "ready": True, "state": {"running": {"startedAt": started}}}],
        },
    }


def _pod_spec(cluster: Cluster) -> Object:
    command = ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)"]
    return {
        "hostNetwork": True,
        "containers": [
            {
                "name": NAME,
                "image": f"registry.k8s.io/kube-proxy:{cluster.version}",
                "command": command,
                "volumeMounts": [{"name": NAME, "mountPath": "/var/lib/kube-proxy"}],
            }
        ],
        "volumes": [{"name": NAME, "configMap": {"name": NAME}}],
    }
