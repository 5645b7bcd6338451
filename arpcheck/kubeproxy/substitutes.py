"""What handles Services where no kube-proxy is to be seen: kube-router, Cilium, OVN-Kubernetes, or something hidden.

Sources: kube-router pkg/controllers/proxy/network_services_controller.go, cilium's key kube-proxy-replacement,
ovn-kubernetes' node annotations. Knows only what proves it; all else is "not visible"."""

from __future__ import annotations

from collections.abc import Sequence

from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.kubeproxy.setting import CONFIG_MAPS, Setting
from arpcheck.kubeproxy.versions import CILIUM, KUBE_ROUTER, OVN
from arpcheck.kubeproxy.workload import SYSTEM, number
from arpcheck.objects import Node, Object, Objects, full_name, items, mapping, name, namespace, texts

OVN_ANNOTATION = "k8s.ovn.org/node-subnets"
MICROK8S = "microk8s.io/cluster"
CILIUM_CONFIG = "cilium-config"
REPLACEMENT = "kube-proxy-replacement"
DAEMON_SETS = ("anetd", "cilium", "kube-router")
"""anetd is Cilium as GKE's Dataplane V2 ships it, which never comes with a kube-proxy."""

_ON = frozenset(("true", "strict"))
"""`strict` up to Cilium 1.13."""


def setting(node: Node, objects: Objects) -> Setting:
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
