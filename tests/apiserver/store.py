"""The lab's store, from which objects can be deleted too, and which tells who waits that something changed."""

from collections.abc import Iterator
from threading import Condition
from types import MappingProxyType

from arpcheck.lab import api_objects
from arpcheck.lab.api_objects import Object, Resource

SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system")


class Store(api_objects.Store):
    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.changed = Condition(self.lock)
        """Notified with every change."""
        self.is_controlled = False
        """Controllers and kubelets run beside it (`kubelet.ControlPlane`); else what they would do to a deleted object is
        done at once."""
        self.is_to_collect = True
        """Something was deleted since the garbage collector looked."""

    def put(self, obj) -> Object:
        with self.changed:
            stored = super().put(obj)
            self.changed.notify_all()
            return stored

    def delete(self, resource: str, namespace: str, name: str) -> None:
        with self.changed:
            self.version += 1
            self.is_to_collect = True
            left = {key: stored for key, stored in self.view(resource).items() if key != (namespace, name)}
            self._views[resource] = MappingProxyType(left)
            self.changed.notify_all()

    def seed_namespaces(self) -> None:
        """Those of every cluster and of every object, each with its account `default`, as their controllers make them."""
        there = {namespace for _, obj in self.everything() if (namespace := obj["metadata"].get("namespace", ""))}
        for namespace in sorted({*there, *SYSTEM} - {name for _, name in self.view("namespaces")}):
            labels = {"kubernetes.io/metadata.name": namespace}
            self.put(
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": namespace, "labels": labels},
                    "status": {"phase": "Active"},
                }
            )
        for _, namespace in [*self.view("namespaces")]:
            if self.find("serviceaccounts", namespace, "default") is None:
                metadata = {"name": "default", "namespace": namespace}
                self.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})

    def everything(self, namespace: str | None = None) -> Iterator[tuple[Resource, Object]]:
        """All objects with their resources, of one namespace where one is named."""
        for resource in {resource.full_name: resource for resource in self.resources}.values():
            for (within, _), stored in self.view(resource.full_name).items():
                if namespace is None or within == namespace:
                    yield resource, stored.obj
