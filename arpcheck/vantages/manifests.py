"""The manifests of what arpcheck runs in a cluster: the parts that `arpcheck pod` and `arpcheck cluster` share, and the
namespace, the plan and the Jobs of a run of `arpcheck cluster`."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arpcheck.errors import UsageError

Manifest = dict[str, Any]

NAME = "arpcheck"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": NAME}
NODE_NAME = "ARPCHECK_NODE_NAME"
"""The environment variable with the name of the pod's node (`wire.host` reads it)."""
SCC = "system:openshift:scc:privileged"
"""OpenShift's other SecurityContextConstraints allow no added capability beside the host's network."""

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# ------------------------------------------------------------------------------------------------------ What all runs share


def made(api_version: str, kind: str, name: str, space: str | None) -> Manifest:
    metadata: Manifest = {"name": name} | ({"namespace": space} if space else {}) | {"labels": dict(LABELS)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def namespace(name: str) -> Manifest:
    """hostNetwork is forbidden at the level `baseline` (pod-security-admission, check_hostNamespaces.go)."""
    found = made("v1", "Namespace", name, None)
    found["metadata"]["labels"] |= {"pod-security.kubernetes.io/enforce": "privileged"}
    return found


def binding(kind: str, name: str, space: str | None, role: tuple[str, str], to: tuple[str, str]) -> Manifest:
    """`role`: kind and name of the role. `to`: name and namespace of the account."""
    return made("rbac.authorization.k8s.io/v1", kind, name, space) | {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role[0], "name": role[1]},
        "subjects": [{"kind": "ServiceAccount", "name": to[0], "namespace": to[1]}],
    }


def openshift_binding(account: str, space: str) -> Manifest:
    return binding("RoleBinding", f"{account}:scc", space, ("ClusterRole", SCC), (account, space))


def pod_spec(account: str, container: Manifest) -> Manifest:
    """Of a Pod on the host's network that runs once. It tolerates every taint: each node is asked for."""
    return {
        "hostNetwork": True,
        "restartPolicy": "Never",
        "serviceAccountName": account,
        "enableServiceLinks": False,
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }


def container(image: str, arguments: Iterable[str], *, raw: bool = True) -> Manifest:
    """Root without a capability, or with NET_RAW alone (`raw`), which a packet socket needs."""
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [argument.replace("$", "$$") for argument in arguments],  # $(NAME) would be expanded
        "env": [{"name": NODE_NAME, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]} if raw else {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
    }


def job(name: str, space: str, spec: Manifest, *, deadline: int, kept: int) -> Manifest:
    """`deadline`: seconds, including the pull of the image. `kept`: seconds for which the finished Job and its log stay."""
    return made("batch/v1", "Job", name, space) | {
        "spec": {
            "backoffLimit": 0,  # an exit code of 1 is a result
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": kept,
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": spec},
        }
    }


def check_image(image: str) -> None:
    """Raises UsageError for what can't be the name of an image."""
    if not image.isprintable() or not image or " " in image or len(image) > 500:
        raise UsageError(
            f"--image {image[:80]!r} is not a valid image name", "Give the name of the image that scripts/image built"
        )


def check_namespace(name: str) -> None:
    """Raises UsageError for what can't be the name of a namespace."""
    if not _NAMESPACE.fullmatch(name):
        raise UsageError(f"--namespace {name[:80]!r} is not a valid namespace name", f"Use for example {NAME}")


