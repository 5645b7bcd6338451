"""The resources and fields that are read for kube-proxy, and the traces of an earlier IPVS mode in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arpcheck.kubeproxy import modes, replacements, setting, workload
from arpcheck.kubeproxy.command_line import resolved
from arpcheck.kubeproxy.modes import Note, Oddity
from arpcheck.kubeproxy.setting import ConfigKey
from arpcheck.kubeproxy.workload import OPENSHIFT, SYSTEM, Workload
from arpcheck.model import Need
from arpcheck.model.constants import RESTARTED
from arpcheck.objects import Node, Object, Objects, at, full_name, items, mapping, name, namespace, text

MANAGER_MARKS = (
    *("metadata labels argocd.argoproj.io/*", "metadata annotations argocd.argoproj.io/*"),
    *("metadata labels kustomize.toolkit.fluxcd.io/*", "metadata labels helm.toolkit.fluxcd.io/*"),
    *("metadata annotations meta.helm.sh/release-name", "metadata labels addonmanager.kubernetes.io/mode"),
    *("metadata labels k0s.k0sproject.io/stack", "metadata labels eks.amazonaws.com/component"),
    *("metadata labels app.kubernetes.io/instance", "metadata labels kubermatic-addon", "metadata labels origin"),
    *("metadata labels resources.gardener.cloud/*", "metadata annotations resources.gardener.cloud/*"),
    "metadata managedFields manager",
)
"""Marks by which a configuration is recognised as managed by another system."""


def _of_pod(prefix: str) -> Iterable[str]:
    parts = ("name", "command", "args", "volumeMounts name", "volumeMounts mountPath", "volumeMounts subPath")
    volumes = (
        *("name", "hostPath path", "configMap name", "configMap items key", "configMap items path"),
        *(f"projected sources configMap {part}" for part in ("name", "items key", "items path")),
    )
    yield from (f"{prefix} containers {part}" for part in parts)
    yield from (f"{prefix} volumes {part}" for part in volumes)


_DAEMON_SET = (
    *MANAGER_MARKS,
    *("metadata labels k8s-app", "metadata labels component", "spec updateStrategy type"),
    "status desiredNumberScheduled",
    f"spec template metadata annotations {RESTARTED}",
    *_of_pod("spec template spec"),
)

_POD = (
    *("metadata labels k8s-app", "metadata labels component"),
    *("metadata ownerReferences kind", "metadata ownerReferences name", "spec nodeName"),
    *(f"metadata annotations {RESTARTED}", "status phase", "status containerStatuses name"),
    *(f"status containerStatuses {key}" for key in ("ready", "restartCount", "state running startedAt")),
    *(f"status containerStatuses state {state} reason" for state in ("waiting", "terminated")),
    *(f"status containerStatuses lastState terminated {key}" for key in ("exitCode", "startedAt", "finishedAt")),
    *_of_pod("spec"),
)

_KUBECONFIG = "kubec"
REVISIONS = "controllerrevisions.apps"
_NO_KUBECONFIG = tuple(f"data {_KUBECONFIG[:at]}[!{_KUBECONFIG[at]}]*" for at in range(len(_KUBECONFIG)))
"""Every key but kubeadm's `kubeconfig.conf` and its like: a token in it would be in each snapshot and report."""

_CONFIG_MAP = (*MANAGER_MARKS, "metadata managedFields time", "metadata managedFields fieldsV1 f:data", *_NO_KUBECONFIG)

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
        resource=REVISIONS, costs=_REVISIONS_COST, namespace=space, names=("*kube-proxy*",), optional=True, prepare=resolved,
        fields=("metadata ownerReferences kind", "metadata ownerReferences name", *_of_pod("data spec template spec")),
    )  # fmt: skip


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
            *(f"metadata annotations {key}" for key in (*replacements.ANNOTATIONS, replacements.OVN_ANNOTATION)),
            *(f"metadata labels {key}" for key in (replacements.MICROK8S, "kops.k8s.io/*", "kubernetes.azure.com/cluster")),
            "metadata labels worker.gardener.cloud/*",
            *("status conditions type", "status conditions status"),
            *("status nodeInfo kubeletVersion", "status nodeInfo operatingSystem", "status nodeInfo osImage"),
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
    for where, written in _places(objects):
        if where in in_use or "ipvs" not in written:
            continue
        if config.read(written).mode == modes.IPVS:
            yield f"{where.title} still says mode ipvs (key {where.key[:60]})"


def _places(objects: Objects) -> Iterable[tuple[ConfigKey, str]]:
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
