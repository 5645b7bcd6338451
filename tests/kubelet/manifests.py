"""What a pod's manifest says of a container, for containerd; and what became of it, for the pod's status. Pure but for the volumes
that it has filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arpcheck.lab.api_objects import Object, now
from arpcheck.objects import at, items, text
from kubelet import volumes
from kubelet.container import ENTRYPOINT, IMAGE_ENV, USUAL, ContainerSpec, Mount
from kubelet.probes import Watched
from kubelet.volumes import NotReadyError, Sources


@dataclass(slots=True)
class Running:
    """A container of a pod."""

    node: str
    handle: Any
    log: Path
    started: str
    code: int | None = None
    restarts: int = 0
    killed_at: float | None = None
    """When it is killed: it was told to end."""
    again_at: float | None = None
    ready: bool = True
    watched: Watched | None = None


def spec(pod: Object, container: Any, sources: Sources, *, executes: bool) -> ContainerSpec:
    """Fills the volumes. Raises NotReadyError where something is missing, or the manifest can't be kept."""
    node, security = (
        text(pod, "spec", "nodeName"),
        {**(at(pod, "spec", "securityContext") or {}), **(at(container, "securityContext") or {})},
    )
    user = security.get("runAsUser") or 0
    if security.get("runAsNonRoot") and not user:
        raise NotReadyError("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")
    filled = volumes.fill(pod, sources, user)
    mounts = [(text(m, "name"), text(m, "mountPath"), at(m, "readOnly") is True) for m in items(container, "volumeMounts")]
    host, port = "10.96.0.1", 443
    if volumes.TOKEN_VOLUME in filled:
        mounts.append((volumes.TOKEN_VOLUME, volumes.TOKEN_FOLDER, True))
        host, port, _ = sources.endpoint()
    service = {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": str(port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
    }
    known = volumes.variables(
        pod, container, sources.store, {**IMAGE_ENV, "HOSTNAME": node, "HOME": "/root", **service}.items()
    )
    words = [*(items(container, "command") or ENTRYPOINT), *items(container, "args")]
    return ContainerSpec(
        argv=tuple(volumes.expanded(str(word), known) for word in words), env=tuple(known.items()), network=sources.network,
        hostname=node, uid=user, gid=security.get("runAsGroup") or 0, capabilities=_capabilities(security),
        no_new_privs=security.get("allowPrivilegeEscalation") is False,
        read_only_root=security.get("readOnlyRootFilesystem") is True, executes=executes,
        mounts=tuple(
            Mount(source=str(filled[called]), target=target, read_only=read_only or not _is_writable(pod, called))
            for called, target, read_only in mounts
        ),
    )  # fmt: skip


def _capabilities(security: Mapping[str, Any]) -> tuple[str, ...]:
    """`drop` before `add`, of the usual ones; all for a privileged one."""
    if security.get("privileged"):
        return ("ALL",)
    given = security.get("capabilities") or {}
    dropped, added = {str(one) for one in given.get("drop") or ()}, [str(one) for one in given.get("add") or ()]
    return tuple(dict.fromkeys([*(one for one in USUAL if not dropped & {"ALL", one}), *added]))


def _is_writable(pod: Object, volume: str) -> bool:
    """ConfigMaps, Secrets and tokens never are, whatever the mount says."""
    return any(
        text(v, "name") == volume and (at(v, "emptyDir") is not None or at(v, "hostPath") is not None)
        for v in items(pod, "spec", "volumes")
    )


def state(pod: Object, container: Any, one: Running | None, *, waits: bool = False) -> Object:
    """Of a container, for its pod's status. `waits`: it ended, and is started again."""
    found = {
        "name": text(container, "name"),
        "image": text(container, "image"),
        "restartCount": one.restarts if one else 0,
    }
    if one is None:
        return {**found, "ready": False, "started": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
    found["containerID"] = f"containerd://{pod['metadata']['uid'].replace('-', '') * 2}"
    if one.code is None:
        return {**found, "ready": one.ready, "started": True, "state": {"running": {"startedAt": one.started}}}
    code = one.code if one.code >= 0 else 128 - one.code
    past = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": one.started, "finishedAt": now()}
    if waits:
        return {
            **found,
            "ready": False,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": past},
        }
    return {**found, "ready": False, "started": False, "state": {"terminated": past}}
