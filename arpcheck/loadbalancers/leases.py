"""Leases as leader elections use them: who holds one, and whether it is still alive.

Knows no load balancer: each builds the names of its own, and says where its controller writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from arpcheck.loadbalancers.common import AHEAD
from arpcheck.model import Claim, ClaimSource, Need, Trust
from arpcheck.objects import Object, Objects, annotations_of, full_name, instant, name, namespace, text
from arpcheck.objects import at as value_at

LEASES = Need(
    resource="leases.coordination.k8s.io",
    costs="the announcer of Cilium and kube-vip is not known",
    fields=(
        *("spec holderIdentity", "spec leaseDurationSeconds", "spec renewTime", "spec acquireTime"),
        *("spec leaseTransitions", "metadata annotations purelb.io/subnets"),
    ),
    record=True,
)
"""All of them: kube-vip's can be given any name by an annotation or a flag."""

HOME = "kube-system"
"""Where controllers write their common Leases unless they were told otherwise."""

KUBELETS = "kube-node-lease"
"""Where every kubelet writes one, which names no announcer."""

_WORKLOADS = ("daemonsets.apps", "pods")

_LONGEST = 24 * 60 * 60
"""Seconds. No election leaves a lost leader in office for a day; a greater number is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    full_name: str
    namespace: str
    holder: str
    annotations: Mapping[str, str]
    renewed: datetime | None
    acquired: datetime | None
    lasts: timedelta
    """After `renewed`; zero where the Lease doesn't say it."""
    tenure: str
    """The same as long as this holder has not lost it: client-go writes another acquireTime when it is taken anew."""
    placed: bool = True
    """As `Claim.placed`."""

    def trust(self, at: datetime) -> Trust:
        """Current as long as nobody else may take it (client-go tools/leaderelection). One that is renewed in the future
        was written by another clock, which says nothing of its age."""
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
    """The Leases of that name that somebody holds, in one namespace or in all."""
    found = (_lease(obj) for obj in objects.by(LEASES.resource, name).get(wanted, ()) if wanted)
    return tuple(lease for lease in found if lease.holder and (not space or lease.namespace == space))


def leases_beginning(objects: Objects, prefix: str) -> tuple[Lease, ...]:
    """Those that somebody holds, of every namespace."""
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


# ---------------------------------------------------------------------------------------------- where a controller writes


def homes(objects: Objects, workload: str, is_own: Callable[[str], bool]) -> frozenset[str]:
    """The namespaces in which a controller's common Leases are believed: where its pods run (`workload`: a pattern of the
    names of its DaemonSets and Pods); else kube-system; else one that has several Leases of the controller (`is_own`, a
    function of a module). Anybody can give a Lease of his own namespace any name."""
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
    """Those in the controller's namespace, and a note on each of the others. Where none is there and the controller
    (`workload`, as in `homes`) was not seen anywhere, its namespace is not known: then the others are not `placed`."""
    if not (leases := tuple(found)):
        return (), ()
    seen = any(fnmatchcase(name(obj), workload) for resource in _WORKLOADS for obj in objects.of(resource))
    if not seen and not any(lease.namespace in home for lease in leases):
        told = (f"Lease {x.full_name} names {x.holder}; whether its controller runs there is not known" for x in leases)
        return tuple(replace(lease, placed=False) for lease in leases), tuple(told)
    strange = (lease for lease in leases if lease.namespace not in home)
    where = " or ".join(sorted(home))
    notes = tuple(f"Lease {lease.full_name} names {lease.holder}, but is not in {where}: not believed" for lease in strange)
    return tuple(lease for lease in leases if lease.namespace in home), notes


# ------------------------------------------------------------------------------------------------------------- clocks


def all_expired(objects: Objects, at: datetime) -> bool:
    """Every Lease that the cluster has, of several holders, ended before `at`. Kubelets renew theirs every ten seconds, so
    that it is a clock that differs, or the objects are older than is said."""
    return objects.memo((all_expired, at), lambda: _all(objects, lambda lease: at - lease.renewed >= lease.lasts))


def renewed_ahead(objects: Objects, at: datetime) -> tuple[str, ...]:
    """The Leases, by full name, that were renewed later than `at`, by more than clocks may differ."""
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
