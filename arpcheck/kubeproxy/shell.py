"""The simple commands in a shell's script, in their order, as far as reading shows them. Runs nothing, never raises.

Knows no kube-proxy. Redirections are left out; a variable that the script sets once, to a plain value, is known."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arpcheck.objects import Object, at, items, text

SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"))

_REDIRECTION = re.compile(r"\d*>&\d|&?\d*>{1,2}\s*[^\s;|&)]+|\d*<\s*[^\s;|&)]+")
_END = re.compile(r"[;&|()\n]+|\{|\}|!|then|do|else|elif|if|while|until|exec|nohup|time|command")
"""What stands between two simple commands, or before one without a part in it."""
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def script_of(command: Sequence[str]) -> str | None:
    """What a shell's `-c` is given; None where the command is no shell's."""
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


# -------------- A command line with the environment in it that it refers to, so that the environment itself need not be kept

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
