"""Who may do what: RBAC's rules, or everything but what is denied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from arpcheck.lab.api_objects import Resource
from arpcheck.lab.apiserver import Attempt, forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    user: str
    denied: tuple[tuple[str, ...], ...]
    """Verb, resource (`leases.coordination.k8s.io`, `pods/log`) and, optionally, the one namespace, each a shell
    pattern; an empty namespace is the cluster scope."""
    rules: tuple[Mapping[str, Any], ...] | None
    """PolicyRules as in a ClusterRole, each with an optional `namespace`; None: everything is allowed."""

    def allows(self, attempt: Attempt) -> bool:
        if any(_denies(denial, attempt) for denial in self.denied):
            return False
        return self.rules is None or any(_grants(rule, attempt) for rule in self.rules)

    def check(self, attempt: Attempt, user: str | None = None) -> None:
        """Refuses what is not allowed, to `user` where the request impersonates one."""
        if not self.allows(attempt):
            raise forbidden(attempt, user or self.user)

    def review(self, namespace: str, resources: Iterable[Resource]) -> list[dict[str, Any]]:
        """The resourceRules of a SelfSubjectRulesReview."""
        if self.rules is not None:
            return [
                {key: value for key, value in rule.items() if key != "namespace"}
                for rule in self.rules
                if rule.get("namespace") in (None, namespace)
            ]
        return [
            {"verbs": verbs, "apiGroups": [r.group], "resources": [r.plural]}
            for r in resources
            if (verbs := [v for v in VERBS if self.allows(_in(namespace, v, r))])
        ]


VERBS = ("get", "list", "watch", "create", "patch", "update", "delete", "deletecollection")


def _in(namespace: str, verb: str, resource: Resource) -> Attempt:
    scope = namespace if resource.namespaced else ""
    return Attempt(verb=verb, group=resource.group, plural=resource.plural, namespace=scope)


def _denies(denial: tuple[str, ...], attempt: Attempt) -> bool:
    verb, resource, *scope = denial
    return (
        fnmatchcase(attempt.verb, verb)
        and any(fnmatchcase(name, resource) for name in attempt.names)
        and all(fnmatchcase(attempt.namespace, namespace) for namespace in scope)
    )


def _grants(rule: Mapping[str, Any], attempt: Attempt) -> bool:
    names = rule.get("resourceNames") or [attempt.name]
    return (
        rule.get("namespace") in (None, attempt.namespace)
        and _has(rule.get("verbs", ()), attempt.verb)
        and _has(rule.get("apiGroups", ()), attempt.group)
        and _has(rule.get("resources", ()), attempt.resource)
        and attempt.name in names
    )


def _has(values: Iterable[str], value: str) -> bool:
    return any(found in ("*", value) for found in values)
