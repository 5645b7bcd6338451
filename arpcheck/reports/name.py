"""`-o name`: the Services with a problem, one on each line, in the form that `kubectl` uses. Empty if there is none."""

from __future__ import annotations

from arpcheck.model import Report, TargetReport
from arpcheck.reports import Style
from arpcheck.text import plain


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    """`service/NAMESPACE/NAME` of each Service, or the address if it has no Service. Accepted verdicts are left out."""
    counted = (target for target in report.targets if target.outcome.is_problem and not target.accepted)
    names = dict.fromkeys(name for target in counted for name in _target_names(target))
    return "".join(f"{name}\n" for name in names)


def _target_names(target: TargetReport) -> tuple[str, ...]:
    if target.target.services:
        return tuple(f"service/{plain(service)}" for service in target.target.services)
    return (str(target.target.ip),) if target.target.ip else ()
