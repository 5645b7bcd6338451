"""Fixtures of kube-proxy: folders of YAML as `kubectl get -o yaml` prints it, seen through NEEDS as the cluster's reader
sees it: nothing that no Need names reaches the code under test."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from arpcheck.kubeproxy import NEEDS
from arpcheck.model import Gap, Need
from arpcheck.objects import Objects, items, labels_of, name, namespace, selects, text

FIXTURES = Path(__file__).parent / "fixtures"

RESOURCES = {
    "Node": "nodes",
    "Pod": "pods",
    "ConfigMap": "configmaps",
    "DaemonSet": "daemonsets.apps",
    "ControllerRevision": "controllerrevisions.apps",
}

CONFIG_HEAD = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"


def documents(distribution: str) -> list[dict[str, Any]]:
    """A copy of its own for every caller."""
    return copy.deepcopy(_loaded(distribution))


@cache
def _loaded(distribution: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FIXTURES / distribution / "objects.yaml").read_text()))


def fixture(distribution: str, *, refused: Iterable[str] = (), version: str | None = None) -> Objects:
    return objects_of(documents(distribution), refused=refused, version=version)


def objects_of(found: Iterable[Mapping[str, Any]], *, refused: Iterable[str] = (), version: str | None = None) -> Objects:
    by_resource: dict[str, list[Mapping[str, Any]]] = {}
    for document in found:
        by_resource.setdefault(RESOURCES[document["kind"]], []).append(document)
    for resource in refused:
        by_resource.pop(resource, None)
    gaps = tuple(Gap(what=resource, why="forbidden", costs="…") for resource in sorted(refused))
    return Objects(resources=_needed(by_resource), gaps=gaps, version=version)


def _needed(by_resource: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, tuple[Mapping[str, Any], ...]]:
    kept: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for resource in sorted(by_resource, key=lambda resource: resource == "configmaps"):  # what mounts them comes first
        needs = [need for need in NEEDS if need.resource == resource]
        seen = [(obj, [n for n in needs if _wanted(n, obj, kept)]) for obj in by_resource[resource]]
        kept[resource] = tuple(_pruned(obj, wanted) for obj, wanted in seen if wanted)
    return kept


def _wanted(need: Need, obj: Mapping[str, Any], kept: Mapping[str, tuple[Mapping[str, Any], ...]]) -> bool:
    return (
        need.namespace in (None, namespace(obj))
        and (not need.names or need.mounted or any(fnmatchcase(name(obj), pattern) for pattern in need.names))
        and selects(need.selector, labels_of(obj))
        and (not need.mounted or (namespace(obj), name(obj)) in set(_mounted(kept)))
    )


def _mounted(kept: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Iterable[tuple[str, str]]:
    for resource, path in (("daemonsets.apps", ("spec", "template", "spec")), ("pods", ("spec",))):
        for obj in kept.get(resource, ()):
            for volume in items(obj, *path, "volumes"):
                sources = [volume, *items(volume, "projected", "sources")]
                yield from ((namespace(obj), text(source, "configMap", "name")) for source in sources)


def _pruned(obj: Mapping[str, Any], needs: Iterable[Need]) -> Mapping[str, Any]:
    always = ["apiVersion", "kind", *(f"metadata {key}" for key in ("name", "namespace", "uid", "creationTimestamp"))]
    for need in needs:
        obj = need.prepare(obj) if need.prepare else obj
    paths = [path.split() for path in (*always, *(field for need in needs for field in need.fields))]
    pruned = _cut(obj, paths)
    assert isinstance(pruned, dict)
    return pruned


def _cut(value: Any, paths: list[list[str]]) -> Any:
    if [] in paths:
        return value
    if isinstance(value, list):
        return [_cut(one, paths) for one in value]
    if not isinstance(value, dict):
        return None
    below = {key: [path[1:] for path in paths if fnmatchcase(str(key), path[0])] for key in value}
    return {key: _cut(value[key], rest) for key, rest in below.items() if rest}
