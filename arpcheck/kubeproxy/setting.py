"""What one kube-proxy is configured to do, and where that is written: its flags, or a key of a ConfigMap.

Joins workload, flags, mounts and configuration. Knows no node, no version and no time."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arpcheck.kubeproxy import shell
from arpcheck.kubeproxy import workload as mounts
from arpcheck.kubeproxy.notes import Note, Oddity, has
from arpcheck.kubeproxy.workload import SYSTEM, Workload, daemon_sets
from arpcheck.objects import Object, Objects, full_name, mapping, name, namespace, texts

if TYPE_CHECKING:
    from arpcheck.kubeproxy.config import Configuration

CONFIG_MAPS = "configmaps"

_MOST_OTHERS = 4
"""More keys than that are not looked through for a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """A key of a ConfigMap."""

    namespace: str
    config_map: str
    key: str
    fixed: bool = False
    """Mounted by subPath."""

    @property
    def title(self) -> str:
        return f"configmap {self.namespace}/{self.config_map}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """As configured, before it is known which version reads it."""

    mode: str | None
    """As written, `""` where it is left to the version; None where it can't be told."""
    strict_arp: bool | None
    source: str | None
    notes: tuple[Note, ...] = ()
    place: ConfigKey | None = None
    """None where it is in no ConfigMap."""
    proven: bool = False
    """`mode` is no word of a configuration but what was found to run, or not to run, in kube-proxy's place."""


