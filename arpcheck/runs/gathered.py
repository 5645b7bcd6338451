"""One evidence of all vantages of `arpcheck cluster`, however many of them failed.

All of them are judged by the records from before the first of them and after the last: what holds in both held at every
vantage's time. A Job that failed leaves a gap; what was not asked for because of it is not judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import assert_never

from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.model import Acceptance, Address, Gap, order
from arpcheck.model.constants import SEGMENTS
from arpcheck.objects import Objects
from arpcheck.runs.merge import merge


class JobKind(Enum):
    """What a Job was for."""

    INTERFACES = "interfaces"
    VANTAGE = "evidence"

    @property
    def costs(self) -> str:
        match self:
            case JobKind.INTERFACES:
                return "the networks of these nodes are not known, so they do not probe"
            case JobKind.VANTAGE:
                return "what only these nodes would have heard is not known"
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """A Job that gave no evidence."""

    node: str
    kind: JobKind
    why: str
    """In the words of the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReadings:
    """What `arpcheck cluster` itself read and was told."""

    options: Options
    objects: Objects
    """Read before the first vantage."""
    after: Objects | None = None
    """The records as read after the last vantage."""
    mac_map: tuple[MacEntry, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    outdated: tuple[Address, ...] = ()
    """Addresses whose Services changed in between."""
    started_at: datetime
    ended_at: datetime
    version: str
    interrupted: bool = False
    unheard: tuple[str, ...] = ()
    """Segments in which no vantage gave evidence."""


def gathered(heard: Sequence[tuple[str, Evidence]], failed: Sequence[FailedJob], read: ClusterReadings) -> Evidence:
    """`heard`: the evidence of each vantage with its node, without the objects that it was told."""
    objects = replace(read.objects, gaps=(*read.objects.gaps, *gaps_of(failed, read.unheard)))
    placed = [
        (
            node,
            replace(
                found,
                objects=objects,
                after=read.after,
                mac_map=read.mac_map,
                accepted=read.accepted,
                outdated=tuple(sorted(read.outdated, key=order)),
                host=replace(found.host, node_name=node),
                options=replace(read.options, interfaces=found.options.interfaces, families=found.options.families),
                interrupted=False,
            ),
        )
        for node, found in heard
    ]
    match placed:
        case []:
            merged = Evidence(
                arpcheck=read.version, started_at=read.started_at, ended_at=read.ended_at, options=read.options,
                objects=objects, after=read.after, mac_map=read.mac_map, accepted=read.accepted,
            )  # fmt: skip
        case [(node, alone)]:
            merged = replace(alone, trouble=tuple(f"{node}: {trouble}" for trouble in alone.trouble))
        case _:
            merged = merge(placed)
    return replace(merged, interrupted=read.interrupted)


def gaps_of(failed: Sequence[FailedJob], unheard: Sequence[str] = ()) -> Iterable[Gap]:
    """One for all that failed for the same reason."""
    alike: dict[tuple[JobKind, str], list[str]] = {}
    for one in failed:
        alike.setdefault((one.kind, one.why), []).append(one.node)
    for (kind, why), nodes in alike.items():
        more = f" and {len(nodes) - MOST_NAMED} more" if len(nodes) > MOST_NAMED else ""
        yield Gap(what=f"{kind.value} of {', '.join(nodes[:MOST_NAMED])}{more}", why=why, costs=kind.costs)
    if unheard:
        why = f"no node gave evidence of {', '.join(unheard)}"
        yield Gap(what=SEGMENTS, why=why, costs="nothing in these networks was judged")


MOST_NAMED = 6


def in_time(evidence: Evidence, begun: datetime, ended: datetime) -> Evidence:
    """With its times moved by as little as is needed to lie between the two: those of a node whose clock differs are not
    comparable with those of records. `begun`: when its Job was made; `ended`: when its log was read."""
    late, early = begun - evidence.started_at, evidence.ended_at - ended
    shift = late if late > timedelta(0) else -early if early > timedelta(0) else timedelta(0)
    return (
        replace(evidence, started_at=evidence.started_at + shift, ended_at=evidence.ended_at + shift) if shift else evidence
    )


def outdated(before: Objects, later: Objects) -> tuple[Address, ...]:
    """Addresses that another Service, or none, had at the end. Empty where Services could not be read twice."""
    if before.gap("services") or later.gap("services") or "services" not in later.resources:
        return ()
    first, last = _holders(before), _holders(later)
    return tuple(sorted((ip for ip, services in first.items() if last.get(ip) != services), key=order))


def _holders(objects: Objects) -> dict[Address, frozenset[str]]:
    found: dict[Address, set[str]] = {}
    for service in objects.services():
        for ip in service.addresses:
            found.setdefault(ip, set()).add(service.full_name)
    return {ip: frozenset(services) for ip, services in found.items()}
