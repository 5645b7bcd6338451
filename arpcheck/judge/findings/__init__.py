"""The findings on the whole run: every rule, in the order in which the report shows them."""

from __future__ import annotations

from dataclasses import replace

from arpcheck.judge.acceptance import marked
from arpcheck.judge.findings import acceptances, announcers, blind_spots, kernels, macs, vantages
from arpcheck.judge.findings.rule import Rule, apply
from arpcheck.judge.judged import Judged
from arpcheck.judge.rule_docs import Text
from arpcheck.model import Finding, Severity

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)

_EVERY = (*kernels.RULES, *announcers.RULES, *macs.RULES, *blind_spots.RULES, *vantages.RULES)

RULES: tuple[Rule, ...] = tuple(sorted(_EVERY, key=lambda rule: _ORDER.index(rule.severity)))


def findings(judged: Judged) -> tuple[Finding, ...]:
    found = apply(RULES, judged)
    found += apply(acceptances.RULES, replace(judged, findings=found))
    return tuple(sorted((_with_acceptance(f, judged) for f in found), key=lambda f: _ORDER.index(f.severity)))


def _with_acceptance(finding: Finding, judged: Judged) -> Finding:
    judgements = [(ip, j) for j in judged.judgements if (ip := j.case.target.ip)]
    known = {(ip, verdict): why for ip, j in judgements for verdict, why in j.passed.items()}
    known |= {(ip, j.verdict): j.accepted for ip, j in judgements if j.accepted}
    accepted = judged.acceptances.of_finding(finding, known)
    return replace(finding, accepted=accepted, means=marked(finding.means, accepted))


def texts() -> tuple[Text, ...]:
    """What every finding means."""
    return tuple(rule.text for rule in (*RULES, *acceptances.RULES))
