"""The form that all findings share: a rule looks at the judged run and gives what it found, or None.

The texts of a Finding come from its rule's docstring, so that the report, `arpcheck explain` and the reference
pages can't disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from arpcheck.judge.judged import Judged
from arpcheck.judge.rule_docs import Text, text
from arpcheck.model import Address, Finding, Outcome, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule saw."""

    because: tuple[str, ...]
    """The evidence, a sentence each."""
    nodes: tuple[str, ...] = ()
    ips: tuple[Address, ...] = ()
    do: tuple[str, ...] = ()
    """Steps for this very case; they come before those of the docstring."""
    severity: Severity | None = None
    outcome: Outcome | None = None
    """Where this very case is less, or more, than the rule says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    id: str
    severity: Severity
    outcome: Outcome
    """What it makes of the exit code; FINE where a verdict or a node's state says already what it comes to."""
    find: Callable[[Judged], Found | None]

    @property
    def text(self) -> Text:
        return text(self.id, self.find.__doc__)


def apply(rules: Iterable[Rule], judged: Judged) -> tuple[Finding, ...]:
    """The findings of the run, in the order of the rules."""
    findings = []
    for rule in rules:
        if found := rule.find(judged):
            words = rule.text
            findings.append(
                Finding(
                    id=rule.id,
                    severity=found.severity or rule.severity,
                    outcome=found.outcome or rule.outcome,
                    means=words.means,
                    because=found.because,
                    do=tuple(dict.fromkeys((*found.do, *words.do))),
                    nodes=tuple(sorted(set(found.nodes))),
                    ips=tuple(sorted(set(found.ips), key=lambda ip: (ip.version, int(ip)))),
                )
            )
    return tuple(findings)
