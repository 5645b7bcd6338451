"""Runs `arpcheck cluster`: reads the cluster, asks every node which interfaces it has, lets the chosen nodes probe, and puts
their evidence together. All that it makes is removed, however it ends."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.cluster.jobs import JobsApi
from arpcheck.commands import cluster_jobs
from arpcheck.commands.cluster_jobs import EndedJob, Followed, WantedJob
from arpcheck.commands.cluster_plan import (
    NODE_NETWORK_STATES,
    ClusterPlan,
    PointPlan,
    SeenNode,
    Wishes,
    cluster_plan,
    listed_addresses,
    plan_document,
    seen_by_scout,
    seen_in_states,
    substitutes,
    time_limit,
)
from arpcheck.commands.output import duration, notice
from arpcheck.errors import ArpcheckError, ClusterError, InputError, UsageError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.evidence_json import from_json
from arpcheck.model import Acceptance, Address, Gap, Need
from arpcheck.objects import Object, Objects, items, labels_of, name, selects, text
from arpcheck.runs.gathered import ClusterReadings, FailedJob, JobKind, gaps_of, gathered, in_time, outdated
from arpcheck.text import count
from arpcheck.vantages.jobs import pack
from arpcheck.vantages.manifests import MOST_BYTES, Manifest, RunOfJobs, plan_map, scout_job, setting, vantage_job
from arpcheck.vantages.segments import Candidate, VantagePoint, named_nodes, startable

_log = logging.getLogger(__name__)

START = 60
"""Seconds that a Job may take beside what it does: to be scheduled, pulled and started comes on top."""
AFTER = 600
"""Seconds after the time limit of a run for which nobody takes its objects for a dead run's."""
SCOUT_TAKES = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """The options of `arpcheck cluster`."""

    options: Options
    source: ClusterSource
    mac_map: tuple[MacEntry, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    image: str
    namespace: str | None = None
    """One that exists; None: one of its own."""
    pull_secret: str | None = None
    openshift: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    node_selector: str = ""
    timeout: float
    """Seconds for the whole run."""
    start_timeout: float
    """Seconds until a container must run."""
    quiet: bool = False


class ClusterProbe:
    """One run. `evidence` is what it found."""

    def __init__(self, request: ClusterRequest, api: JobsApi, stop: Callable[[], bool]) -> None:
        self._request = request
        self._api = api
        self._stop = stop
        self._began = time.monotonic()
        self._end = self._began + request.timeout
        self._started_at = datetime.now(UTC)
        identity = secrets.token_hex(4)
        self.run = RunOfJobs(
            id=identity,
            namespace=request.namespace or f"arpcheck-{identity}",
            own_namespace=request.namespace is None,
            image=request.image,
            owner=cluster_jobs.owner(),
            lifetime=int(request.timeout) + AFTER,
            pull_secret=request.pull_secret,
            openshift=request.openshift,
        )
        self._failed: list[FailedJob] = []
        self._heard: list[tuple[str, Evidence]] = []
        self._after: Objects | None = None
        self._outdated: tuple[Address, ...] = ()
        self._vantages = 0
        self._mac_map = request.mac_map
        self.made = False

    @property
    def stopped(self) -> bool:
        return self._stop()

    def say(self, line: str) -> None:
        if not self._request.quiet:
            notice(line)

    # ----------------------------------------------------------------------------------------------------- the cluster

    def read(self) -> tuple[Objects, tuple[Object, ...]]:
        """The cluster, and its nodes with their labels and taints."""
        objects = self._api.read(pipeline.NEEDS, services_required=not self._request.options.ips)
        return objects, self._api.listed("Node", None)

    def candidates(self, nodes: Sequence[Object]) -> tuple[Candidate, ...]:
        """The Ready Linux nodes that `--node-selector` and `--nodes` leave. Raises UsageError where it leaves none."""
        wishes = self._request.wishes
        names = named_nodes(wishes.nodes, {name(node) for node in nodes})
        try:
            chosen = [
                node
                for node in nodes
                if selects(self._request.node_selector, labels_of(node)) and (not names or name(node) in names)
            ]
        except ValueError:
            hint = "Write it as `kubectl get nodes -l` takes it"
            raise UsageError(f"--node-selector {self._request.node_selector[:80]!r} is not a selector", hint) from None
        if nodes and not chosen:
            what = f"--node-selector {self._request.node_selector}" if self._request.node_selector else "--nodes"
            raise UsageError(f"{what}: no node is selected", "`kubectl get nodes --show-labels` lists them")
        ready = tuple(
            Candidate(
                name=name(node), tainted=any(text(t, "effect") != "PreferNoSchedule" for t in items(node, "spec", "taints"))
            )
            for node in chosen
            if _is_ready(node) and labels_of(node).get("kubernetes.io/os", "linux") == "linux"
        )
        for lost in [one for one in names if one not in {candidate.name for candidate in ready}]:
            self._fail(lost, JobKind.VANTAGE, "the node is not Ready")
        return ready

    def states(self, objects: Objects, candidates: Sequence[Candidate]) -> tuple[SeenNode, ...]:
        """The nodes' interfaces as kubernetes-nmstate reports them, where it does."""
        if not objects.of(NODE_NETWORK_STATES):
            return ()
        fields = ("status lastSuccessfulUpdateTime", "status currentState interfaces")
        found = self._api.read((Need(resource=NODE_NETWORK_STATES, costs="", fields=fields),))
        return seen_in_states(
            found.of(NODE_NETWORK_STATES),
            {one.name for one in candidates},
            datetime.now(UTC) + timedelta(seconds=self._api.ahead),
        )

    # --------------------------------------------------------------------------------------------------------- the jobs

    def prepare(self) -> None:
        """Makes the namespace and the account of the Jobs. Raises ClusterError if the server refuses."""
        self.made = True
        for manifest in setting(self.run):
            try:
                self._api.create_one(manifest)
            except ClusterError as error:
                hint = "Name a namespace that exists with -n, which must allow the pod security level privileged"
                raise ClusterError(error.message, hint if manifest["kind"] == "Namespace" else error.hint) from None

    def follow(self) -> Followed:
        patience = self._request.start_timeout
        return Followed(self._api, self.run, patience=patience, stop=self._stop)

    def scout(self, nodes: Sequence[str]) -> tuple[SeenNode, ...]:
        """Asks each of these nodes which interfaces it has."""
        wanted = [
            WantedJob(
                name=self.run.job_name("s", number),
                node=node,
                manifests=(self.scout_manifest(node, number),),
                most_seconds=SCOUT_TAKES,
            )
            for number, node in enumerate(nodes, 1)
        ]
        jobs, seen = self.follow(), list[SeenNode]()
        jobs.begin(wanted)
        for one in self._ended(jobs):
            try:
                seen.append(_scouted(one))
            except InputError as error:
                self._fail(one.job.node, JobKind.INTERFACES, error.message)
        self._mac_map += tuple(entry for one in seen for entry in one.nics)
        for gap in gaps_of(self._failed):
            self.say(f"{gap.what}: {gap.why}")
        return tuple(seen)

    def probe(self, plan: ClusterPlan) -> None:
        """Lets the nodes probe, one after another in each segment. Where one fails, another takes its place."""
        waiting = {planned.point.node: planned for planned in plan.points}
        running: dict[str, PointPlan] = {}
        used, jobs, over = {*waiting}, self.follow(), 0
        while (waiting or running) and not self._over():
            wanted = []
            for point in startable([one.point for one in waiting.values()], [one.point for one in running.values()]):
                planned = running[point.node] = waiting.pop(point.node)
                wanted.append(self._wanted(planned))
                addresses = count(planned.addresses, "address")
                self.say(f"{_where(point)}: {addresses}, about {duration(planned.seconds)}")
            jobs.begin(wanted)
            for ended in jobs.wait(self._end):
                point, over = running.pop(ended.job.node).point, over + 1
                why = self._take(ended)
                self.say(f"{point.node}: {why or 'done'} ({over} of {len(used)})")
                for other in (
                    substitutes(plan, point, used) if why and point.node in {one.point.node for one in plan.points} else ()
                ):
                    self.say(f"{other.point.node} takes the place of {point.node}")
                    waiting[other.point.node] = other
                    used.add(other.point.node)
        for ended in jobs.give_up(self._why_over()):
            self._take(ended)
        for node in waiting:
            self._fail(node, JobKind.VANTAGE, self._why_over())

    def _over(self) -> bool:
        """Whether the run has to end."""
        return self._stop() or time.monotonic() >= self._end

    def _why_over(self) -> str:
        return "the run was stopped" if self._stop() else "the time limit of the run (--timeout) was reached"

    def _wanted(self, planned: PointPlan) -> WantedJob:
        """Raises InputError if its plan is too large for a ConfigMap."""
        self._vantages += 1
        title, made = self.run.job_name("v", self._vantages), self.manifests(planned, self._vantages)
        return WantedJob(name=title, node=planned.point.node, manifests=made, most_seconds=time_limit(planned))

    def manifests(self, planned: PointPlan, number: int) -> tuple[Manifest, ...]:
        """The ConfigMap with the plan, and the Job. Raises InputError if the plan is too large for a ConfigMap."""
        request, point, title = self._request, planned.point, self.run.job_name("v", number)
        packed = pack(plan_document(title, planned, datetime.now(UTC), self._mac_map, request.accepted))
        if len(packed) > MOST_BYTES:
            hint = "Select fewer Services, or name one --segment"
            raise InputError(f"the plan for {point.node} has more than {MOST_BYTES >> 10} KiB", hint)
        deadline = int(request.start_timeout + time_limit(planned)) + START
        job = vantage_job(self.run, title, point.node, point.interfaces, deadline=deadline)
        return plan_map(self.run, title, packed), job

    def scout_manifest(self, node: str, number: int = 1) -> Manifest:
        deadline = int(self._request.start_timeout + SCOUT_TAKES) + START
        return scout_job(self.run, self.run.job_name("s", number), node, deadline=deadline)

    def plan(self, objects: Objects, known: Sequence[SeenNode], candidates: Sequence[Candidate]) -> ClusterPlan:
        """Raises UsageError where the options can't be carried out."""
        request = self._request
        return cluster_plan(
            request.options, objects, known, candidates, request.wishes, mac_map=self._mac_map, accepted=request.accepted
        )

    def _take(self, ended: EndedJob) -> str:
        """Keeps the evidence of a vantage, or the reason why there is none, which is returned."""
        node, why = ended.job.node, ended.why
        if not why:
            try:
                found = from_json(_of(ended, "evidence"), f"the log of {node}")
            except InputError as error:
                why = error.message
            else:
                self._heard.append((node, in_time(found, ended.made_at, ended.ended_at)))
                return ""
        self._fail(node, JobKind.VANTAGE, why)
        return why

    def _ended(self, jobs: Followed) -> Iterator[EndedJob]:
        while len(jobs) and not self._over():
            yield from jobs.wait(self._end)
        yield from jobs.give_up(self._why_over())

    def _fail(self, node: str, kind: JobKind, why: str) -> None:
        self._failed.append(FailedJob(node=node, kind=kind, why=why))

    # ------------------------------------------------------------------------------------------------------ the result

    def read_again(self, objects: Objects) -> None:
        """The records after the last vantage, and the Services, which may have other addresses by now."""
        records = pipeline.records_of(objects)
        services = tuple(need for need in pipeline.NEEDS if need.resource == "services")
        kinds = {need.resource for need in records}
        try:
            later = self._api.read((*records, *services))
        except ArpcheckError as error:
            _log.info("the records could not be read again: %s", error)
            why, costs = "could not be read", "whether the same node announced all the time is not known"
            gaps = tuple(Gap(what=what, why=why, costs=costs) for what in sorted(kinds))
            self._after = Objects(gaps=gaps, read_at=datetime.now(UTC)) if records else None
            return
        self._outdated = outdated(objects, later)
        left = {what: found for what, found in later.resources.items() if what in kinds}
        gaps = tuple(gap for gap in later.gaps if gap.what in kinds)
        self._after = replace(later, resources=left, gaps=gaps) if records else None
        for ip in self._outdated:
            self.say(f"the Services with the address {ip} changed during the run")

    def evidence(self, objects: Objects, plan: ClusterPlan | None) -> Evidence:
        """All of it together."""
        heard = {
            one.name
            for one in (plan.segments if plan else ())
            for node, found in self._heard
            if one.interface(node) in found.options.interfaces
        }
        request = self._request
        read = ClusterReadings(
            options=request.options,
            objects=objects,
            after=self._after,
            mac_map=self._mac_map,
            accepted=request.accepted,
            outdated=self._outdated,
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            version=arpcheck.__version__,
            interrupted=self._stop(),
            unheard=tuple(one.name for one in plan.segments if one.name not in heard) if plan else (),
        )
        return gathered(self._heard, self._failed, read)

    def account(self, plan: ClusterPlan | None) -> str:
        """The closing note: what the run took."""
        used, seconds = self._api.used, time.monotonic() - self._began
        wire = _wire_seconds(plan) if plan else 0.0
        parts = (
            f"{len(self._heard)} of {count(self._vantages, 'vantage')} gave evidence",
            count(used.requests, "API request"),
            f"{used.octets / 1024:,.0f} KiB",
            f"{seconds:.0f} s, of which the requests take about {wire:.0f} s",
        )
        return "; ".join(parts)

    def remove(self) -> None:
        """Deletes all that the run made. Raises ClusterError where something stays."""
        if self.made:
            cluster_jobs.remove(self._api, self.run.id, self.run.namespace, own_namespace=self.run.own_namespace)

    def is_gone(self) -> bool:
        run = self.run
        return not self.made or cluster_jobs.is_gone(self._api, run.id, run.namespace, own_namespace=run.own_namespace)


def _of(ended: EndedJob, key: str) -> object:
    return ended.document.get(key) if isinstance(ended.document, Mapping) else None


def _scouted(ended: EndedJob) -> SeenNode:
    """Raises InputError with the reason where the Job said nothing that can be used."""
    if ended.why:
        raise InputError(ended.why)
    found = from_json(_of(ended, "evidence"), f"the log of the Job on {ended.job.node}")
    vlans = _of(ended, "vlans")
    return seen_by_scout(ended.job.node, found, vlans if isinstance(vlans, Mapping) else {})


def _is_ready(node: Object) -> bool:
    return any(text(one, "type") == "Ready" and text(one, "status") == "True" for one in items(node, "status", "conditions"))


def _where(point: VantagePoint) -> str:
    """`worker-1 asks on eth0 (10.0.0.0/24)`."""
    pairs = (f"{interface} ({segment})" for interface, segment in zip(point.interfaces, point.segments, strict=False))
    return f"{point.node} asks on {' and '.join(pairs)}"


def _wire_seconds(plan: ClusterPlan) -> float:
    """How long the requests alone take: segments side by side, the nodes of one after another."""
    by_segment = (sum(one.seconds for one in plan.points if segment.name in one.point.segments) for segment in plan.segments)
    return max(by_segment, default=0.0)


def plan_words(plan: ClusterPlan) -> Iterator[str]:
    """The plan for stderr: a line for each segment, and what no segment has."""
    for segment in plan.segments:
        asking = [one.point.node for one in plan.points if segment.name in one.point.segments]
        addresses = plan.placed.by_segment[segment.name]
        alone = "; it has one node, which does not hear itself" if len(segment.nodes) == 1 else ""
        yield (
            f"segment {segment.name}: {count(len(segment.nodes), 'node')}, {count(len(addresses), 'address')},"
            f" asked by {' and '.join(asking) or 'no node'}{alone}"
        )
    if plan.others:
        yield f"nothing is asked for in {', '.join(one.name for one in plan.others)}"
    if not plan.segments:
        yield "no segment can be probed"
    elif plan.placed.everywhere:
        yield f"in no segment's network, and asked for in each: {listed_addresses(plan.placed.everywhere)}"


# ----------------------------------------------------------------------------------------------------------------- All of it


@contextmanager
def removed_at_the_end(probe: ClusterProbe) -> Iterator[None]:
    """Removes what the run made, also where it fails or is interrupted."""
    try:
        yield
    finally:
        try:
            probe.remove()
        except ClusterError as error:
            notice(f"not all was removed: {error}; `arpcheck cluster clean` removes it later")


def probed(probe: ClusterProbe, objects: Objects, nodes: Sequence[Object]) -> Evidence:
    """The whole run, for a cluster that was read."""
    candidates, plan = probe.candidates(nodes), None
    with removed_at_the_end(probe):
        known = probe.states(objects, candidates)
        told = {one.name for one in known}
        asked = [one.name for one in candidates if one.name not in told]
        if not probe.stopped:
            probe.prepare()
        if asked and not probe.stopped:
            probe.say(f"asking {count(len(asked), 'node')} for the interfaces")
            known += probe.scout(asked)
        if not probe.stopped:
            plan = probe.plan(objects, known, candidates)
            for line in plan_words(plan):
                probe.say(line)
            probe.probe(plan)
        probe.read_again(objects)
    found = probe.evidence(objects, plan)
    probe.say(probe.account(plan))
    return found
