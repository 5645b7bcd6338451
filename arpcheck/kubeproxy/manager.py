"""A system that owns kube-proxy's configuration, and the marks by which one is recognised. Knows no system by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from arpcheck.kubeproxy import workload
from arpcheck.kubeproxy.setting import config_map, place
from arpcheck.objects import Node, Object, Objects, at, full_name, items, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A system that writes kube-proxy's configuration."""

    name: str
    because: str
    """How it was recognised."""
    way: tuple[str, ...]
    """Its own way to set strictARP: sentences and commands, in order."""
    certain: bool = True
    """False: it only looks like it, and an edit by hand may be right."""


def by_label(objects: Objects, prefix: str, name: str, *way: str) -> Manager | None:
    """Whom a label of a Node gives away."""
    found = sorted(key for node in objects.nodes() for key in node.labels if key.startswith(prefix))
    return Manager(name=name, because=f"node label {found[0]}", way=way) if found else None


def marked(objects: Objects, read: Callable[[Object], Mapping[str, str]], prefix: str) -> str | None:
    """`kube-system/kube-proxy has …`, for the first object that carries a label or annotation of this prefix."""
    for obj in written(objects):
        if keys := sorted(key for key in read(obj) if key.startswith(prefix)):
            return f"{full_name(obj)} has {keys[0]}"
    return None


def written(objects: Objects) -> Iterable[Object]:
    """The DaemonSets of kube-proxy and the ConfigMap that they read."""
    yield from (found.obj for found in workload.daemon_sets(objects))
    where = place(objects)
    found = config_map(where, objects) if where else None
    if found is not None:
        yield found


def managers(obj: Object) -> set[str]:
    """The field managers that have written it (server-side apply: metadata.managedFields)."""
    return {text(entry, "manager") for entry in items(obj, "metadata", "managedFields")}


def controllers(obj: Object) -> Iterable[str]:
    """Those of them that are no person's tool, sorted. Of a ConfigMap only those that wrote its data: others add labels."""
    for entry in sorted(items(obj, "metadata", "managedFields"), key=lambda entry: text(entry, "manager")):
        found = text(entry, "manager")
        wrote = text(obj, "kind") != "ConfigMap" or at(entry, "fieldsV1", "f:data") is not None
        if found and wrote and not any(found == tool or found.startswith(f"{tool}-") for tool in _BY_HAND):
            yield found


_BY_HAND = (
    *("kubectl", "kubeadm", "arpcheck", "oc", "k9s", "Mozilla", "dashboard", "headlamp", "node-fetch", "Lens", "OpenLens"),
    *("before-first-apply", "unknown"),
    "kube-controller-manager",  # it writes a DaemonSet's status
)
"""Field managers behind which there is a person, or nobody: `kubectl-edit`, `kubectl-client-side-apply`, … A browser is
`Mozilla`, Lens is `node-fetch`: without a name of its own a client has that of its user agent."""


def kubelet(node: Node) -> str:
    return text(node.raw, "status", "nodeInfo", "kubeletVersion")
