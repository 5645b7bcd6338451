"""`arpcheck strict-arp enable`: one value of one ConfigMap, then new kube-proxy pods, then the proof.

Here it is decided what is to be done; nothing is written before the server has taken all of it as a dry run. Whoever
stops it is told what has been done; run again, it looks what is there and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from arpcheck.cluster.changes import Connection, UncertainError, connected
from arpcheck.commands import backups, rollouts, strict_arp_losses, strict_arp_plan
from arpcheck.commands.calling import as_caller
from arpcheck.commands.journal import Journal, StoppedError
from arpcheck.commands.output import show
from arpcheck.commands.rollouts import Reach
from arpcheck.commands.strict_arp_proof import Witness, witness, words
from arpcheck.commands.strict_arp_steps import CANNOT, Request, Steps, Work
from arpcheck.commands.terminal import notice
from arpcheck.errors import ArpcheckError, UsageError
from arpcheck.kubeproxy import NEEDS
from arpcheck.kubeproxy.answers import Answer, StrictArpStatus
from arpcheck.kubeproxy.distributions import managed_by
from arpcheck.kubeproxy.status import status
from arpcheck.model import Report
from arpcheck.objects import Object, Objects, mapping, name
from arpcheck.text import PROSE_LIMIT, plain

__all__ = ["Request", "strict_arp_enable"]

INTERRUPTED = 130


def strict_arp_enable(request: Request) -> int:
    """0 enabled, and proven where the wire is asked; 1 a node is not strict after it; 2 nothing could be done; 3 the
    rollout did not come to its end everywhere; 130 interrupted."""
    if request.source.cluster_file is not None:
        raise UsageError("a cluster file can't be changed", "Name a cluster with --kubeconfig or --context")
    source = request.source if request.proof else as_caller(request.source)
    journal = Journal()
    try:
        with ExitStack() as stack:
            proof = stack.enter_context(witness(request.proof, request.source)) if request.proof else None
            backups.check_folder(request.backup_dir)
            connection = stack.enter_context(connected(proof.source if proof else source))
            return _Run(request=request, connection=connection, journal=journal, proof=proof).run()
    except (KeyboardInterrupt, StoppedError):
        notice(f"interrupted; {journal}")
        return INTERRUPTED
    except UncertainError as error:
        notice(str(error))
        notice(f"{journal}")
        return CANNOT
    except ArpcheckError:
        if journal.done:
            notice(f"{journal}")
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    request: Request
    connection: Connection
    journal: Journal
    proof: Witness | None

    def run(self) -> int:
        before = self._before(self.proof) if self.proof else None
        arp = {node.name: node.arp for node in before.nodes} if before else {}
        announcers = strict_arp_plan.ANNOUNCERS if self.request.restart_announcer else ()
        needs = (*NEEDS, *strict_arp_plan.NEEDS, *announcers, *(() if before else strict_arp_losses.NEEDS))
        objects = self.connection.read(needs)
        found = status(objects, wire=arp)
        if found.answer is Answer.NOT_NEEDED:
            show(f"{_shown(found.reason)}. Nothing was changed.\n")
            return 0
        strict_arp_plan.must_be_read(objects)
        if (refused := self._refused(found, objects)) is not None:
            return refused
        work = self._work(found, objects, strict_arp_losses.losses(before) if before else strict_arp_losses.unasked(objects))
        if work is None:
            show("Strict ARP is set, and every kube-proxy in IPVS mode has loaded it. Nothing was changed.\n")
            return 0
        steps = Steps(request=self.request, connection=self.connection, journal=self.journal, proof=self.proof)
        return steps.carry_out(work, len(objects.nodes()))

    def _before(self, proof: Witness) -> Report:
        report, interrupted = proof.ask(self.connection, services=True)
        if interrupted:
            raise StoppedError
        show(f"before  {words(report)}\n")
        return report

    # ---------------------------------------------------------------------------------------------------- the decision

    def _refused(self, found: StrictArpStatus, objects: Objects) -> int | None:
        """Where another system writes the configuration, its own way is told."""
        manager = managed_by(objects)
        if manager is None or self.request.anyway:
            return None
        if found.answer is Answer.SET and not strict_arp_plan.unsettled(found, ()):
            show(f"{_shown(found.reason)}. Nothing was changed.\n")
            return 0
        notice(f"nothing was changed: {manager.name} owns this configuration ({manager.because}). Its own way:")
        for line in manager.way:
            notice(f"  {line}")
        if strict_arp_plan.is_there(objects):
            doubt = "" if manager.certain else "if that is not so, "
            notice(f"{doubt}--anyway changes the ConfigMap all the same, until its owner writes it again")
        return CANNOT

    def _work(self, found: StrictArpStatus, objects: Objects, losses: Sequence[str]) -> Work | None:
        """None where all is done already."""
        where = strict_arp_plan.the_place(objects)
        config_map = self.connection.config_map(where.namespace, where.config_map)
        change = strict_arp_plan.change(where, config_map)
        kube_proxies = strict_arp_plan.daemon_sets(where, objects)
        fresh = [one for one in kube_proxies if strict_arp_plan.is_after(one, where, config_map)]
        restarted = [node for one in fresh for node in self._reach(one).done]
        if not change.needed and not (left := strict_arp_plan.unsettled(found, restarted)):
            return None
        under_way = not change.needed and not self._stale(left, kube_proxies, fresh)
        return Work(
            where=where,
            change=change,
            kube_proxies=kube_proxies,
            restarts=() if under_way else kube_proxies,
            announcers=_announcers(objects) if self.request.restart_announcer else (),
            losses=losses,
        )

    def _reach(self, daemon_set: Object) -> Reach:
        return rollouts.reach(daemon_set, self.connection.read(rollouts.needs((daemon_set,))), everywhere=True)

    def _stale(self, left: Sequence[str], kube_proxies: Sequence[Object], fresh: Sequence[Object]) -> bool:
        """A restart is needed: none came after the change, or a node that has had its new pod is at fault all the same."""
        if len(fresh) < len(kube_proxies):
            return True
        waited_for = {node for one in fresh for node in self._reach(one).left}
        return not set(left) <= waited_for


def _announcers(objects: Objects) -> tuple[Object, ...]:
    found = tuple(one for one in objects.of("daemonsets.apps") if "kube-proxy" not in name(one) and _is_speaker(one))
    if not found:
        gap = objects.gap("daemonsets.apps")
        why = f"{gap.what} can't be read: {gap.why}" if gap else "no speaker of MetalLB or OpenELB was found"
        notice(f"--restart-announcer: {why}")
    return found


def _is_speaker(daemon_set: Object) -> bool:
    labels = mapping(daemon_set, "metadata", "labels")
    return "speaker" in (labels.get("component"), labels.get("app.kubernetes.io/component"))


def _shown(text: str) -> str:
    return plain(text, PROSE_LIMIT)
