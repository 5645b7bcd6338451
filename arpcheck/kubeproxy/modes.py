"""kube-proxy's modes by version of Kubernetes, and the notes on what is odd about one kube-proxy.

Sources: kubernetes/kube-proxy config/v1alpha1/types.go, cmd/kube-proxy/app/server_linux.go, KEP-5495 (IPVS deprecated),
KEP-3866 (nftables), KEP-5343 and kubernetes/kubernetes#139957 (the default)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


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

IPVS = "ipvs"
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