def setting(workload: Workload, objects: Objects) -> Setting:
    container = workload.container
    given = read(texts(container, "command"), texts(container, "args"))
    if given.config is None:
        doubt = Note(f"--config of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        return Setting(mode=None, strict_arp=None, source=None, notes=given.notes or (doubt,))
    if not given.config:
        return _by_flags(given, workload)
    ignored = _ignored(given, workload)
    found = mounts.file_at(given.config, workload.container, workload.spec)
    if isinstance(found, mounts.Elsewhere):
        doubt = Note(f"--config of {workload.title} is not in the API: {found.why}", Oddity.UNREAD)
        return Setting(mode=None, strict_arp=None, source=None, notes=(doubt, *ignored))
    return _by_config_map(found, namespace(workload.obj) or SYSTEM, ignored, objects)


def place(objects: Objects) -> ConfigKey | None:
    """The one key of the one ConfigMap that the cluster's DaemonSet reads; None where there is none, or several."""
    found = {setting(workload, objects).place for workload in daemon_sets(objects)}
    return found.pop() if len(found) == 1 else None


def _by_flags(given: Flags, workload: Workload) -> Setting:
    notes = given.notes
    if given.mode is None and not has(notes, Oddity.OPAQUE):
        doubt = Note(f"--{MODE} of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        notes = (doubt, *notes)
    return Setting(mode=given.mode, strict_arp=given.strict_arp, source=f"args of {workload.title}", notes=notes)


def _ignored(given: Flags, workload: Workload) -> tuple[Note, ...]:
    if not given.given:
        return ()
    which = " ".join(given.given)
    return (Note(f"{workload.title} is given {which}, which --config overrides", Oddity.FLAGS_IGNORED),)


# --------------------------------------------------------------------------------------------------- in a ConfigMap


def _by_config_map(keys: Sequence[mounts.ConfigMapKey], space: str, more: tuple[Note, ...], objects: Objects) -> Setting:
    places = [ConfigKey(namespace=space, config_map=key.config_map, key=key.key, fixed=key.fixed) for key in keys]
    for where in places:
        if (written := _config_map_text(where, objects)) is not None:
            found = _configuration(where, written, objects)
            notes = (*found.notes, *_misplaced(where, found, objects), *more)
            return Setting(mode=found.mode, strict_arp=found.strict_arp, source=where.title, notes=notes, place=where)
    missing = _missing(places[0], objects)
    return Setting(mode=None, strict_arp=None, source=None, notes=(missing, *more), place=places[0])


def _config_map_text(where: ConfigKey, objects: Objects) -> str | None:
    found = config_map(where, objects)
    return None if found is None else mapping(found, "data").get(where.key)


def config_map(where: ConfigKey, objects: Objects) -> Object | None:
    return next(iter(objects.by(CONFIG_MAPS, full_name).get(f"{where.namespace}/{where.config_map}", ())), None)


def _configuration(where: ConfigKey, written: str, objects: Objects) -> Configuration:
    from arpcheck.kubeproxy import config

    return objects.memo(("kube-proxy configuration", where.title, where.key), lambda: config.read(written))


def _missing(where: ConfigKey, objects: Objects) -> Note:
    if config_map(where, objects) is not None:
        return Note(f"{where.title} has no key {where.key[:60]}: kube-proxy finds no file and exits", Oddity.REFUSED)
    if gap := objects.gap(CONFIG_MAPS):
        return Note(f"{where.title} could not be read: {gap.why}", Oddity.UNREAD)
    return Note(f"{where.title} was not found", Oddity.UNREAD)


def _misplaced(where: ConfigKey, found: Configuration, objects: Objects) -> tuple[Note, ...]:
    """Another mounted ConfigMap or key in which somebody has set strictARP, while this one is read and has it not."""
    if found.strict_arp is not False:
        return ()
    read = f"kube-proxy reads {where.title}, key {where.key[:60]}"
    return tuple(
        Note(f"{other.title}, key {other.key[:60]}, has strictARP: true, but {read}", Oddity.MISPLACED)
        for other, written in _others(where, objects)[:_MOST_OTHERS]
        if _configuration(other, written, objects).strict_arp
    )


def _others(where: ConfigKey, objects: Objects) -> list[tuple[ConfigKey, str]]:
    found = [
        (ConfigKey(namespace=namespace(obj), config_map=name(obj), key=key), written)
        for obj in sorted(objects.of(CONFIG_MAPS), key=full_name)
        for key, written in sorted(mapping(obj, "data").items())
        if "strictARP" in written
    ]
    return [(one, written) for one, written in found if (one.title, one.key) != (where.title, where.key)]


# ------------------------------------------------------------------------------- kube-proxy's command line as pflag reads it

MODE = "proxy-mode"
STRICT_ARP = "ipvs-strict-arp"
CONFIG = "config"

_PROGRAMS = ("kube-proxy", "kube-proxy.exe")
_WRAPPERS = frozenset(
    (
        *("go-runner", "tini", "dumb-init", "catatonit", "env", "exec", "nice", "ionice", "nohup", "time", "chrt"),
        *("hyperkube", "sudo", "stdbuf", "setpriv", "unshare", "nsenter", "taskset"),
    )
)
"""Programs that start what comes after them with just these words."""
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says."""

    config: str | None
    """The file; `""` where none is given, None where it can't be told (a variable, an opaque command line)."""
    mode: str | None
    """`""` where it is not given, None where it can't be told."""
    strict_arp: bool | None
    """False where it is not given, None where it can't be told."""
    given: tuple[str, ...] = ()
    """Which of the two flags that `--config` overrides are there, as written."""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommandLine:
    """kube-proxy's own words."""

    words: Sequence[str] = ()
    hides: str = ""
    """Why there may be other flags than those; empty where there are none."""
    certain: bool = True
    """False: not even the flags that it shows are known to be in force."""


def read(command: Iterable[str], args: Iterable[str] = ()) -> Flags:
    """The flags in a container's `command` and `args`, a shell's `-c` and wrappers such as go-runner looked through. A
    variable that is left in them is one that the API does not show."""
    return _flags(_line(tuple(command), tuple(args)))


def of_words(words: Sequence[str], *, hides: str = "") -> Flags:
    """kube-proxy's own words. `hides`: why there may be more of them, which come before these."""
    return _flags(_CommandLine(words=words, hides=hides))


# ---------------------------------------------------------------------------------------------------- which words


def _line(command: Sequence[str], args: Sequence[str]) -> _CommandLine:
    if not command and not args:
        return _CommandLine(hides="it has neither command nor args, so the image alone knows the flags", certain=False)
    if not command and args[0].startswith("-"):
        return _CommandLine(words=args, hides="it has args alone, and the image's entry point may add flags")
    words = [*command, *args]
    if (script := shell.script_of(words)) is not None:
        return _in_script(script)
    start = _program(words)
    if start is None:
        return _CommandLine(
            hides=f"{words[0][:60]} is a program that starts kube-proxy with flags of its own", certain=False
        )
    if posixpath.basename(words[0]) in (*_PROGRAMS, *_WRAPPERS):
        return _seen(words[start:])
    return _CommandLine(words=words[start:], hides=f"{words[0][:60]} may add flags")


def _in_script(script: str) -> _CommandLine:
    starts = [words for words in shell.commands(script) if _starts(words)]
    runs = [words for words in starts if "--cleanup" not in words and "--cleanup=true" not in words]
    if len(runs) != 1:
        told = "does not name it" if not starts else "starts it in more than one way" if runs else "only cleans up"
        return _CommandLine(hides=f"its shell script {told}", certain=False)
    (words,) = runs
    return _seen(words[_program(words) or 0 :])


def _starts(words: Sequence[str]) -> bool:
    return bool(words) and posixpath.basename(words[0]) in (*_PROGRAMS, *_WRAPPERS) and _program(words) is not None


def _program(words: Sequence[str]) -> int | None:
    """Behind the program's name."""
    return next((at for at, word in enumerate(words, 1) if posixpath.basename(word) in _PROGRAMS and word[:1] != "-"), None)


def _seen(words: Sequence[str]) -> _CommandLine:
    """A word that is nothing but a variable may be any flags; one inside a flag's value is one value."""
    for at, word in enumerate(words):
        is_value = at > 0 and words[at - 1].startswith("--") and "=" not in words[at - 1]
        if word.startswith(("$", "`")) and not is_value:
            return _CommandLine(words=words, hides=f"{word[:60]} is a variable that the API does not show", certain=False)
    return _CommandLine(words=words)


# ------------------------------------------------------------------------------------------------- what they say


def _flags(line: _CommandLine) -> Flags:
    found: dict[str, str] = {}
    written: dict[str, str] = {}
    notes: list[Note] = []
    words = list(_to_end(line.words))
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
    given = tuple(written[name][:80] for name in (MODE, STRICT_ARP) if name in written)
    if not line.hides:
        config, mode = _plain(found.get(CONFIG, "")), _plain(found.get(MODE, ""))
        return Flags(config=config, mode=mode, strict_arp=strict_arp, given=given, notes=(*notes, *doubts))
    opaque = Note(f"its command line does not show all its flags: {line.hides}", Oddity.OPAQUE)
    shown = found if line.certain else {}
    return Flags(
        config=_plain(shown[CONFIG]) if CONFIG in shown else "" if MODE in shown else None,
        mode=_plain(shown[MODE]) if MODE in shown else None,
        strict_arp=strict_arp if STRICT_ARP in shown else None,
        given=given,
        notes=(*notes, *doubts, *(() if shown.get(CONFIG) else (opaque,))),
    )


def _boolean(value: str) -> tuple[bool | None, tuple[Note, ...]]:
    if value in _TRUE | _FALSE:
        return value in _TRUE, ()
    if "$" in value:
        return None, (Note(f"--{STRICT_ARP}={value[:40]}: a variable that the API does not show", Oddity.UNREADABLE),)
    return None, (Note(f'--{STRICT_ARP}="{value[:40]}" is no boolean, kube-proxy exits', Oddity.REFUSED),)


def _plain(value: str) -> str | None:
    return None if "$" in value or "`" in value else value


def _to_end(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        yield word
