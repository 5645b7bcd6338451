"""The words for what `--reach` found, which the formats for people share. Every text is `plain`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.model import ReachResult, ReachRow, TargetReport
from arpcheck.reports.words import address
from arpcheck.text import PROSE_LIMIT, plain

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
