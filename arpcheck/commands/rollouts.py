"""Follows the rollout of a DaemonSet node by node, and saves a ConfigMap before it is changed.

`reach` judges one state of the cluster: which nodes have the new pod, which wait for it, and which it does not reach.
`watch` repeats that until the rollout ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arpcheck.cluster.changes import Connection
from arpcheck.command_lines import CommandLines
from arpcheck.errors import ClusterError, OutputError
from arpcheck.kubeproxy.workload import number
from arpcheck.model import Need
from arpcheck.model.constants import RESTARTED
from arpcheck.objects import Node, Object, Objects, annotations_of, at, full_name, items, mapping, name, namespace, text

FIELDS = (
    *(f"spec template metadata annotations {RESTARTED}", "spec updateStrategy type", "spec selector matchLabels *"),
    *("metadata generation", "status observedGeneration", "status desiredNumberScheduled"),
    *("status updatedNumberScheduled", "status numberAvailable"),
)
"""The fields of a DaemonSet that are read."""
_LABEL = re.compile(r"[A-Za-z0-9._/-]{1,317}")
_SLICE = 0.05
"""Seconds between two checks of `stop` during a pause."""
_COSTS = "which nodes the rollout has reached is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a rollout has come."""

    done: tuple[str, ...] = ()
    """Nodes whose pod is ready and made from the current template."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Nodes that wait for their new pod, each with its state. Key "": the rollout as a whole."""
    unreached: Mapping[str, str] = field(default_factory=dict)
    """Nodes that the rollout does not reach by itself, each with the reason."""

    @property
    def left(self) -> Mapping[str, str]:
        return {**self.waiting, **self.unreached}


def needs(daemon_sets: Iterable[Object]) -> tuple[Need, ...]:
    """What `reach` reads."""
    return (
        Need(
            resource="nodes",
            costs=_COSTS,
            fields=(
                *("spec taints key", "spec taints effect", "status conditions type", "status conditions status"),
                "status nodeInfo operatingSystem",
            ),
        ),
        *(need for one in daemon_sets for need in _needs(one)),
    )


def _needs(daemon_set: Object) -> Iterable[Need]:
    yield Need(
        resource="daemonsets.apps",
        costs=_COSTS,
        namespace=namespace(daemon_set),
        names=(name(daemon_set),),
        fields=FIELDS,
    )
    yield Need(
        resource="pods",
        costs=_COSTS,
        namespace=namespace(daemon_set),
        selector=_selector(daemon_set),
        fields=(
            *("metadata ownerReferences kind", "metadata ownerReferences name", "metadata deletionTimestamp"),
            *(f"metadata annotations {RESTARTED}", "spec nodeName"),
            *("status conditions type", "status conditions status"),
        ),
    )


def _selector(daemon_set: Object) -> str:
    wanted = sorted(mapping(daemon_set, "spec", "selector", "matchLabels").items())
    return ",".join(f"{key}={value}" for key, value in wanted if _LABEL.fullmatch(key) and _LABEL.fullmatch(value))


# ------------------------------------------------------------------------------------------------ one state of a rollout


def restarted_at(daemon_set: Object) -> str:
    """The annotation in the template, RFC 3339; empty if the DaemonSet was never restarted."""
    return mapping(daemon_set, "spec", "template", "metadata", "annotations").get(RESTARTED, "")


