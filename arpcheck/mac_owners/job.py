"""The Job that reads a node's NICs where no other source knows them: one for each node, for `kubectl apply -f -`.

Its logs are a --mac-map. It needs the host's network namespace and nothing else: no privilege, no root, no token; it
ends by a deadline and goes away by its time to live. Nothing is sent to the cluster here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import yaml

from arpcheck.errors import UsageError
from arpcheck.mac_owners.mac_list.job_log import END

SCRIPT = f"""\
echo "node $NODE_NAME"
cd /sys/class/net && grep -H . */address */addr_assign_type */operstate */type */ifindex */iflink */master/ifindex \
*/bonding_slave/perm_hwaddr 2>/dev/null
echo ---route; cat /proc/net/route
echo ---vlan; cat /proc/net/vlan/config 2>/dev/null
echo {END}; exit 0
"""
"""Runs in any image with sh, cat and grep; kube-proxy's own has them."""

DEADLINE = 60
"""Seconds, the pull of the image included."""
KEPT = 600
"""Seconds for which a finished Job and its log stay."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")

_HEADER = """\
# Reads /sys/class/net of {count} node(s). hostNetwork needs a namespace whose pod security level is privileged.
#   kubectl -n NAMESPACE apply -f FILE
#   kubectl -n NAMESPACE wait --for=condition=complete --timeout={wait}s job -l arpcheck/run={run}
#   kubectl -n NAMESPACE logs -l arpcheck/run={run} --tail=-1 > macs.log    and then: arpcheck … --mac-map macs.log
"""


class _Dumper(yaml.SafeDumper):
    """Shows the script as the lines that it is."""


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if text == SCRIPT else None)
)


def inventory_manifest(nodes: Sequence[str], image: str, run: str) -> str:
    """YAML, a Job for each node, sorted. `run` labels them all: lower-case letters, digits and dashes, at most 32.

    Raises UsageError for an image or a run that no Job can have."""
    if not _LABEL.fullmatch(run):
        raise UsageError(f"{run!r} can't be a label", "Take lower-case letters, digits and dashes, at most 32")
    if not image or not image.isprintable() or " " in image or len(image) > 500:
        raise UsageError(f"{image[:80]!r} is no image", "Name one with sh, cat and grep, kube-proxy's own for one")
    jobs = [_job(node, image, run) for node in sorted(set(nodes))]
    documents = yaml.dump_all(jobs, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=1000)
    return _HEADER.format(count=len(jobs), run=run, wait=DEADLINE + 30) + documents if jobs else ""


def _job(node: str, image: str, run: str) -> dict[str, Any]:
    """A node's name may be longer than a Job's, so its digest stands for it."""
    name = f"arpcheck-{sha256(node.encode()).hexdigest()[:12]}-{run}"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "arpcheck", "arpcheck/run": run},
            "annotations": {"arpcheck/node": node},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": {"arpcheck/run": run}}, "spec": _pod(node, image)},
        },
    }


def _pod(node: str, image: str) -> dict[str, Any]:
    """Bound to its node as a DaemonSet's pod is, by affinity: the scheduler's own checks stay."""
    this_node = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {
        "restartPolicy": "Never",
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [this_node]}}
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "runAsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(image)],
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": "inventory",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", SCRIPT],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
    }
