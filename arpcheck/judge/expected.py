"""Who should reply for an address, by the records of its load balancers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from arpcheck.model import Announcement, Claim, ClaimSource, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Who should answer for an address, by what is recorded."""

    claims: tuple[Claim, ...]
    """All, the strongest first."""
    announcers: frozenset[str]
    """Any of these nodes is right, or, for an address of several Services, one for each of them."""
    silence: str | None
    """Why nobody should answer; None: somebody should, or nothing is known."""
    deciding: tuple[Announcement, ...]
    """Of each Service the announcements that its strongest current claims are from; where it has none, the first."""
    conflict: tuple[Claim, ...]
    """Two claims of the first rank about one Service that name different nodes."""


def expected(announcements: Iterable[Iterable[Announcement]], alive: Collection[str] | None = None) -> Expected:
    """`announcements`: a Service each, the deciding one first. `alive`: the nodes that are Ready or were heard, a claim on
    any other may be stale; None: the nodes are not known.

    Of each Service only its strongest current claims say who should answer: a lower rank never contradicts a higher, a
    node's own address says nothing where anything else is recorded, and of events any node that one names fits. Nobody
    should only where that is so for every Service that has the address."""
    claims: list[Claim] = []
    announcers: set[str] = set()
    silences: list[str | None] = []
    deciding: list[Announcement] = []
    conflicts: list[tuple[Claim, Claim]] = []
    leaders: list[Claim] = []
    for of_service in announcements:
        said = tuple(of_service)
        found = _strongest_first(said, alive)
        claims.extend(claim for _, claim in found)
        strongest = _strongest(found)
        announcers |= {claim.node for _, claim in strongest}
        places = {position for position, _ in strongest} or ({0} if said else set())
        deciding.extend(said[position] for position in sorted(places))
        first = [claim for _, claim in strongest if claim.kind.rank == 0]
        conflicts.extend((first[0], other) for other in first[1:] if other.node != first[0].node)
        leaders.extend(first[:1])
        silences.append(next((a.silence for a in said if a.silence), None))
    claims.sort(key=lambda claim: _TRUST[claim.trust])
    # Services that share an address have one announcer.
    conflicts.extend((leaders[0], other) for other in leaders[1:] if other.node != leaders[0].node)
    return Expected(
        claims=tuple(dict.fromkeys(claims)),
        announcers=frozenset(announcers),
        silence=silences[0] if silences and all(silences) and not announcers else None,
        deciding=tuple(deciding),
        conflict=conflicts[0] if conflicts else (),
    )


Placed = tuple[int, Claim]
"""A claim and the position of its announcement among those of the Service."""


def _strongest_first(said: Sequence[Announcement], alive: Collection[str] | None) -> list[Placed]:
    found = [(position, _if_alive(claim, alive)) for position, a in enumerate(said) for claim in a.claims]
    return sorted(
        found, key=lambda one: (_TRUST[one[1].trust], one[1].kind.rank, one[0], one[1].rank, one[1].node, one[1].source)
    )


def _if_alive(claim: Claim, alive: Collection[str] | None) -> Claim:
    """Nobody takes back what a node that is gone has recorded."""
    if alive is None or claim.trust is not Trust.CURRENT or claim.node in alive:
        return claim
    return replace(claim, trust=Trust.STALE)


def _strongest(found: Sequence[Placed]) -> list[Placed]:
    """Those of the first rank that speak of the very Service, of every implementation; all others of the deciding one
    only: another's Lease for all Services need not be for this one."""
    every = [one for one in found if one[1].trust is Trust.CURRENT]
    recorded = [position for position, claim in every if claim.kind is not ClaimSource.NODE_ADDRESS]
    decides = min(recorded, default=0)
    current = [one for one in every if one[0] == decides or one[1].rank == 0]
    if not current:
        return []
    position, claim = current[0]
    if claim.kind is ClaimSource.NODE_ADDRESS and any(other.kind.rank < claim.kind.rank for _, other in found):
        return []
    best = [one for one in current if one[1].kind.rank == claim.kind.rank]
    own = [one for one in best if one[0] == position and one[1].rank == claim.rank]
    others = [one for one in best if one[0] != position and one[1].rank == 0] if claim.kind.rank == 0 else []
    return [*own, *others]


_TRUST = {Trust.CURRENT: 0, Trust.STALE: 1, Trust.GUESS: 2}
