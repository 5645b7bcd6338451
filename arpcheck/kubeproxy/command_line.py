"""kube-proxy's command line: its flags as pflag reads them, out of a shell's script and with the environment in it.

Nothing is run. A variable that the API does not show stays as it is written."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arpcheck.kubeproxy.modes import Note, Oddity
from arpcheck.objects import Object, at, items, text

SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"))

_REDIRECTION = re.compile(r"\d*>&\d|&?\d*>{1,2}\s*[^\s;|&)]+|\d*<\s*[^\s;|&)]+")
_END = re.compile(r"[;&|()\n]+|\{|\}|!|then|do|else|elif|if|while|until|exec|nohup|time|command")
"""What stands between two simple commands, or before one without a part in it."""
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def script_of(command: Sequence[str]) -> str | None:
    """What a shell's `-c` is given; None if the command is not a shell."""
    if not command or posixpath.basename(command[0]) not in SHELLS:
        return None
    for place, word in enumerate(command[1:], 1):
        if re.fullmatch(r"-[a-z]*c[a-z]*", word):
            return next(iter(command[place + 1 : place + 2]), "")
        if not word.startswith(("-", "+")) and word not in SHELLS:
            return None
    return None


def commands(script: str) -> Sequence[Sequence[str]]:
    """The words of every simple command, variables resolved that are known; what is not known keeps its dollar sign."""
    found: list[list[str]] = [[]]
    for word in _shell_words(_REDIRECTION.sub(" ", script.replace("\\\n", " "))):
        if _END.fullmatch(word) and (not found[-1] or not word.isalpha()):
            found.append([])
        else:
            found[-1].append(word)
    known: dict[str, str] = {}
    for name in _set_in([command for command in found if command], known):
        known.pop(name, None)
    return [_resolved(command, known) for command in found if command]


def _shell_words(script: str) -> Sequence[str]:
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:  # an unbalanced quote: the shell would not run it, but the words are still the best there is
        return script.split()


def _set_in(found: Iterable[Sequence[str]], known: dict[str, str]) -> set[str]:
    """Adds what the script sets to `known`; the names that it sets twice, or to what is not known, are given back."""
    seen, doubtful = set[str](), set[str]()
    for command in found:
        words = command[1:] if command[0] in ("export", "local", "readonly") else command
        if words and all(_ASSIGNMENT.fullmatch(word) for word in words):
            for word in words:
                name, value = word.split("=", 1)
                known[name] = in_shell(value, known)
                if name in seen or "$" in known[name] or "`" in known[name]:
                    doubtful.add(name)
                seen.add(name)
    return doubtful


def _resolved(command: Sequence[str], known: Mapping[str, str]) -> Sequence[str]:
    words: list[str] = []
    for word in command:
        value = in_shell(word, known)
        words += value.split() if word.startswith("$") and value != word else [value]
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words.pop(0)
    return words


_SPECS = (("spec",), ("spec", "template", "spec"), ("data", "spec", "template", "spec"))
"""Of a pod, of what has a template, and of a ControllerRevision."""
_OF_KUBELET = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_OF_SHELL = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_MOST = 4096
"""Characters of a word after that."""


def resolved(obj: Object) -> Object:
    """The same object, its containers' `command` and `args` with what their plain `env` values make of them."""
    for path in _SPECS:
        if containers := items(obj, *path, "containers"):
            obj = _with(obj, (*path, "containers"), [_container(one) for one in containers])
    return obj


def in_shell(word: str, values: Mapping[str, str]) -> str:
    """What a shell makes of it; what is not known stays, and so does whatever else begins with a dollar sign."""
    return _OF_SHELL.sub(lambda found: values.get(found[1] or found[2], found[0]), word)


def _with(obj: Object, path: tuple[str, ...], value: Any) -> Object:
    return {**obj, path[0]: _with(at(obj, path[0]), path[1:], value) if path[1:] else value}


def _container(container: Any) -> Any:
    if not isinstance(container, Mapping) or not (values := _plain_values(container)):
        return container
    words = {key: [_word(word, values) for word in items(container, key)] for key in ("command", "args") if key in container}
    return {**container, **words}


def _plain_values(container: Object) -> Mapping[str, str]:
    """By name. A later entry counts, and may refer to an earlier one."""
    found: dict[str, str] = {}
    for entry in items(container, "env"):
        if not isinstance(entry, Mapping):
            continue
        if "valueFrom" in entry:
            found.pop(text(entry, "name"), None)
        else:
            found[text(entry, "name")] = _expanded(text(entry, "value"), found)
    return found


def _word(word: Any, values: Mapping[str, str]) -> Any:
    """A script is a word with blanks in it: of a shell's own variables nothing else has any."""
    if not isinstance(word, str):
        return word
    expanded = _expanded(word, values)
    return in_shell(expanded, values)[:_MOST] if re.search(r"\s", expanded) and not word.startswith("-") else expanded


def _expanded(word: str, values: Mapping[str, str]) -> str:
    """As the kubelet does it; `$$` is one dollar sign, which then refers to nothing and stays."""
    return _OF_KUBELET.sub(lambda found: found[0] if found[0] == "$$" else values.get(found[1], found[0]), word)[:_MOST]


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


def _line(command: Sequence[str], args: Sequence[str]) -> _CommandLine:
    if not command and not args:
        return _CommandLine(hides="it has neither command nor args, so the image alone knows the flags", certain=False)
    if not command and args[0].startswith("-"):
        return _CommandLine(words=args, hides="it has args alone, and the image's entry point may add flags")
    words = [*command, *args]
    if (script := script_of(words)) is not None:
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
    starts = [words for words in commands(script) if _starts(words)]
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
    return next(
        (end for end, word in enumerate(words, 1) if posixpath.basename(word) in _PROGRAMS and word[:1] != "-"), None
    )


def _seen(words: Sequence[str]) -> _CommandLine:
    """A word that is nothing but a variable may be any flags; one inside a flag's value is one value."""
    for place, word in enumerate(words):
        is_value = place > 0 and words[place - 1].startswith("--") and "=" not in words[place - 1]
        if word.startswith(("$", "`")) and not is_value:
            return _CommandLine(words=words, hides=f"{word[:60]} is a variable that the API does not show", certain=False)
    return _CommandLine(words=words)


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
    return None, (Note(f'--{STRICT_ARP}="{value[:40]}" is not a boolean, so kube-proxy exits', Oddity.REFUSED),)


def _plain(value: str) -> str | None:
    return None if "$" in value or "`" in value else value


def _to_end(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        yield word
