"""What can be said before an answer is heard: who should answer. It is made while the sweep has only to listen, so that the
report of a large cluster is out sooner. Pure: nothing depends on whether it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence, Options
from arpcheck.model import Host, Target
from arpcheck.objects import Objects
from arpcheck.pipeline import ages, records
from arpcheck.targets import JUDGED

ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)

A_STEP = 4
"""Addresses, which take a fifth of a millisecond; where there are thousands of nodes, several."""


def look_through(targets: Iterable[Target], objects: Objects) -> None:
    """The first question looks through all objects, which takes too long while frames may come."""
    for target in _judged(targets):
        if target.services:
            records.recorded(target, objects, ANY_TIME)
            return


def foresight(
    targets: Iterable[Target], options: Options, objects: Objects, host: Host, started_at: datetime
) -> Iterator[None]:
    """A few addresses a step."""
    begun = Evidence(arpcheck="", started_at=started_at, ended_at=started_at, options=options, host=host, objects=objects)
    at = ages.moment(begun)
    for number, target in enumerate(_judged(targets), 1):
        records.recorded(target, objects, at)
        if number % A_STEP == 0:
            yield


def _judged(targets: Iterable[Target]) -> Iterator[Target]:
    """Those that get a verdict by what answers them."""
    return (t for t in targets if t.kind in JUDGED and isinstance(t.ip, IPv4Address) and not t.skipped)
