"""What the formats for people share: which addresses they show, in which order, and which of them share a row; the words
for why nobody replies for an address, or not the right node; and those for what `--reach` found. Every text is `plain`.

What is wrong comes first. Addresses with the same verdict, responders, announcer and reason are one row, and rows with the
same reason stand together, so that the reason is given once, under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.model import Certainty, Outcome, ReachResult, ReachRow, Reason, ReasonId, Report, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE, listing
from arpcheck.reports.words import address, announcer_of, repliers, service_names, verdict_line, verdict_of
from arpcheck.text import PROSE_LIMIT, count, plain

MANY_OK = 20
"""More addresses than these that are in order share one line."""

FOLDED = 3
"""Addresses from which on one row is shorter: it has a second line with the addresses."""
MEMBERS = 4
"""Addresses that are named of those that share a row."""

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
    known = target.accepted is not None and target.outcome.is_problem
    return 1.5 if known else target.outcome.place, _RULES.index(target.verdict)


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


# ------------------------------------------------------------------------------- Why nobody replies, or not the right node

ADDRESSES = 12
"""Addresses that one explanation names."""
READINGS = 6
"""Objects that one explanation names for one reading, and its readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A reason, with all addresses that have it."""

    addresses: str
    reason: str
    certainty: str
    read: tuple[str, ...]
    """`Service web/nginx, Service web/blog, each: it has no endpoint`, for each reading."""
    do: str


def explanations(targets: Iterable[TargetReport]) -> Sequence[Explanation]:
    """Every reason of every address, the surest first."""
    found: dict[tuple[ReasonId, Certainty, str | None], list[tuple[TargetReport, Reason]]] = {}
    for target in targets:
        for reason in target.reasons:
            found.setdefault((reason.id, reason.certainty, reason.implementation), []).append((target, reason))
    return [_explanation(group) for group in sorted(found.values(), key=lambda group: group[0][1].certainty.rank)]


def _explanation(group: Sequence[tuple[TargetReport, Reason]]) -> Explanation:
    target, first = group[0]
    subjects: dict[str, dict[str, None]] = {}
    for _, reason in group:
        subjects.setdefault(reason.evidence, {})[reason.subject] = None
    read = [
        plain(f"{listing(of, READINGS)}{', each' if len(of) > 1 else ''}: {evidence}", PROSE_LIMIT)
        for evidence, of in subjects.items()
    ]
    more = len(read) - READINGS
    alike = len({reason.do for _, reason in group}) == 1
    return Explanation(
        addresses=listing(dict.fromkeys(address(one) for one, _ in group), ADDRESSES),
        reason=str(first.id),
        certainty=str(first.certainty),
        read=(*read[:READINGS], *([f"and {more:,} more"] if more > 0 else ())),
        do=plain(first.do if alike else f"For {address(target)}: {first.do}", PROSE_LIMIT),
    )


def in_one_line(target: TargetReport) -> str:
    """`no-ready-endpoint (sure): Service web/nginx: it has no endpoint. Do: …`, for each reason; a dash without any."""
    said = (f"{one.id} ({one.certainty}): {one.subject}: {one.evidence}. Do: {one.do}" for one in target.reasons)
    return "; ".join(plain(one, PROSE_LIMIT) for one in said) or NONE


# ---------------------------------------------------------------------------------------------------- What `--reach` found

_LEAST_SAID = (ReachResult.ACCEPTED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLine:
    """A line of a table."""

    ip: str
    port: str
    """`web/nginx:80`."""
    responder: str
    result: str
    text: str
    fine: bool


def connections(targets: Iterable[TargetReport]) -> Sequence[ConnectionLine]:
    """A line for each responder and port, what was not accepted first."""
    found = [
        ConnectionLine(
            ip=address(target),
            port=_port(row),
            responder=plain(row.who),
            result=result(row),
            text=plain(row.text, PROSE_LIMIT),
            fine=row.result in _LEAST_SAID,
        )
        for target in targets
        for row in target.reach
    ]
    return sorted(found, key=lambda one: one.fine)


def summary(target: TargetReport) -> tuple[str, ...]:
    """`web/nginx:80 worker-1 accepted, worker-2 no-answer`, for each port."""
    return tuple(
        f"{_port(rows[0])} {', '.join(f'{plain(row.who)} {result(row)}' for row in rows)}" for rows in _by_port(target.reach)
    )


def sentences(target: TargetReport) -> tuple[str, ...]:
    """Of what is more than an acceptance by the only responder."""
    several = len(target.reach) > 1
    return tuple(plain(row.text, PROSE_LIMIT) for row in target.reach if several or row.result not in _LEAST_SAID)


def remarks(target: TargetReport) -> tuple[str, ...]:
    """Those that no finding repeats and that say more than the word."""
    return tuple(plain(row.text, PROSE_LIMIT) for row in target.reach if _says_more(row, target.reach))


def _says_more(row: ReachRow, rows: Iterable[ReachRow]) -> bool:
    if row.result is not ReachResult.ACCEPTED:
        return row.result is ReachResult.OTHER_MAC
    beside = any(other.result is ReachResult.ACCEPTED and _port(other) == _port(row) and other != row for other in rows)
    return beside or row.node is None or row.by is not None


def is_plain_acceptance(target: TargetReport) -> bool:
    return all(row.result in _LEAST_SAID for row in target.reach)


def result(row: ReachRow) -> str:
    """`no-answer (routes)`, `not-asked (source-ranges)`, `no-answer (frames-lost)`."""
    about = [str(row.why)] if row.why else [str(row.doubt)] if row.doubt else []
    about += ["routes"] if row.routes and row.result is not ReachResult.ACCEPTED else []
    return f"{row.result} ({', '.join(about)})" if about else str(row.result)


def _by_port(rows: Iterable[ReachRow]) -> Iterable[Sequence[ReachRow]]:
    found: dict[str, list[ReachRow]] = {}
    for row in rows:
        found.setdefault(_port(row), []).append(row)
    return found.values()


def _port(row: ReachRow) -> str:
    return plain(f"{row.service or '-'}:{row.port}" if row.port else row.service or "-")
