"""What `strict-arp enable` has to do: which key of which ConfigMap, which DaemonSets, or nothing, and why not.

Pure. Nothing here is done; what can't be done is a ClusterError that says so before anything is."""

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
from arpcheck.kubeproxy.answers import StrictArpStatus
from arpcheck.kubeproxy.edit import enable_strict_arp
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
"""Beside those of kubeproxy."""

ANNOUNCERS: tuple[Need, ...] = tuple(
    Need(resource="daemonsets.apps", costs="the speakers are not known", selector=selector, fields=rollouts.FIELDS)
    for selector in ("component=speaker", "app.kubernetes.io/component=speaker")
)
"""MetalLB's manifests and operator, and OpenELB; MetalLB's chart."""

_READ = ("nodes", "daemonsets.apps", "pods", "configmaps")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """The one value."""

    config_map: Object
    """As it was read, whole."""
    key: str
    before: str
    after: str
    """The same text where it is set already."""
    reason: str

    @property
    def title(self) -> str:
        return f"configmap {full_name(self.config_map)}"

    @property
    def needed(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """Unified, safe for a terminal; ends with a line feed."""
        old, new = self.before.splitlines(), self.after.splitlines()
        where = f"{self.title}, {self.key}"
        lines = difflib.unified_diff(old, new, f"{where}, as it is", f"{where}, with strict ARP", lineterm="")
        return "".join(f"{plain(line, PROSE_LIMIT)}\n" for line in lines)


def must_be_read(objects: Objects) -> None:
    """What is decided on half of the facts could be wrong."""
    for resource in _READ:
        if gap := objects.gap(resource):
            hint = "Let this account list it: `arpcheck pod --rbac` prints what is read"
            raise ClusterError(f"{gap.what} can't be read ({gap.why}), so nothing was changed", hint)


def the_place(objects: Objects) -> ConfigKey:
    if (found := place(objects)) is None:
        why = "kube-proxy's configuration is not in one ConfigMap that its DaemonSet reads, so nothing was changed"
        raise ClusterError(why, "`arpcheck strict-arp status` says what was found")
    return found


def is_there(objects: Objects) -> bool:
    """There is a ConfigMap that could be changed."""
    return place(objects) is not None


def daemon_sets(where: ConfigKey, objects: Objects) -> tuple[Object, ...]:
    """Those that read it."""
    return tuple(one.obj for one in workload.daemon_sets(objects) if setting(one, objects).place == where)


def change(where: ConfigKey, config_map: Object) -> ConfigChange:
    """What `config_map`, as it is at this moment, becomes."""
    title = f"{where.title}, {where.key[:60]}"
    before = mapping(config_map, "data").get(where.key)
    if before is None:
        hint = "`arpcheck strict-arp status` says what was found"
        raise ClusterError(f"{where.title} has no key {where.key[:60]}, so nothing was changed", hint)
    mode = modes.effective(config.read(before).mode, None)[0]
    edit = enable_strict_arp(before)
    if edit.refusal:
        raise ClusterError(f"{title} is left as it is: {edit.reason}", "Correct it by hand: `kubectl edit`")
    if mode != modes.IPVS:
        why = f"{title} is left as it is: the mode is {mode or 'not known'}, in which strictARP has no effect"
        raise ClusterError(why, "`arpcheck strict-arp status` says what was found")
    if edit.changed and at(config_map, "immutable") is True:
        hint = "Whoever makes it has to make another one, with the new value"
        raise ClusterError(f"{where.title} is immutable, so nothing was changed", hint)
    return ConfigChange(config_map=config_map, key=where.key, before=before, after=edit.text, reason=edit.reason)


# ------------------------------------------------------------------------------------------------- what is loaded already


def changed_at(where: ConfigKey, config_map: Object) -> datetime | None:
    return key_changed_at(where, Objects(resources={"configmaps": (config_map,)}))


def restart_time(where: ConfigKey, config_map: Object, clock: datetime) -> datetime:
    """Later than the change, whose time has no fractions of a second: so a pod that carries it has read the new text."""
    changed = changed_at(where, config_map)
    return clock if changed is None else max(clock, changed + timedelta(seconds=1))


def is_after(daemon_set: Object, where: ConfigKey, config_map: Object) -> bool:
    """The restart that the template asks for came after the change."""
    asked, changed = instant(rollouts.restarted_at(daemon_set)), changed_at(where, config_map)
    return asked is not None and changed is not None and asked > changed


def unsettled(found: StrictArpStatus, restarted: Iterable[str]) -> tuple[str, ...]:
    """Nodes of which nothing shows that they have loaded it. `restarted`: whose pod is of a restart after the change."""
    fresh = set(restarted)
    concerned = (node for node in found.nodes if node.mode == modes.IPVS)
    return tuple(
        node.name
        for node in concerned
        if node.arp is Arp.NON_STRICT
        or not (node.loaded or (node.loaded is None and node.name in fresh) or node.arp is Arp.QUIET)
    )


# ------------------------------------------------------------------------------------ The proof that strict-arp enable gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """The wire, open since before privileges were given up."""

    options: Options
    host: Host
    wire: LiveWire
    source: ClusterSource

    def ask(self, connection: Connection, *, services: bool = False) -> tuple[Report, bool]:
        """The report, and whether it was interrupted. `services`: their addresses too, external IPs among them."""
        objects = connection.read(pipeline.NEEDS)
        asked = replace(self.options, services=services, external_ips=services)
        options = settled(asked, objects, self.host, self.wire)
        request = ProbeRequest(options=options, source=self.source)
        with stopping() as stop:
            evidence = observed(request, options, self.host, (), objects, self.wire, stop=stop)
            return pipeline.conclude(evidence), evidence.interrupted


@contextmanager
def witness(options: Options, source: ClusterSource) -> Iterator[Witness]:
    """WireError where there is no privilege to open it; from here on this process has none."""
    chosen, host = checked(options), this_host()
    with opened(to_open(chosen, host), source) as (wire, held):
        yield Witness(options=chosen, host=host, wire=wire, source=held)


def words(report: Report) -> str:
    return plain(report.preflight.words, PROSE_LIMIT) if report.preflight else ""


def holds(report: Report) -> bool | None:
    """Every node is quiet; False: one is not; None: it can't be said."""
    return report.preflight.safe if report.preflight else None


def proven(report: Report) -> int:
    """The exit code that it makes: 0 every node is quiet, 1 one is not, 3 it can't be said. Shows why it is not 0."""
    safe = holds(report)
    if safe is not True:
        show(render(report, "table", style(sys.stdout)) + "\n")
    return 1 if safe is False else 0 if safe else 3
