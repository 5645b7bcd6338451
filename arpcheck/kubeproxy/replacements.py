"""kube-proxy inside k3s and RKE2: no object of its own, but the process writes its arguments into an annotation of its
Node at every start (k3s pkg/nodeconfig/nodeconfig.go), so what is there is what runs.

Knows the annotation; not who else might handle Services."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from arpcheck.kubeproxy import command_line
from arpcheck.kubeproxy.modes import CILIUM, KUBE_ROUTER, OVN, Note, Oddity
from arpcheck.kubeproxy.setting import CONFIG_MAPS, Loaded, Setting
from arpcheck.kubeproxy.workload import SYSTEM, number
from arpcheck.objects import Node, Object, Objects, full_name, items, mapping, name, namespace, text, texts

K3S = "k3s.io/node-args"
RKE2 = "rke2.io/node-args"
ANNOTATIONS = {K3S: "k3s", RKE2: "RKE2"}
"""With the name of the program."""

CHART = "rke2-kube-proxy"
"""Of RKE2 up to 1.20."""

_FILE_SINCE, _FILE_SHOWN_SINCE = (1, 19, 1), (1, 21, 1)
"""k3s reads /etc/rancher/k3s/config.yaml since 1.19.1; what is in it is in the annotation since 1.21.1 (k3s 3289)."""
_HIDES = "k3s 1.19.1 to 1.21.0 does not write what is in its config.yaml into the annotation (k3s 3289)"

_MAX_CHARS = 64 * 1024
_DISABLE = "--disable-kube-proxy"
_ARGUMENT = "--kube-proxy-arg"
_DEFAULTS = ("--proxy-mode=iptables",)
"""k3s pkg/daemons/agent/agent_linux.go, kubeProxyArgs: what the user gives comes later and wins."""


def annotation(node: Node) -> str | None:
    return next((key for key in ANNOTATIONS if key in node.annotations), None)


def setting(node: Node) -> Setting | None:
    """None where the node is of neither; `disabled` is asked apart, because one server's word holds for all."""
    if (key := annotation(node)) is None or is_by_chart(node):
        return None
    source = f"node annotation {key}"
    arguments = _arguments(node.annotations[key])
    if arguments is None:
        doubt = Note(f"unreadable: annotation {key} is not a JSON list of strings", Oddity.UNREADABLE)
        return Setting(mode=None, strict_arp=None, source=source, notes=(doubt,))
    words = [f"--{value.removeprefix('--')}" for value in _values(arguments)]
    hides = _HIDES if _FILE_SINCE <= _release(node) < _FILE_SHOWN_SINCE else ""
    given = command_line.of_words(words if hides else [*_DEFAULTS, *words], hides=hides)
    if given.config is None and hides:
        return Setting(mode=None, strict_arp=None, source=source, notes=given.notes)
    if given.config != "":
        doubt = Note("kube-proxy's own --config is a file on the node", Oddity.UNREAD)
        return Setting(mode=None, strict_arp=None, source=source, notes=(doubt,))
    return replace(Setting(mode=given.mode, strict_arp=given.strict_arp, source=source), notes=given.notes)


def loaded(node: Node, inside: Setting) -> Loaded:
    """What a node that is not Ready has written at its last start need not be what it runs with now."""
    if inside.mode is None:
        return None, ()
    if node.ready is not True:
        why = f"the node is not Ready, and what its {ANNOTATIONS[annotation(node) or K3S]} runs with now is not known"
        return None, (Note(why, Oddity.NOT_RUNNING),)
    return True, ()


def is_by_chart(node: Node) -> bool:
    """RKE2 up to 1.20 installs kube-proxy by a Helm chart, and does not use its own arguments for it."""
    return annotation(node) == RKE2 and _release(node) < (1, 21, 0)


def _release(node: Node) -> tuple[int, int, int]:
    """Of k3s or RKE2; the newest where it is not known."""
    found = re.match(r"v(\d{1,4})\.(\d{1,4})\.(\d{1,4})", text(node.raw, "status", "nodeInfo", "kubeletVersion"))
    return (int(found[1]), int(found[2]), int(found[3])) if found else (9999, 0, 0)


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


OVN_ANNOTATION = "k8s.ovn.org/node-subnets"
MICROK8S = "microk8s.io/cluster"
CILIUM_CONFIG = "cilium-config"
REPLACEMENT = "kube-proxy-replacement"
DAEMON_SETS = ("anetd", "cilium", "kube-router")
"""anetd is Cilium as GKE's Dataplane V2 ships it, which never comes with a kube-proxy."""

