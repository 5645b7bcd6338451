"""What kube-proxy is configured to do on each node, and whether the running process has loaded it.

`status` derives the need for strict ARP from it, `causes` explains why the wire shows something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from arpcheck.kubeproxy import distributions, modes, replacements, setting, workload
from arpcheck.kubeproxy.command_line import resolved
from arpcheck.kubeproxy.modes import Note, Oddity, has
from arpcheck.kubeproxy.setting import ConfigKey, Loaded, Setting
from arpcheck.kubeproxy.workload import OPENSHIFT, SYSTEM, Workload
from arpcheck.model import KubeProxy, Need
from arpcheck.model.constants import RESTARTED
from arpcheck.objects import Node, Object, Objects, at, full_name, items, mapping, name, namespace, text

__all__ = ["NEEDS", "kube_proxies"]


def kube_proxies(objects: Objects) -> Mapping[str, KubeProxy]:
    """By the name of every Node that was read. `mode` is one of kube-proxy's own, or what stands in its place:
    `kube-router`, `cilium`, `ovn-kubernetes`, `none`; None where it is not visible."""
    return objects.memo("kube proxies", lambda: {node.name: _kube_proxy(node, objects) for node in objects.nodes()})


def version_of(node: Node, objects: Objects) -> modes.Minor | None:
    """kube-proxy's own is not in the API any more; the kubelet's is that of the same release (version skew policy)."""
    return modes.minor(text(node.raw, "status", "nodeInfo", "kubeletVersion")) or modes.minor(objects.version)


def _kube_proxy(node: Node, objects: Objects) -> KubeProxy:
    if text(node.raw, "status", "nodeInfo", "operatingSystem") == "windows":
        return KubeProxy(mode=modes.KERNELSPACE, strict_arp=None, source="operating system of the node")
    wanted, (loaded, more) = _found(node, objects)
    mode, of_mode = _mode(wanted, version_of(node, objects))
    before = ipvs_before(node, mode, objects) if mode in modes.BINDS_NOTHING else ()
    notes = tuple(dict.fromkeys((*wanted.notes, *of_mode, *_no_effect(mode, wanted), *more, *before)))
    if loaded and has(notes, Oddity.REFUSED):
        loaded = False  # whatever runs, it did not start with this
    return KubeProxy(mode=mode, strict_arp=wanted.strict_arp, source=wanted.source, loaded=loaded, notes=notes)


def _mode(wanted: Setting, version: modes.Minor | None) -> tuple[str | None, tuple[Note, ...]]:
    return (wanted.mode, ()) if wanted.proven else modes.effective(wanted.mode, version)


def _found(node: Node, objects: Objects) -> tuple[Setting, Loaded]:
    """The strongest witness first: its own pod, its own annotation, a DaemonSet that should run there, a substitute."""
    if pod := workload.pods(objects).get(node.name):
        wanted, loaded = _of_pod(pod, objects)
        return wanted, _if_it_runs(loaded, node)
    if inside := replacements.setting(node):
        if replacements.disabled(objects):
            return _disabled(inside, node, objects), (None, ())
        return inside, replacements.loaded(node, inside)
    if found := _daemon_sets(objects):
        return _without_pod(found, node, objects)
    return replacements.setting_without_pod(node, objects), (None, ())


def _of_pod(pod: Workload, objects: Objects) -> tuple[Setting, Loaded]:
    own = setting.setting(pod, objects)
    daemon_set = workload.owner(pod, objects)
    wanted = own
    if daemon_set:
        key = "kube-proxy setting", daemon_set.title, namespace(daemon_set.obj)
        wanted = objects.memo(key, lambda: setting.setting(daemon_set, objects))
    found, notes = setting.loaded(pod, own, wanted, daemon_set, objects)
    if daemon_set is None and not workload.is_static(pod) and (gap := objects.gap("daemonsets.apps")):
        return wanted, (None, (*notes, Note(f"its DaemonSet could not be read: {gap.why}", Oddity.UNREAD)))
    return wanted, (found, notes)


def _if_it_runs(loaded: Loaded, node: Node) -> Loaded:
    """Nobody reports of the pods of a node that is not Ready: a process that is gone has loaded nothing, and the next one
    loads what there is."""
    found, notes = loaded
    if found is not False or node.ready is not False:
        return loaded
    return None, (*notes, Note("the node is not Ready: whether that process still runs is not known"))


def _disabled(inside: Setting, node: Node, objects: Objects) -> Setting:
    """k3s runs none; what handles Services then is asked of the others. One of its own may run where none could be read."""
    other = replacements.setting_without_pod(node, objects)
    if other.mode is not None:
        return other
    off = Note("k3s or RKE2 was started with --disable-kube-proxy; what handles Services instead is not visible")
    notes = (off, *replacements.unread(objects))
    return Setting(mode=modes.NONE, strict_arp=None, source=inside.source, notes=notes, proven=True)


def _daemon_sets(objects: Objects) -> tuple[Workload, ...]:
    """Those that a node without a visible pod may have: not the one for Windows."""
    return tuple(one for one in workload.daemon_sets(objects) if "windows" not in name(one.obj))


def _without_pod(found: tuple[Workload, ...], node: Node, objects: Objects) -> tuple[Setting, Loaded]:
    """A node that has no pod runs no kube-proxy. It should run none only where the DaemonSets have all the pods that they
    want; `status.currentNumberScheduled` counts those that are there, so it says nothing of those that are missing."""
    titles = " and ".join(one.title for one in found)
    wanted, there = objects.memo("kube-proxy pods wanted and seen", lambda: _counted(found, objects))
    gap = objects.gap("pods")
    if wanted == 0 and there == 0:
        refused = (Note(f"pods could not be read: {gap.why}; one of no DaemonSet may run", Oddity.UNREAD),) if gap else ()
        return _switched_off(titles, node, objects), (None, refused)
    if gap or wanted is None:
        why = f"pods could not be read: {gap.why}" if gap else f"its pod in {namespace(found[0].obj)} was not found"
        unseen = Note(f"{why}; whether the process is older than its configuration is not known", Oddity.UNREAD)
        return _only(found, titles, objects), (None, (unseen,))
    if wanted > there:
        why = f"no pod of {titles} was seen here, and {wanted - there} of the {wanted} that it wants are missing"
        missing = Note(f"{why}: what does not run has loaded nothing", Oddity.NOT_RUNNING)
        return _only(found, titles, objects), (None, (missing,))
    off = (Note(f"no pod of {titles} is to run here"), *_may_have_left(found, titles, objects))
    return Setting(mode=modes.NONE, strict_arp=None, source=titles, notes=off, proven=True), (None, ())


def _may_have_left(found: tuple[Workload, ...], titles: str, objects: Objects) -> tuple[Note, ...]:
    """A node that was taken out of a DaemonSet's reach (a label, a taint) keeps the kube-ipvs0 of before."""
    if not any(setting.setting(one, objects).mode == modes.IPVS for one in found):
        return ()
    why = f"{titles} runs in mode ipvs; where it ran here before, kube-ipvs0 stays until a reboot or `kube-proxy --cleanup`"
    return (Note(why, Oddity.LEFTOVERS),)


