"""Leases of leader elections: who holds one, whether it is current, and whether it is in its controller's namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from arpcheck.model import Claim, ClaimSource, Need, Trust
from arpcheck.model.constants import AHEAD
from arpcheck.objects import Object, Objects, annotations_of, full_name, instant, name, namespace, text
from arpcheck.objects import at as value_at

LEASES = Need(
    resource="leases.coordination.k8s.io",
    costs="the announcer of Cilium and kube-vip is unknown",
    fields=(
        *("spec holderIdentity", "spec leaseDurationSeconds", "spec renewTime", "spec acquireTime"),
        *("spec leaseTransitions", "metadata annotations purelb.io/subnets"),
    ),
    record=True,
)
"""All Leases: an annotation or a flag can give kube-vip's any name."""

HOME = "kube-system"
"""The default namespace of a controller's common Leases."""

KUBELETS = "kube-node-lease"
"""The namespace of the kubelets' Leases, which name no announcer."""

_WORKLOADS = ("daemonsets.apps", "pods")

_LONGEST = 24 * 60 * 60
"""Seconds. No election keeps a lost leader for a day, so longer durations are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    full_name: str
    namespace: str
    holder: str
    annotations: Mapping[str, str]
    renewed: datetime | None
    acquired: datetime | None
    lasts: timedelta
    """After `renewed`; zero if the Lease does not have a duration."""
    tenure: str
    """The same until this holder loses the Lease: client-go changes acquireTime when a Lease is taken again."""
    placed: bool = True
    """As `Claim.placed`."""

    def trust(self, at: datetime) -> Trust:
        """Current until another candidate may take it (client-go tools/leaderelection). A renewal in the future is from
        another clock, so the age is unknown."""
        alive = self.renewed and -AHEAD <= at - self.renewed < self.lasts
        return Trust.CURRENT if alive else Trust.STALE

    def claim(self, at: datetime, objects: Objects, *, service: str = "", rank: int = 0) -> Claim:
        trust = self.trust(at) if self.placed else Trust.STALE
        ahead = self.renewed is not None and self.renewed - at > AHEAD
        return Claim(
            node=self.holder,
            source=f"Lease {self.full_name}",
            kind=ClaimSource.LEASE,
            trust=trust,
            service=service,
            rank=rank,
            observed_at=self.renewed,
            since=self.acquired,
            until=_later(self.renewed, self.lasts),
            tenure=self.tenure,
            placed=self.placed,
            clock_doubt=self.placed and trust is not Trust.CURRENT and (ahead or all_expired(objects, at)),
        )


def _later(moment: datetime | None, span: timedelta) -> datetime | None:
    try:
        return moment and moment + span
    except OverflowError:  # renewed in the year 9999
        return moment


def leases_named(objects: Objects, wanted: str, space: str = "") -> tuple[Lease, ...]:
    """The Leases of this name with a holder, in one namespace or in all."""
    found = (_lease(obj) for obj in objects.by(LEASES.resource, name).get(wanted, ()) if wanted)
    return tuple(lease for lease in found if lease.holder and (not space or lease.namespace == space))


def leases_beginning(objects: Objects, prefix: str) -> tuple[Lease, ...]:
    """The Leases whose name has this prefix, with a holder, in all namespaces."""
    return objects.memo((leases_beginning, prefix), lambda: tuple(_beginning(objects, prefix)))


def _beginning(objects: Objects, prefix: str) -> Iterator[Lease]:
    for obj in objects.of(LEASES.resource):
        if name(obj).startswith(prefix) and (lease := _lease(obj)).holder:
            yield lease


def _lease(obj: Object) -> Lease:
    seconds = value_at(obj, "spec", "leaseDurationSeconds")
    valid = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= _LONGEST
    acquired, transitions = text(obj, "spec", "acquireTime"), value_at(obj, "spec", "leaseTransitions")
    return Lease(
        full_name=full_name(obj),
        namespace=namespace(obj),
        holder=text(obj, "spec", "holderIdentity"),
        annotations=annotations_of(obj),
        renewed=instant(text(obj, "spec", "renewTime")),
        acquired=instant(acquired),
        lasts=timedelta(seconds=seconds if valid else 0),
        tenure=f"{text(obj, 'metadata', 'uid')} {acquired} {transitions if isinstance(transitions, int) else ''}".strip(),
    )


# --------------------------------------------------------------------------------------------- The namespace of a controller


def homes(objects: Objects, workload: str, is_own: Callable[[str], bool]) -> frozenset[str]:
    """The namespaces whose common Leases count for a controller: where its pods run (`workload`: a pattern for the names of
    its DaemonSets and Pods); else kube-system; else a namespace with several Leases of the controller (`is_own`, a function
    of a module). A tenant can give a Lease of its own namespace any name."""
    return objects.memo((homes, workload, is_own), lambda: _homes(objects, workload, is_own))


def _homes(objects: Objects, workload: str, is_own: Callable[[str], bool]) -> frozenset[str]:
    found = (obj for resource in _WORKLOADS for obj in objects.of(resource) if fnmatchcase(name(obj), workload))
    running = frozenset(namespace(obj) for obj in found)
    if running:
        return frozenset({HOME}) if HOME in running else running
    named: dict[str, set[str]] = {}
    for obj in objects.of(LEASES.resource):
        if is_own(name(obj)):
            named.setdefault(namespace(obj), set()).add(name(obj))
    several = frozenset(space for space, names in named.items() if len(names) > 1)
    return frozenset({HOME}) if HOME in named or not several else several


def believed(
    found: Iterable[Lease], home: frozenset[str], objects: Objects, workload: str
) -> tuple[tuple[Lease, ...], tuple[str, ...]]:
    """The Leases in the controller's namespace, and a note on each of the others. If there are none and the controller
    (`workload`, as in `homes`) was not found, its namespace is unknown, and the others are returned as not `placed`."""
    if not (leases := tuple(found)):
        return (), ()
    seen = any(fnmatchcase(name(obj), workload) for resource in _WORKLOADS for obj in objects.of(resource))
    if not seen and not any(lease.namespace in home for lease in leases):
        doubt = "it is unknown whether its controller runs there"
        doubts = tuple(f"Lease {lease.full_name} names {lease.holder}; {doubt}" for lease in leases)
        return tuple(replace(lease, placed=False) for lease in leases), doubts
    strange = (lease for lease in leases if lease.namespace not in home)
    where = " or ".join(sorted(home))
    why = f"but it is not in {where} and is ignored"
    notes = tuple(f"Lease {lease.full_name} names {lease.holder}, {why}" for lease in strange)
    return tuple(lease for lease in leases if lease.namespace in home), notes


# -------------------------------------------------------------------------------------------------------------------- Clocks


def all_expired(objects: Objects, at: datetime) -> bool:
    """Whether all Leases of the cluster, of several holders, ended before `at`. Kubelets renew theirs every ten seconds, so
    a clock differs, or the objects are older than stated."""
    return objects.memo((all_expired, at), lambda: _all(objects, lambda lease: at - lease.renewed >= lease.lasts))


def renewed_ahead(objects: Objects, at: datetime) -> tuple[str, ...]:
    """The full names of the Leases that were renewed later than `at`, by more than clocks may differ."""
    return tuple(lease.full_name for lease in _timed(objects) if lease.renewed - at > AHEAD)


def _all(objects: Objects, holds: Callable[[_Timed], bool]) -> bool:
    leases = _timed(objects)
    return len({lease.holder for lease in leases}) > 1 and all(holds(lease) for lease in leases)


def _timed(objects: Objects) -> tuple[_Timed, ...]:
    return objects.memo(_timed, lambda: tuple(_with_times(objects)))


@dataclass(frozen=True, slots=True)
class _Timed:
    full_name: str
    holder: str
    renewed: datetime
    lasts: timedelta


def _with_times(objects: Objects) -> Iterator[_Timed]:
    for obj in objects.of(LEASES.resource):
        lease = _lease(obj)
        if lease.holder and lease.renewed and lease.lasts:
            yield _Timed(lease.full_name, lease.holder, lease.renewed, lease.lasts)
