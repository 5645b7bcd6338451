"""`arpcheck strict-arp enable`: sets one value of one ConfigMap, restarts kube-proxy and checks the result on the network.

This file decides what to do. Nothing is written before the server has accepted every change as a dry run. An interrupted
run prints what was done, and the next run continues from the current state."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import Connection, UncertainError, connected
from arpcheck.commands import rollouts, strict_arp_plan
from arpcheck.commands.log import ProgressLog, StoppedError
from arpcheck.commands.option_groups import REQUESTS, cluster_words, kubeconfig_note, reads_cluster, stands_for
from arpcheck.commands.options import duration
from arpcheck.commands.output import as_caller, notice, show
from arpcheck.commands.rollouts import Reach
from arpcheck.commands.strict_arp_plan import CANNOT, EnableRequest, Steps, Witness, Work, witness, words
from arpcheck.errors import ArpcheckError, UsageError
from arpcheck.evidence import Options
from arpcheck.kubeproxy import NEEDS
from arpcheck.kubeproxy.distributions import managed_by
from arpcheck.kubeproxy.modes import StrictArpAnswer, StrictArpStatus
from arpcheck.kubeproxy.status import status
from arpcheck.model import Arp, Kind, Need, Report, TargetReport, Trust
from arpcheck.objects import Object, Objects, mapping, name, texts
from arpcheck.text import PROSE_LIMIT, count, plain

EXAMPLES = (
    "arpcheck strict-arp enable --dry-run",
    "sudo arpcheck strict-arp enable --iface eth0",
    "arpcheck strict-arp enable --yes --restart-announcer",
)


@reads_cluster(file=False)
@stands_for(requests=REQUESTS.but("family"))
def enable(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the change, send it as a server-side dry run, and stop.")
    ] = False,
    iface: Annotated[
        list[str] | None,
        typer.Option(
            "--iface",
            metavar="NAME",
            help="Verify with ARP requests on this interface before and after the change. Repeatable.",
        ),
    ] = None,
    restart_announcer: Annotated[
        bool, typer.Option("--restart-announcer", help="Restart the load balancer's speakers afterwards.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="TIME",
            parser=duration(0, 86400),
            show_default="10m",
            help="Time limit for each rollout.",
        ),
    ] = 600.0,
    prove_within: Annotated[
        float,
        typer.Option(
            "--prove-within",
            metavar="TIME",
            parser=duration(0, 86400),
            show_default="2m",
            help="Time limit for the verification with --iface.",
        ),
    ] = 120.0,
    backup_dir: Annotated[
        str, typer.Option("--backup-dir", metavar="FOLDER", help="The folder for the backup of the ConfigMap.")
    ] = ".",
    force: Annotated[
        bool, typer.Option("--force", help="Proceed even if another tool manages the ConfigMap and may undo the change.")
    ] = False,
    requests: Options,
    cluster: ClusterSource,
) -> int:
    """Set ipvs.strictARP in kube-proxy's ConfigMap, restart kube-proxy and watch the rollout.

    Exit codes: 0 enabled; 1 enabled, but a node still replies; 3 not loaded on every node, or not verified.
    """
    options = replace(requests, interfaces=tuple(dict.fromkeys(iface or ())), services=False, preflight=True)
    return strict_arp_enable(
        EnableRequest(
            source=cluster,
            yes=yes,
            dry_run=dry_run,
            force=force,
            backup_dir=backup_dir,
            timeout=timeout,
            prove_within=prove_within,
            restart_announcer=restart_announcer,
            proof=options if iface else None,
        )
    )


INTERRUPTED = 130


def strict_arp_enable(request: EnableRequest) -> int:
    """Returns 0 if strict ARP is enabled, and verified with --iface; 1 if a node still replies; 2 if nothing could be done;
    3 if a rollout or the verification is incomplete; 130 if interrupted."""
    if request.source.cluster_file is not None:
        raise UsageError("a cluster file cannot be changed", "Name a cluster with --kubeconfig or --context")
    source = request.source if request.proof else as_caller(request.source)
    journal = ProgressLog()
    try:
        with ExitStack() as stack:
            proof = stack.enter_context(witness(request.proof, request.source)) if request.proof else None
            rollouts.check_folder(request.backup_dir)
            connection = stack.enter_context(connected(proof.source if proof else source))
            notice(cluster_words(connection.cluster, request.source))
            kubeconfig_note(request.source)
            return _EnableRun(request=request, connection=connection, journal=journal, proof=proof).run()
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
class _EnableRun:
    request: EnableRequest
    connection: Connection
    journal: ProgressLog
    proof: Witness | None

    def run(self) -> int:
        before = self._before(self.proof) if self.proof else None
        arp = {node.name: node.arp for node in before.nodes} if before else {}
        announcers = strict_arp_plan.ANNOUNCERS if self.request.restart_announcer else ()
        needs = (*NEEDS, *strict_arp_plan.NEEDS, *announcers, *(() if before else LOSSES_NEEDS))
        objects = self.connection.read(needs)
        found = status(objects, wire=arp)
        if found.answer is StrictArpAnswer.NOT_NEEDED:
            show(f"{_shown(found.reason)}. Nothing was changed.\n")
            return 0
        strict_arp_plan.must_be_read(objects)
        if (refused := self._refused(found, objects)) is not None:
            return refused
        work = self._work(found, objects, losses(before) if before else losses_unknown(objects))
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
        """The exit code if another system manages the configuration, after a notice on how to change it there."""
        manager = managed_by(objects)
        if manager is None or self.request.force:
            return None
        if found.answer is StrictArpAnswer.SET and not strict_arp_plan.unsettled(found, ()):
            show(f"{_shown(found.reason)}. Nothing was changed.\n")
            return 0
        notice(f"nothing was changed: {manager.name} manages this configuration ({manager.because}). Make the change there:")
        for line in manager.way:
            notice(f"  {line}")
        if strict_arp_plan.is_there(objects):
            doubt = "" if manager.certain else "if that is wrong, "
            notice(f"{doubt}--force changes the ConfigMap anyway, until its manager writes it again")
        return CANNOT

    def _work(self, found: StrictArpStatus, objects: Objects, losses: Sequence[str]) -> Work | None:
        """What is left to do; None if nothing is."""
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
        """A restart is needed: a DaemonSet was not restarted after the change, or a node is wrong despite a new pod."""
        if len(fresh) < len(kube_proxies):
            return True
        waited_for = {node for one in fresh for node in self._reach(one).left}
        return not set(left) <= waited_for


def _announcers(objects: Objects) -> tuple[Object, ...]:
    found = tuple(one for one in objects.of("daemonsets.apps") if "kube-proxy" not in name(one) and _is_speaker(one))
    if not found:
        gap = objects.gap("daemonsets.apps")
        why = f"{gap.what} could not be read: {gap.why}" if gap else "no speaker of MetalLB or OpenELB was found"
        notice(f"--restart-announcer: {why}")
    return found


def _is_speaker(daemon_set: Object) -> bool:
    labels = mapping(daemon_set, "metadata", "labels")
    return "speaker" in (labels.get("component"), labels.get("app.kubernetes.io/component"))


def _shown(text: str) -> str:
    return plain(text, PROSE_LIMIT)


# --------------------------------------------------------- addresses for which only kernels without strict ARP reply

LOSSES_NEEDS: tuple[Need, ...] = (
    Need(resource="services", costs="which external IPs could go dark is not known", fields=("spec externalIPs",)),
)

_SPEAKS = 1.5
"""Replies per request from which on the speaker replies beside the kernel, most often with two replies a request."""
_MOST = 20
"""Addresses that are listed at most."""


def losses(report: Report) -> Sequence[str]:
    """A line for each address that nobody replies for after the change, or one line if there is none."""
    non_strict = {node.name for node in report.nodes if node.arp is Arp.NON_STRICT}
    of_services = (one for one in report.targets if one.target.kind in (Kind.LOAD_BALANCER, Kind.EXTERNAL_IP))
    asked = [target for target in of_services if target.rounds]
    dark = [line for target in asked if (line := _line(target, non_strict))]
    if not asked:
        return ("no address of a Service was probed: there is no LoadBalancer address and no external IP",)
    if not dark:
        return (f"{count(len(asked), 'address')} of Services probed: none depends on the replies of non-strict kernels",)
    return _capped(dark)


def losses_unknown(objects: Objects) -> Sequence[str]:
    """Without a probe: a line that says so, and one for each external IP, the most likely to go dark."""
    line = "not checked (needs --iface): which addresses go dark because only non-strict kernels reply for them"
    if gap := objects.gap("services"):
        return (line, f"not checked: the external IPs of Services could not be read ({gap.why})")
    found = [(ip, s.full_name) for s in objects.services() for ip in texts(s.raw, "spec", "externalIPs")]
    likely = [f"external IP {ip} ({who}) goes dark unless a host or a load balancer replies for it" for ip, who in found]
    return (line, *_capped(sorted(set(likely))))


def _line(target: TargetReport, non_strict: set[str]) -> str:
    """Empty if replies will continue: from a host that is not a node, a strict kernel, a speaker beside its kernel, or the
    node whose own address it is."""
    by_kernel = [found for found in target.responders if found.node in non_strict and found.node not in target.target.nodes]
    if not by_kernel or len(by_kernel) < len(target.responders) or any(r.replies_per_probe >= _SPEAKS for r in by_kernel):
        return ""
    what = f"{target.target.ip} ({', '.join(target.target.services)})"
    nodes = sorted({found.node for found in by_kernel if found.node})
    recorded = {claim.node for claim in target.announcers if claim.trust is not Trust.GUESS}
    if announcers := [node for node in nodes if node in recorded]:
        named = ", ".join(announcers)
        return f"may go dark: {what}; {named} is recorded as announcer, but its single replies could be its kernel's"
    return f"goes dark: {what}; only the non-strict kernels of {', '.join(nodes)} reply for it"


def _capped(lines: Sequence[str]) -> Sequence[str]:
    left = len(lines) - _MOST
    return (*lines[:_MOST], *((f"… and {left} more",) if left > 0 else ()))
