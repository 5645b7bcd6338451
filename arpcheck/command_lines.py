"""The commands in a report, completed so that they can be pasted: with the context and the kubeconfig of the run, and the
interfaces that it probed on.

A rule's text has the command without them, as in `arpcheck strict-arp enable`: the text is the same in every report, in
`arpcheck explain` and on the reference pages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arpcheck.model import Address
from arpcheck.objects import Objects
from arpcheck.text import is_plain

IN_CLUSTER = "in-cluster"
"""The context of a run with a pod's own account."""

_COMMAND = re.compile(r"`((?:sudo )?(?:arpcheck|kubectl)(?: [^`]+)?|[^`]*\b(?:ADDRESS|IFACE)\b[^`]*)`")
"""A command between backticks, or one of another program with a word that the run fills in."""

READING = frozenset(
    {"probe", "preflight", "watch", "pool", "doctor", "snapshot", "inventory", "strict-arp status", "strict-arp enable"}
)
"""The commands that read the cluster."""
PROBING = frozenset({"probe", "preflight", "watch", "pool"})
"""Those of them that send requests. `strict-arp enable` and `doctor` send none unless they are told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLines:
    """What a command needs in order to see the cluster and the segment that the run saw."""

    context: str | None = None
    """The kubeconfig context; None for a pod's account, and for a file that has none."""
    kubeconfig: str | None = None
    """The path of the kubeconfig; None: where kubectl looks by itself."""
    interfaces: tuple[str, ...] = ()
    """Empty: those of several hosts, or not known."""

    @classmethod
    def of(cls, objects: Objects, interfaces: Sequence[str] = ()) -> CommandLines:
        """A file of kubectl has no context, only its name in the place of it."""
        known = objects.context != IN_CLUSTER and objects.read_at is not None
        return cls(
            context=objects.context if known else None,
            kubeconfig=objects.kubeconfig if known else None,
            interfaces=tuple(interfaces),
        )

    def kubectl(self, *words: str) -> str:
        """For a shell, whatever the names are."""
        return shlex.join(("kubectl", *self._cluster(), *words))

    def arpcheck(self, *words: str) -> str:
        """`words`: the command and its options."""
        return shlex.join(("arpcheck", *words, *self._options(words)))

    def completed(self, text: str, ips: Iterable[Address] = ()) -> str:
        """The text with the options of this run in each command between backticks. `ips`: the addresses that the text is
        about; the first stands for ADDRESS."""
        first = next(iter(ips), None)

        def complete(match: re.Match[str]) -> str:
            return f"`{self._completed(match[1], first)}`"

        return _COMMAND.sub(complete, text)

    def _completed(self, command: str, ip: Address | None) -> str:
        if ip is not None:
            command = re.sub(r"\bADDRESS\b", str(ip), command)
        if len(self.interfaces) == 1:
            command = re.sub(r"\bIFACE\b", shlex.quote(_shown(self.interfaces[0], "IFACE")), command)
        sudo, command = ("sudo ", command.removeprefix("sudo ")) if command.startswith("sudo ") else ("", command)
        words = command.split()
        if words[0] == "kubectl" and len(words) > 1:
            return sudo + " ".join(("kubectl", *_quoted(_absent(self._cluster(), words)), *words[1:]))
        if words[0] == "arpcheck":
            return sudo + " ".join((command, *_quoted(self._options(words[1:]))))
        return sudo + command

    def _cluster(self) -> tuple[str, ...]:
        given = ("--context", self.context, "CONTEXT"), ("--kubeconfig", self.kubeconfig, "KUBECONFIG")
        return tuple(word for option, value, name in given if value for word in (option, _shown(value, name)))

    def _options(self, words: Sequence[str]) -> tuple[str, ...]:
        """What the command in front of these words takes and has not been given."""
        reads = next((name for name in READING if [*words[: name.count(" ") + 1]] == name.split()), None)
        if reads is None or "--cluster-file" in words:
            return ()
        probes = self.interfaces if reads in PROBING and "--iface" not in words else ()
        return (*_absent(self._cluster(), words), *(word for name in probes for word in ("--iface", _shown(name, "IFACE"))))


def _absent(options: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """The options, each with its value, that the command has not been given."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return tuple(word for option, value in pairs if option not in words for word in (option, value))


def _quoted(words: Iterable[str]) -> Iterable[str]:
    return map(shlex.quote, words)


def _shown(value: str, name: str) -> str:
    """`name` in the place of a value that a report can't show as it is, and that could not be pasted from it."""
    return value if all(map(is_plain, value)) and "`" not in value else name
