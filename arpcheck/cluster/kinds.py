"""Kinds and the plurals that kubectl names them by. Pure; a server's own discovery is asked first where there is one."""

from __future__ import annotations

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
