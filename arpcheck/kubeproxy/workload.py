"""The objects that are kube-proxy: its DaemonSets and its pods, and of each the container that runs it.

Knows where to look and how to recognise it; not what it is configured to do."""

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
