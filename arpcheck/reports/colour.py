"""The few colours of a terminal, by meaning. A word always says the same, so nothing is lost without them."""

from __future__ import annotations

from typing import assert_never

from arpcheck.model import Arp, Kind, Outcome, Severity, Verdict
from arpcheck.reports.style import Style

RED, YELLOW, GREEN, DIM = "1;31", "33", "32", "2"


def _of_outcome(outcome: Outcome) -> str:
    match outcome:
        case Outcome.FAULT:
            return RED
        case Outcome.UNSURE:
            return YELLOW
        case Outcome.FINE:
            return GREEN
        case Outcome.NOT_JUDGED:
            return DIM
        case _:
            assert_never(outcome)


def _of_severity(severity: Severity) -> str:
    match severity:
        case Severity.ERROR:
            return RED
        case Severity.WARNING:
            return YELLOW
        case Severity.INFO:
            return DIM
        case _:
            assert_never(severity)


_BY_WORD: dict[str, str] = {
    **{verdict: _of_outcome(verdict.outcome) for verdict in Verdict},
    **{arp: _of_outcome(arp.outcome) for arp in Arp},
    **{severity: _of_severity(severity) for severity in Severity},
    Arp.UNREACHED: YELLOW,
    Kind.CANARY: DIM,
    Kind.CONTROL: DIM,
    "OK": GREEN,
    "PROBLEM": RED,
}


def painted(text: str, colour: str, style: Style) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if style.colour and colour and text else text


def of_word(word: str) -> str:
    """The colour of a verdict, a node's `arp`, a severity or the run's outcome."""
    return _BY_WORD.get(word, DIM if word.endswith("(accepted)") else YELLOW)