def yaml_text(manifests: Sequence[Manifest]) -> str:
    import yaml  # here, because `pod --help` and completion do not need it

    class Dumper(yaml.SafeDumper):
        """Writes repeated values in full, without anchors."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - its signature
            return True

    return yaml.dump_all(manifests, Dumper=Dumper, sort_keys=False, explicit_start=True, default_flow_style=None, width=110)


# ---------------------------------------------------------------------------------------------- A run of `arpcheck cluster`

RUN = "arpcheck.io/run"
"""The label with the id of the run, on everything that it makes."""
JOB = "arpcheck.io/job"
"""The label of a Job and of its Pod with the name of the Job."""
NODE = "arpcheck.io/node"
OWNER = "arpcheck.io/owner"
"""The annotation with the process that made it."""
LIFETIME = "arpcheck.io/lifetime"
"""The annotation with the seconds after which no run still needs it."""

PLAN = "/plan"
"""Where a Job finds its plan."""
MOST_BYTES = 900 << 10
"""Maximum bytes of a plan; a ConfigMap may have 1 MiB in all (kubernetes: pkg/apis/core, MaxSecretSize)."""
PLAN_KEY = "plan.z"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOfJobs:
    """What all manifests of a run have in common."""

    id: str
    """Lower-case letters and digits."""
    namespace: str
    own_namespace: bool
    """The run makes the namespace, and deletes it."""
    image: str
    owner: str
    lifetime: int
    """Seconds."""
    pull_secret: str | None = None
    """A Secret of the namespace."""
    openshift: bool = False

    @property
    def account(self) -> str:
        return f"{NAME}-{self.id}"

    def job_name(self, letter: str, number: int) -> str:
        return f"{NAME}-{self.id}-{letter}{number}"


def setting(run: RunOfJobs) -> tuple[Manifest, ...]:
    """What the Jobs of a run need, in the order in which it is made: the namespace, and an account without a token and
    without a right."""
    account = made("v1", "ServiceAccount", run.account, run.namespace) | {"automountServiceAccountToken": False}
    found = [namespace(run.namespace)] if run.own_namespace else []
    found += [account, *([openshift_binding(run.account, run.namespace)] if run.openshift else [])]
    return tuple(_of(run, one) for one in found)


def plan_map(run: RunOfJobs, name: str, packed: bytes) -> Manifest:
    """The ConfigMap with the plan of a Job, which has its name."""
    found = made("v1", "ConfigMap", name, run.namespace)
    return _of(run, found) | {"binaryData": {PLAN_KEY: base64.b64encode(packed).decode()}, "immutable": True}


def scout_job(run: RunOfJobs, name: str, node: str, *, deadline: int) -> Manifest:
    """Says which interfaces the node has. It needs no capability."""
    return _job(run, name, node, container(run.image, ("vantage", "--job", name, "--scout"), raw=False), deadline)


def vantage_job(run: RunOfJobs, name: str, node: str, interfaces: Iterable[str], *, deadline: int) -> Manifest:
    """Probes by the plan in the ConfigMap of its name."""
    chosen = (word for interface in interfaces for word in ("--iface", interface))
    made_of = container(run.image, ("vantage", "--job", name, *chosen, PLAN))
    made_of["volumeMounts"] = [{"name": "plan", "mountPath": PLAN, "readOnly": True}]
    found = _job(run, name, node, made_of, deadline)
    found["spec"]["template"]["spec"]["volumes"] = [{"name": "plan", "configMap": {"name": name}}]
    return found


def _job(run: RunOfJobs, name: str, node: str, made_of: Manifest, deadline: int) -> Manifest:
    """On one node, chosen as the DaemonSet controller does it: the scheduler says why it does not fit."""
    spec = pod_spec(run.account, made_of)
    chosen = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [chosen]}}}
    spec["automountServiceAccountToken"] = False
    if run.pull_secret:
        spec["imagePullSecrets"] = [{"name": run.pull_secret}]
    found = _of(run, job(name, run.namespace, spec, deadline=deadline, kept=run.lifetime))
    found["metadata"]["annotations"] |= {NODE: node}
    found["metadata"]["labels"] |= {JOB: name}
    found["spec"]["template"]["metadata"]["labels"] |= {RUN: run.id, JOB: name}
    return found


def _of(run: RunOfJobs, found: Manifest) -> Manifest:
    found["metadata"]["labels"] |= {RUN: run.id}
    found["metadata"]["annotations"] = {OWNER: run.owner, LIFETIME: str(run.lifetime)}
    return found


def owner_of(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    """Run, owner and lifetime of an object that a run made; empty strings where it has none."""
    metadata = obj.get("metadata") if isinstance(obj, Mapping) else None
    labels, annotations = (
        found if isinstance(metadata, Mapping) and isinstance(found := metadata.get(key), Mapping) else {}
        for key in ("labels", "annotations")
    )
    return tuple(str(part or "") for part in (labels.get(RUN), annotations.get(OWNER), annotations.get(LIFETIME)))  # type: ignore[return-value]
