"""Decides which announcer records apply to the frames of this run. A record that was made later, or that may have ended
before, does not apply. All times are the API server's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import is_

from arpcheck.evidence import Evidence
from arpcheck.loadbalancers.leases import LEASES, all_expired, renewed_ahead
from arpcheck.model import Announcement, Claim, ClaimSource, Gap, Trust
from arpcheck.model.constants import AHEAD, CURRENT_FOR
from arpcheck.objects import Objects, instant, items, text

FRESH = timedelta(seconds=60)
"""Maximum distance between the requests and the only reading of a record that has no end."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The times of the frames and of the readings."""

    frames: tuple[Span, ...]
    """From the first request to the last frame, for each probing host."""
    read_at: datetime | None
    """When the cluster was read; None if unknown."""
    judged_at: datetime
    """The time against which record ages are measured: `read_at`, else the newest time in the records, which they are no
    older than."""
    again: datetime | None = None
    """When the records were read a second time."""
    recorded: bool = False
    """The frames' times come from an unknown clock: that of a capture."""


def when(evidence: Evidence) -> When:
    objects, after = evidence.objects, evidence.after
    ahead = server_ahead(objects)
    read_at = None if objects.read_at is None else _plus(objects.read_at, ahead)
    spans = [(v.started_at, v.ended_at) for v in evidence.vantages] or [(evidence.started_at, evidence.ended_at)]
    again = after.read_at if after else None
    return When(
        frames=tuple((_plus(start, ahead), _plus(end, ahead)) for start, end in spans),
        read_at=read_at,
        judged_at=read_at or newest_time(objects) or evidence.started_at,
        again=_plus(again, server_ahead(after)) if after and again else None,
        recorded=evidence.capture is not None,
    )


def server_ahead(objects: Objects) -> timedelta:
    """How far the API server's clock is ahead of this host's; less than five seconds counts as zero."""
    ahead = objects.server_ahead
    if ahead is None or abs(ahead) < AHEAD.total_seconds():
        return timedelta(0)
    return timedelta(seconds=max(-_CENTURY, min(_CENTURY, ahead)))


_CENTURY = 100 * 365 * 86400.0


