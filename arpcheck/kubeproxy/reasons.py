"""Why the answer is the answer: one sentence for a person, with numbers, names and the note that decides.

Knows the nouns of a status, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from arpcheck.kubeproxy import versions
from arpcheck.kubeproxy.answers import Answer, NodeStatus
from arpcheck.kubeproxy.notes import Oddity, of
from arpcheck.model import Arp


def reason(answer: Answer, nodes: Sequence[NodeStatus]) -> str:
    these = [node for node in nodes if node.answer is answer]
    of_all = f"{len(these)} of {len(nodes)} nodes"
    match answer:
        case Answer.NOT_NEEDED:
            modes = listing(sorted({node.mode or "" for node in nodes}))
            return f"Strict ARP is not needed: in mode {modes} no Service address is bound to an interface of a node"
        case Answer.SET:
            return f"Strict ARP is needed and set{_where(these)}; {_proof(these)}"
        case Answer.NOT_SET:
            return f"Strict ARP is needed and not set on {of_all}{_where(these)}: {_names(these)}{_first_of(these)}"
        case Answer.NOT_LOADED:
            return f"Strict ARP is {_wanted(these)} on {of_all}: {_names(these)}{_first_of(these)}"
        case Answer.UNKNOWN:
            return f"Can't tell for {of_all}: {_names(these)}{_first_of(these)}"


def _wanted(nodes: Sequence[NodeStatus]) -> str:
    if any(node.strict_arp and node.mode == versions.IPVS for node in nodes):
        return "set but not loaded"
    return "not needed as configured, but what is configured is not what is done"


def _proof(nodes: Sequence[NodeStatus]) -> str:
    if all(node.arp is Arp.QUIET for node in nodes):
        return "every node keeps quiet on the wire"
    if all(node.loaded for node in nodes):
        return "every process is known to have loaded it"
    if all(node.mode == versions.KUBE_ROUTER for node in nodes):
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
    on_wire = (f"on the wire {_names(answered)} answered for a Service address",) if answered else ()
    return "".join(f"; {note}" for note in dict.fromkeys((*found, *on_wire)))


def _names(nodes: Sequence[NodeStatus]) -> str:
    return listing([node.name for node in nodes])


def listing(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
