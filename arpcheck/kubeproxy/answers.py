"""The nouns of a status: one answer for the cluster, one entry a node. Knows no rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from arpcheck.model import Arp, Outcome


class Answer(StrEnum):
    """The first that a node of the cluster gives, in the order of `_FIRST`."""

    NOT_NEEDED = "not-needed"
    """No node binds Service addresses to an interface."""
    SET = "set"
    """Needed, set, and nothing shows a process older than its configuration."""
    NOT_SET = "not-set"
    """Needed, and the configuration does not set it."""
    NOT_LOADED = "not-loaded"
    """Configured, but a process, or the kernel, does otherwise."""
    UNKNOWN = "unknown"
    """Something that decides could not be read, or nothing runs that could have loaded it."""

    @property
    def outcome(self) -> Outcome:
        match self:
            case Answer.NOT_SET | Answer.NOT_LOADED:
                return Outcome.FAULT
            case Answer.UNKNOWN:
                return Outcome.UNSURE
            case Answer.NOT_NEEDED | Answer.SET:
                return Outcome.FINE
            case _:
                assert_never(self)


class Configured(StrEnum):
    """What kube-proxy on a node is told, whatever its process has made of it. For whoever holds it against the wire."""

    STRICT = "strict"
    """Mode ipvs with strictARP, or what sets it always (kube-router)."""
    NON_STRICT = "non-strict"
    """Mode ipvs without strictARP: with the next start every Service address is answered."""
    NOT_NEEDED = "not-needed"
    """A mode that binds no Service address, or no kube-proxy at all."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node."""

    name: str
    mode: str | None
    """What runs where the process told it, else as configured."""
    strict_arp: bool | None
    """As configured."""
    loaded: bool | None
    source: str | None
    answer: Answer
    configured: Configured = Configured.UNKNOWN
    """Told by the configuration alone; `loaded` says whether the process that runs has it, True only where that is known."""
    arp: Arp | None = None
    """What the wire showed, where it was asked."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictArpStatus:
    """The cluster."""

    answer: Answer
    reason: str
    source: str | None
    """Where the configuration was read; several are joined by a comma."""
    nodes: tuple[NodeStatus, ...]
    """Sorted by name."""
    owner: str | None = None
    """The system that writes the configuration, which is where to change it; None where the ConfigMap is the place."""
    owner_because: str = ""
    """How it was recognised."""
    notes: tuple[str, ...] = ()
    """Of the cluster as a whole: IPVS's deprecation and the way out."""
    do: tuple[str, ...] = ()
    """Sentences and commands, in order."""

    @property
    def exit_code(self) -> int:
        return self.outcome.exit_code

    @property
    def outcome(self) -> Outcome:
        """Of the answer for the whole cluster."""
        return self.answer.outcome
