"""The lab's store, from which objects can be deleted too."""

from types import MappingProxyType

from arpcheck.lab import api_objects


class Store(api_objects.Store):
    def delete(self, resource: str, namespace: str, name: str) -> None:
        with self.lock:
            self.version += 1
            left = {key: stored for key, stored in self.view(resource).items() if key != (namespace, name)}
            self._views[resource] = MappingProxyType(left)
