"""The objects and their resourceVersions. Every change makes a new version.

A change is made under the lock; who reads holds an immutable view and needs none."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from types import MappingProxyType
from typing import Any

from arpcheck.cluster.discovery import CLUSTER_SCOPED, CORE, plural, resource_of

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource in one version, as discovery names it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def is_typed(self) -> bool:
        """Built in: its lists leave out what every entry would repeat, and it takes strategic merge patches."""
        return "." not in self.group or self.group.endswith(".k8s.io")

    @classmethod
    def parse(cls, text: str) -> Resource:
        """`metallb.io/v1beta1/ServiceL2Status`, or `v1/Node/cluster` for one without namespaces."""
        parts = text.split("/")
        namespaced = parts[-1] != "cluster"
        *group, version, kind = parts if namespaced else parts[:-1]
        return cls(group="".join(group), version=version, kind=kind, plural=plural(kind), namespaced=namespaced)


BUILT_IN = (
    *(Resource(group="", version="v1", kind=k, plural=p, namespaced=p not in CLUSTER_SCOPED) for p, k in CORE.items()),
    *(Resource.parse(f"apps/v1/{kind}") for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    *(Resource.parse(f"batch/v1/{kind}") for kind in ("Job", "CronJob")),
    Resource.parse("coordination.k8s.io/v1/Lease"),
    Resource.parse("discovery.k8s.io/v1/EndpointSlice"),
    Resource.parse("apiextensions.k8s.io/v1/CustomResourceDefinition/cluster"),
    *(Resource.parse(f"rbac.authorization.k8s.io/v1/{kind}") for kind in ("Role", "RoleBinding")),
    *(Resource.parse(f"rbac.authorization.k8s.io/v1/{kind}/cluster") for kind in ("ClusterRole", "ClusterRoleBinding")),
    Resource.parse("authorization.k8s.io/v1/SelfSubjectAccessReview/cluster"),
    Resource.parse("authorization.k8s.io/v1/SelfSubjectRulesReview/cluster"),
)


@dataclass(slots=True)
class Stored:
    """An object and its bytes, made when they are first asked for."""

    obj: Object
    _bytes: dict[bool, bytes] = field(default_factory=dict)

    def encoded(self, *, typed: bool) -> bytes:
        """`typed`: as an entry of a typed list, without kind and apiVersion."""
        if typed not in self._bytes:
            obj = {k: v for k, v in self.obj.items() if not typed or k not in ("kind", "apiVersion")}
            self._bytes[typed] = json.dumps(obj, ensure_ascii=False).encode("utf-8", "replace")
        return self._bytes[typed]


View = Mapping[Key, Stored]


class Store:
    def __init__(self, objects: Iterable[Mapping[str, Any]] = (), serves: Iterable[Resource] = ()) -> None:
        self.lock = RLock()
        self.version = 1000
        self._views: dict[str, View] = {}
        self._resources = {(r.group, r.version, r.plural): r for r in (*BUILT_IN, *serves)}
        found: dict[str, dict[Key, Stored]] = {}
        for obj in objects:
            stored = self._adopt(obj)
            found.setdefault(resource_of(stored["apiVersion"], stored["kind"]), {})[key_of(stored)] = Stored(stored)
        self._views = {resource: _sorted(by) for resource, by in found.items()}

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All that is served: built in, declared, and whatever there is an object of."""
        return tuple(self._resources.values())

    def resource(self, group: str, version: str, plural: str) -> Resource | None:
        return self._resources.get((group, version, plural))

    def view(self, resource: str) -> View:
        """As it is now, by namespace and name. It never changes."""
        return self._views.get(resource, MappingProxyType({}))

    def find(self, resource: str, namespace: str, name: str) -> Object | None:
        stored = self.view(resource).get((namespace, name))
        return stored.obj if stored else None

    def put(self, obj: Mapping[str, Any]) -> Object:
        """Stores a copy as the newest version, and returns it."""
        with self.lock:
            stored = self._adopt(obj)
            resource = resource_of(stored["apiVersion"], stored["kind"])
            self._views[resource] = _sorted({**self.view(resource), key_of(stored): Stored(stored)})
            return stored

    def _adopt(self, obj: Mapping[str, Any]) -> Object:
        """A copy with what the server itself writes into metadata."""
        copy: Object = json.loads(json.dumps(obj))
        kind, api_version = copy["kind"], copy["apiVersion"]
        group, _, version = api_version.rpartition("/")
        metadata = copy.setdefault("metadata", {})
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", now())
        known = (group, version, plural(kind))
        if known not in self._resources:
            served = Resource(group=group, version=version, kind=kind, plural=known[2], namespaced="namespace" in metadata)
            self._resources[known] = served
        if self._resources[known].namespaced:
            metadata.setdefault("namespace", "default")
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        return copy


def key_of(obj: Mapping[str, Any]) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def now() -> str:
    """A Kubernetes Time: seconds, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sorted(objects: Mapping[Key, Stored]) -> View:
    return MappingProxyType(dict(sorted(objects.items())))
