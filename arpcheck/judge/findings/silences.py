"""Addresses that nobody replied for, grouped by their first reason, so that forty addresses with one cause say it once; and
the finding that shows the groups, each with its addresses and its cure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.judge.judged import Found, Judged, Judgement, Rule
from arpcheck.judge.reasons import cure
from arpcheck.model import Address, Certainty, Outcome, Reason, ReasonId, Severity, Verdict

MOST_NAMED = 12
"""Addresses that the finding names for one reason; it counts the others."""
MOST_READ = 3
"""Objects that a group names for one reading, and readings that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentGroup:
    """Addresses with the same first reason, equally sure, of the same load balancer."""

    found: tuple[tuple[Address, Reason], ...]

    @property
    def first(self) -> Reason:
        return self.found[0][1]

    @property
    def ips(self) -> tuple[Address, ...]:
        return tuple(ip for ip, _ in self.found)

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(sorted({node for _, reason in self.found for node in reason.nodes}))

    @property
    def do(self) -> str:
        """The cure. Where it is not the same for all, it has the placeholders NAMESPACE and NAME."""
        cures = {reason.do for _, reason in self.found}
        return self.first.do if len(cures) == 1 else cure(self.first.id, self.first.implementation)

    def text(self, most: int) -> str:
        """`Nobody replies for 10.0.0.50 and 10 more: Service web/a: it has no endpoint`, with `most` addresses."""
        return f"Nobody replies for {_listed(map(str, self.ips), most)}: {self._read()}"

    def _read(self) -> str:
        """What was read, with the objects of which the same was read."""
        subjects: dict[str, dict[str, None]] = {}
        for _, reason in self.found:
            subjects.setdefault(reason.evidence, {})[reason.subject] = None
        read = [
            f"{_listed(of, MOST_READ)}{', each' if len(of) > 1 else ''}: {evidence}" for evidence, of in subjects.items()
        ]
        more = len(read) - MOST_READ
        return "; ".join((*read[:MOST_READ], *([f"and {more} more"] if more > 0 else ())))


def silent_groups(judgements: Iterable[Judgement]) -> tuple[SilentGroup, ...]:
    """Of the addresses that nobody replied for and that have a reason: the surest first, the largest of them first, and at
    the end what nothing explains."""
    groups: dict[tuple[ReasonId, Certainty, str | None], list[tuple[Address, Reason]]] = {}
    for one in judgements:
        if one.verdict in (Verdict.SILENT, Verdict.INCONCLUSIVE) and not one.case.parties and one.reasons:
            first = one.reasons[0]
            groups.setdefault((first.id, first.certainty, first.implementation), []).append((one.ip, first))
    found = [SilentGroup(found=tuple(group)) for group in groups.values()]
    return tuple(sorted(found, key=_order))


def _order(group: SilentGroup) -> tuple[bool, int, int]:
    return group.first.id is ReasonId.UNEXPLAINED, group.first.certainty.rank, -len(group.found)


def _listed(names: Iterable[str], most: int) -> str:
    every: Sequence[str] = [*names]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")


def why_silent(judged: Judged) -> Found | None:
    """Means: nobody replied for several addresses. Here they are grouped by the first reason of each, so that a cause that
    they share is seen once.

    Decided when:
    1. nobody replied for two or more addresses, and each of them has a reason.
    2. and something that was read or seen explains at least one of them, or may explain it.
    3. addresses of the finding `broadcast-filtered` do not count.

    Do:
    - `arpcheck explain REASON` says what a reason means. `-o wide` shows all reasons of an address."""
    groups = [group for group in silent_groups(judged.asked()) if group.first.id is not ReasonId.BROADCAST_FILTERED]
    ips = tuple(ip for group in groups for ip in group.ips)
    if len(ips) < 2 or all(group.first.id is ReasonId.UNEXPLAINED for group in groups):
        return None
    because = tuple(f"{group.first.id}{_doubt(group.first.certainty)}: {group.text(MOST_NAMED)}" for group in groups)
    do = tuple(f"{group.first.id}: {group.do}" if len(groups) > 1 else group.do for group in groups)
    return Found(because=because, ips=ips, do=do)


def _doubt(certainty: Certainty) -> str:
    return "" if certainty is Certainty.SURE else f" ({certainty})"


RULES = (Rule(id="why-silent", severity=Severity.INFO, outcome=Outcome.FINE, find=why_silent),)
