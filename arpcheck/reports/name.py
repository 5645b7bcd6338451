"""`-o name`: what has a problem, one a line, as `kubectl` takes and prints it. Empty where nothing has."""

from __future__ import annotations

from arpcheck.model import Report, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.words import is_problem
from arpcheck.text import plain

NAME = "name"


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    """`service/NAMESPACE/NAME` of every Service of such a target; the address where there is no Service.

    What is accepted is left out: it is known, and nobody has to act on it."""
    counted = (target for target in report.targets if is_problem(target) and not target.accepted)
    names = dict.fromkeys(name for target in counted for name in _target_names(target))
    return "".join(f"{name}\n" for name in names)


def _target_names(target: TargetReport) -> tuple[str, ...]:
    if target.target.services:
        return tuple(f"service/{plain(service)}" for service in target.target.services)
    return (str(target.target.ip),) if target.target.ip else ()