def reach(daemon_set: Object, objects: Objects, *, everywhere: bool) -> Reach:
    """`daemon_set` only names the DaemonSet; its current state is in `objects`. `everywhere`: a node without a pod counts
    as not reached, except Windows nodes.

    The end is defined as in `kubectl rollout status`: the controller has observed this generation, and the desired number
    of pods is updated and available, except on nodes that the rollout cannot reach. A node that has neither the old nor
    the new pod still waits."""
    known = (one for one in objects.of("daemonsets.apps") if full_name(one) == full_name(daemon_set))
    now = next(known, None)
    if now is None:
        return Reach(unreached={"": f"daemonset {full_name(daemon_set)} no longer exists"})
    pods, wanted = _pods(now, objects), restarted_at(now)
    by_hand = text(now, "spec", "updateStrategy", "type") == "OnDelete"
    done, waiting, unreached = list[str](), dict[str, str](), dict[str, str]()
    for node in objects.nodes():
        found = pods.get(node.name)
        if found is None:
            if everywhere and text(node.raw, "status", "nodeInfo", "operatingSystem") != "windows":
                unreached[node.name] = _without_pod(node)
        elif annotations_of(found).get(RESTARTED, "") == wanted and _is_true(found, "Ready"):
            done.append(node.name)
        elif node.ready is False:
            unreached[node.name] = "NotReady: its pod cannot be replaced"
        elif by_hand and annotations_of(found).get(RESTARTED, "") != wanted:
            delete = CommandLines.of(objects).kubectl("-n", namespace(found), "delete", "pod", name(found))
            unreached[node.name] = f"updateStrategy OnDelete, so delete its pod: {delete}"
        else:
            waiting[node.name] = _waiting(found, wanted)
    if missing := _missing(now, pods, objects.nodes(), done, unreached):
        between = [node.name for node in objects.nodes() if node.name not in pods and _may_come(node)]
        waiting |= dict.fromkeys(between, "its new pod does not exist yet") | {"": missing}
        unreached = {node: why for node, why in unreached.items() if node not in between}
    return Reach(done=tuple(done), waiting=waiting, unreached=unreached)


def _missing(
    now: Object, pods: Mapping[str, Object], nodes: Iterable[Node], done: Collection[str], unreached: Collection[str]
) -> str:
    """What `kubectl rollout status` would wait for beyond the nodes' own states; empty if nothing."""
    seen, made = number(now, "status", "observedGeneration"), number(now, "metadata", "generation")
    if made is not None and (seen or 0) < made:
        return "the DaemonSet controller has not observed the change yet"
    wanted = number(now, "status", "desiredNumberScheduled") or 0
    away = {node.name for node in nodes if node.ready is False}
    stuck = {node for node in unreached if node in pods or node in away}
    updated, available = (number(now, "status", key) or 0 for key in ("updatedNumberScheduled", "numberAvailable"))
    if len(pods) < wanted - len(away - pods.keys()):
        return f"{len(pods)} of {wanted} pods exist"
    if updated < wanted - len(stuck):
        return f"{updated} of {wanted} pods are updated"
    if available < wanted - len(stuck | (away & set(done))):
        return f"{available} of {wanted} pods are available"
    return ""


def _may_come(node: Node) -> bool:
    windows = text(node.raw, "status", "nodeInfo", "operatingSystem") == "windows"
    return node.ready is not False and not _hard_taints(node) and not windows


def _pods(daemon_set: Object, objects: Objects) -> Mapping[str, Object]:
    """The DaemonSet's pods by node. A pod that is being deleted counts only if the node has no other."""
    found: dict[str, Object] = {}
    for pod in sorted(objects.of("pods"), key=lambda pod: (not text(pod, "metadata", "deletionTimestamp"), name(pod))):
        owners = items(pod, "metadata", "ownerReferences")
        mine = any((text(o, "kind"), text(o, "name")) == ("DaemonSet", name(daemon_set)) for o in owners)
        if mine and namespace(pod) == namespace(daemon_set) and (node := text(pod, "spec", "nodeName")):
            found[node] = pod
    return found


def _waiting(pod: Object, wanted: str) -> str:
    if annotations_of(pod).get(RESTARTED, "") == wanted:
        return f"its new pod {full_name(pod)} is not ready"
    return f"its pod {full_name(pod)} was not replaced yet"


def _without_pod(node: Node) -> str:
    taints = _hard_taints(node)
    why = (
        f"tainted {', '.join(taints)}" if taints else "NotReady" if node.ready is False else "not selected, or not scheduled"
    )
    return f"no pod of the DaemonSet runs there ({why}), so what an earlier pod set in the kernel stays"


