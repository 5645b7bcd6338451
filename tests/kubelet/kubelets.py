"""The kubelets of all nodes: they start what is bound to their node, end it, and write into the pod's status what became of it.

`Trouble` is what goes wrong on request: images that can't be pulled, nodes that are lost, logs that are not whole."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from apiserver.accounts import Account
from apiserver.store import Store

from arpcheck.lab.api_objects import Object, now
from arpcheck.lab.apiserver import RefusedError, refused, text_answer
from arpcheck.objects import at, items, name, namespace, text
from kubelet import container_log, manifests, volumes
from kubelet.container import ContainerSpec
from kubelet.container_log import ContainerLog
from kubelet.events import seconds_since, tell, with_condition, with_status
from kubelet.manifests import Running
from kubelet.probes import Asks, Watched
from kubelet.scheduler import chosen
from kubelet.volumes import NotReadyError

KUBELET = "kubelet"
AGAIN = 0.2
"""Seconds until what could not start is tried again."""
CRASHED = 10.0
"""Seconds before a container that ended is started again, where its pod says so; twice that after each."""


class Runtime(Protocol):
    """What runs containers."""

    def start(self, spec: ContainerSpec, log: ContainerLog, ended: Callable[[int], None]) -> Any:
        """A handle. `ended` is called, in another thread, with the exit code or minus the signal, once all of the log is written."""

    def signal(self, handle: Any, number: int) -> None: ...


@dataclass(slots=True)
class Trouble:
    """Changed by a test while all runs."""

    no_image: set[str] = field(default_factory=set)
    """Nodes that can pull nothing, and images that nobody can."""
    lost: set[str] = field(default_factory=set)
    """Nodes from which nothing is heard; what runs there goes on."""
    logs: dict[str, Callable[[str], str]] = field(default_factory=dict)
    """By node: what is made of a log before it is answered."""


class Kubelets:
    """`network`: the file of a node's network namespace. `endpoint`: address and port under which a pod on a node reaches the
    API server, and the certificate of its authority in PEM. `accounts`: where a token is written down."""

    def __init__(
        self, store: Store, runtime: Runtime, folder: Path, *, network: Callable[[str], str],
        endpoint: Callable[[str], tuple[str, int, str]], ask: Asks = lambda *_: True, accounts: dict[str, Account], executes: bool = True,
        most_log: int = container_log.MOST,
    ) -> None:  # fmt: skip
        self.trouble = Trouble()
        self._store = store
        self._runtime = runtime
        self._folder = folder
        self._network = network
        self._endpoint = endpoint
        self._ask = ask
        self._accounts = accounts
        self._executes = executes
        self._most_log = most_log
        self._running: dict[str, dict[str, Running]] = {}
        """By uid of the pod and name of the container."""
        self._due: dict[str, float] = {}
        """By uid of a pod that could not start: when it is tried again."""

    # -------------------------------------------------------------------------------------------------------------- One look

    def look(self) -> float | None:
        """At all pods that are bound; the seconds until one is due."""
        pods = [stored.obj for stored in [*self._store.view("pods").values()] if text(stored.obj, "spec", "nodeName")]
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid in [uid for uid in self._running if uid not in present]:
            left = {called: one for called, one in self._running[uid].items() if one.node in self.trouble.lost}
            self._kill(one for called, one in self._running[uid].items() if called not in left)
            self._running[uid] = left
            if not left:
                del self._running[uid]
        pods = [pod for pod in pods if text(pod, "spec", "nodeName") not in self.trouble.lost]
        return min((due for pod in pods if (due := self._look_at(pod)) is not None), default=None)

    def _look_at(self, pod: Object) -> float | None:
        running = self._running.get(pod["metadata"]["uid"], {})
        if at(pod, "metadata", "deletionTimestamp"):
            return self._end(pod, running)
        if text(pod, "status", "phase") in ("Succeeded", "Failed") or (
            not running and text(pod, "status", "phase") == "Running"
        ):
            return None  # it is over, or one of the scene's own, of which there is only the object
        limit, ran = at(pod, "spec", "activeDeadlineSeconds"), seconds_since(text(pod, "status", "startTime"))
        if isinstance(limit, int) and ran >= limit:
            self._fail(pod, running, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            return None
        due = self._ended(pod, running) if running else self._start(pod)
        return min(
            (wait for wait in (due, limit - ran if isinstance(limit, int) else None) if wait is not None), default=None
        )

    def _end(self, pod: Object, running: Mapping[str, Running]) -> float | None:
        """SIGTERM, its grace, SIGKILL; then the object goes."""
        grace, moment = float(at(pod, "metadata", "deletionGracePeriodSeconds") or 0), time.monotonic()
        alive = [one for one in running.values() if one.code is None]
        if not alive:
            self._store.delete("pods", namespace(pod), name(pod))
            self._running.pop(pod["metadata"]["uid"], None)
            return None
        for one in alive:
            if one.killed_at is None:
                one.killed_at = moment + grace
                tell(self._store, pod, "Killing", f"Stopping container {name(pod)}", component=KUBELET)
                self._runtime.signal(one.handle, signal.SIGTERM)
            one.killed_at = min(one.killed_at, moment + grace)
        self._kill(one for one in alive if one.killed_at is not None and one.killed_at <= moment)
        return max(0.01, min(one.killed_at for one in alive if one.killed_at is not None) - moment)

    def _kill(self, some: Iterable[Running]) -> None:
        for one in some:
            if one.code is None:
                self._runtime.signal(one.handle, signal.SIGKILL)

    def _fail(self, pod: Object, running: Mapping[str, Running], reason: str, message: str) -> None:
        self._kill(running.values())
        states = [
            manifests.state(pod, container, running.get(text(container, "name")))
            for container in items(pod, "spec", "containers")
        ]
        with_status(self._store, pod, phase="Failed", reason=reason, message=message, containerStatuses=states)
        tell(self._store, pod, reason, message, component=KUBELET, warning=True)

    # ----------------------------------------------------------------------------------------------------------------- Start

    def _start(self, pod: Object) -> float | None:
        node = self._store.find("nodes", "", text(pod, "spec", "nodeName"))
        if node is None:
            return AGAIN  # nobody is there to see it
        if not chosen(pod, node):
            self._fail(pod, {}, "NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed")
            return None
        address = next(
            (text(a, "address") for a in items(node, "status", "addresses") if text(a, "type") == "InternalIP"), ""
        )
        pod = with_status(self._store, pod, startTime=text(pod, "status", "startTime") or now(), hostIP=address)
        if at(pod, "spec", "hostNetwork"):
            pod = with_status(self._store, pod, podIP=address, podIPs=[{"ip": address}])
        uid, moment = pod["metadata"]["uid"], time.monotonic()
        if moment < self._due.get(uid, 0.0):
            return self._due[uid] - moment
        ready = []
        for container in items(pod, "spec", "containers"):
            try:
                ready.append((container, self._spec(pod, container)))
            except NotReadyError as error:
                self._due[uid] = moment + AGAIN
                self._waits(pod, container, error)
                return AGAIN
        for container, spec in ready:
            self._start_container(pod, container, spec, 0)
        self._is_running(pod)
        return None

    def _start_container(self, pod: Object, container: Any, spec: ContainerSpec, restarts: int) -> None:
        image, node, uid = text(container, "image"), text(pod, "spec", "nodeName"), pod["metadata"]["uid"]
        tell(self._store, pod, "Pulled", f'Container image "{image}" already present on machine', component=KUBELET)
        path = self._folder / "pods" / f"{namespace(pod)}_{name(pod)}_{uid}" / text(container, "name") / f"{restarts}.log"
        log = ContainerLog(path, self._most_log)
        one = Running(node=node, handle=None, log=path, started=now(), restarts=restarts)
        one.handle = self._runtime.start(spec, log, lambda code: self._has_ended(one, log, code))
        self._running.setdefault(uid, {})[text(container, "name")] = one
        self._watch(pod, container, one)
        tell(self._store, pod, "Started", f"Started container {text(container, 'name')}", component=KUBELET)

    def _watch(self, pod: Object, container: Any, one: Running) -> None:
        """By its probes, if it has any."""
        address = text(pod, "status", "podIP")

        def changed(ready: bool) -> None:
            with self._store.changed:
                one.ready = ready
                self._store.changed.notify_all()

        def unhealthy(kind: str) -> None:
            with self._store.changed:
                if one.code is None:
                    message = f"Container {text(container, 'name')} failed {kind} probe, will be restarted"
                    tell(self._store, pod, "Unhealthy", message, component=KUBELET, warning=True)
                    self._runtime.signal(one.handle, signal.SIGKILL)

        one.watched = Watched(container, lambda p: self._ask(one.node, address, p.port, p.path, p.limit), changed, unhealthy)
        if one.watched.has_any:
            one.ready = False
            one.watched.start()

    def _has_ended(self, one: Running, log: ContainerLog, code: int) -> None:
        """In another thread."""
        log.close()
        with self._store.changed:
            one.code = code
            if one.watched:
                one.watched.end()
            self._store.changed.notify_all()

    def _spec(self, pod: Object, container: Any) -> ContainerSpec:
        image, node = text(container, "image"), text(pod, "spec", "nodeName")
        if self.trouble.no_image & {node, image}:
            raise NotReadyError("ErrImagePull", f'failed to pull and unpack image "{image}": not found')
        sources = volumes.Sources(
            store=self._store, token=self._token, endpoint=lambda: self._endpoint(node), network=self._network(node),
            folder=self._folder / "volumes" / pod["metadata"]["uid"],
        )  # fmt: skip
        return manifests.spec(pod, container, sources, executes=self._executes)

    def _token(self, pod: Object) -> str:
        token = secrets.token_urlsafe(32)
        self._accounts[token] = Account(namespace=namespace(pod), name=text(pod, "spec", "serviceAccountName") or "default")
        return token

    def _waits(self, pod: Object, container: Any, error: NotReadyError) -> None:
        """ErrImagePull first, ImagePullBackOff at the next look, as a person sees them by turns."""
        reason = error.reason
        if reason == "ErrImagePull" and "ErrImagePull" in str(items(pod, "status", "containerStatuses")):
            reason = "ImagePullBackOff"
        shown = "ContainerCreating" if reason == "FailedMount" else reason
        message = f'Back-off pulling image "{text(container, "image")}"' if reason == "ImagePullBackOff" else str(error)
        state = {"waiting": {"reason": shown} | ({"message": message} if shown == reason else {})}
        states = [
            {
                "name": text(container, "name"),
                "image": text(container, "image"),
                "ready": False,
                "restartCount": 0,
                "state": state,
            }
        ]
        if "ImagePullBackOff" not in str(items(pod, "status", "containerStatuses")):
            with_status(self._store, pod, containerStatuses=states)
            event = {"ErrImagePull": "Failed", "ImagePullBackOff": "BackOff", "CreateContainerConfigError": "Failed"}.get(
                reason, reason
            )
            tell(self._store, pod, event, f"Failed to pull image: {error}" if reason == "ErrImagePull" else message, component=KUBELET,
                 warning=True)  # fmt: skip

    def _is_running(self, pod: Object) -> None:
        running = self._running[pod["metadata"]["uid"]]
        states = [
            manifests.state(pod, container, running[text(container, "name")])
            for container in items(pod, "spec", "containers")
        ]
        pod = with_status(self._store, pod, phase="Running", containerStatuses=states)
        ready = "True" if all(one.ready and one.code is None for one in running.values()) else "False"
        for kind, value in (("PodScheduled", "True"), ("Initialized", "True"), ("ContainersReady", ready), ("Ready", ready)):
            pod = with_condition(self._store, pod, kind, value)

    # ------------------------------------------------------------------------------------------------------------------- End

    def _ended(self, pod: Object, running: Mapping[str, Running]) -> float | None:
        over = [one for one in running.values() if one.code is not None]
        if not over:
            self._is_running(pod)
            return None
        policy, due = text(pod, "spec", "restartPolicy"), []
        for container in items(pod, "spec", "containers"):
            one = running[text(container, "name")]
            if one.code is not None and (policy == "Always" or (policy == "OnFailure" and one.code)):
                due.append(self._again(pod, container, one))
        states = [
            manifests.state(pod, c, running[text(c, "name")], waits=bool(due)) for c in items(pod, "spec", "containers")
        ]
        if due:
            with_status(self._store, pod, containerStatuses=states)
            return max(0.01, min(due))
        if len(over) == len(running):
            phase = "Failed" if any(one.code for one in over) else "Succeeded"
            pod = with_status(self._store, pod, phase=phase, containerStatuses=states)
            for kind in ("Ready", "ContainersReady"):
                pod = with_condition(self._store, pod, kind, "False", "PodFailed" if phase == "Failed" else "PodCompleted")
        return None

    def _again(self, pod: Object, container: Any, one: Running) -> float:
        if one.again_at is None:
            one.again_at = time.monotonic() + CRASHED * 2**one.restarts
            tell(
                self._store,
                pod,
                "BackOff",
                f"Back-off restarting failed container {text(container, 'name')}",
                component=KUBELET,
                warning=True,
            )
        if (left := one.again_at - time.monotonic()) <= 0:
            self._start_container(pod, container, self._spec(pod, container), one.restarts + 1)
        return left

    # ------------------------------------------------------------------------------------------------------------------ Logs

    def read_log(self, pod: Object, query: Mapping[str, str]) -> str:
        """As the API server gets it of the kubelet; refused in their words."""
        names, node = (
            [text(container, "name") for container in items(pod, "spec", "containers")],
            text(pod, "spec", "nodeName"),
        )
        called = query.get("container") or (names[0] if len(names) == 1 else "")
        if not called:
            raise refused(400, f"a container name must be specified for pod {name(pod)}, choose one of: {names}")
        if called not in names:
            raise refused(400, f"container {called} is not valid for pod {name(pod)}")
        if not node:
            raise RefusedError(text_answer("", 204))  # registry/core/pod/strategy.go, LogLocation: no location, no content
        if node in self.trouble.lost:
            url = f"https://{text(pod, 'status', 'hostIP')}:10250/containerLogs/{namespace(pod)}/{name(pod)}/{called}"
            raise refused(500, f'Get "{url}": dial tcp {text(pod, "status", "hostIP")}:10250: connect: no route to host')
        one = self._running.get(pod["metadata"]["uid"], {}).get(called)
        if one is None:
            state = (
                next((at(s, "state", "waiting", "reason") for s in items(pod, "status", "containerStatuses")), None)
                or "ContainerCreating"
            )
            why = "trying and failing to pull image" if "Image" in state else state
            raise refused(400, f'container "{called}" in pod "{name(pod)}" is waiting to start: {why}')
        try:
            log = container_log.read(one.log, query)
        except FileNotFoundError:
            return f"unable to retrieve container logs for containerd://{pod['metadata']['uid']}"
        return self.trouble.logs.get(node, str)(log)

    # -------------------------------------------------------------------------------------------------------------- By hand

    def evict(self, space: str, called: str, message: str = "The node was low on resource: memory.") -> None:
        """As the kubelet does under pressure: at once, and the pod stays as a failed one."""
        with self._store.lock:
            pod = self._store.find("pods", space, called)
            if pod is None:
                raise KeyError(f"{space}/{called}")
            self._fail(pod, self._running.get(pod["metadata"]["uid"], {}), "Evicted", message)

    def power_off(self, node: str) -> None:
        """All that runs there ends, and nobody says so."""
        self._kill(one for running in self._running.values() for one in running.values() if one.node == node)

    def alive(self) -> dict[str, list[Any]]:
        """Handles of the containers that run, by node."""
        found: dict[str, list[Any]] = {}
        for running in self._running.values():
            for one in running.values():
                if one.code is None:
                    found.setdefault(one.node, []).append(one.handle)
        return found
