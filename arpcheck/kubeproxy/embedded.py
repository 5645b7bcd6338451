"""kube-proxy inside k3s and RKE2: no object of its own, but the process writes its arguments into an annotation of its
Node at every start (k3s pkg/nodeconfig/nodeconfig.go), so what is there is what runs.

Knows the annotation; not who else might handle Services."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from arpcheck.kubeproxy import flags
from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.kubeproxy.setting import Setting
from arpcheck.objects import Node, Objects

ANNOTATIONS = ("k3s.io/node-args", "rke2.io/node-args")

_MAX_CHARS = 64 * 1024
_DISABLE = "--disable-kube-proxy"
_ARGUMENT = "--kube-proxy-arg"
_DEFAULTS = ("--proxy-mode=iptables",)
"""k3s pkg/daemons/agent/agent_linux.go, kubeProxyArgs: what the user gives comes later and wins."""


def annotation(node: Node) -> str | None:
    return next((key for key in ANNOTATIONS if key in node.annotations), None)


def setting(node: Node) -> Setting | None:
    """None where the node is of neither; `disabled` is asked apart, because one server's word holds for all."""
    if (key := annotation(node)) is None:
        return None
    source = f"node annotation {key}"
    arguments = _arguments(node.annotations[key])
    if arguments is None:
        doubt = Note(f"unreadable: annotation {key} is no JSON list of texts", Oddity.UNREADABLE)
        return Setting(mode=None, strict_arp=None, source=source, notes=(doubt,))
    given = flags.read([*_DEFAULTS, *(f"--{value.removeprefix('--')}" for value in _values(arguments))])
    if given.config != "":
        doubt = Note("kube-proxy's own --config is a file on the node", Oddity.UNREAD)
        return Setting(mode=None, strict_arp=None, source=source, notes=(doubt,))
    return replace(Setting(mode=given.mode, strict_arp=given.strict_arp, source=source), notes=given.notes)


def disabled(objects: Objects) -> bool:
    """A server was started with --disable-kube-proxy: agents follow their server (k3s pkg/agent/config/config.go)."""
    return objects.memo("kube-proxy disabled", lambda: any(_disables(node) for node in objects.nodes()))


def _disables(node: Node) -> bool:
    key = annotation(node)
    arguments = _arguments(node.annotations[key]) if key else None
    for at, argument in enumerate(arguments or ()):
        name, equals, value = argument.partition("=")
        following = (arguments or ())[at + 1 : at + 2]
        if name == _DISABLE:
            return (value if equals else "".join(following)).lower() not in ("false", "f", "0")
    return False


def _arguments(written: str) -> Sequence[str] | None:
    try:
        found = json.loads(written) if len(written) <= _MAX_CHARS else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(word, str) for word in found) else None


def _values(arguments: Sequence[str]) -> Iterator[str]:
    """`--kube-proxy-arg=a=b`; `--kube-proxy-arg`, `a=b`; and as k3s before 1.19 wrote it, `--kube-proxy-arg`, `a`, `b`."""
    for at, argument in enumerate(arguments):
        if argument.startswith(f"{_ARGUMENT}="):
            yield argument.removeprefix(f"{_ARGUMENT}=")
        elif argument == _ARGUMENT and at + 1 < len(arguments):
            value, after = arguments[at + 1], arguments[at + 2 : at + 3]
            torn = "=" not in value and after and not after[0].startswith("-")
            yield f"{value}={after[0]}" if torn else value
