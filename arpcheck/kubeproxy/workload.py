"""The DaemonSets and pods of kube-proxy, the container that runs it, and the ConfigMap that is mounted as its file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from arpcheck.objects import Object, Objects, at, instant, items, labels_of, name, namespace, text, texts

SYSTEM = "kube-system"
OPENSHIFT = "openshift-kube-proxy"
"""cluster-network-operator bindata/kube-proxy/kube-proxy.yaml."""
NAMESPACES = (SYSTEM, OPENSHIFT)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A DaemonSet, or a pod that runs."""

    kind: str
    """`daemonset` or `pod`."""
    obj: Object
    spec: Object
    """The pod's spec, or the template's."""
    container: Object

    @property
    def title(self) -> str:
        return f"{self.kind} {namespace(self.obj)}/{name(self.obj)}"

    @property
    def command(self) -> tuple[str, ...]:
        return (*texts(self.container, "command"), *texts(self.container, "args"))


def daemon_sets(objects: Objects) -> tuple[Workload, ...]:
    """Sorted by namespace and name."""
    return objects.memo("kube-proxy daemonsets", lambda: tuple(_daemon_sets(objects)))


def pods(objects: Objects) -> Mapping[str, Workload]:
    """By node; where a node has several, the newest: the others are on their way out."""
    return objects.memo("kube-proxy pods", lambda: _pods(objects))


def owner(pod: Workload, objects: Objects) -> Workload | None:
    """The DaemonSet of a pod; None for a static pod, and for one whose DaemonSet could not be read."""
    named = [text(o, "name") for o in items(pod.obj, "metadata", "ownerReferences") if text(o, "kind") == "DaemonSet"]
    return next((w for w in daemon_sets(objects) if name(w.obj) in named and namespace(w.obj) == namespace(pod.obj)), None)


def is_static(pod: Workload) -> bool:
    return not any(text(o, "kind") == "DaemonSet" for o in items(pod.obj, "metadata", "ownerReferences"))


def created(obj: Object) -> datetime | None:
    return instant(text(obj, "metadata", "creationTimestamp"))


def number(obj: Object, *path: str) -> int | None:
    value = at(obj, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _daemon_sets(objects: Objects) -> Iterator[Workload]:
    for obj in sorted(objects.of("daemonsets.apps"), key=lambda obj: (namespace(obj), name(obj))):
        spec = at(obj, "spec", "template", "spec")
        if namespace(obj) in NAMESPACES and (found := container(obj, spec)) is not None:
            yield Workload(kind="daemonset", obj=obj, spec=spec, container=found)


def _pods(objects: Objects) -> Mapping[str, Workload]:
    found: dict[str, Workload] = {}
    for obj in sorted(objects.of("pods"), key=lambda obj: (created(obj) or _LONG_AGO, namespace(obj), name(obj))):
        spec, node = at(obj, "spec"), text(obj, "spec", "nodeName")
        if node and namespace(obj) in NAMESPACES and (runs := container(obj, spec)) is not None:
            found[node] = Workload(kind="pod", obj=obj, spec=spec, container=runs)
    return found


def container(obj: Object, spec: object) -> Object | None:
    """The one that runs kube-proxy; None where the object only has a name like it (an exporter)."""
    containers = [one for one in items(spec, "containers") if isinstance(one, Mapping)]
    by_command = (one for one in containers if _runs_kube_proxy(one))
    by_name = (one for one in containers if text(one, "name") == "kube-proxy")
    if (found := next(by_command, None) or next(by_name, None)) is not None:
        return found
    labelled = "kube-proxy" in (labels_of(obj).get("k8s-app"), labels_of(obj).get("component"))
    return containers[0] if labelled and len(containers) == 1 else None


def _runs_kube_proxy(container: Object) -> bool:
    words = (word for part in texts(container, "command") + texts(container, "args") for word in part.split())
    return any(posixpath.basename(word) in ("kube-proxy", "kube-proxy.exe") for word in words if not word.startswith("-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapKey:
    """One key of one ConfigMap of the pod's namespace."""

    config_map: str
    key: str
    fixed: bool = False
    """Mounted by subPath: the file never changes in a pod that is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The file is in no ConfigMap."""

    why: str


def file_at(path: str, container: Object, spec: Object) -> tuple[ConfigMapKey, ...] | Elsewhere:
    """The keys that the file at `path` may be, the likeliest first: with projections only the content can tell."""
    if not path.startswith("/"):
        return Elsewhere(why=f"{path[:100]} is relative to a directory that the API does not show")
    path = posixpath.normpath(path)
    mount = _mount(path, container)
    if mount is None:
        return Elsewhere(why=f"{path[:100]} is in the image, no volume is mounted there")
    below = posixpath.relpath(path, _mount_path(mount))
    sub_path = text(mount, "subPath")
    inside = posixpath.normpath(posixpath.join(sub_path, below))
    return _file_in(_volume(text(mount, "name"), spec), inside, fixed=bool(sub_path), path=path)


def _mount(path: str, container: Object) -> Object | None:
    found = [m for m in items(container, "volumeMounts") if _covers(_mount_path(m), path)]
    return max(found, key=lambda mount: len(_mount_path(mount)), default=None)


def _mount_path(mount: Object) -> str:
    written = text(mount, "mountPath")
    return posixpath.normpath(written) if written.startswith("/") else ""


def _covers(directory: str, path: str) -> bool:
    return bool(directory) and (path == directory or path.startswith(directory.rstrip("/") + "/"))


def _volume(name: str, spec: Object) -> Object:
    return next((volume for volume in items(spec, "volumes") if name and text(volume, "name") == name), {})


def _file_in(volume: Object, inside: str, *, fixed: bool, path: str) -> tuple[ConfigMapKey, ...] | Elsewhere:
    if host_path := text(volume, "hostPath", "path"):
        return Elsewhere(why=f"{posixpath.join(host_path, inside)[:100]} is a file on the node")
    sources = [at(volume, "configMap"), *(at(source, "configMap") for source in items(volume, "projected", "sources"))]
    keys = [ConfigMapKey(config_map=name, key=key, fixed=fixed) for source in sources for name, key in _keys(source, inside)]
    return tuple(keys) or Elsewhere(why=f"{path[:100]} comes from no ConfigMap that is mounted there")


def _keys(source: object, inside: str) -> Iterator[tuple[str, str]]:
    if not (config_map := text(source, "name")):
        return
    if not (projected := items(source, "items")):
        yield config_map, inside
    for item in projected:
        if posixpath.normpath(text(item, "path")) == inside:
            yield config_map, text(item, "key")
