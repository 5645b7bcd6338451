"""A command line with the environment in it that it refers to, so that the environment itself need not be kept: a value
that nothing here asks for may be anybody's password.

`$(NAME)` is the kubelet's (k8s.io/kubernetes third_party/forked/golang/expansion), `$NAME` and `${NAME}` a shell's. A
value that comes from elsewhere (valueFrom, envFrom, the image) is not known, and its reference stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arpcheck.objects import Object, at, items, text

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
