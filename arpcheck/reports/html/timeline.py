"""When each reply came: the rows of the evidence as points in time, by address. Knows no layout.

The evidence is as it was saved: a row of another shape says nothing and is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import isfinite
from typing import Any

from arpcheck.evidence_json import Rows
from arpcheck.model import Report

MOST = 400
"""Points kept for one address; of a flood only the number of the others."""


@dataclass(frozen=True, slots=True)
class Point:
    """A reply."""

    round: int
    mac: str
    after: float
    """Milliseconds since the question."""
    first: bool
    """Nobody answered the same question sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    points: tuple[Point, ...]
    more: int = 0
    """Replies that are not among the points."""


_Reply = tuple[tuple[str, int, str], str, float]
"""((interface, round, sender) of the question, MAC, milliseconds)."""


def timelines(report: Report) -> Mapping[str, Timeline]:
    """By address as text. Empty where the report carries no evidence."""
    heard: dict[str, list[_Reply]] = {}
    for row in _rows(report.evidence.get("replies")):
        match row:
            case [_, str(nic), int(number), str(ip), str(sender), _, str(mac), str(), int() | float() as after]:
                heard.setdefault(ip, []).append(((nic, number, sender), mac, float(after)))
    wanted = {str(t.target.ip) for t in report.targets if isinstance(t.target.ip, IPv4Address)}
    return {ip: _timeline([r for r in replies if isfinite(r[2])]) for ip, replies in heard.items() if ip in wanted}


def _timeline(replies: Sequence[_Reply]) -> Timeline:
    first: dict[tuple[str, int, str], float] = {}
    for question, _, after in replies:
        first[question] = min(after, first.get(question, after))
    points = (Point(question[1], mac, after, after == first[question]) for question, mac, after in replies[:MOST])
    return Timeline(points=tuple(points), more=max(len(replies) - MOST, 0))


def _rows(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | Rows) else []
