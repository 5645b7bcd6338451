"""The controllers and kubelets of a cluster, beside the API server of the tests: one thread that looks at everything whenever
something changed, or something is due.

    with ApiServer(objects) as server, ControlPlane(server, runtime, folder) as plane:
        plane.lose("worker-2")

Jobs, the scheduler, the garbage collector, namespaces and their accounts, the lifecycle of nodes, and kubelets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from apiserver import ApiServer, deletes
from apiserver.deletes import Deletion
from apiserver.store import Store

from arpcheck.lab.api_objects import Object
from arpcheck.objects import at, items, name, namespace, text
from kubelet import container_log, scheduler
from kubelet.deployments import Deployments
from kubelet.events import condition, seconds_since, tell, with_condition
from kubelet.jobs import Jobs
from kubelet.kubelets import Kubelets, Runtime
from kubelet.probes import Asks
from kubelet.scheduler import UNREACHABLE, toleration_seconds

TURNS = 100
"""Looks in a row that may each change something; more means that two controllers undo each other's work."""
IDLE = 5.0
"""Seconds to the next look where nothing is due."""


def nowhere(_node: str) -> tuple[str, int, str]:
    """The address of a cluster without kube-proxy: a pod has its token, and no way to the API server."""
    return "10.96.0.1", 443, ""


