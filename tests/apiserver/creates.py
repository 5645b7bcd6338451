"""POST of one object: its name, what the server writes into it, and what it refuses. A dry run is answered and not stored."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apiserver import managed
from apiserver.admission import admit
from apiserver.store import Store
from arpcheck.lab.api_objects import Object, Resource, now
from arpcheck.lab.apiserver import RefusedError, qualified, refused
from arpcheck.objects import at, items, text

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names (k8s.io/apimachinery/pkg/util/rand)."""
MOST_DATA = 1 << 20
"""Octets in a ConfigMap or Secret."""
MOST_BODY = 3 << 20
"""Octets of a request (k8s.io/apiserver, MaxRequestBodyBytes)."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RBAC = re.compile(r"[^/%]+")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    resource: Resource
    namespace: str
    body: bytes
    query: Mapping[str, str]
    manager: str
    default_level: str
    """Of Pod Security."""


def create(store: Store, what: Create) -> tuple[Object, bool]:
    """The object, and whether it was stored."""
    obj = _read(what)
    with store.lock:
        _named(what.resource, obj)
        admit(store, what.resource, obj, default_level=what.default_level)
        metadata = obj["metadata"]
        if store.find(what.resource.full_name, metadata.get("namespace", ""), metadata["name"]) is not None:
            raise already_exists(what.resource, metadata["name"])
        for key in ("resourceVersion", "uid", "creationTimestamp", "deletionTimestamp", "generation", "managedFields"):
            metadata.pop(key, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        made = _FILLED.get(what.resource.full_name, lambda obj: obj)(obj)
        made["metadata"]["managedFields"] = managed.recorded({"metadata": {}}, made, what.manager, now())
        return (made, False) if "dryRun" in what.query else (store.put(made), True)


def _read(what: Create) -> Object:
    if len(what.body) > MOST_BODY:
        raise refused(413, f"Request entity too large: limit is {MOST_BODY}")
    try:
        obj = json.loads(what.body)
    except ValueError:
        raise refused(400, "the object provided is unrecognized (must be of type Object)") from None
    wanted = {"apiVersion": what.resource.api_version, "kind": what.resource.kind}
    if not isinstance(obj, dict) or {key: obj.get(key) for key in wanted} != wanted:
        raise refused(
            400, f"the API version in the data does not match the expected API version ({what.resource.api_version})"
        )
    metadata = obj.setdefault("metadata", {})
    if what.resource.namespaced and metadata.setdefault("namespace", what.namespace) != what.namespace:
        raise refused(400, "the namespace of the provided object does not match the namespace sent on the request")
    return obj


def _named(resource: Resource, obj: Object) -> None:
    metadata = obj["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated(metadata["generateName"])
    name = metadata.get("name") or ""
    most = 63 if resource.full_name in ("namespaces", "jobs.batch", "services") else 253
    fits = _RBAC if resource.group == "rbac.authorization.k8s.io" else _SUBDOMAIN
    if not fits.fullmatch(name) or len(name) > most:
        raise invalid(
            resource,
            name,
            "metadata.name: Invalid value" if name else "metadata.name: Required value: name or generateName is required",
        )
    for key, value in (metadata.get("labels") or {}).items():
        if not isinstance(value, str) or not _LABEL.fullmatch(value) or not _LABEL.fullmatch(key.rpartition("/")[2]):
            raise invalid(
                resource, name, f'metadata.labels: Invalid value: "{value}": a valid label must be at most 63 characters'
            )


def generated(start: str) -> str:
    """As generateName makes a name."""
    return start[:58] + "".join(secrets.choice(LETTERS) for _ in range(5))


def invalid(resource: Resource, name: str, why: str) -> RefusedError:
    return refused(422, f'{resource.kind} "{name}" is invalid: {why}', name=name, group=resource.group, kind=resource.kind)


def already_exists(resource: Resource, name: str) -> RefusedError:
    message = f'{qualified(resource.plural, resource.group)} "{name}" already exists'
    found = refused(409, message, name=name, group=resource.group, kind=resource.plural)
    status = json.loads(found.answer.body) | {"reason": "AlreadyExists"}
    return RefusedError(replace(found.answer, body=json.dumps(status).encode()))


# ------------------------------------------------------------------------- Defaults, and what is checked, kind by kind


def _namespace(obj: Object) -> Object:
    name = obj["metadata"]["name"]
    labels = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    return {
        **obj,
        "metadata": {**obj["metadata"], "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _data(obj: Object) -> Object:
    size = sum(len(str(value)) for key in ("data", "binaryData", "stringData") for value in (obj.get(key) or {}).values())
    if size > MOST_DATA:
        name = obj["metadata"]["name"]
        raise refused(422, f'{obj["kind"]} "{name}" is invalid: data: Too long: may not be more than {MOST_DATA} bytes')
    return obj


def _pod(obj: Object) -> Object:
    """With tolerations for a lost node, five minutes long, and without a status of the client's."""
    spec = {
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "serviceAccountName": "default", "schedulerName": "default-scheduler",
        **obj["spec"],
    }  # fmt: skip
    if not items(spec, "containers"):
        raise refused(422, f'Pod "{obj["metadata"]["name"]}" is invalid: spec.containers: Required value')
    tolerations = [*items(spec, "tolerations")]
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(text(one, "key") in ("", key) and text(one, "effect") in ("", "NoExecute") for one in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    return {**obj, "spec": {**spec, "tolerations": tolerations}, "status": {"phase": "Pending", "qosClass": "Burstable"}}


def _job(obj: Object) -> Object:
    """The labels by which its pods are found, and its selector."""
    metadata, spec = (
        obj["metadata"],
        {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False, **obj["spec"]},
    )
    template = at(spec, "template") or {}
    if text(template, "spec", "restartPolicy") not in ("Never", "OnFailure"):
        why = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
        raise refused(422, f'Job.batch "{metadata["name"]}" is invalid: {why}')
    if "selector" in obj["spec"] and not at(spec, "manualSelector"):
        raise refused(
            422, f'Job.batch "{metadata["name"]}" is invalid: spec.selector: Invalid value: `selector` not auto-generated'
        )
    own = {"batch.kubernetes.io/controller-uid": metadata["uid"], "batch.kubernetes.io/job-name": metadata["name"],
           "controller-uid": metadata["uid"], "job-name": metadata["name"]}  # fmt: skip
    labels = {**(at(template, "metadata", "labels") or {}), **own}
    spec["template"] = {**template, "metadata": {**(at(template, "metadata") or {}), "labels": labels}}
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}}
    metadata["generation"] = 1
    metadata["labels"] = {**(at(template, "metadata", "labels") or {}), **(metadata.get("labels") or {})} or {}
    return {**obj, "spec": spec, "status": {}}


_FILLED: Mapping[str, Callable[[Object], Any]] = {
    "namespaces": _namespace, "configmaps": _data, "secrets": _data, "pods": _pod, "jobs.batch": _job,
}  # fmt: skip
