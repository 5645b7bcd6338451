"""The commands that fix a strict-ARP status, for this cluster's DaemonSet and ConfigMap or for the system that owns them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arpcheck.command_lines import CommandLines
from arpcheck.kubeproxy import workload
from arpcheck.kubeproxy.distributions import Manager, managed_by
from arpcheck.kubeproxy.modes import BINDS_NOTHING, NodeStatus, Oddity, StrictArpAnswer, has
from arpcheck.kubeproxy.setting import place
from arpcheck.model import Arp
from arpcheck.objects import Objects, at, name, namespace, text

_LEFTOVERS = "kube-ipvs0 is left over from IPVS mode; on each node, one after the other: sudo ip link delete kube-ipvs0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cures:
    """What to do in this cluster, each in one sentence with its command."""

    enable: str
    restart: str
    rollout: str
    """What shows how far a rollout has come."""


def cures(objects: Objects) -> Cures | None:
    """None where the cluster does not show how kube-proxy is run."""
    manager, where, daemon_sets = managed_by(objects), place(objects), tuple(workload.daemon_sets(objects))
    if manager is None and where is None and not daemon_sets:
        return None
    enable = " ".join(_set_by(manager)) if manager else "" if where is None else ENABLE
    restarts = [step for step in _rollout(objects) if "rollout status" not in step]
    own = f"`{manager.restart}`" if manager and manager.restart else ""
    restart = (f"`{restarts[0]}`" if restarts[0].startswith("kubectl") else restarts[0]) if restarts else own
    status = [step for step in _rollout(objects) if "rollout status" in step]
    return Cures(
        enable=enable or "Set ipvs.strictARP: true in kube-proxy's configuration, and restart it on every node",
        restart=f"Restart kube-proxy on these nodes: {restart}" if restart else "Restart kube-proxy on these nodes",
        rollout=f"See what it waits for: `{status[0]}`" if status else "See why these pods were not replaced",
    )


ENABLE = "Set strictARP and restart kube-proxy: `arpcheck strict-arp enable`"


def remedy(answer: StrictArpAnswer, nodes: Sequence[NodeStatus], objects: Objects) -> tuple[Manager | None, tuple[str, ...]]:
    """Who owns the configuration, and what to do."""
    manager = managed_by(objects)
    return manager, tuple(_do(answer, nodes, manager, objects))


def _do(answer: StrictArpAnswer, nodes: Sequence[NodeStatus], manager: Manager | None, objects: Objects) -> Iterable[str]:
    these = [node for node in nodes if node.answer is answer]
    match answer:
        case StrictArpAnswer.NOT_SET:
            return (*(_set_by(manager) if manager else _edit(objects)), *_prove(objects))
        case StrictArpAnswer.NOT_LOADED:
            return (*_load(these, manager, objects), *_prove(objects))
        case StrictArpAnswer.SET:
            return ()
        case StrictArpAnswer.UNKNOWN:
            return _settle(these, manager, objects)
        case StrictArpAnswer.NOT_NEEDED:
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
        yield from (_LEFTOVERS, *_prove(objects))
    if manager and may_be_unset:
        yield from _set_by(manager)


def _why_stopped(nodes: Sequence[NodeStatus], objects: Objects) -> Iterable[str]:
    pods = workload.pods(objects)
    found = [pod for node in nodes if (pod := pods.get(node.name))]
    for pod in found[:1]:
        others = " (likewise the others)" if len(found) > 1 else ""
        which = _kubectl(objects, namespace(pod.obj), "logs", name(pod.obj), "-c", text(pod.container, "name"), "--previous")
        yield f"why it does not run{others}: {which}"
    for one in workload.daemon_sets(objects) if nodes and not found else ():
        which = _kubectl(objects, namespace(one.obj), "describe", "daemonset", name(one.obj))
        yield f"why its pods are missing: {which}"


def _set_by(manager: Manager) -> tuple[str, ...]:
    """Its own way: a step for what is to be written, and one for what makes it take effect."""
    then = [number for number, line in enumerate(manager.way) if line.startswith("Then")]
    split = then[0] if then else len(manager.way)
    first = f"{manager.name} owns this configuration ({manager.because}): {' '.join(manager.way[:split])}"
    return (first, *((" ".join(manager.way[split:]),) if then else ()))


def _edit(objects: Objects) -> Iterable[str]:
    where = place(objects)
    if where is None:
        return ("set ipvs.strictARP: true in kube-proxy's configuration and restart it on every node",)
    command = _kubectl(objects, where.namespace, "edit", "configmap", where.config_map)
    by_hand = f"{command}   # {shlex.quote(where.key)}: ipvs.strictARP: true"
    return (CommandLines.of(objects).arpcheck("strict-arp", "enable"), f"or by hand: {by_hand}", *_rollout(objects))


def _load(nodes: Sequence[NodeStatus], manager: Manager | None, objects: Objects) -> Iterable[str]:
    left_over = any(node.arp is Arp.NON_STRICT and node.mode in BINDS_NOTHING for node in nodes)
    if all(node.loaded is not False for node in nodes) and left_over:
        return (_LEFTOVERS,)
    return (*_restart(manager, objects), *((_LEFTOVERS,) if left_over else ()))


def _restart(manager: Manager | None, objects: Objects) -> Iterable[str]:
    if commands := tuple(_rollout(objects)):
        return commands
    if manager:
        return (f"restart kube-proxy on these nodes: {manager.restart}",) if manager.restart else _set_by(manager)
    return ("restart kube-proxy on these nodes",)


def _rollout(objects: Objects) -> Iterable[str]:
    """kube-proxy never reads its configuration again by itself (kubernetes/kubernetes#57144)."""
    for found in workload.daemon_sets(objects):
        space, title = namespace(found.obj), name(found.obj)
        if text(found.obj, "spec", "updateStrategy", "type") == "OnDelete":
            yield _by_hand(space, title, objects)
            continue
        yield from (_kubectl(objects, space, "rollout", word, "daemonset", title) for word in ("restart", "status"))


def _by_hand(space: str, title: str, objects: Objects) -> str:
    pods = [name(pod.obj) for pod in workload.pods(objects).values() if namespace(pod.obj) == space]
    step = f"daemonset {space}/{title} has updateStrategy OnDelete: delete its pods one after the other"
    return f"{step}: {_kubectl(objects, space, 'delete', 'pod', sorted(pods)[0])}" if pods else step


def _look(nodes: Sequence[str], objects: Objects) -> Iterable[str]:
    """One pod's two commands stand for all."""
    pods = workload.pods(objects)
    for node in nodes:
        if pod := pods.get(node):
            forward, curl = configz_commands(objects, namespace(pod.obj), name(pod.obj))
            others = " (likewise for the others)" if len(nodes) > 1 else ""
            yield f"to see what {node} has loaded{others}: {forward}"
            yield f"and in another terminal: {curl} > configz.json"
            return


def _gaps(objects: Objects) -> Iterable[str]:
    for resource in ("nodes", "daemonsets.apps", "pods", "configmaps"):
        if gap := objects.gap(resource):
            yield f"let arpcheck read {gap.what} ({gap.why})"


def _on_node() -> Iterable[str]:
    yield f"on the node: curl -s http://localhost:{PORT}/proxyMode"
    yield "on the node: sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce   # 1 and 2 are strict"


def _kubectl(objects: Objects, space: str, *words: str) -> str:
    return CommandLines.of(objects).kubectl("-n", space, *words)


def _prove(objects: Objects) -> Iterable[str]:
    yield f"sudo {CommandLines.of(objects).arpcheck('preflight', '--iface', 'auto')}   # the proof"


GROUP = "kubeproxy.config.k8s.io"
PORT = 10249
"""Of metricsBindAddress, where /configz and /proxyMode are (not the one of healthz)."""

_MAX_CHARS = 1024 * 1024
_PROXIER = re.compile(r"\bUsing (iptables|ipvs|nftables|userspace|kernelspace) Proxier\b", re.IGNORECASE)
"""Not "Using iptables proxy", which 1.26 to 1.28 print for an empty mode before they have chosen."""
_SYSCTL = re.compile(r"Changed sysctl\b.{0,40}?net/ipv4/conf/all/arp_ignore\b.{0,60}?\bafter\W{1,3}1\b")


_FAILED = re.compile(
    r"[^\n]*(?:(?:can'?t|cannot|could not|failed to|unable to) (?:get|set|ensure|write|read|change) sysctl[^\n]*net/ipv4/"
    r"|net/ipv4/(?:vs|conf)/[^\n]*(?:read-only file system|permission denied)"
    r"|can'?t use (?:the )?ipvs proxier|unable to create proxier)[^\n]*",
    re.IGNORECASE,
)
"""EnsureSysctl (pkg/proxy/util) and the making of a proxier (cmd/kube-proxy/app/server_linux.go): both end the process, so
that a line of after the proxier's says that it is not in force."""
_LOG = "its log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the process told."""

    mode: str | None
    """`""` where /configz shows an empty one; None: it was not told."""
    strict_arp: bool | None
    """None: it was not told."""
    where: str
    """`its log`, `/configz`."""
    failed: str = ""
    """The line of its log that says that it could not do it: a sysctl that could not be written, a proxier that could not
    be made. Empty where there is none."""
    had_ipvs: bool = False
    """Its log has an earlier start in IPVS mode."""


def from_log(log: str) -> Running | None:
    """The last line of its kind, plain, structured or JSON; None where a rotated log has lost it.

    The last megabyte is read. strictARP shows only where it changed a sysctl at that start and the log is verbose."""
    log = log[-_MAX_CHARS:]
    found = list(_PROXIER.finditer(log))
    start = found[-1].end() if found else 0
    failed = " ".join(line[0].split())[:200] if (line := _FAILED.search(log, start)) else ""
    if not found:
        return Running(mode=None, strict_arp=None, where=_LOG, failed=failed) if failed else None
    return Running(
        mode=found[-1][1].lower(),
        strict_arp=True if _SYSCTL.search(log, start) and not failed else None,
        where=_LOG,
        failed=failed,
        had_ipvs=any(line[1].lower() == "ipvs" for line in found[:-1]),
    )


def from_configz(output: str) -> Running | None:
    """What `curl localhost:10249/configz` printed: Go's field names, since the type has no JSON tags. None: not that."""
    try:
        found = json.loads(output) if len(output) <= _MAX_CHARS else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(config := at(found, GROUP), Mapping):
        return None
    mode, strict_arp = text(config, "Mode") or text(config, "mode"), _strict_arp(config)
    has_mode = isinstance(config.get("Mode", config.get("mode")), str)
    return Running(mode=mode if has_mode else None, strict_arp=strict_arp, where="/configz")


def _strict_arp(config: Mapping[str, Any]) -> bool | None:
    for path in (("IPVS", "StrictARP"), ("ipvs", "strictARP")):
        if isinstance(value := at(config, *path), bool):
            return value
    return None


def configz_commands(objects: Objects, namespace: str, pod: str) -> tuple[str, str]:
    """The two commands that show what one kube-proxy has loaded: its metrics port is the node's loopback."""
    forward = _kubectl(objects, namespace, "port-forward", f"pod/{pod}", f"{PORT}:{PORT}")
    return forward, f"curl -s http://localhost:{PORT}/configz"
