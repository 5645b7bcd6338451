"""The discovery documents: which groups, versions and resources are served. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from arpcheck.lab.apiserver.store import Resource

VERBS = ["get", "list", "patch", "update"]

SHORT = {
    "services": ["svc"], "nodes": ["no"], "pods": ["po"], "events": ["ev"], "configmaps": ["cm"], "namespaces": ["ns"],
    "endpoints": ["ep"], "daemonsets": ["ds"], "deployments": ["deploy"],
}  # fmt: skip
"""What kubectl lets its users type."""


def group_list(resources: Iterable[Resource], preferred: Mapping[str, str]) -> dict[str, Any]:
    """`/apis`. `preferred`: version by group, where it is not the newest."""
    groups = sorted({resource.group for resource in resources if resource.group})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g, resources, preferred) for g in groups]}


def group(name: str, resources: Iterable[Resource], preferred: Mapping[str, str]) -> dict[str, Any]:
    """`/apis/GROUP`."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, resources, preferred)}


def _group(name: str, resources: Iterable[Resource], preferred: Mapping[str, str]) -> dict[str, Any]:
    found = {resource.version for resource in resources if resource.group == name}
    versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in sorted(found, key=_age)]
    first = next((v for v in versions if v["version"] == preferred.get(name)), versions[0])
    return {"name": name, "versions": versions, "preferredVersion": first}


def _age(version: str) -> tuple[int, int, int]:
    """Newest and stablest first (k8s.io/apimachinery/pkg/version, CompareKubeAwareVersionStrings)."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return 3, 0, 0
    return {None: 0, "beta": 1, "alpha": 2}[match[2]], -int(match[1]), -int(match[3] or 0)


def resource_list(group_version: str, resources: Iterable[Resource]) -> dict[str, Any]:
    """`/api/v1` and `/apis/GROUP/VERSION`."""
    found = sorted((r for r in resources if r.api_version == group_version), key=lambda r: r.plural)
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": [*map(_entry, found)]}


def _entry(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": VERBS,
        "shortNames": SHORT.get(resource.plural, []),
    }