def _plus(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment + span
    except OverflowError:  # within a century of the limits of datetime
        return moment


def moment(evidence: Evidence) -> datetime:
    """The time against which record ages are measured."""
    return when(evidence).judged_at


def outdated(evidence: Evidence) -> datetime | None:
    """When the cluster was read, if that was too long before the first request; else None. A capture has a gap of its own
    for this."""
    read_at = evidence.objects.read_at
    if read_at is None or evidence.capture is not None:
        return None
    return read_at if all(start - read_at > CURRENT_FOR for start in _starts(evidence)) else None


def read_time(evidence: Evidence) -> str:
    """When the cluster was read, as text for a sentence about frames of another time."""
    time = when(evidence)
    if time.read_at is not None and evidence.objects.read_at is not None:
        return f"{evidence.objects.read_at:%Y-%m-%d %H:%M} UTC"
    newest = newest_time(evidence.objects)
    return f"{newest:%Y-%m-%d %H:%M} UTC or later" if newest else "at an unknown time"


def gaps(evidence: Evidence) -> Iterable[Gap]:
    """Gaps about records: too old, clocks that differ, or read only once."""
    if (read_at := outdated(evidence)) is not None:
        why = f"read {read_at:%Y-%m-%d %H:%M} UTC, more than an hour before the requests"
        yield Gap(what="cluster", why=why, costs="another node may be the announcer by now")
    yield from _clocks(evidence)
    for found in evidence.after.gaps if evidence.after else ():
        costs = "only the record's own times show whether the announcer stayed the same"
        yield Gap(what=found.what, why=f"{found.why} after the last frame", costs=costs)


def _starts(evidence: Evidence) -> list[datetime]:
    return [vantage.started_at for vantage in evidence.vantages] or [evidence.started_at]


# -------------------------------------------------------------------------------------------------- Readings of unknown age


def newest_time(objects: Objects) -> datetime | None:
    """The latest time in any of the objects: they were read at that time or later. None if they have no times."""
    return objects.memo(newest_time, lambda: max(_times(objects), default=None))


_PATHS = (
    ("metadata", "creationTimestamp"), ("spec", "renewTime"), ("spec", "acquireTime"), ("lastTimestamp",), ("eventTime",),
    ("firstTimestamp",), ("deprecatedLastTimestamp",), ("series", "lastObservedTime"),
)  # fmt: skip


def _times(objects: Objects) -> Iterable[datetime]:
    for found in objects.resources.values():
        for obj in found:
            written = [text(obj, *path) for path in _PATHS]
            written += [text(entry, "time") for entry in items(obj, "metadata", "managedFields")]
            for condition in items(obj, "status", "conditions"):
                written += [text(condition, key) for key in ("lastHeartbeatTime", "lastTransitionTime")]
            yield from (time for entry in written if entry and (time := instant(entry)))


# ----------------------------------------------------------------------------------------------------- The trust of a claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The claims of one or two readings, with the trust that they deserve for these frames."""

    announcements: tuple[tuple[Announcement, ...], ...]
    changed: tuple[Claim, ...]
    """Claims that only one of two readings has: the announcers before and after a change."""
    out_of_time: bool
    """A claim was current when it was read, but not known to be current when these frames were sent."""


_RESOURCES: Mapping[ClaimSource, str] = {
    ClaimSource.LEASE: LEASES.resource,
    ClaimSource.SERVICE_L2_STATUS: "servicel2statuses.metallb.io",
    ClaimSource.POD: "pods",
    ClaimSource.EVENT: "events",
    ClaimSource.ANNOTATION: "services",
    ClaimSource.HOST_NAME: "services",
}
"""The resource that contains claims of this kind."""


def held(
    first: tuple[tuple[Announcement, ...], ...],
    later: tuple[tuple[Announcement, ...], ...] | None,
    time: When,
    read_again: Callable[[str], bool],
) -> Held:
    """`first` and `later`: the announcements of the two readings by Service; `later` is None if there was one reading.
    `read_again`: whether the second reading has a resource."""
    before = {claim for of_service in first for one in of_service for claim in one.claims}
    after = {claim for of_service in later or () for one in of_service for claim in one.claims}
    twins = {_identity(claim): claim for claim in after}
    known = {_identity(claim) for claim in before} if after else frozenset()
    twice = {kind for kind, resource in _RESOURCES.items() if later is not None and read_again(resource)}
    # a claim that had ended before the reading is not a change
    lost = [claim for claim in before if claim.kind in twice and _identity(claim) not in twins and _is_current(claim)]
    new = [claim for claim in after if claim.kind in twice and _identity(claim) not in known and _is_current(claim)]
    trusted = {claim: _trusted(claim, twins.get(_identity(claim)), claim.kind in twice, time) for claim in before}
    shown = tuple(
        tuple(_with_claims(one, [trusted[claim] for claim in one.claims]) for one in of_service) for of_service in first
    )
    with_event = {claim.service for claim in trusted.values() if claim.kind is ClaimSource.EVENT and _is_current(claim)}
    later_ones = [_later(claim, with_event) for claim in sorted(new, key=_place)]
    return Held(
        announcements=_added(shown, later_ones, later or ()),
        changed=tuple(sorted((*lost, *new), key=_place)),
        out_of_time=any(
            claim.trust is Trust.CURRENT
            and now.trust is Trust.STALE
            and (claim.kind not in twice or _is_current(twins.get(_identity(claim))))
            for claim, now in trusted.items()
        ),
    )


def _with_claims(one: Announcement, claims: Sequence[Claim]) -> Announcement:
    return one if all(map(is_, claims, one.claims)) else replace(one, claims=tuple(claims))


def _later(claim: Claim, with_event: Collection[str]) -> Claim:
    """A claim that only the second reading has did not exist from the beginning. An event is an exception if an earlier
    event exists for its Service (`with_event`): then each node that an event of this run names is accepted. Alone it would
    leave the node that announced before the event in doubt."""
    beside = claim.kind is ClaimSource.EVENT and claim.service in with_event
    return claim if beside else replace(claim, trust=Trust.STALE)


def distrusted(found: Held) -> Held:
    """The same for an address that moved, or may have moved, after its records were read."""
    changed = tuple(tuple(_distrusted(one) for one in of_service) for of_service in found.announcements)
    return replace(found, announcements=changed, out_of_time=found.out_of_time or changed != found.announcements)


def _distrusted(one: Announcement) -> Announcement:
    claims = (replace(c, trust=Trust.STALE) if _is_current(c) and not c.kind.lasts else c for c in one.claims)
    return replace(one, claims=tuple(claims))


def _is_current(claim: Claim | None) -> bool:
    return claim is not None and claim.trust is Trust.CURRENT


def _identity(claim: Claim) -> tuple[str, ...]:
    return claim.kind, claim.source, claim.node, claim.service, claim.tenure


def _place(claim: Claim) -> tuple[str, ...]:
    return claim.service, claim.source, claim.node, claim.tenure


def _added(
    shown: tuple[tuple[Announcement, ...], ...], new: list[Claim], later: tuple[tuple[Announcement, ...], ...]
) -> tuple[tuple[Announcement, ...], ...]:
    """Adds the later claims to the earlier ones of the same implementation. An implementation that had no earlier claim gets
    none; `changed` still has them."""
    if not new:
        return shown
    whose = {_identity(claim): one.implementation for of_service in later for one in of_service for claim in one.claims}
    return tuple(
        tuple(replace(one, claims=(*one.claims, *(c for c in new if _is_of(c, one, whose)))) for one in of_service)
        for of_service in shown
    )


def _is_of(claim: Claim, one: Announcement, whose: Mapping[tuple[str, ...], str | None]) -> bool:
    services = {mine.service for mine in one.claims}
    return whose.get(_identity(claim)) == one.implementation and (not services or claim.service in services)


def _trusted(claim: Claim, twin: Claim | None, twice: bool, time: When) -> Claim:
    if claim.kind.lasts or claim.trust is Trust.GUESS:
        return claim
    if twice:
        return _held_throughout(claim, twin, time)
    if claim.trust is Trust.STALE:
        return claim
    return claim if all(_covers(claim, span, time) for span in time.frames) else replace(claim, trust=Trust.STALE)


def _held_throughout(claim: Claim, twin: Claim | None, time: When) -> Claim:
    """The same holder in both readings, without a loss in between: the claim is current at the end, or was renewed since the
    beginning, which needs no clock."""
    if twin is None:
        return replace(claim, trust=Trust.STALE)
    renewals = claim.observed_at, twin.observed_at
    renewed = claim.kind is ClaimSource.LEASE and bool(renewals[0] and renewals[1] and renewals[1] > renewals[0])
    alive = twin.trust is Trust.CURRENT or renewed
    begun = twin.since if twin.since and claim.kind is not ClaimSource.EVENT else time.read_at
    early = begun is not None and all(begun <= start + AHEAD for start, _ in time.frames)
    if alive and early and (claim.trust is Trust.CURRENT or renewed):
        return replace(claim, trust=Trust.CURRENT, observed_at=twin.observed_at, until=twin.until, clock_doubt=False)
    return replace(claim, trust=Trust.STALE)


def _covers(claim: Claim, span: Span, time: When) -> bool:
    """Whether a claim that was read once covers the frames."""
    start, end = span
    if time.read_at is None or (claim.since is not None and claim.since > start + AHEAD):
        return False
    if claim.until is not None:
        begun = claim.since or time.read_at
        return begun <= start + FRESH and end <= max(claim.until, time.read_at) + AHEAD
    between = claim.since is not None and claim.kind is not ClaimSource.EVENT and end <= time.read_at
    return (between and not time.recorded) or abs(start - time.read_at) <= FRESH


# ------------------------------------------------------------------------------------------------------------------- Clocks


def _clocks(evidence: Evidence) -> Iterable[Gap]:
    """Gaps if the times of the Leases contradict the API server's clock. A file of unknown age has no clock to compare
    with."""
    objects = evidence.objects
    if objects.read_at is None:
        return
    time = when(evidence).judged_at
    costs = "the age of a Lease or an event is not known"
    if leases := renewed_ahead(objects, time):
        more = f" and {len(leases) - 1} more" if len(leases) > 1 else ""
        yield Gap(what="clocks", why=f"clocks differ: Lease {leases[0]}{more} renewed in the future", costs=costs)
    if all_expired(objects, time):
        yield Gap(what="clocks", why="all Leases have expired: clocks differ, or nothing renews them", costs=costs)
