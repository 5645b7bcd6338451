"""What a verdict, a node's state or a finding comes to, and the exit code that follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import assert_never


class Outcome(StrEnum):
    """What a verdict, a node's state or a finding comes to for whoever has to decide: the exit code, a comparison, a
    colour, a metric. Each of them has exactly one."""

    FAULT = "fault"
    """Proven to be wrong."""
    UNSURE = "unsure"
    """Could be wrong; what was seen does not decide it."""
    FINE = "fine"
    NOT_JUDGED = "not-judged"
    """Nothing was said about it. Where everything starts, and never a reason for exit code 0."""

    @staticmethod
    def worst(outcomes: Iterable[Outcome]) -> Outcome:
        """The gravest; NOT_JUDGED where there is none, or nothing else."""
        return min(outcomes, key=_GRAVITY.index, default=Outcome.NOT_JUDGED)

    @property
    def exit_code(self) -> int:
        """0 only for FINE."""
        match self:
            case Outcome.FAULT:
                return 1
            case Outcome.UNSURE | Outcome.NOT_JUDGED:
                return 3
            case Outcome.FINE:
                return 0
            case _:
                assert_never(self)


_GRAVITY = (Outcome.FAULT, Outcome.UNSURE, Outcome.FINE, Outcome.NOT_JUDGED)


class Verdict(StrEnum):
    """What one target came to; the order is that in which the rules are tried."""

    NOT_PROBED = "not-probed"
    PROXY_ARP = "proxy-arp"
    FOREIGN = "foreign"
    NON_STRICT = "non-strict"
    DUPLICATE = "duplicate"
    INCONCLUSIVE = "inconclusive"
    MOVED = "moved"
    WRONG_NODE = "wrong-node"
    SILENT = "silent"
    OK = "ok"

    @property
    def outcome(self) -> Outcome:
        match self:
            case Verdict.PROXY_ARP | Verdict.FOREIGN | Verdict.NON_STRICT | Verdict.DUPLICATE:
                return Outcome.FAULT
            case Verdict.WRONG_NODE | Verdict.SILENT:
                return Outcome.FAULT
            case Verdict.INCONCLUSIVE | Verdict.MOVED:
                return Outcome.UNSURE
            case Verdict.OK:
                return Outcome.FINE
            case Verdict.NOT_PROBED:
                return Outcome.NOT_JUDGED
            case _:
                assert_never(self)


class Arp(StrEnum):
    """How a node's kernel treats Service addresses, as far as this wire shows."""

    NON_STRICT = "non-strict"
    SELF = "self"
    QUIET = "quiet"
    IPV6_ALONE = "ipv6-alone"
    """It replied in IPv6, and none of its IPv4 addresses could be requested here: strict ARP is in question for none."""
    UNREACHED = "unreached"
    UNKNOWN = "unknown"

    @property
    def outcome(self) -> Outcome:
        """Of the node alone. Whether an unreached node makes the whole run inconclusive depends on the run."""
        match self:
            case Arp.NON_STRICT:
                return Outcome.FAULT
            case Arp.SELF | Arp.UNKNOWN:
                return Outcome.UNSURE
            case Arp.QUIET:
                return Outcome.FINE
            case Arp.UNREACHED | Arp.IPV6_ALONE:
                return Outcome.NOT_JUDGED
            case _:
                assert_never(self)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
