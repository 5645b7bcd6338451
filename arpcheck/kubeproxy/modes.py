"""What can be said of kube-proxy: its modes by version of Kubernetes, the notes on what is odd about one, and what strict
ARP comes to for a node and for the cluster.

Sources: kubernetes/kube-proxy config/v1alpha1/types.go, cmd/kube-proxy/app/server_linux.go, KEP-5495 (IPVS deprecated),
KEP-3866 (nftables), KEP-5343 and kubernetes/kubernetes#139957 (the default)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from arpcheck.model import Arp, Outcome, constants
from arpcheck.text import count


class Oddity(StrEnum):
    """What a note is about, as far as a conclusion hangs on it."""

    MISSPELT = "misspelt"
    """A key that was meant as another one and is ignored."""
    MISPLACED = "misplaced"
    """Another ConfigMap, key or YAML document says strictARP: true, and kube-proxy does not read it."""
    FLAGS_IGNORED = "flags-ignored"
    """Flags on the command line that `--config` overrides."""
    NO_EFFECT = "no-effect"
    """strictARP is set in a mode that has no use for it."""
    REFUSED = "refused"
    """kube-proxy exits at its start with this configuration."""
    UNREADABLE = "unreadable"
    """arpcheck can't be sure how kube-proxy reads this."""
    OPAQUE = "opaque"
    """A command line that does not show all its flags."""
    UNREAD = "unread"
    """Something that the API refused, or a file that only the node has."""
    UNRECORDED = "unrecorded"
    """Whether the process is older than its configuration is not shown by the times that the API has."""
    FALLS_BACK = "falls-back"
    """A version that silently takes iptables where IPVS can't be used."""
    OLDER = "older"
    """The process is older than its configuration."""
    NOT_ROLLED = "not-rolled"
    """The pod is of an earlier template, or older than the last restart that was asked for."""
    NOT_RUNNING = "not-running"
    """No process of it runs there, or none is known to: nothing has loaded anything."""
    FAILED = "failed"
    """The process's own log says that it could not do what it is told."""
    LEFTOVERS = "leftovers"
    """IPVS mode ran before, and nothing shows that its kube-ipvs0 is gone."""
    DIFFERS = "differs"
    """The running process told another mode or value than the configuration says."""


class Note(str):
    """A sentence without its full stop; `oddity` is None where nothing hangs on it."""

    __slots__ = ("oddity",)
    oddity: Oddity | None

    def __new__(cls, text: str, oddity: Oddity | None = None) -> Note:
        made = super().__new__(cls, text)
        made.oddity = oddity
        return made


def has(notes: Iterable[str], *oddities: Oddity) -> bool:
    return any(isinstance(note, Note) and note.oddity in oddities for note in notes)


def of(notes: Iterable[str], *oddities: Oddity) -> tuple[str, ...]:
    """The notes of these kinds, in their order."""
    return tuple(note for note in notes if isinstance(note, Note) and note.oddity in oddities)


Minor = tuple[int, int]
"""(1, 33) for v1.33.4+k3s1."""

IPVS = constants.IPVS
NFTABLES = "nftables"
KUBE_ROUTER = "kube-router"
"""kube-router's service proxy: IPVS of its own, with strict ARP always."""
CILIUM = "cilium"
OVN = "ovn-kubernetes"
NONE = "none"
"""No kube-proxy runs there."""
KERNELSPACE = "kernelspace"

BINDS_NOTHING = frozenset({"iptables", "nftables", "userspace", KERNELSPACE, CILIUM, OVN, NONE})
"""Modes in which no Service address is bound to an interface, so that no kernel answers ARP for one."""

OF_A_PROCESS = frozenset({"iptables", "nftables", "userspace"})
"""Of them, kube-proxy's own on Linux: it must be known to run in it."""

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?!\d)")


def minor(version: str | None) -> Minor | None:
    match = _VERSION.match(version or "")
    return (int(match[1]), int(match[2])) if match else None


def effective(mode: str | None, version: Minor | None) -> tuple[str | None, tuple[Note, ...]]:
    """What kube-proxy runs in where `mode` is written, `""` being the empty one; None where it would not start."""
    match mode:
        case None:
            return None, ()
        case "":
            return _default(version)
        case "ipvs":
            return mode, _ipvs(version)
        case "iptables" | "kernelspace":
            return mode, ()
        case "nftables" if version is None or version >= (1, 29):
            return mode, ()
        case "userspace" if version is None or version < (1, 26):
            return mode, ()
        case _:
            unknown = f'kube-proxy of this version has no mode "{mode[:40]}" and exits at its start'
            return None, (Note(unknown, Oddity.REFUSED),)


def _default(version: Minor | None) -> tuple[str, tuple[Note, ...]]:
    if version is not None and version >= (1, 40):
        return "nftables", (Note("the mode is empty: nftables is the planned default from 1.40 on (KEP-5343)"),)
    known = "" if version else "; the version is not known"
    return "iptables", (Note(f"the mode is empty, which is iptables up to 1.39{known}"),)


def _ipvs(version: Minor | None) -> tuple[Note, ...]:
    if version is None:
        return ()
    if version >= (1, 43):
        return (Note("IPVS mode was to be removed in 1.43 (KEP-5495): kube-proxy exits at its start", Oddity.REFUSED),)
    if version >= (1, 40):
        return (Note("from 1.40 on kube-proxy runs in IPVS mode only with the feature gate KubeProxyIPVS (KEP-5495)"),)
    if version < (1, 26):
        text = "kube-proxy up to 1.25 takes iptables without an error where IPVS can't be used; its log names the mode"
        return (Note(text, Oddity.FALLS_BACK),)
    return ()


def deprecation(version: Minor | None) -> str:
    """What becomes of IPVS, seen from this version."""
    if version is not None and version >= (1, 40):
        return "IPVS mode: deprecated in 1.35, off by default since 1.40, code removed in 1.43 (KEP-5495)"
    tense = "is deprecated since 1.35" if version is not None and version >= (1, 35) else "is deprecated from 1.35 on"
    return f"IPVS mode {tense}, to be off by default in 1.40 and removed in 1.43 (KEP-5495)"


def way_out(version: Minor | None) -> tuple[str, ...]:
    """The other cure: a mode that binds nothing, with what each leaves behind."""
    if version is not None and version < (1, 29):
        return (f"The other way out is mode iptables: it binds no address. {_LEFTOVERS}",)
    stable = "stable since 1.33" if version and version >= (1, 33) else "stable from 1.33 on"
    return (
        f"The other way out is mode nftables ({stable}): it binds no address and removes kube-ipvs0 when it starts",
        f"Mode iptables binds no address either. {_LEFTOVERS}",
    )


_LEFTOVERS = "kube-ipvs0 with its addresses stays until the node is rebooted or `kube-proxy --cleanup` has run there"


# -------------------------------------------------------------------------------------------------- What strict ARP comes to


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
    of_all = f"{len(these)} of {count(len(nodes), 'node')}"
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
    if any(node.strict_arp and node.mode == IPVS for node in nodes):
        return "set but not loaded"
    return "not needed as configured, but what is configured is not what is done"


def _proof(nodes: Sequence[NodeStatus]) -> str:
    if all(node.arp is Arp.QUIET for node in nodes):
        return "every node keeps quiet on the wire"
    if all(node.loaded for node in nodes):
        return "every process is known to have loaded it"
    if all(node.mode == KUBE_ROUTER for node in nodes):
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
