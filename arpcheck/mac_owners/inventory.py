"""The MAC map that the evidence holds, all sources side by side: as a table and in the form that --mac-map reads.

Knows identities only. What the sources do not agree on stays a comment in the file, so that a doubt does not come back
as the user's own word."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

import yaml

from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence
from arpcheck.mac_owners import all_identities, node_ip, rank
from arpcheck.mac_owners.mac_list import END
from arpcheck.model import Identity, Mac
from arpcheck.text import plain

HEADER = ("MAC", "NODE", "INTERFACE", "SOURCE", "WHERE", "SEEN")


def inventory_table(evidence: Evidence) -> str:
    """Every claim on every MAC, the strongest first, then the nodes of which no MAC is known; ends with a newline."""
    rows = [HEADER, *(_claim_row(identity) for identity in all_identities(evidence))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missing = unresolved(evidence)
    lines += ["", f"No MAC is known of {', '.join(plain(node) for node in missing)}."] if missing else []
    return "\n".join(lines) + "\n"


def inventory_csv(evidence: Evidence) -> str:
    """`mac,node,interface,note`, one line for every MAC that the strongest sources agree on, the others as comments."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("mac", "node", "interface", "note"))
    for mac, claims in _by_mac(evidence).items():
        strongest = [claim for claim in claims if rank(claim) == rank(claims[0])]
        if len({claim.node for claim in strongest}) > 1:
            said = " or ".join(f"{claim.node} ({claim.source}: {claim.detail})" for claim in strongest)
            out.write(f"# {mac}: {plain(said)}\n")
        else:
            note = f"{claims[0].source}: {claims[0].detail}"
            writer.writerow((mac, plain(claims[0].node), plain(_own_nic(strongest)), plain(note)))
    return out.getvalue()


def unresolved(evidence: Evidence) -> tuple[str, ...]:
    """The nodes that no source knows a MAC of, sorted."""
    known = {identity.node for identity in all_identities(evidence)}
    return tuple(node.name for node in evidence.objects.nodes() if node.name and node.name not in known)


def _by_mac(evidence: Evidence) -> Mapping[Mac, Sequence[Identity]]:
    return {mac: tuple(claims) for mac, claims in groupby(all_identities(evidence), key=lambda claim: claim.mac)}


def _own_nic(claims: Iterable[Identity]) -> str:
    """The node's own NIC; what the wire names is the prober's."""
    return next((claim.interface for claim in claims if claim.interface and claim.source != node_ip.NAME), "")


def _claim_row(claim: Identity) -> tuple[str, ...]:
    seen = claim.observed_at.isoformat(timespec="seconds") if claim.observed_at else "-"
    nic = _own_nic([claim]) or "-"
    return (claim.mac, *(plain(cell) for cell in (claim.node, nic, claim.source, claim.detail)), seen)


# --------------------------------------------------------- The Job that reads a node's NICs where no other source knows them

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


class _JobDumper(yaml.SafeDumper):
    """Shows the script as the lines that it is."""


_JobDumper.add_representer(
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
    documents = yaml.dump_all(jobs, Dumper=_JobDumper, sort_keys=False, explicit_start=True, width=1000)
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
