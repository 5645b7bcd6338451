"""Plans `strict-arp enable` and carries it out: which key of which ConfigMap to change, which DaemonSets to restart; then
dry run, confirmation, backup, write, restart, rollout, verification.

What cannot be done is a ClusterError, raised before anything is changed. `witness` verifies the result with a probe. Every
finished step is recorded in the progress log, and between two steps it stops if the user asked for that."""

from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import Connection
from arpcheck.command_lines import IN_CLUSTER
from arpcheck.commands import rollouts
from arpcheck.commands.log import ProgressLog, StoppedError
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open
from arpcheck.commands.output import duration, notice, show, style
from arpcheck.errors import ClusterError, UsageError
from arpcheck.evidence import Options
from arpcheck.kubeproxy import config, modes, workload
from arpcheck.kubeproxy.edit import enable_strict_arp
from arpcheck.kubeproxy.modes import StrictArpStatus
from arpcheck.kubeproxy.setting import ConfigKey, place, setting
from arpcheck.kubeproxy.setting import changed_at as key_changed_at
from arpcheck.model import Arp, Host, Need, Report
from arpcheck.objects import Object, Objects, at, full_name, instant, mapping, name, namespace
from arpcheck.reports import render
from arpcheck.text import PROSE_LIMIT, count, plain
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


# ----------------------------------------------------------------------------------------------------------------- The steps

