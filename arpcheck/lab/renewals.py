"""Leases that their holders renew while the scene runs, as they do in a cluster: by a thread that writes into the API.

Without it a Lease of five seconds is over before a second reading of the records could tell that it held throughout."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import TracebackType

from arpcheck.lab import cluster_objects
from arpcheck.lab.apiserver import Store
from arpcheck.lab.scene import Scene


class Renewals:
    """A context: inside it every Lease with `renews` is written anew that often. An error of the thread is raised when it
    ends."""

    def __init__(self, scene: Scene, store: Store) -> None:
        self._leases = tuple(lease for lease in scene.cluster.leases if lease.renews is not None)
        self._every = min((lease.renews for lease in self._leases if lease.renews is not None), default=0.0)
        self._store = store
        self._over = threading.Event()
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)

    def __enter__(self) -> Renewals:
        if self._leases:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        if self._leases:
            self._thread.join()
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            while not self._over.wait(self._every):
                self._renew(datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - raised by __exit__, in the thread that can do something about it
            self._failed.append(error)

    def _renew(self, now: datetime) -> None:
        """Holder, acquireTime and transitions stay: nothing changed hands."""
        for lease in self._leases:
            found = self._store.find("leases.coordination.k8s.io", lease.namespace, lease.name)
            if found:
                self._store.put({**found, "spec": {**found["spec"], "renewTime": cluster_objects.renewed(now)}})