class ControlPlane:
    def __init__(
        self, server: ApiServer, runtime: Runtime, folder: Path, *, network: Callable[[str], str] = "/run/netns/{}".format,
        endpoint: Callable[[str], tuple[str, int, str]] = nowhere, ask: Asks = lambda *_: True, executes: bool = True, pod_security: str = "baseline",
        most_log: int = container_log.MOST,
    ) -> None:  # fmt: skip
        """`pod_security`: the level of namespaces that are not labelled; the server has to be made with the same."""
        self.store: Store = server.api.store
        self.kubelets = Kubelets(
            self.store,
            runtime,
            folder,
            network=network,
            endpoint=endpoint,
            ask=ask,
            accounts=server.api.accounts,
            executes=executes,
            most_log=most_log,
        )
        self.trouble = self.kubelets.trouble
        self.controls = True
        """False: no Job has a pod, and nothing that it owns is collected (kube-controller-manager is down)."""
        server.api.read_log = self.kubelets.read_log
        self._jobs = Jobs(self.store, pod_security)
        self._deployments = Deployments(self.store, pod_security)
        self._over = False
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="control plane", daemon=True)

    def __enter__(self) -> ControlPlane:
        self.store.is_controlled = True
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self.store.changed:
            self._over = True
            self.store.changed.notify_all()
        self._thread.join()
        for node in [*self.kubelets.alive()]:
            self.kubelets.power_off(node)
        if self._failed and kind is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            with self.store.changed:
                while not self._over:
                    self.store.changed.wait(self._settle())
        except Exception as error:  # noqa: BLE001 - raised by __exit__ in the caller's thread
            self._failed.append(error)

    def _settle(self) -> float:
        """Until nothing changes any more; the seconds until the next look."""
        for _ in range(TURNS):
            version, due = self.store.version, [IDLE]
            if self.controls:
                self._look_at_namespaces()
                due += [self._jobs.look() or IDLE, self._deployments.look() or IDLE]
                deletes.finish_namespaces(self.store)
                deletes.collect(self.store)
            scheduler.schedule(self.store)
            due.append(self._look_at_nodes() or IDLE)
            due.append(self.kubelets.look() or IDLE)
            if self.store.version == version:
                return min(due)
        raise RuntimeError(f"no rest after {TURNS} looks")

    def _look_at_namespaces(self) -> None:
        """The account `default` and the certificate of the authority."""
        for (_, space), stored in [*self.store.view("namespaces").items()]:
            if at(stored.obj, "metadata", "deletionTimestamp"):
                continue
            if self.store.find("serviceaccounts", space, "default") is None:
                self.store.put(
                    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
                )
            if self.store.find("configmaps", space, "kube-root-ca.crt") is None:
                metadata = {"name": "kube-root-ca.crt", "namespace": space}
                self.store.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": "-"}})

    # ----------------------------------------------------------------------------------------------------------------- Nodes

    def lose(self, node: str, *, power: bool = True) -> None:
        """Nothing is heard from it any more: the node's lifecycle controller says so at once, not after 40 s. `power`: what runs
        there ends too."""
        with self.store.changed:
            self.trouble.lost.add(node)
            if power:
                self.kubelets.power_off(node)
            found = self.store.find("nodes", "", node)
            assert found, node
            taints = [{"key": UNREACHABLE, "effect": effect} for effect in ("NoSchedule", "NoExecute")]
            found = self.store.put(
                {**found, "spec": {**found["spec"], "taints": [*items(found, "spec", "taints"), *taints]}}
            )
            with_condition(
                self.store, found, "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
            )
            for stored in [*self.store.view("pods").values()]:
                if text(stored.obj, "spec", "nodeName") == node and condition(stored.obj, "Ready") == "True":
                    with_condition(self.store, stored.obj, "Ready", "False")
                    tell(
                        self.store,
                        stored.obj,
                        "NodeNotReady",
                        "Node is not ready",
                        component="node-controller",
                        warning=True,
                    )

    def find_again(self, node: str) -> None:
        with self.store.changed:
            self.trouble.lost.discard(node)
            found = self.store.find("nodes", "", node)
            assert found, node
            taints = [taint for taint in items(found, "spec", "taints") if text(taint, "key") != UNREACHABLE]
            found = self.store.put({**found, "spec": {**found["spec"], "taints": taints}})
            with_condition(self.store, found, "Ready", "True", "KubeletReady", "kubelet is posting ready status")

    def taint(self, node: str, key: str, effect: str) -> None:
        with self.store.changed:
            found = self.store.find("nodes", "", node)
            assert found, node
            taints = [*items(found, "spec", "taints"), {"key": key, "effect": effect}]
            self.store.put({**found, "spec": {**found["spec"], "taints": taints}})

    def _look_at_nodes(self) -> float | None:
        """Deletes pods that do not tolerate their node's taints (pkg/controller/tainteviction)."""
        due: list[float] = []
        nodes = {called: stored.obj for (_, called), stored in self.store.view("nodes").items()}
        [pods] = [one for one in self.store.resources if one.full_name == "pods"]
        for stored in [*self.store.view("pods").values()]:
            pod = stored.obj
            taints = items(nodes.get(text(pod, "spec", "nodeName"), {}), "spec", "taints")
            limits = [toleration_seconds(pod, taint) for taint in taints if text(taint, "effect") == "NoExecute"]
            if at(pod, "metadata", "deletionTimestamp") or not (some := [limit for limit in limits if limit is not None]):
                continue
            ready = next(
                (
                    text(one, "lastTransitionTime")
                    for one in items(pod, "status", "conditions")
                    if text(one, "type") == "Ready"
                ),
                "",
            )
            if (left := min(some) - seconds_since(ready)) > 0:
                due.append(left)
            else:
                deletes.delete(self.store, pods, namespace(pod), name(pod), Deletion())
        return min(due, default=None)

    # ----------------------------------------------------------------------------------------------------------- For a test

    def until(self, true: Callable[[Store], object], patience: float = 30.0) -> object:
        """Waits until something is true of the store, and returns it. TimeoutError where it does not become so."""
        with self.store.changed:
            found = self.store.changed.wait_for(lambda: self._failed or true(self.store), patience)
        if self._failed:
            raise self._failed[0]
        if not found:
            raise TimeoutError(f"not within {patience:g} s: {[*_told(self.store)]}")
        return found


def _told(store: Store) -> list[str]:
    return [
        f"{stored.obj['involvedObject']['name']}: {stored.obj['reason']}: {stored.obj['message']}"
        for stored in store.view("events").values()
    ]


def pods_of(store: Store, job: str) -> list[Object]:
    found = [stored.obj for stored in store.view("pods").values()]
    return [pod for pod in found if at(pod, "metadata", "labels", "job-name") == job]
