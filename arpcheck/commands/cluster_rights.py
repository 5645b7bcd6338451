"""What `arpcheck cluster` may do in a cluster, as the roles that an administrator binds to the account that runs it."""

from __future__ import annotations

from arpcheck import pipeline
from arpcheck.commands.pod import policy_rules
from arpcheck.vantages.manifests import SCC, Manifest, made, yaml_text

NAME = "arpcheck:cluster"

_IN_EACH = (
    ("", "pods", "list"),
    ("", "pods/log", "get"),
    ("", "events", "list"),
    ("", "serviceaccounts", "create"),
    ("", "configmaps", "create"),
    ("batch", "jobs", "create"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "deletecollection"),
)
"""Group, resource and verb of what a run does in its namespace."""
_IN_EXISTING = tuple(
    (group, resource, verb)
    for group, resource in (("", "serviceaccounts"), ("", "configmaps"), ("rbac.authorization.k8s.io", "rolebindings"))
    for verb in ("list", "deletecollection")
)
"""A namespace of its own takes these with it."""
_NAMESPACES = tuple(("", "namespaces", verb) for verb in ("create", "list", "delete"))


def cluster_rights(namespace: str | None, *, openshift: bool = False) -> str:
    """YAML: a ClusterRole with what is read, and with what is made in a namespace of its own; or, for one that exists, a
    Role in it. Bindings are the administrator's, who knows the account."""
    reads = policy_rules(pipeline.rights())
    makes = [*_IN_EACH, *(_NAMESPACES if namespace is None else _IN_EXISTING)]
    makes += [("rbac.authorization.k8s.io", "rolebindings", "create")] if openshift else []
    own = _rules(makes) + ([_BIND] if openshift else [])
    roles = [_role("ClusterRole", None, [*reads, *(own if namespace is None else [])])]
    roles += [_role("Role", namespace, own)] if namespace else []
    return yaml_text(roles)


_BIND: Manifest = {
    "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": [SCC], "verbs": ["bind"],
}  # fmt: skip


def _role(kind: str, namespace: str | None, rules: list[Manifest]) -> Manifest:
    return made("rbac.authorization.k8s.io/v1", kind, NAME, namespace) | {"rules": rules}


def _rules(rights: list[tuple[str, str, str]]) -> list[Manifest]:
    """One rule for each group and set of verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for group, resource, verb in rights:
        verbs.setdefault((group, resource), []).append(verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), found in verbs.items():
        alike.setdefault((group, tuple(found)), []).append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(found)} for (group, found), resources in alike.items()
    ]
