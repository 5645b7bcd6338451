"""Which addresses a format for people shows, in which order, and which of them share a row.

What is wrong comes first. Addresses with the same verdict, responders, announcer and reason are one row, and rows with the
same reason stand together, so that the reason is given once, under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.model import Outcome, Report, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.connections import is_plain_acceptance, summary
from arpcheck.reports.formatting import listing
from arpcheck.reports.words import address, announcer_of, repliers, service_names, verdict_line, verdict_of
from arpcheck.text import PROSE_LIMIT, count, plain

MANY_OK = 20
"""More addresses than these that are in order share one line."""

FOLDED = 3
"""Addresses from which on one row is shorter: it has a second line with the addresses."""
MEMBERS = 4
"""Addresses that are named of those that share a row."""

_OUTCOMES = (Outcome.FAULT, Outcome.UNSURE, Outcome.NOT_JUDGED, Outcome.FINE)
_RULES = tuple(Verdict)


def chosen(report: Report, style: Style) -> tuple[TargetReport, ...]:
    """The addresses that are shown, the gravest first: by outcome, by verdict in the order of the rules, by address. What is
    accepted comes after all that counts."""
    found = (target for target in report.targets if target.verdict and style.shows(target.verdict))
    return tuple(sorted(found, key=_grave))


def _grave(target: TargetReport) -> tuple[float, int, int, int]:
    ip = target.target.ip
    return (*gravity(target), ip.version if ip else 9, int(ip) if ip else 0)


def gravity(target: TargetReport) -> tuple[float, int]:
    """Sorts addresses: faults, doubts, what is accepted, what was not judged, what is in order, and in each the verdicts in
    the order of their rules. The canary and the control are the last."""
    if target.verdict is None:
        return 9, 0
    place = _OUTCOMES.index(target.outcome)
    known = target.accepted is not None and target.outcome in (Outcome.FAULT, Outcome.UNSURE)
    return 1.5 if known else place, _RULES.index(target.verdict)


def first_line(report: Report, style: Style) -> str:
    """Why the exit code is what it is, what was not judged, and how many addresses are hidden."""
    verdicts = [target.verdict for target in report.targets if target.verdict]
    line, left = verdict_line(report), sum(not style.shows(verdict) for verdict in verdicts)
    if style.shown and left:
        return f"{line}; {left:,} of {count(len(verdicts), 'address')} hidden by {style.shown.options}"
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Addresses that share a row."""

    targets: tuple[TargetReport, ...]

    @property
    def first(self) -> TargetReport:
        return self.targets[0]

    def members(self) -> str:
        """The first of its addresses; of what has none, its Service."""
        return listing((address(one) if one.target.ip else service_names(one)[0] for one in self.targets), MEMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SameReason:
    """Rows that have the same reason."""

    rows: tuple[Alike, ...]

    def reason(self) -> str:
        """The reason, and whom clients reach where several replied. Empty for what is in order, and nothing else
        to be said of it."""
        first = self.rows[0].first
        if first.outcome is Outcome.FINE and not first.also:
            return ""
        return "; ".join(filter(None, (plain(first.reason, PROSE_LIMIT), self._winners())))

    def _winners(self) -> str:
        if self.rows[0].first.outcome is not Outcome.FAULT:
            return ""
        contested = [target for row in self.rows for target in row.targets if len(target.responders) > 1]
        won = Counter(target.winner for target in contested if target.winner is not None).most_common()
        match won:
            case [(name, _)]:
                return f"clients most likely reach {plain(name)}"
            case [(name, most), (other, least)]:
                return f"clients most likely reach {plain(name)} ({most:,} of {most + least:,} addresses) or {plain(other)}"
            case _:
                return ""


def blocks(targets: Iterable[TargetReport]) -> tuple[SameReason, ...]:
    """The rows in the order of their first address, those with the same reason together."""
    alike: dict[tuple[object, ...], list[TargetReport]] = {}
    for target in targets:
        key = verdict_of(target), target.reason, repliers(target), announcer_of(target), summary(target)
        alike.setdefault(key, []).append(target)
    found: dict[tuple[object, ...], list[Alike]] = {}
    for (verdict, reason, *_), group in alike.items():
        found.setdefault((verdict, reason), []).extend(_rows(group))
    return tuple(SameReason(rows=tuple(rows)) for rows in found.values())


def _rows(group: Sequence[TargetReport]) -> Iterable[Alike]:
    """What is in order has a row for each address, so that a Service is found by its name."""
    if len(group) < FOLDED or group[0].outcome is Outcome.FINE:
        return (Alike(targets=(target,)) for target in group)
    return (Alike(targets=tuple(group)),)


def in_order(targets: Sequence[TargetReport]) -> tuple[Sequence[TargetReport], Sequence[TargetReport]]:
    """(rows, those that share the line of what is in order): none of the latter up to MANY_OK. An address of which more is
    to be said has its row."""
    fine = [target for target in targets if _is_fine(target)]
    if len(fine) <= MANY_OK:
        return targets, ()
    return [target for target in targets if not _is_fine(target)], fine


def _is_fine(target: TargetReport) -> bool:
    return target.outcome is Outcome.FINE and not target.also and is_plain_acceptance(target)
