"""What is odd about a kube-proxy: a text for the reader, and its kind for the rules that follow from it.

A note is plain text wherever text is wanted. Knows no file format and no rule."""

from __future__ import annotations

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
