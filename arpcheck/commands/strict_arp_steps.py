"""Carries out `strict-arp enable`: dry run, confirmation, backup, write, restart, rollout, verification.

Every finished step is recorded in the progress log, and between two steps it stops if the user asked for that."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import Connection
from arpcheck.command_lines import IN_CLUSTER
from arpcheck.commands import rollouts, strict_arp_plan
from arpcheck.commands.log import ProgressLog, StoppedError
from arpcheck.commands.opening import stopping
from arpcheck.commands.output import duration, notice, show
from arpcheck.commands.strict_arp_plan import ConfigChange, Witness, holds, proven, words
from arpcheck.errors import ClusterError, UsageError
from arpcheck.evidence import Options
from arpcheck.kubeproxy.setting import ConfigKey
from arpcheck.objects import Object, full_name, mapping, name, namespace
from arpcheck.text import count

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
        at = strict_arp_plan.restart_time(work.where, config_map, self.connection.clock)
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
