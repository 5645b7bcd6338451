"""How old what was read of the cluster is when the questions are put: the moment at which claims are judged, and what is
too old to be held against anybody. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from arpcheck.evidence import Evidence
from arpcheck.model import Announcement, Claim, Gap, Trust

FRESH = timedelta(seconds=60)
"""A Lease lives for seconds: it is judged by the moment when it was read, if that was just before the questions."""

CURRENT_FOR = timedelta(hours=1)
"""How long what was read is believed, as an event is: after that the announcer may be another."""


def moment(evidence: Evidence) -> datetime:
    """The moment at which claims are judged: when they were read, if a host asked just after; else when the last host
    began to ask."""
    read_at = evidence.objects.read_at
    starts = _starts(evidence)
    if read_at is not None and any(timedelta(0) <= start - read_at <= FRESH for start in starts):
        return read_at
    return max(starts)


def outdated(evidence: Evidence) -> datetime | None:
    """When the cluster was read, where that was too long before anybody asked. Of a capture a gap of its own speaks."""
    read_at = evidence.objects.read_at
    if read_at is None or evidence.capture is not None:
        return None
    return read_at if all(start - read_at > CURRENT_FOR for start in _starts(evidence)) else None


def demoted(announcement: Announcement) -> Announcement:
    """The same of an outdated cluster: no claim is current, but that a node has its own address."""
    return replace(announcement, claims=tuple(_demoted(claim) for claim in announcement.claims))


def gap(read_at: datetime | None) -> Iterable[Gap]:
    if read_at is not None:
        why = f"read {read_at:%Y-%m-%d %H:%M} UTC, more than an hour before the questions"
        yield Gap(what="cluster", why=why, costs="who should answer now may be another than was recorded then")


def _demoted(claim: Claim) -> Claim:
    lasting = claim.trust is not Trust.CURRENT or claim.source == f"Node {claim.node}"
    return claim if lasting else replace(claim, trust=Trust.STALE)


def _starts(evidence: Evidence) -> list[datetime]:
    return [vantage.started_at for vantage in evidence.vantages] or [evidence.started_at]
