"""Finds which resources the server serves, and in which version. Reads each discovery document once.

The core group is v1. In other groups the preferred version comes first, then the others, because the preferred version may
lack a resource (metallb.io prefers v1beta2 and has ServiceL2Status only in v1beta1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Any

from arpcheck.cluster.limits import UNREADABLE, Budget, ReadError, timed_out
from arpcheck.objects import at, items, text

_VERSION = re.compile(r"v[a-z0-9]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A resource that the server serves."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str | None) -> str:
        """Path of its list, in one namespace or in all."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}"


class Discovery:
    def __init__(self, fetch: Callable[[str], Any], budget: Budget) -> None:
        self._fetch = fetch
        self._budget = budget
        self._lock = Lock()
        self._documents: dict[str, Future[Any]] = {}

    def find(self, resource: str) -> Served | None:
        """None if the server does not serve it. Raises ReadError if that is unknown."""
        plural, _, group = resource.partition(".")
        if not group and plural in CORE:
            return Served(api_version="v1", plural=plural, kind=CORE[plural], namespaced=plural not in CLUSTER_SCOPED)
        for version in self._versions(group) if group else ("v1",):
            for found in self._resources(version):
                if text(found, "name") == plural:
                    namespaced = at(found, "namespaced") is not False
                    return Served(api_version=version, plural=plural, kind=text(found, "kind"), namespaced=namespaced)
        return None

    def has_namespace(self, namespace: str | None) -> bool:
        """False for an OpenShift namespace on a server that is not OpenShift. An account with rights in one namespace only
        would be forbidden to read it there, which would look like a gap."""
        if not namespace or not namespace.startswith("openshift-"):
            return True
        return self.has_group("config.openshift.io")

    def has_group(self, group: str) -> bool:
        """True for an empty group name."""
        if not group:
            return True
        groups = _document_entries(self._document("/apis"), "APIGroupList", "groups")
        return any(text(entry, "name") == group for entry in groups)

    def _versions(self, group: str) -> Iterator[str]:
        groups = _document_entries(self._document("/apis"), "APIGroupList", "groups")
        found = next((entry for entry in groups if text(entry, "name") == group), None)
        named = [text(found, "preferredVersion", "version"), *(text(v, "version") for v in items(found, "versions"))]
        yield from dict.fromkeys(f"{group}/{version}" for version in named if _VERSION.fullmatch(version))

    def _resources(self, version: str) -> tuple[Any, ...]:
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            return _document_entries(self._document(path), "APIResourceList", "resources")
        except ReadError as error:
            if error.status == 404:
                return ()
            raise

    def _document(self, path: str) -> Any:
        with self._lock:
            first = path not in self._documents
            future = self._documents.setdefault(path, Future())
        if first:
            try:
                future.set_result(self._fetch(path))
            except ReadError as error:
                future.set_exception(error.bare())
            except BaseException as error:  # noqa: BLE001 - raised below, for every caller
                future.set_exception(error)
        try:
            return future.result(timeout=max(self._budget.left, 0))
        except TimeoutError:
            raise timed_out() from None


def _document_entries(document: Any, kind: str, key: str) -> tuple[Any, ...]:
    """A document of another kind must not be read as "nothing is served"."""
    if text(document, "kind") != kind or not isinstance(at(document, key), list | None):
        raise ReadError(UNREADABLE)
    return items(document, key)


# -------------------------------------------------------------------------------------------------- Kinds and their plurals

CORE = {
    "services": "Service",
    "nodes": "Node",
    "pods": "Pod",
    "events": "Event",
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
    "endpoints": "Endpoints",
    "serviceaccounts": "ServiceAccount",
    "secrets": "Secret",
    "persistentvolumes": "PersistentVolume",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "replicationcontrollers": "ReplicationController",
}
"""Plural to kind in the core group, which every server serves as v1 (kubernetes/api, core/v1)."""

SHORT = {
    "svc": "services",
    "no": "nodes",
    "po": "pods",
    "ev": "events",
    "cm": "configmaps",
    "ns": "namespaces",
    "ep": "endpoints",
    "sa": "serviceaccounts",
    "ds": "daemonsets",
}
"""Short names that kubectl accepts (kubernetes/kubernetes, ShortNames of each REST storage)."""

CLUSTER_SCOPED = frozenset({"nodes", "namespaces", "persistentvolumes"})
"""Core resources without a namespace."""

EVERYWHERE = frozenset({"nodes", "pods", "configmaps", "leases.coordination.k8s.io", "daemonsets.apps"})
"""Resources that exist in every cluster: a file without them was written without them."""

_IRREGULAR = {
    "Endpoints": "endpoints",
    "NetworkAttachmentDefinition": "network-attachment-definitions",
    "VpcNatGateway": "vpc-nat-gateways",
    "IptablesEIP": "iptables-eips",
    "VpcDns": "vpc-dnses",
}
"""Plurals that do not follow from the kind (CustomResourceDefinitions of Multus and Kube-OVN)."""


def plural(kind: str) -> str:
    """The plural of a kind by the English rules of kubebuilder and code-generator: `ServiceL2Status` is
    `servicel2statuses`."""
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    word = kind.lower()
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + "s"


def resource_of(api_version: str, kind: str) -> str:
    """The resource as kubectl names it: `leases.coordination.k8s.io` for coordination.k8s.io/v1 Lease."""
    group, slash, _ = api_version.partition("/")
    return f"{plural(kind)}.{group}" if slash else plural(kind)
