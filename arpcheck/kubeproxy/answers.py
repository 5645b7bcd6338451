"""The nouns of a status: one answer for the cluster, one entry a node. Knows no rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from arpcheck.model import Arp

EXIT_CODES = {"not-needed": 0, "set": 0, "not-set": 1, "not-loaded": 1, "unknown": 3}


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
    """Something that decides could not be read."""


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
    managed_by: str | None = None
    """The system that owns the configuration, where it is not the ConfigMap."""
    notes: tuple[str, ...] = ()
    """Of the cluster as a whole: IPVS's deprecation and the way out."""
    do: tuple[str, ...] = ()
    """Sentences and commands, in order."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.answer]
