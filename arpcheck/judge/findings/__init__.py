"""The findings on the whole run: every rule, in the order in which the report shows them."""

from __future__ import annotations

from dataclasses import replace

from arpcheck.judge.acceptance import accepts, marked, words
from arpcheck.judge.findings import blind_spots, kernels, macs, reach, silences
from arpcheck.judge.judged import Found, Judged, Rule, apply
from arpcheck.judge.verdicts import Text
from arpcheck.model import Finding, Outcome, Severity

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)

_EVERY = (*kernels.RULES, *macs.RULES, *blind_spots.RULES, *silences.RULES, *reach.RULES)

RULES: tuple[Rule, ...] = tuple(sorted(_EVERY, key=lambda rule: _ORDER.index(rule.severity)))


def findings(judged: Judged) -> tuple[Finding, ...]:
    found = apply(RULES, judged)
    found += apply(ACCEPTANCE_RULES, replace(judged, findings=found))
    return tuple(sorted((_with_acceptance(f, judged) for f in found), key=lambda f: _ORDER.index(f.severity)))


def _with_acceptance(finding: Finding, judged: Judged) -> Finding:
    judgements = [(ip, j) for j in judged.judgements if (ip := j.case.target.ip)]
    known = {(ip, verdict): why for ip, j in judgements for verdict, why in j.passed.items()}
    known |= {(ip, j.verdict): j.accepted for ip, j in judgements if j.accepted}
    accepted = judged.acceptances.of_finding(finding, known)
    return replace(finding, accepted=accepted, means=marked(finding.means, accepted))


def texts() -> tuple[Text, ...]:
    """What every finding means."""
    return tuple(rule.text for rule in (*RULES, *ACCEPTANCE_RULES))


def stale_acceptance(judged: Judged) -> Found | None:
    """Means: entries of the `--accept` file have no effect. A fault whose entry has expired counts again.

    Decided when:
    1. the last day of an entry is before the day of the run.
    2. or no verdict and no finding of this run matches the entry.
    3. or the entry accepts a verdict without naming `responders`. It would hide any later responder too, so it accepts
       nothing.

    Do:
    - Name the MAC addresses or the nodes whose replies are accepted: `responders: [worker-1, "52:54:00:aa:bb:cc"]`.
    - Fix the fault, or give the entry a new date and a reason that still holds.
    - Remove entries for faults that are fixed. They would hide the fault if it came back."""
    expired = judged.acceptances.expired()
    idle = judged.acceptances.idle(judged.verdicts(), judged.findings)
    because = [f"{words(entry)}: expired on {entry.until} ({entry.reason})" for entry in expired]
    because += [f"{words(entry)}: nothing in this run matches it ({entry.reason})" for entry in idle]
    nameless = [entry for entry in judged.acceptances.entries if not accepts(entry)]
    because += [f"{words(entry)}: accepts nothing because it names no responders ({entry.reason})" for entry in nameless]
    return Found(because=tuple(because)) if because else None


ACCEPTANCE_RULES = (Rule(id="stale-acceptance", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_acceptance),)
