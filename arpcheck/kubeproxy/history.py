"""Whether IPVS mode ran before, by what the cluster still shows of it, where it does not run now.

kube-ipvs0 stays with its addresses when kube-proxy changes to another mode, or is taken away: a node's kernel goes on
answering until it is rebooted or `kube-proxy --cleanup` has run. A start in mode nftables removes it too, but only a
start that succeeds (cmd/kube-proxy/app/server_linux.go, platformCleanup). Pure; knows no wire, which settles it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arpcheck.kubeproxy import setting, versions, workload
from arpcheck.kubeproxy.needs import REVISIONS
from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.kubeproxy.setting import Place
from arpcheck.kubeproxy.workload import Workload
from arpcheck.objects import Node, Object, Objects, at, full_name, items, mapping, name, namespace, text


def ipvs_before(node: Node, mode: str | None, objects: Objects) -> tuple[Note, ...]:
    """What shows that IPVS mode may have run on this node; empty where nothing does. At most one note."""
    return tuple(Note(f"{sign}, {_since(mode)}", Oddity.LEFTOVERS) for sign in _signs(node, objects))[:1]


def _since(mode: str | None) -> str:
    if mode == versions.NFTABLES:
        return "and only a start in mode nftables that succeeded, or a reboot, removes the kube-ipvs0 of then"
    return "and the kube-ipvs0 of then stays until a reboot or `kube-proxy --cleanup`: that either was is not known"


def _signs(node: Node, objects: Objects) -> Iterator[str]:
    yield from objects.memo("configurations that say ipvs", lambda: tuple(_configurations(objects)))
    newest = max((made for one in objects.of(REVISIONS) if (made := workload.created(one))), default=None)
    born = workload.created(node.raw)
    if born is None or newest is None or born <= newest:  # a younger node had none of the earlier templates
        yield from objects.memo("revisions that say ipvs", lambda: tuple(_revisions(objects)))


# ------------------------------------------------------------------------------------------------------ ConfigMaps


def _configurations(objects: Objects) -> Iterator[str]:
    """Those that no running kube-proxy reads: another pool's is no sign of this node's."""
    from arpcheck.kubeproxy import config

    in_use = {setting.setting(pod, objects).place for pod in workload.pods(objects).values()}
    for where, written in _places(objects):
        if where in in_use or "ipvs" not in written:
            continue
        if config.read(written).mode == versions.IPVS:
            yield f"{where.title} still says mode ipvs (key {where.key[:60]})"


def _places(objects: Objects) -> Iterable[tuple[Place, str]]:
    for obj in sorted(objects.of(setting.CONFIG_MAPS), key=full_name):
        for key, written in sorted(mapping(obj, "data").items()):
            yield Place(namespace=namespace(obj), config_map=name(obj), key=key), written


# ------------------------------------------------------------------------------------------------------- templates


def _revisions(objects: Objects) -> Iterator[str]:
    """Earlier templates of kube-proxy's DaemonSets, which the API keeps (spec.revisionHistoryLimit, 10)."""
    for obj in sorted(objects.of(REVISIONS), key=full_name):
        if (earlier := _as_workload(obj)) and setting.setting(earlier, objects).mode == versions.IPVS:
            yield f"{earlier.title}, an earlier template of its DaemonSet, says mode ipvs"


def _as_workload(obj: Object) -> Workload | None:
    spec = at(obj, "data", "spec", "template", "spec")
    owned = any(text(owner, "kind") == "DaemonSet" for owner in items(obj, "metadata", "ownerReferences"))
    container = workload.container(obj, spec) if owned and namespace(obj) in workload.NAMESPACES else None
    return Workload(kind="controllerrevision", obj=obj, spec=spec, container=container) if container is not None else None
