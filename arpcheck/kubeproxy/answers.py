"""The parts of a strict-ARP status: one answer for the cluster, one entry for each node, and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from arpcheck.kubeproxy import modes
from arpcheck.kubeproxy.modes import Oddity, of
from arpcheck.model import Arp, Outcome


class StrictArpAnswer(StrEnum):
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
            case StrictArpAnswer.NOT_SET | StrictArpAnswer.NOT_LOADED:
                return Outcome.FAULT
            case StrictArpAnswer.UNKNOWN:
                return Outcome.UNSURE
            case StrictArpAnswer.NOT_NEEDED | StrictArpAnswer.SET:
                return Outcome.FINE
            case _:
                assert_never(self)


class Configured(StrEnum):
    """What kube-proxy on a node is told, whatever its process has made of it. For whoever holds it against the wire."""

    STRICT = "strict"
    """Mode ipvs with strictARP, or what sets it always (kube-router)."""
    NON_STRICT = "non-strict"
    """Mode ipvs without strictARP: after the next start the node replies for every Service address."""
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
    answer: StrictArpAnswer
    configured: Configured = Configured.UNKNOWN
    """Told by the configuration alone; `loaded` says whether the process that runs has it, True only where that is known."""
    arp: Arp | None = None
    """What the wire showed, where it was asked."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictArpStatus:
    """The cluster."""

    answer: StrictArpAnswer
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


def reason(answer: StrictArpAnswer, nodes: Sequence[NodeStatus]) -> str:
    these = [node for node in nodes if node.answer is answer]
    of_all = f"{len(these)} of {len(nodes)} nodes"
    match answer:
        case StrictArpAnswer.NOT_NEEDED:
            known = listing(sorted({node.mode or "" for node in nodes}))
            return f"Strict ARP is not needed: in mode {known} no Service address is bound to an interface of a node"
        case StrictArpAnswer.SET:
            return f"Strict ARP is needed and set{_where(these)}; {_proof(these)}"
        case StrictArpAnswer.NOT_SET:
            return f"Strict ARP is needed and not set on {of_all}{_where(these)}: {_joined_names(these)}{_first_of(these)}"
        case StrictArpAnswer.NOT_LOADED:
            return f"Strict ARP is {_wanted(these)} on {of_all}: {_joined_names(these)}{_first_of(these)}"
        case StrictArpAnswer.UNKNOWN:
            return f"Can't tell for {of_all}: {_joined_names(these)}{_first_of(these)}"


def _wanted(nodes: Sequence[NodeStatus]) -> str:
    if any(node.strict_arp and node.mode == modes.IPVS for node in nodes):
        return "set but not loaded"
    return "not needed as configured, but what is configured is not what is done"


def _proof(nodes: Sequence[NodeStatus]) -> str:
    if all(node.arp is Arp.QUIET for node in nodes):
        return "every node keeps quiet on the wire"
    if all(node.loaded for node in nodes):
        return "every process is known to have loaded it"
    if all(node.mode == modes.KUBE_ROUTER for node in nodes):
        return "kube-router writes the sysctls itself at every start, and the wire is the proof"
    return "every process is known to have loaded it, or its kernel keeps quiet on the wire"


def _where(nodes: Sequence[NodeStatus]) -> str:
    sources = sorted({node.source for node in nodes if node.source})
    return f" ({listing(sources)})" if sources else ""


def _first_of(nodes: Sequence[NodeStatus]) -> str:
    """The notes that decide, each once, of the first node that has any."""
    telling = tuple(kind for kind in Oddity if kind is not Oddity.NO_EFFECT)
    found = next((notes for node in nodes if (notes := of(node.notes, *telling))), ())
    answered = [node for node in nodes if node.arp is Arp.NON_STRICT]
    on_wire = (f"on the wire {_joined_names(answered)} replied for a Service address",) if answered else ()
    return "".join(f"; {note}" for note in dict.fromkeys((*found, *on_wire)))


def _joined_names(nodes: Sequence[NodeStatus]) -> str:
    return listing([node.name for node in nodes])


def listing(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
