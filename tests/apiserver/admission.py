"""What a server refuses though the account may do it: namespaces that are not there or end, accounts that are missing, and pods
that their namespace's Pod Security level forbids. Pure.

Names and words are those of kubernetes/kubernetes plugin/pkg/admission and k8s.io/pod-security-admission."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apiserver.store import Store
from arpcheck.lab.api_objects import Object, Resource
from arpcheck.lab.apiserver import RefusedError, not_found, qualified, refused
from arpcheck.objects import at, items, mapping, text, texts

ENFORCE = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")
BASELINE_ADDED = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
}  # fmt: skip
"""policy/check_capabilities_baseline.go."""


def admit(store: Store, resource: Resource, obj: Object, *, default_level: str) -> None:
    """Refuses what may not be created. `default_level`: of namespaces that are not labelled."""
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
    if not resource.namespaced:
        return
    within = store.find("namespaces", "", namespace)
    if within is None:
        raise not_found("namespaces", "", namespace)
    if at(within, "metadata", "deletionTimestamp"):
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(resource, name, why, cause="NamespaceTerminating")
    if resource.full_name == "pods":
        account = text(obj, "spec", "serviceAccountName") or "default"
        if store.find("serviceaccounts", namespace, account) is None:
            looked = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
            raise forbidden(resource, name, looked)
        level = mapping(within, "metadata", "labels").get(ENFORCE, default_level)
        if wrong := [*violations(obj["spec"], level)]:
            raise forbidden(resource, name, f'violates PodSecurity "{level}:latest": {", ".join(wrong)}')


def forbidden(resource: Resource, name: str, why: str, *, cause: str = "") -> RefusedError:
    message = f'{qualified(resource.plural, resource.group)} "{name}" is forbidden: {why}'
    found = refused(403, message, name=name, group=resource.group, kind=resource.plural)
    if not cause:
        return found
    status = json.loads(found.answer.body)
    status["details"]["causes"] = [{"reason": cause, "message": why, "field": "metadata.namespace"}]
    return RefusedError(replace(found.answer, body=json.dumps(status).encode()))


def violations(spec: Any, level: str) -> Iterator[str]:
    """In the order and the words of the real checks; those of `restricted` that an ordinary pod meets."""
    containers = [*items(spec, "initContainers"), *items(spec, "containers")]
    if level == "privileged":
        return
    if spaces := [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if at(spec, key) is True]:
        yield f"host namespaces ({', '.join(spaces)})"
    for container in containers:
        name, security = text(container, "name"), at(container, "securityContext")
        if at(security, "privileged") is True:
            yield f'privileged (container "{name}" must not set securityContext.privileged=true)'
        if added := sorted(set(texts(security, "capabilities", "add")) - BASELINE_ADDED):
            words = ", ".join(f'"{capability}"' for capability in added)
            yield f'non-default capabilities (container "{name}" must not include {words} in securityContext.capabilities.add)'
    if paths := [text(volume, "name") for volume in items(spec, "volumes") if at(volume, "hostPath")]:
        yield f"hostPath volumes (volume {', '.join(paths)})"
    if level == "restricted":
        yield from _restricted(spec, containers)


def _restricted(spec: Any, containers: list[Any]) -> Iterator[str]:
    for container in containers:
        name, security = text(container, "name"), at(container, "securityContext")
        if at(security, "allowPrivilegeEscalation") is not False:
            yield f'allowPrivilegeEscalation != false (container "{name}" must set securityContext.allowPrivilegeEscalation=false)'
        if "ALL" not in texts(security, "capabilities", "drop"):
            yield f'unrestricted capabilities (container "{name}" must set securityContext.capabilities.drop=["ALL"])'
        if not (at(security, "runAsNonRoot") or at(spec, "securityContext", "runAsNonRoot")):
            yield f'runAsNonRoot != true (pod or container "{name}" must set securityContext.runAsNonRoot=true)'
