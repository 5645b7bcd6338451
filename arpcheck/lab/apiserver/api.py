"""Paths and what they mean: the version, discovery, lists, objects. It opens no socket: one Request in, one Answer out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from arpcheck.lab.apiserver.answers import (
    Attempt,
    HttpRequest,
    HttpResponse,
    RefusedError,
    forbidden,
    json_answer,
    not_found,
    refused,
    unknown_path,
)
from arpcheck.lab.apiserver.store import Key, Object, Resource, Store, Stored
from arpcheck.objects import at, labels_of, selects

VERBS = ["get", "list", "patch", "update"]
USER = "lab"
"""Whom a refusal names, unless the request impersonates somebody."""

_VERBS = {"GET": "get", "PATCH": "patch", "PUT": "update"}


class Api:
    """`refused`: resources as kubectl names them, or shell patterns of such names."""

    def __init__(self, store: Store, *, version: str, refused: Iterable[str] = ()) -> None:
        self.store = store
        self._version = version
        self._refused = tuple(refused)

    def answer(self, call: HttpRequest) -> HttpResponse:
        try:
            return self.answer_or_refuse(call)
        except RefusedError as refusal:
            return refusal.answer

    def answer_or_refuse(self, call: HttpRequest) -> HttpResponse:
        """Refuses what the account may not do before it looks whether it exists, as the server does."""
        parts = [part for part in call.path.split("/") if part]
        if call.method == "GET" and (document := self._document(parts)) is not None:
            return json_answer(document)
        attempt = _attempt(parts, call)
        self.authorize(attempt, call)
        resource = self.store.resource(attempt.group, attempt.version, attempt.plural)
        if resource is None:
            raise unknown_path()
        return self.act(attempt, resource, call)

    def authorize(self, attempt: Attempt, call: HttpRequest) -> None:
        if any(fnmatchcase(name, pattern) for name in attempt.names for pattern in self._refused):
            raise forbidden(attempt, call.headers.get("impersonate-user", USER))

    def act(self, attempt: Attempt, resource: Resource, call: HttpRequest) -> HttpResponse:
        if call.method != "GET" or attempt.subresource:
            raise refused(405, "the server does not allow this method on the requested resource")
        if attempt.name:
            return json_answer(self.found(attempt, resource))
        with self.store.lock:
            version, view = str(self.store.version), self.store.view(resource.full_name)
        found = chosen(view.items(), attempt.namespace, call.query)
        return list_answer(resource, {"resourceVersion": version}, [stored for _, stored in found])

    def found(self, attempt: Attempt, resource: Resource) -> Object:
        found = self.store.find(resource.full_name, attempt.namespace, attempt.name)
        if found is None:
            raise not_found(resource.plural, resource.group, attempt.name)
        return found

    def _document(self, parts: list[str]) -> dict[str, Any] | None:
        """`/version` and the discovery documents; None: the path names none."""
        resources = self.store.resources
        groups = {resource.group for resource in resources} - {""}
        versions = {resource.api_version for resource in resources}
        match parts:
            case ["version"]:
                major, minor = self._version.lstrip("v").split(".")[:2]
                return {"major": major, "minor": minor, "gitVersion": self._version, "platform": "linux/amd64"}
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                found = [self.group(group) for group in sorted(groups)]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}
            case ["api", "v1"]:
                return _resource_list("v1", resources)
            case ["apis", group] if group in groups:
                return {"kind": "APIGroup", "apiVersion": "v1", **self.group(group)}
            case ["apis", group, version] if f"{group}/{version}" in versions:
                return _resource_list(f"{group}/{version}", resources)
        return None

    def group(self, name: str) -> dict[str, Any]:
        found = {resource.version for resource in self.store.resources if resource.group == name}
        versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in sorted(found, key=_age)]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _attempt(parts: list[str], call: HttpRequest) -> Attempt:
    match parts:
        case ["api", "v1", *rest] if rest:
            group, version = "", "v1"
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            raise unknown_path()
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else ""
    plural, name, subresource, *more = [*(rest[2:] if namespace else rest), "", ""]
    if any(more):
        raise unknown_path()
    verb = _VERBS.get(call.method, call.method.lower()) if name or call.method != "GET" else "list"
    return Attempt(
        verb=verb, group=group, version=version, plural=plural, namespace=namespace, name=name, subresource=subresource
    )


# ---------------------------------------------------------------------------------------------------------- discovery


def _age(version: str) -> tuple[int, int, int]:
    """Newest and stablest first (k8s.io/apimachinery/pkg/version, CompareKubeAwareVersionStrings)."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return 3, 0, 0
    return {None: 0, "beta": 1, "alpha": 2}[match[2]], -int(match[1]), -int(match[3] or 0)


def _resource_list(group_version: str, resources: Iterable[Resource]) -> dict[str, Any]:
    """`/api/v1` and `/apis/GROUP/VERSION`."""
    found = sorted((r for r in resources if r.api_version == group_version), key=lambda r: r.plural)
    entries = [
        {"name": r.plural, "singularName": r.kind.lower(), "namespaced": r.namespaced, "kind": r.kind, "verbs": VERBS}
        for r in found
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


# -------------------------------------------------------------------------------------------------------------- lists


def chosen(
    entries: Iterable[tuple[Key, Stored]], namespace: str, query: Mapping[str, str]
) -> Iterator[tuple[Key, Stored]]:
    """What the namespace (empty: all of them) and the selectors of the query choose. Refuses a label selector that can't
    be read."""
    labels = query.get("labelSelector", "")
    try:
        selects(labels, {})
    except ValueError:
        raise refused(400, f"unable to parse requirement: {labels}") from None
    fields = [*field_terms(query)]
    for key, stored in entries:
        if namespace in ("", key[0]) and selects(labels, labels_of(stored.obj)):
            found = ((at(stored.obj, *path.split(".")) or "", wanted, value) for path, wanted, value in fields)
            if all((text == value) == wanted for text, wanted, value in found):
                yield key, stored


def field_terms(query: Mapping[str, str]) -> Iterator[tuple[str, bool, str]]:
    """Path, whether the field must have the value, and the value, of each term of the field selector."""
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, value = term.partition("=")
        yield path.removesuffix("!"), not path.endswith("!"), value.removeprefix("=")


def list_answer(resource: Resource, metadata: Mapping[str, Any], page: list[Stored]) -> HttpResponse:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
    entries = b",".join(stored.encoded(typed=resource.is_typed) for stored in page)
    return HttpResponse(status=200, body=json.dumps(head)[:-1].encode() + b', "items": [' + entries + b"]}\n")
