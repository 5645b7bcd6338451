"""kube-proxy's command line as pflag reads it: which configuration file, and the two flags that matter.

With `--config` all other flags but logging and `--hostname-override` are ignored (cmd/kube-proxy/app/server.go,
Complete). Knows neither pods nor files."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from arpcheck.kubeproxy.notes import Note, Oddity

MODE = "proxy-mode"
STRICT_ARP = "ipvs-strict-arp"
CONFIG = "config"

_PROGRAMS = ("kube-proxy", "kube-proxy.exe")
_END = re.compile(r"\d*>.*|\||\|\||;|&|&&")
"""Where a shell's command ends."""
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says."""

    config: str | None
    """The file; `""` where none is given, None where it can't be told (a shell variable)."""
    mode: str | None
    """`""` where it is not given, None where it can't be told."""
    strict_arp: bool | None
    """False where it is not given, None where it can't be told."""
    given: tuple[str, ...] = ()
    """Which of the two flags that `--config` overrides are there, as written."""
    notes: tuple[Note, ...] = ()


def read(command: Iterable[str]) -> Flags:
    """The flags in a container's `command` and `args`, a shell's `-c` and wrappers such as go-runner looked through."""
    found: dict[str, str] = {}
    written: dict[str, str] = {}
    notes: list[Note] = []
    words = _of_kube_proxy([word for text in command for word in _words(text)])
    for position, word in enumerate(words):
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("_", "-")
        if not word.startswith("--") or name not in (MODE, STRICT_ARP, CONFIG):
            continue
        after = words[position + 1] if position + 1 < len(words) else ""
        if name == STRICT_ARP and not equals and after in _TRUE | _FALSE:
            notes.append(Note(f"--{name} {after}: the value must follow an equals sign, kube-proxy exits", Oddity.REFUSED))
        found[name] = value if equals else "true" if name == STRICT_ARP else after
        written[name] = word if equals or name == STRICT_ARP else f"{word} {after}"
    strict_arp, doubts = _boolean(found.get(STRICT_ARP, "false"))
    return Flags(
        config=_plain(found.get(CONFIG, "")),
        mode=_plain(found.get(MODE, "")),
        strict_arp=strict_arp,
        given=tuple(written[name][:80] for name in (MODE, STRICT_ARP) if name in written),
        notes=(*notes, *doubts),
    )


def _boolean(value: str) -> tuple[bool | None, tuple[Note, ...]]:
    if value in _TRUE | _FALSE:
        return value in _TRUE, ()
    if "$" in value:
        return None, (Note(f"--{STRICT_ARP}={value[:40]}: a variable that arpcheck does not resolve", Oddity.UNREADABLE),)
    return None, (Note(f'--{STRICT_ARP}="{value[:40]}" is no boolean, kube-proxy exits', Oddity.REFUSED),)


def _plain(value: str) -> str | None:
    return None if "$" in value else value


def _words(text: str) -> Sequence[str]:
    """A flag is one word whatever is in it; a shell's script is split as a shell would."""
    if text.startswith("-") or not re.search(r"\s", text):
        return (text,)
    try:
        return shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError:  # an unbalanced quote: the shell would not run it, but the words are still the best there is
        return text.split()


def _of_kube_proxy(words: Sequence[str]) -> list[str]:
    """The words after the program's name, to the end of its command; all of them where it is not named."""
    start = next((at for at, word in enumerate(words, 1) if posixpath.basename(word) in _PROGRAMS), 0)
    return list(_to_end(words[start:]))


def _to_end(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word == "--" or _END.fullmatch(word):
            return
        yield word
