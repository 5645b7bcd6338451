"""The finding about acceptances that no longer are any. It looks at what the other rules found, so it comes after them."""

from __future__ import annotations

from arpcheck.judge.acceptance import accepts, words
from arpcheck.judge.findings.rule import Found, Rule
from arpcheck.judge.judged import Judged
from arpcheck.model import Outcome, Severity


def stale_acceptance(judged: Judged) -> Found | None:
    """Means: entries of the file given with `--accept` do nothing. A fault whose day has passed counts again.

    Decided when:
    1. the last day of an entry is before the day of the run.
    2. or no verdict and no finding of the run is what the entry names.
    3. or the entry is of a verdict and names no `responders`: it would hide whoever answers next, so it accepts nothing.

    Do:
    - Name the MACs or the nodes whose answers are accepted: `responders: [worker-1, "52:54:00:aa:bb:cc"]`.
    - Mend the fault, or give the entry a new day and a reason that still holds.
    - Take out what is mended, lest it hide the fault when it comes back."""
    expired = judged.acceptances.expired()
    idle = judged.acceptances.idle(judged.verdicts(), judged.findings)
    because = [f"{words(entry)}: expired on {entry.until} ({entry.reason})" for entry in expired]
    because += [f"{words(entry)}: nothing in this run is that ({entry.reason})" for entry in idle]
    nameless = [entry for entry in judged.acceptances.entries if not accepts(entry)]
    because += [f"{words(entry)}: accepts nothing, for it names no responders ({entry.reason})" for entry in nameless]
    return Found(because=tuple(because)) if because else None


RULES = (Rule(id="stale-acceptance", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_acceptance),)
