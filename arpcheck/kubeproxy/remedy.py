"""What to do about a status: commands for the DaemonSet and ConfigMap that the cluster really has, or the way of the
system that owns them. Knows no wire; prints nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from arpcheck.kubeproxy import running, workload
from arpcheck.kubeproxy.answers import Answer, NodeStatus
from arpcheck.kubeproxy.distributions import managed_by
from arpcheck.kubeproxy.manager import Manager
from arpcheck.kubeproxy.notes import Oddity, has
from arpcheck.kubeproxy.setting import place
from arpcheck.kubeproxy.versions import BINDS_NOTHING
from arpcheck.model import Arp
from arpcheck.objects import Objects, name, namespace, text

_LEFTOVERS = (
    "kube-ipvs0 is left over from IPVS mode: reboot these nodes one after the other,",
    "or run `kube-proxy --cleanup` on them and restart kube-proxy, or: ip link delete kube-ipvs0",
)


def remedy(answer: Answer, nodes: Sequence[NodeStatus], objects: Objects) -> tuple[Manager | None, tuple[str, ...]]:
    """Who owns the configuration, and what to do."""
    manager = managed_by(objects)
    return manager, tuple(_do(answer, nodes, manager, objects))


def _do(answer: Answer, nodes: Sequence[NodeStatus], manager: Manager | None, objects: Objects) -> Iterable[str]:
    these = [node for node in nodes if node.answer is answer]
    match answer:
        case Answer.NOT_SET:
            return (*(_set_by(manager) if manager else _edit(objects)), *_prove())
        case Answer.NOT_LOADED:
            return (*_load(these, manager, objects), *_prove())
        case Answer.SET:
            return ()
        case Answer.UNKNOWN:
            return _settle(these, manager, objects)
        case Answer.NOT_NEEDED:
            return ()


def _settle(nodes: Sequence[NodeStatus], manager: Manager | None, objects: Objects) -> Iterable[str]:
    """What would show what is not known, the cheapest first."""
    stopped = [node for node in nodes if has(node.notes, Oddity.NOT_RUNNING)]
    left = [node for node in nodes if has(node.notes, Oddity.LEFTOVERS)]
    running = [node.name for node in nodes if node.loaded is None and node not in stopped]
    may_be_unset = any(node.strict_arp is not True and node.mode not in BINDS_NOTHING for node in nodes)
    yield from _gaps(objects)
    if any(has(node.notes, Oddity.UNRECORDED) for node in nodes) and objects.read_at is None:
        yield "make the file with kubectl get --show-managed-fields, or read the cluster itself"
    yield from _why_stopped(stopped, objects)
    yield from _look(running, objects)
    yield from _on_node()
    if left:
        yield from (*_LEFTOVERS, *_prove())
    if manager and may_be_unset:
        yield from _set_by(manager)


def _why_stopped(nodes: Sequence[NodeStatus], objects: Objects) -> Iterable[str]:
    pods = workload.pods(objects)
    found = [pod for node in nodes if (pod := pods.get(node.name))]
    for pod in found[:1]:
        others = " (likewise the others)" if len(found) > 1 else ""
        which = _kubectl(namespace(pod.obj), "logs", name(pod.obj), "-c", text(pod.container, "name"), "--previous")
        yield f"why it does not run{others}: {which}"
    for one in workload.daemon_sets(objects) if nodes and not found else ():
        which = _kubectl(namespace(one.obj), "describe", "daemonset", name(one.obj))
        yield f"why its pods are missing: {which}"


def _set_by(manager: Manager) -> tuple[str, ...]:
    """Its own way."""
    return (f"{manager.name} owns this configuration ({manager.because}), so that is where to set it:", *manager.way)


def _edit(objects: Objects) -> Iterable[str]:
    where = place(objects)
    if where is None:
        return ("set ipvs.strictARP: true in kube-proxy's configuration and restart it on every node",)
    command = _kubectl(where.namespace, "edit", "configmap", where.config_map)
    by_hand = f"{command}   # {shlex.quote(where.key)}: ipvs.strictARP: true"
    return ("arpcheck strict-arp enable", f"or by hand: {by_hand}", *_rollout(objects))


def _load(nodes: Sequence[NodeStatus], manager: Manager | None, objects: Objects) -> Iterable[str]:
    left_over = any(node.arp is Arp.NON_STRICT and node.mode in BINDS_NOTHING for node in nodes)
    if all(node.loaded is not False for node in nodes) and left_over:
        return _LEFTOVERS
    return (*_restart(manager, objects), *(_LEFTOVERS if left_over else ()))


def _restart(manager: Manager | None, objects: Objects) -> Iterable[str]:
    if commands := tuple(_rollout(objects)):
        return commands
    return manager.way if manager else ("restart kube-proxy on these nodes",)


def _rollout(objects: Objects) -> Iterable[str]:
    """kube-proxy never reads its configuration again by itself (kubernetes/kubernetes#57144)."""
    for found in workload.daemon_sets(objects):
        space, title = namespace(found.obj), name(found.obj)
        if text(found.obj, "spec", "updateStrategy", "type") == "OnDelete":
            yield f"daemonset {space}/{title} has updateStrategy OnDelete: delete its pods one after the other"
            continue
        yield from (_kubectl(space, "rollout", word, "daemonset", title) for word in ("restart", "status"))


def _look(nodes: Sequence[str], objects: Objects) -> Iterable[str]:
    """One pod's two commands stand for all."""
    pods = workload.pods(objects)
    for node in nodes:
        if pod := pods.get(node):
            forward, curl = running.configz_commands(namespace(pod.obj), name(pod.obj))
            others = " (likewise for the others)" if len(nodes) > 1 else ""
            yield f"to see what {node} has loaded{others}: {forward}"
            yield f"and in another terminal: {curl} > configz.json"
            return


def _gaps(objects: Objects) -> Iterable[str]:
    for resource in ("nodes", "daemonsets.apps", "pods", "configmaps"):
        if gap := objects.gap(resource):
            yield f"let arpcheck read {gap.what} ({gap.why})"


def _on_node() -> Iterable[str]:
    yield f"on the node: curl -s http://localhost:{running.PORT}/proxyMode"
    yield "on the node: sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce   # 1 and 2 are strict"


def _kubectl(space: str, *words: str) -> str:
    """For a shell, whatever the names are."""
    return shlex.join(("kubectl", "-n", space, *words))


def _prove() -> Iterable[str]:
    yield "arpcheck preflight --iface INTERFACE   # the proof"
