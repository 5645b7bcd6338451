"""What the server serves, under which version: each document of its discovery read once, whoever asks.

The core group is v1; of any other the preferred version is looked at first, then the others, because a resource may
be missing from it (metallb.io prefers v1beta2, and has ServiceL2Status in v1beta1 alone)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Any

from arpcheck.cluster.limits import UNREADABLE, Budget, UnreadError, timed_out
from arpcheck.objects import at, items, text

_VERSION = re.compile(r"v[a-z0-9]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A resource that the server has."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str | None) -> str:
        """Of its list: of one namespace, or of all."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}"


class Discovery:
    def __init__(self, ask: Callable[[str], Any], budget: Budget) -> None:
        self._ask = ask
        self._budget = budget
        self._lock = Lock()
        self._documents: dict[str, Future[Any]] = {}

    def find(self, resource: str) -> Served | None:
        """None where the server does not serve it. UnreadError where that can't be known."""
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
        """False for a namespace of OpenShift's where the server is no OpenShift: an account that may read no namespace
        but its own is refused it all the same, which would look like a gap."""
        if not namespace or not namespace.startswith("openshift-"):
            return True
        return self.has_group("config.openshift.io")

    def has_group(self, group: str) -> bool:
        """True for none."""
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
        except UnreadError as unread:
            if unread.status == 404:
                return ()
            raise

    def _document(self, path: str) -> Any:
        with self._lock:
            mine = path not in self._documents
            future = self._documents.setdefault(path, Future())
        if mine:
            try:
                future.set_result(self._ask(path))
            except UnreadError as unread:
                future.set_exception(unread.bare())
            except BaseException as error:  # noqa: BLE001 - raised below, for everybody who asks
                future.set_exception(error)
        try:
            return future.result(timeout=max(self._budget.left, 0))
        except TimeoutError:
            raise timed_out() from None


def _document_entries(document: Any, kind: str, key: str) -> tuple[Any, ...]:
    """What is not of the kind would read as "nothing is served"."""
    if text(document, "kind") != kind or not isinstance(at(document, key), list | None):
        raise UnreadError(UNREADABLE)
    return items(document, key)


# -------------------------------------------------------------------------- Kinds and the plurals that kubectl names them by

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
"""Plural to kind of the group without a name, which every server serves as v1 (kubernetes/api, core/v1)."""

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
"""As kubectl takes them (kubernetes/kubernetes, ShortNames of each REST storage)."""

CLUSTER_SCOPED = frozenset({"nodes", "namespaces", "persistentvolumes"})
"""Those of `CORE` that have no namespace."""

EVERYWHERE = frozenset({"nodes", "pods", "configmaps", "leases.coordination.k8s.io", "daemonsets.apps"})
"""Resources of which every cluster has objects: a file without any was made without them."""

_IRREGULAR = {
    "Endpoints": "endpoints",
    "NetworkAttachmentDefinition": "network-attachment-definitions",
    "VpcNatGateway": "vpc-nat-gateways",
    "IptablesEIP": "iptables-eips",
    "VpcDns": "vpc-dnses",
}
"""Plurals that do not follow from the kind (Multus' and Kube-OVN's CustomResourceDefinitions)."""


def plural(kind: str) -> str:
    """`ServiceL2Status` is `servicel2statuses`: English rules, as kubebuilder and code-generator apply them."""
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
