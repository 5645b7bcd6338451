"""Leases as leader elections use them: who holds one, and whether it is still alive.

Knows no load balancer: each builds the names of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from arpcheck.model import Claim, Need, Trust
from arpcheck.objects import Object, Objects, annotations_of, full_name, instant, name, namespace, text
from arpcheck.objects import at as value_at

LEASES = Need(
    resource="leases.coordination.k8s.io",
    costs="the announcer of Cilium and kube-vip is not known",
    fields=("spec holderIdentity", "spec leaseDurationSeconds", "spec renewTime", "metadata annotations purelb.io/subnets"),
)
"""All of them: kube-vip's can be given any name by an annotation or a flag."""

_LONGEST = 24 * 60 * 60
"""Seconds. No election leaves a lost leader in office for a day; a greater number is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    full_name: str
    namespace: str
    holder: str
    annotations: Mapping[str, str]
    renewed: datetime | None
    lasts: timedelta
    """After `renewed`; zero where the Lease doesn't say it."""

    def trust(self, at: datetime) -> Trust:
        """Current as long as nobody else may take it (client-go tools/leaderelection)."""
        return Trust.CURRENT if self.renewed and at - self.renewed < self.lasts else Trust.STALE

    def claim(self, at: datetime, *, service: str = "", rank: int = 0) -> Claim:
        return Claim(
            node=self.holder,
            source=f"Lease {self.full_name}",
            trust=self.trust(at),
            service=service,
            rank=rank,
            observed_at=self.renewed,
        )


def leases_named(objects: Objects, wanted: str, space: str = "") -> tuple[Lease, ...]:
    """The Leases of that name that somebody holds, in one namespace or in all."""
    found = (_read(obj) for obj in objects.by(LEASES.resource, name).get(wanted, ()) if wanted)
    return tuple(lease for lease in found if lease.holder and (not space or lease.namespace == space))


def leases_beginning(objects: Objects, prefix: str) -> tuple[Lease, ...]:
    """Those that somebody holds, of every namespace."""
    return objects.memo((leases_beginning, prefix), lambda: tuple(_beginning(objects, prefix)))


def _beginning(objects: Objects, prefix: str) -> Iterator[Lease]:
    for obj in objects.of(LEASES.resource):
        if name(obj).startswith(prefix) and (lease := _read(obj)).holder:
            yield lease


def _read(obj: Object) -> Lease:
    seconds = value_at(obj, "spec", "leaseDurationSeconds")
    valid = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= _LONGEST
    return Lease(
        full_name=full_name(obj),
        namespace=namespace(obj),
        holder=text(obj, "spec", "holderIdentity"),
        annotations=annotations_of(obj),
        renewed=instant(text(obj, "spec", "renewTime")),
        lasts=timedelta(seconds=seconds if valid else 0),
    )