CANNOT = 2
UNFINISHED = 3
_TOO_EARLY = """\
The most likely cause: kube-proxy has not written the sysctls yet. Its pods are ready before that; its log says
"Using ipvs Proxier" when it starts to (`arpcheck strict-arp status --logs`). Run arpcheck preflight to check again. Other
causes are below.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableRequest:
    """The options of the command."""

    source: ClusterSource
    yes: bool = False
    dry_run: bool = False
    force: bool = False
    """Change it even if another system manages the configuration."""
    backup_dir: str = "."
    timeout: float = 600.0
    """Seconds for each rollout."""
    restart_announcer: bool = False
    proof: Options | None = None
    """Options of the probe before and after; None: no probe."""
    pause: float = 2.0
    """Seconds between two checks of a rollout, and between two verifications."""
    settle: float = 5.0
    """Seconds from the last new pod to the first verification: a container is ready before kube-proxy has written its
    sysctls."""
    prove_within: float = 120.0
    """Seconds for which the verification is repeated until it succeeds: on a slow machine kube-proxy needs half a minute to
    write its sysctls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What `strict-arp enable` decided to do."""

    where: ConfigKey
    change: ConfigChange
    kube_proxies: tuple[Object, ...]
    restarts: tuple[Object, ...]
    """The DaemonSets of `kube_proxies` to restart; empty if only their rollout is to be waited for."""
    announcers: tuple[Object, ...]
    losses: Sequence[str] = ()
    """Lines about addresses for which nobody replies after the change, or why that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    request: EnableRequest
    connection: Connection
    journal: ProgressLog
    proof: Witness | None

    def carry_out(self, work: Work, nodes: int) -> int:
        if work.change.needed:
            show(work.change.diff())
        for line in self._intentions(work, nodes):
            notice(line)
        self._rehearse(work)
        if self.request.dry_run:
            show("The server accepted every change as a dry run. Nothing was changed.\n")
            return 0
        if not self._agreed():
            notice("nothing was changed")
            return CANNOT
        self.journal.plan(*_steps(work))
        with stopping() as stop:
            return self._change(work, stop)

    def _intentions(self, work: Work, nodes: int) -> Sequence[str]:
        restarted = ", ".join(full_name(one) for one in work.restarts)
        return (
            *((f"{work.change.reason}; the rest of {work.change.title} stays unchanged",) if work.change.needed else ()),
            *((f"then daemonset {restarted} is restarted, node by node ({count(nodes, 'node')})",) if restarted else ()),
            *(
                ()
                if restarted
                else ("strict ARP is set and kube-proxy was restarted: only its rollout has to be waited for",)
            ),
            *(f"then daemonset {full_name(one)} is restarted" for one in work.announcers),
            *work.losses,
        )

    def _rehearse(self, work: Work) -> None:
        """Sends every write as a server-side dry run, so that a missing right shows before anything is changed."""
        if work.change.needed:
            told = self.connection.set_key(work.change.config_map, work.change.key, work.change.after, dry_run=True)
            expected = {**mapping(work.change.config_map, "data"), work.change.key: work.change.after}
            if mapping(told, "data") != expected:
                why = f"the server would store {work.change.title} differently, so nothing was changed"
                raise ClusterError(why, "Check the admission webhooks of the cluster")
        for one in (*work.restarts, *work.announcers):
            self.connection.restart(namespace(one), name(one), self.connection.clock, dry_run=True)

    def _agreed(self) -> bool:
        if self.request.yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("stdin is not a terminal to confirm on, so nothing was changed", "Give --yes or --dry-run")
        print("Make this change? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _change(self, work: Work, stop: Callable[[], bool]) -> int:
        config_map = self._write(work, stop)
        at = restart_time(work.where, config_map, self.connection.clock)
        for one in work.restarts:
            _go_on(stop)
            self._restart(one, at)
        left = [self._watch(one, stop, everywhere=True) for one in work.kube_proxies]
        for one in work.announcers:
            _go_on(stop)
            self._restart(one, self.connection.clock)
            left.append(self._watch(one, stop, everywhere=False))
        unfinished = UNFINISHED if any(left) else 0
        return self._ended(unfinished, stop)

    def _write(self, work: Work, stop: Callable[[], bool]) -> Object:
        """The ConfigMap after the change."""
        change = work.change
        if not change.needed:
            return change.config_map
        _go_on(stop)
        path = rollouts.save(change.config_map, self.request.backup_dir)
        notice(f"saved {change.title} to {path} before the change")
        _go_on(stop)
        written = self.connection.set_key(change.config_map, change.key, change.after)
        self.journal.tick(f" (backup: {path})")
        how = _kubectl(self.request.source, self.connection.context)
        notice(f"changed {change.title}; restore it with: {rollouts.put_back(path, change.config_map, work.restarts, how)}")
        return written

    def _restart(self, daemon_set: Object, at: datetime) -> None:
        self.connection.restart(namespace(daemon_set), name(daemon_set), at)
        self.journal.tick()
        notice(f"restarting daemonset {full_name(daemon_set)}")

    def _watch(self, daemon_set: Object, stop: Callable[[], bool], *, everywhere: bool) -> bool:
        """Whether nodes are left. Prints a notice for each of them."""
        found = rollouts.watch(
            self.connection, daemon_set, everywhere=everywhere, seconds=self.request.timeout, pause=self.request.pause,
            stop=stop, told=notice,
        )  # fmt: skip
        for node, why in found.left.items():
            notice(f"not reached{f': {node}' if node else ''}: {why}")
        if found.waiting:
            _go_on(stop)
            notice(f"daemonset {full_name(daemon_set)}: the rollout did not end within {duration(self.request.timeout)}")
        self.journal.tick()
        return bool(found.left)

    def _ended(self, unfinished: int, stop: Callable[[], bool]) -> int:
        if unfinished:
            show("Strict ARP is set, but not every node has loaded it. Run the command again to continue.\n")
        else:
            show("Strict ARP is set, and every kube-proxy was restarted with it.\n")
        if self.proof is None:
            return unfinished
        return self._proven(self.proof, stop, patient=not unfinished) or unfinished

    def _proven(self, proof: Witness, stop: Callable[[], bool], *, patient: bool) -> int:
        """Repeats the verification until it succeeds or the time is over. Not `patient`: verifies once, because a node was
        not reached."""
        end = time.monotonic() + (self.request.prove_within if patient else 0.0)
        rollouts.wait(self.request.settle, stop)
        while True:
            _go_on(stop)
            report, interrupted = proof.ask(self.connection)
            if interrupted:
                raise StoppedError
            left = end - time.monotonic()
            if holds(report) or left <= 0:
                break
            notice(f"not yet: {words(report)}; checking again for at most {duration(left)}")
            rollouts.wait(min(self.request.pause, left), stop)
        show(f"after   {words(report)}\n")
        if holds(report) is False and patient:
            show(_TOO_EARLY)
        return proven(report)


def _steps(work: Work) -> Sequence[str]:
    restarted = [f"daemonset {full_name(one)} restarted" for one in work.restarts]
    waited = [f"the rollout of daemonset {full_name(one)} watched" for one in work.kube_proxies]
    changed = [f"{work.change.title} changed"] if work.change.needed else []
    after = [
        step.format(full_name(one))
        for one in work.announcers
        for step in ("daemonset {} restarted", "the rollout of daemonset {} watched")
    ]
    return (*changed, *restarted, *waited, *after)


def _go_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise StoppedError


def _kubectl(source: ClusterSource, context: str) -> tuple[str, ...]:
    """The options that make kubectl use the same cluster, whatever its current context is."""
    named = None if context == IN_CLUSTER else context
    given = (("--kubeconfig", source.kubeconfig), ("--context", named), ("--as", source.as_user))
    return tuple(word for option, value in given if value for word in (option, value))
