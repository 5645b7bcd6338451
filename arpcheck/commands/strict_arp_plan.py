"""Plans `strict-arp enable`: which key of which ConfigMap to change, and which DaemonSets to restart.

What cannot be done is a ClusterError, raised before anything is changed. `witness` verifies the result with a probe."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import Connection
from arpcheck.commands import rollouts
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open
from arpcheck.commands.output import show, style
from arpcheck.errors import ClusterError
from arpcheck.evidence import Options
from arpcheck.kubeproxy import config, modes, workload
from arpcheck.kubeproxy.edit import enable_strict_arp
from arpcheck.kubeproxy.modes import StrictArpStatus
from arpcheck.kubeproxy.setting import ConfigKey, place, setting
from arpcheck.kubeproxy.setting import changed_at as key_changed_at
from arpcheck.model import Arp, Host, Need, Report
from arpcheck.objects import Object, Objects, at, full_name, instant, mapping
from arpcheck.reports import render
from arpcheck.text import PROSE_LIMIT, plain
from arpcheck.wire.host import this_host
from arpcheck.wire.packet_socket import LiveWire

NEEDS: tuple[Need, ...] = tuple(
    Need(resource="daemonsets.apps", costs="", namespace=space, names=("*kube-proxy*",), fields=rollouts.FIELDS)
    for space in workload.NAMESPACES
)
"""In addition to those of `kubeproxy`."""

ANNOUNCERS: tuple[Need, ...] = tuple(
    Need(resource="daemonsets.apps", costs="the speakers are not known", selector=selector, fields=rollouts.FIELDS)
    for selector in ("component=speaker", "app.kubernetes.io/component=speaker")
)
"""MetalLB's manifests and operator, and OpenELB; MetalLB's chart."""

_READ = ("nodes", "daemonsets.apps", "pods", "configmaps")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """The change of one key of a ConfigMap."""

    config_map: Object
    """The whole object, as it was read."""
    key: str
    before: str
    after: str
    """Equal to `before` if strict ARP is already set."""
    reason: str

    @property
    def title(self) -> str:
        return f"configmap {full_name(self.config_map)}"

    @property
    def needed(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """A unified diff, safe for a terminal. Ends with a line feed."""
        old, new = self.before.splitlines(), self.after.splitlines()
        where = f"{self.title}, {self.key}"
        lines = difflib.unified_diff(old, new, f"{where}, current", f"{where}, with strict ARP", lineterm="")
        return "".join(f"{plain(line, PROSE_LIMIT)}\n" for line in lines)


def must_be_read(objects: Objects) -> None:
    """Raises ClusterError if a resource that the decision depends on could not be read."""
    for resource in _READ:
        if gap := objects.gap(resource):
            hint = "Grant this account the right to list it: `arpcheck pod --rbac` prints the rights"
            raise ClusterError(f"{gap.what} could not be read ({gap.why}), so nothing was changed", hint)


def the_place(objects: Objects) -> ConfigKey:
    if (found := place(objects)) is None:
        why = "kube-proxy's configuration is not in one ConfigMap that its DaemonSet reads, so nothing was changed"
        raise ClusterError(why, "`arpcheck strict-arp status` shows what was found")
    return found


def is_there(objects: Objects) -> bool:
    """Whether there is a ConfigMap to change."""
    return place(objects) is not None


def daemon_sets(where: ConfigKey, objects: Objects) -> tuple[Object, ...]:
    """The DaemonSets that read this key."""
    return tuple(one.obj for one in workload.daemon_sets(objects) if setting(one, objects).place == where)


def change(where: ConfigKey, config_map: Object) -> ConfigChange:
    """The change of `config_map`, which was just read. Raises ClusterError if it must not be changed."""
    title = f"{where.title}, {where.key[:60]}"
    before = mapping(config_map, "data").get(where.key)
    if before is None:
        hint = "`arpcheck strict-arp status` shows what was found"
        raise ClusterError(f"{where.title} has no key {where.key[:60]}, so nothing was changed", hint)
    mode = modes.effective(config.read(before).mode, None)[0]
    edit = enable_strict_arp(before)
    if edit.refusal:
        raise ClusterError(f"{title} was not changed: {edit.reason}", "Correct it with `kubectl edit`")
    if mode != modes.IPVS:
        why = f"strictARP has no effect in mode {mode}" if mode else "the mode is not known"
        raise ClusterError(f"{title} was not changed: {why}", "`arpcheck strict-arp status` shows what was found")
    if edit.changed and at(config_map, "immutable") is True:
        hint = "Replace it by another ConfigMap with the new value"
        raise ClusterError(f"{where.title} is immutable, so nothing was changed", hint)
    return ConfigChange(config_map=config_map, key=where.key, before=before, after=edit.text, reason=edit.reason)


# --------------------------------------------------------------------------------------------- which nodes have loaded it


def changed_at(where: ConfigKey, config_map: Object) -> datetime | None:
    return key_changed_at(where, Objects(resources={"configmaps": (config_map,)}))


def restart_time(where: ConfigKey, config_map: Object, clock: datetime) -> datetime:
    """At least a second after the change, whose time is in whole seconds: a pod with this time has read the new text."""
    changed = changed_at(where, config_map)
    return clock if changed is None else max(clock, changed + timedelta(seconds=1))


def is_after(daemon_set: Object, where: ConfigKey, config_map: Object) -> bool:
    """Whether the last restart of the DaemonSet was after the change."""
    asked, changed = instant(rollouts.restarted_at(daemon_set)), changed_at(where, config_map)
    return asked is not None and changed is not None and asked > changed


def unsettled(found: StrictArpStatus, restarted: Iterable[str]) -> tuple[str, ...]:
    """Nodes in IPVS mode that are not known to have loaded it. `restarted`: nodes whose pod started after the change."""
    fresh = set(restarted)
    concerned = (node for node in found.nodes if node.mode == modes.IPVS)
    return tuple(
        node.name
        for node in concerned
        if node.arp is Arp.NON_STRICT
        or not (node.loaded or (node.loaded is None and node.name in fresh) or node.arp is Arp.QUIET)
    )


# -------------------------------------------------------------------------------------- verification with ARP requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A probe before and after the change. Its sockets are opened before privileges are given up."""

    options: Options
    host: Host
    wire: LiveWire
    source: ClusterSource

    def ask(self, connection: Connection, *, services: bool = False) -> tuple[Report, bool]:
        """The report, and whether the probe was interrupted. `services`: also probe the addresses of Services, external IPs
        included."""
        objects = connection.read(pipeline.NEEDS)
        asked = replace(self.options, services=services, external_ips=services)
        options = settled(asked, objects, self.host, self.wire)
        request = ProbeRequest(options=options, source=self.source)
        with stopping() as stop:
            evidence = observed(request, options, self.host, (), objects, self.wire, stop=stop)
            return pipeline.conclude(evidence), evidence.interrupted


@contextmanager
def witness(options: Options, source: ClusterSource) -> Iterator[Witness]:
    """Opens the sockets and gives up privileges. Raises WireError if the privilege is missing."""
    chosen, host = checked(options), this_host()
    with opened(to_open(chosen, host), source) as (wire, held):
        yield Witness(options=chosen, host=host, wire=wire, source=held)


def words(report: Report) -> str:
    return plain(report.preflight.words, PROSE_LIMIT) if report.preflight else ""


def holds(report: Report) -> bool | None:
    """True: every node is quiet. False: a node is not. None: not known."""
    return report.preflight.safe if report.preflight else None


def proven(report: Report) -> int:
    """The exit code: 0 every node is quiet, 1 a node is not, 3 not known. Shows the report unless it is 0."""
    safe = holds(report)
    if safe is not True:
        show(render(report, "table", style(sys.stdout)) + "\n")
    return 1 if safe is False else 0 if safe else 3
