"""The findings on the whole run: every rule, in the order in which the report shows them."""

from __future__ import annotations

from arpcheck.judge.findings import announcers, blind_spots, kernels, macs
from arpcheck.judge.findings.finding import Rule, apply
from arpcheck.judge.judged import Judged
from arpcheck.judge.texts import Text
from arpcheck.model import Finding, Severity

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)

RULES: tuple[Rule, ...] = tuple(
    sorted((*kernels.RULES, *announcers.RULES, *macs.RULES, *blind_spots.RULES), key=lambda r: _ORDER.index(r.severity))
)


def findings(judged: Judged) -> tuple[Finding, ...]:
    return apply(RULES, judged)


def texts() -> tuple[Text, ...]:
    """What every finding means."""
    return tuple(rule.text for rule in RULES)
