"""The few colours of a terminal, by meaning. A word always says the same, so nothing is lost without them."""

from __future__ import annotations

from arpcheck.model import Arp, Kind, Severity, Verdict
from arpcheck.reports.style import Style

RED, YELLOW, GREEN, DIM = "1;31", "33", "32", "2"

_BY_WORD: dict[str, str] = {
    **dict.fromkeys(Verdict, RED),
    Verdict.NOT_PROBED: DIM,
    Verdict.INCONCLUSIVE: YELLOW,
    Verdict.MOVED: YELLOW,
    Verdict.OK: GREEN,
    Arp.NON_STRICT: RED,
    Arp.STRICT: GREEN,
    Arp.SELF: YELLOW,
    Arp.UNREACHED: YELLOW,
    Arp.UNKNOWN: YELLOW,
    Severity.ERROR: RED,
    Severity.WARNING: YELLOW,
    Severity.INFO: DIM,
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