_ON = frozenset(("true", "strict"))
"""`strict` up to Cilium 1.13."""


def setting_without_pod(node: Node, objects: Objects) -> Setting:
    """Never None: where nothing is proven the mode is None and the notes say why."""
    if MICROK8S in node.labels:
        hidden = "MicroK8s runs kube-proxy inside kubelite: its arguments are in $SNAP_DATA/args/kube-proxy on the node"
        return Setting(mode=None, strict_arp=None, source=None, notes=(Note(hidden, Oddity.UNREAD),))
    if OVN_ANNOTATION in node.annotations:
        return _instead(OVN, f"node annotation {OVN_ANNOTATION}", objects)
    return _by_daemon_set(objects)


def _by_daemon_set(objects: Objects) -> Setting:
    found = {name(o): o for o in objects.of("daemonsets.apps") if namespace(o) == SYSTEM and name(o) in DAEMON_SETS}
    if "kube-router" in found and _runs_service_proxy(found["kube-router"]):
        always = Note("kube-router's service proxy writes arp_ignore=1 and arp_announce=2 itself, always")
        where = f"args of daemonset {SYSTEM}/kube-router"
        return _instead(KUBE_ROUTER, where, objects, always, *_missing(found["kube-router"]), strict_arp=True)
    if "anetd" in found:
        return _instead(CILIUM, f"daemonset {SYSTEM}/anetd", objects)
    if "cilium" in found:
        return _cilium(objects)
    hidden = Note("kube-proxy is not visible from the API: no DaemonSet, pod or annotation of it", Oddity.UNREAD)
    return Setting(mode=None, strict_arp=None, source=None, notes=unread(objects) or (hidden,))


def _missing(daemon_set: Object) -> tuple[Note, ...]:
    """What does not run has written no sysctl."""
    wanted, ready = (number(daemon_set, "status", key) for key in ("desiredNumberScheduled", "numberReady"))
    if wanted and ready is not None and ready >= wanted:
        return ()
    why = f"daemonset {SYSTEM}/{name(daemon_set)} has {ready or 0} of {wanted or 0} pods ready"
    return (Note(f"{why}: a node without one has loaded nothing", Oddity.NOT_RUNNING),)


def _instead(mode: str, source: str, objects: Objects, *notes: Note, strict_arp: bool | None = None) -> Setting:
    return Setting(mode=mode, strict_arp=strict_arp, source=source, notes=(*notes, *unread(objects)), proven=True)


def _cilium(objects: Objects) -> Setting:
    source = f"configmap {SYSTEM}/{CILIUM_CONFIG}"
    maps = objects.by(CONFIG_MAPS, full_name).get(f"{SYSTEM}/{CILIUM_CONFIG}", ())
    value = mapping(maps[0], "data").get(REPLACEMENT, "") if maps else None
    if value in _ON:
        return _instead(CILIUM, source, objects)
    if value is None:
        why = f"Cilium runs, but whether it replaces kube-proxy is not known: {source} {_refusal(objects)}"
    else:
        why = f'Cilium runs with {REPLACEMENT} "{value[:20]}", and no kube-proxy is visible beside it'
    return Setting(mode=None, strict_arp=None, source=None, notes=(Note(why, Oddity.UNREAD), *unread(objects)))


def _refusal(objects: Objects) -> str:
    gap = objects.gap(CONFIG_MAPS)
    return f"could not be read ({gap.why})" if gap else "was not found"


def unread(objects: Objects) -> tuple[Note, ...]:
    """What might have shown a kube-proxy all the same."""
    gaps = [gap for resource in ("daemonsets.apps", "pods") if (gap := objects.gap(resource))]
    unseen = "a kube-proxy may run unseen"
    return tuple(Note(f"{gap.what} could not be read ({gap.why}): {unseen}", Oddity.UNREAD) for gap in gaps)


def _runs_service_proxy(daemon_set: Object) -> bool:
    """--run-service-proxy is on unless it is turned off (kube-router pkg/options/options.go)."""
    containers = items(daemon_set, "spec", "template", "spec", "containers")
    words: Sequence[str] = [w for c in containers for w in (*texts(c, "command"), *texts(c, "args"))]
    given = [word.partition("=")[2].lower() for word in words if word.partition("=")[0] == "--run-service-proxy"]
    return not given or given[-1] in ("", "true", "1", "t")