def _counted(found: tuple[Workload, ...], objects: Objects) -> tuple[int | None, int]:
    """How many pods the DaemonSets want, None where one does not say it, and how many of theirs were seen."""
    owners = [workload.owner(pod, objects) for pod in workload.pods(objects).values()]
    wanted = [workload.number(one.obj, "status", "desiredNumberScheduled") for one in found]
    return _sum(wanted), sum(any(own is one for one in found) for own in owners)


def _sum(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _switched_off(titles: str, node: Node, objects: Objects) -> Setting:
    """It wants a pod on no node at all (a nodeSelector that fits none): something else handles Services, or nothing does."""
    other = replacements.setting_without_pod(node, objects)
    off = Note(f"{titles} wants a pod on no node")
    if other.mode is not None:
        return replace(other, notes=(off, *other.notes))
    why = Note(f"{off}: no kube-proxy runs, and what handles Services instead is not visible", Oddity.NOT_RUNNING)
    return Setting(mode=modes.NONE, strict_arp=None, source=titles, notes=(why,), proven=True)


def _only(found: tuple[Workload, ...], titles: str, objects: Objects) -> Setting:
    """What they say alike; which of several DaemonSets would serve a node is not worked out."""
    said = [setting.setting(one, objects) for one in found]
    if len({(one.mode, one.strict_arp) for one in said}) == 1:
        return said[0]
    doubt = Note(f"{titles} are configured differently, and which of them serves this node is not known", Oddity.UNREAD)
    return Setting(mode=None, strict_arp=None, source=None, notes=(doubt,))


def _no_effect(mode: str | None, wanted: Setting) -> tuple[Note, ...]:
    if mode not in modes.BINDS_NOTHING or not wanted.strict_arp:
        return ()
    return (Note(f"strictARP is set, but has no effect in mode {mode}", Oddity.NO_EFFECT),)


# --------------------------------------------------------------- What is read for it, and the traces of an earlier IPVS mode


def _fields_of_pod(prefix: str) -> Iterable[str]:
    parts = ("name", "command", "args", "volumeMounts name", "volumeMounts mountPath", "volumeMounts subPath")
    volumes = (
        *("name", "hostPath path", "configMap name", "configMap items key", "configMap items path"),
        *(f"projected sources configMap {part}" for part in ("name", "items key", "items path")),
    )
    yield from (f"{prefix} containers {part}" for part in parts)
    yield from (f"{prefix} volumes {part}" for part in volumes)


_DAEMON_SET = (
    *distributions.MARKS,
    *("metadata labels k8s-app", "metadata labels component", "spec updateStrategy type"),
    "status desiredNumberScheduled",
    f"spec template metadata annotations {RESTARTED}",
    *_fields_of_pod("spec template spec"),
)

_POD = (
    *("metadata labels k8s-app", "metadata labels component"),
    *("metadata ownerReferences kind", "metadata ownerReferences name", "spec nodeName"),
    *(f"metadata annotations {RESTARTED}", "status phase", "status containerStatuses name"),
    *(f"status containerStatuses {key}" for key in ("ready", "restartCount", "state running startedAt")),
    *(f"status containerStatuses state {state} reason" for state in ("waiting", "terminated")),
    *(f"status containerStatuses lastState terminated {key}" for key in ("exitCode", "startedAt", "finishedAt")),
    *_fields_of_pod("spec"),
)

_KUBECONFIG = "kubec"
REVISIONS = "controllerrevisions.apps"
_NO_KUBECONFIG = tuple(f"data {_KUBECONFIG[:at]}[!{_KUBECONFIG[at]}]*" for at in range(len(_KUBECONFIG)))
"""Every key but kubeadm's `kubeconfig.conf` and its like: a token in it would be in each snapshot and report."""

_CONFIG_MAP = (
    *distributions.MARKS,
    "metadata managedFields time",
    "metadata managedFields fieldsV1 f:data",
    *_NO_KUBECONFIG,
)

_DAEMON_SETS_COST = "how kube-proxy is configured is not known"
_PODS_COST = "whether a kube-proxy is older than its configuration, and what a static pod is told, is not known"
_REVISIONS_COST = "whether kube-proxy was in IPVS mode before is not known"
_CONFIG_MAPS_COST = "kube-proxy's mode and strictARP are not known"


CONFIG_MAPS = {SYSTEM: ("kube-proxy", "kube-proxy-config"), OPENSHIFT: ("proxy-config",)}
"""As kubeadm and k0s, EKS, and OpenShift name them; Talos adds a digest, so there the right has to be given by name."""


def _in(space: str, *selectors: str) -> Iterable[Need]:
    yield Need(
        resource="daemonsets.apps", costs=_DAEMON_SETS_COST, namespace=space, names=("*kube-proxy*",), fields=_DAEMON_SET,
        prepare=resolved,
    )  # fmt: skip
    for selector in selectors:
        yield Need(resource="pods", costs=_PODS_COST, namespace=space, selector=selector, fields=_POD, prepare=resolved)
    yield Need(
        resource="configmaps", costs=_CONFIG_MAPS_COST, verb="get", namespace=space, names=CONFIG_MAPS[space], mounted=True,
        fields=_CONFIG_MAP,
    )  # fmt: skip
    yield Need(
        resource=REVISIONS,
        costs=_REVISIONS_COST,
        namespace=space,
        names=("*kube-proxy*",),
        optional=True,
        prepare=resolved,
        fields=(
            "metadata ownerReferences kind",
            "metadata ownerReferences name",
            *_fields_of_pod("data spec template spec"),
        ),
    )


NEEDS: tuple[Need, ...] = (
    *_in(SYSTEM, "k8s-app=kube-proxy", "component=kube-proxy", "role=proxy"),
    *_in(OPENSHIFT, "app=kube-proxy"),
    Need(
        resource="daemonsets.apps",
        costs="whether Cilium or kube-router stands in kube-proxy's place is not known",
        namespace=SYSTEM,
        names=replacements.DAEMON_SETS,
        fields=(
            *("spec template spec containers command", "spec template spec containers args"),
            *("status desiredNumberScheduled", "status numberReady"),
        ),
    ),
    Need(
        resource="configmaps",
        costs="whether Cilium stands in kube-proxy's place is not known",
        verb="get",
        namespace=SYSTEM,
        names=(replacements.CILIUM_CONFIG,),
        fields=(f"data {replacements.REPLACEMENT}",),
    ),
    Need(
        resource="nodes",
        costs="no node's kube-proxy is known",
        fields=(
            *distributions.NODE_MARKS,
            *(f"metadata annotations {key}" for key in (*replacements.ANNOTATIONS, replacements.OVN_ANNOTATION)),
            f"metadata labels {replacements.MICROK8S}",
            *("status conditions type", "status conditions status"),
            *("status nodeInfo kubeletVersion", "status nodeInfo operatingSystem"),
        ),
    ),
)
"""Pods by the labels of kubeadm, EKS, k0s, Talos and kOps; of RKE2 and GKE; of Gardener; and of OpenShift."""


def ipvs_before(node: Node, mode: str | None, objects: Objects) -> tuple[Note, ...]:
    """What shows that IPVS mode may have run on this node; empty where nothing does. At most one note."""
    return tuple(Note(f"{sign}, {_since(mode)}", Oddity.LEFTOVERS) for sign in _signs(node, objects))[:1]


def _since(mode: str | None) -> str:
    if mode == modes.NFTABLES:
        return "and only a start in mode nftables that succeeded, or a reboot, removes the kube-ipvs0 of then"
    return "and the kube-ipvs0 of then stays until a reboot or `kube-proxy --cleanup`: that either was is not known"


def _signs(node: Node, objects: Objects) -> Iterator[str]:
    yield from objects.memo("configurations that say ipvs", lambda: tuple(_configurations(objects)))
    newest = max((made for one in objects.of(REVISIONS) if (made := workload.created(one))), default=None)
    born = workload.created(node.raw)
    if born is None or newest is None or born <= newest:  # a younger node had none of the earlier templates
        yield from objects.memo("revisions that say ipvs", lambda: tuple(_revisions(objects)))


def _configurations(objects: Objects) -> Iterator[str]:
    """Those that no running kube-proxy reads: another pool's says nothing about this node's."""
    from arpcheck.kubeproxy import config

    in_use = {setting.setting(pod, objects).place for pod in workload.pods(objects).values()}
    for where, written in _written_keys(objects):
        if where in in_use or "ipvs" not in written:
            continue
        if config.read(written).mode == modes.IPVS:
            yield f"{where.title} still says mode ipvs (key {where.key[:60]})"


def _written_keys(objects: Objects) -> Iterable[tuple[ConfigKey, str]]:
    for obj in sorted(objects.of(setting.CONFIG_MAPS), key=full_name):
        for key, written in sorted(mapping(obj, "data").items()):
            yield ConfigKey(namespace=namespace(obj), config_map=name(obj), key=key), written


def _revisions(objects: Objects) -> Iterator[str]:
    """Earlier templates of kube-proxy's DaemonSets, which the API keeps (spec.revisionHistoryLimit, 10)."""
    for obj in sorted(objects.of(REVISIONS), key=full_name):
        if (earlier := _as_workload(obj)) and setting.setting(earlier, objects).mode == modes.IPVS:
            yield f"{earlier.title}, an earlier template of its DaemonSet, says mode ipvs"


def _as_workload(obj: Object) -> Workload | None:
    spec = at(obj, "data", "spec", "template", "spec")
    owned = any(text(owner, "kind") == "DaemonSet" for owner in items(obj, "metadata", "ownerReferences"))
    container = workload.container(obj, spec) if owned and namespace(obj) in workload.NAMESPACES else None
    return Workload(kind="controllerrevision", obj=obj, spec=spec, container=container) if container is not None else None