def _hard_taints(node: Node) -> list[str]:
    hard = (taint for taint in items(node.raw, "spec", "taints") if text(taint, "effect") != "PreferNoSchedule")
    return sorted({text(taint, "key") for taint in hard})


def _is_true(pod: Object, condition: str) -> bool:
    found = (at(one, "status") for one in items(pod, "status", "conditions") if text(one, "type") == condition)
    return next(found, None) == "True"


# --------------------------------------------------------------------------------------------------- until it is complete


def watch(
    connection: Connection, daemon_set: Object, *, everywhere: bool, seconds: float, pause: float,
    stop: Callable[[], bool], told: Callable[[str], None],
) -> Reach:  # fmt: skip
    """Repeats `reach` until no node waits, `seconds` have passed, or `stop` returns True. It continues if the API cannot be
    reached for a while, since a restart of kube-proxy may interrupt the connection. `told` gets a line for each node."""
    end, seen, found = time.monotonic() + seconds, set[str](), Reach(waiting={"": "the cluster was not read yet"})
    while True:
        try:
            objects = connection.read(needs((daemon_set,)))
            gaps = [f"{gap.what} could not be read: {gap.why}" for gap in objects.gaps]
            found = Reach(waiting={"": gaps[0]}) if gaps else reach(daemon_set, objects, everywhere=everywhere)
        except ClusterError as error:
            found = Reach(done=found.done, waiting={**found.waiting, "": error.message}, unreached=found.unreached)
        for node in (node for node in found.done if node not in seen):
            seen.add(node)
            told(f"{node}: restarted, {len(seen)} of {len({*found.done, *seen, *found.left} - {''})}")
        if not found.waiting or stop() or time.monotonic() >= end:
            return found
        wait(min(pause, end - time.monotonic()), stop)


def wait(seconds: float, stop: Callable[[], bool]) -> None:
    """Returns after `seconds`, or as soon as `stop` returns True."""
    end = time.monotonic() + seconds
    while not stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE))


# ----------------------------------------------------------- the backup of a ConfigMap, and the command that restores it

_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
"""Keys of metadata that the server sets, and would reject or ignore in a request."""
_MOST = 1000


def check_folder(folder: str) -> None:
    """Raises OutputError if the backup could not be written to `folder`."""
    if not os.path.isdir(folder):
        raise OutputError(f"--backup-dir {folder}: no such folder", "Create it, or name another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"--backup-dir {folder}: no permission to write in it", "Name another folder")


def save(config_map: Object, folder: str) -> Path:
    """Writes the ConfigMap to a new file with mode 0600, and returns its path. Existing files are not touched."""
    metadata = {key: value for key, value in config_map["metadata"].items() if key not in _OF_THE_SERVER}
    kept = {"apiVersion": "v1", "kind": "ConfigMap", **config_map, "metadata": metadata}
    handle, path = _new_file(config_map, folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(kept, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from None
    return path


def _new_file(config_map: Object, folder: str) -> tuple[int, Path]:
    version = text(config_map, "metadata", "resourceVersion")
    stem = "".join(char if char.isalnum() or char in "-." else "_" for char in f"{name(config_map)}-{version}")[:200]
    for count in range(1, _MOST):
        path = Path(folder) / (f"configmap-{stem}.json" if count == 1 else f"configmap-{stem}.{count}.json")
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), path
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"can't write {path}: {error.strerror}") from None
    raise OutputError(f"--backup-dir {folder}: it already has {_MOST} backups of this ConfigMap", "Name another folder")


def put_back(path: Path, config_map: Object, daemon_sets: Sequence[Object], how: Sequence[str]) -> str:
    """The command that restores the backup and restarts the DaemonSets. `how`: further options of kubectl."""

    def kubectl(of: Object, *words: str) -> str:
        return shlex.join(("kubectl", *how, "-n", namespace(of), *words))

    restarts = (kubectl(one, "rollout", "restart", "daemonset", name(one)) for one in daemon_sets)
    return " && ".join((kubectl(config_map, "replace", "-f", str(path)), *restarts))
