"""Paths and what they mean: discovery, lists, objects, logs, reviews. No socket; one request in, one Answer out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arpcheck.lab.apiserver import discovery
from arpcheck.lab.apiserver.answers import (
    Answer,
    RefusedError,
    Request,
    json_answer,
    not_found,
    refused,
    text_answer,
    unknown_path,
)  # fmt: skip
from arpcheck.lab.apiserver.lists import Lists
from arpcheck.lab.apiserver.rights import Attempt, Rights
from arpcheck.lab.apiserver.store import Object, Resource, Store
from arpcheck.lab.apiserver.writes import Write, write
from arpcheck.objects import at, text

LOG = "lab.arpcheck/log"
"""The annotation of a Pod that holds its log."""

_VERBS = {"GET": "get", "PATCH": "patch", "PUT": "update"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a path names."""

    resource: Resource
    namespace: str
    name: str
    subresource: str


@dataclass(slots=True, kw_only=True)
class Api:
    store: Store
    rights: Rights
    preferred: Mapping[str, str]
    token: str | None
    logs: Mapping[str, str]
    version: str
    on_write: Callable[[Store, Object, Object], None] | None
    lists: Lists = field(init=False)

    def __post_init__(self) -> None:
        self.lists = Lists(self.store)

    def answer(self, call: Request) -> Answer:
        try:
            return self._answer(call)
        except RefusedError as refusal:
            return refusal.answer

    def _answer(self, call: Request) -> Answer:
        if call.path in ("/healthz", "/livez", "/readyz"):
            return text_answer("ok")
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if self.token is not None and (scheme.lower() != "bearer" or token != self.token):
            raise refused(401, "Unauthorized")
        parts = [part for part in call.path.split("/") if part]
        if call.method == "GET" and (document := self._document(parts)) is not None:
            return json_answer(document)
        if parts[:2] == ["apis", "authorization.k8s.io"] and call.method == "POST" and len(parts) == 4:
            return self._review(parts[3], call)
        return self._object(self._place(parts, call), call)

    def _document(self, parts: list[str]) -> dict[str, Any] | None:
        """`/version` and the discovery documents; None: the path names none."""
        resources = self.store.resources
        groups = {resource.group for resource in resources} - {""}
        versions = {resource.api_version for resource in resources}
        match parts:
            case ["version"]:
                major, minor = self.version.lstrip("v").split(".")[:2]
                return {"major": major, "minor": minor, "gitVersion": self.version, "platform": "linux/amd64"}
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                return discovery.group_list(resources, self.preferred)
            case ["api", "v1"]:
                return discovery.resource_list("v1", resources)
            case ["apis", group] if group in groups:
                return discovery.group(group, resources, self.preferred)
            case ["apis", group, version] if f"{group}/{version}" in versions:
                return discovery.resource_list(f"{group}/{version}", resources)
        return None

    def _place(self, parts: list[str], call: Request) -> _Place:
        """Refuses what the account may not do before it looks whether it exists, as the server does."""
        match parts:
            case ["api", "v1", *rest] if rest:
                group, version = "", "v1"
            case ["apis", group, version, *rest] if rest:
                pass
            case _:
                raise unknown_path()
        namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else ""
        plural, name, subresource = [*(rest[2:] if namespace else rest), "", ""][:3]
        verb = _VERBS.get(call.method, call.method.lower()) if name or call.method != "GET" else "list"
        attempt = Attempt(verb=verb, group=group, plural=plural, namespace=namespace, name=name, subresource=subresource)
        self._authorize(attempt, call)
        resource = self.store.resource(group, version, plural)
        if resource is None or len(rest) > 5:
            raise unknown_path()
        return _Place(resource=resource, namespace=namespace, name=name, subresource=subresource)

    def _authorize(self, attempt: Attempt, call: Request) -> None:
        user = call.headers.get("impersonate-user")
        if user:
            impersonation = Attempt(verb="impersonate", group="", plural="users", namespace="", name=user)
            if not self.rights.allows(impersonation):
                raise self.rights.refusal(impersonation, self.rights.user)
        if not self.rights.allows(attempt):
            raise self.rights.refusal(attempt, user or self.rights.user)

    def _object(self, place: _Place, call: Request) -> Answer:
        match call.method, place.name, place.subresource:
            case "GET", "", "":
                if call.query.get("watch") in ("true", "1"):
                    raise refused(405, "the lab's server has no watch")
                return self.lists.answer(place.resource, place.namespace, call.query)
            case "GET", _, "":
                return json_answer(self._found(place))
            case "GET", _, "log" if place.resource.full_name == "pods":
                return self._log(place, call.query)
            case "PATCH" | "PUT", name, "" if name:
                return self._write(place, call)
        raise refused(405, "the server does not allow this method on the requested resource")

    def _found(self, place: _Place) -> Object:
        found = self.store.find(place.resource.full_name, place.namespace, place.name)
        if found is None:
            raise not_found(place.resource.plural, place.resource.group, place.name)
        return found

    def _log(self, place: _Place, query: Mapping[str, str]) -> Answer:
        pod = self._found(place)
        log = self.logs.get(f"{place.namespace}/{place.name}", text(pod, "metadata", "annotations", LOG))
        lines = log.splitlines(keepends=True)
        if (tail := query.get("tailLines", "")).isdecimal():
            lines = lines[len(lines) - min(int(tail), len(lines)) :]
        return text_answer("".join(lines))

    def _write(self, place: _Place, call: Request) -> Answer:
        agent = call.headers.get("user-agent", "").partition("/")[0]
        old, new, stored = write(
            self.store,
            Write(
                method=call.method, resource=place.resource, namespace=place.namespace, name=place.name, body=call.body,
                content_type=call.headers.get("content-type", "").partition(";")[0].strip(), query=call.query,
                manager=call.query.get("fieldManager") or agent or "unknown",
            ),
        )  # fmt: skip
        if stored and self.on_write:
            self.on_write(self.store, old, new)
        return json_answer(new)

    def _review(self, plural: str, call: Request) -> Answer:
        try:
            body = json.loads(call.body)
        except ValueError:
            raise refused(400, "the object provided is unrecognized (must be of type Object)") from None
        namespace = text(body, "spec", "namespace") or "default"
        match plural:
            case "selfsubjectrulesreviews":
                rules = self.rights.review(namespace, self.store.resources)
                status: dict[str, Any] = {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}
                return json_answer({**body, "status": status}, 201)
            case "selfsubjectaccessreviews":
                return json_answer({**body, "status": {"allowed": self._may(at(body, "spec", "resourceAttributes"))}}, 201)
        raise unknown_path()

    def _may(self, attributes: Any) -> bool:
        keys = {"verb": "verb", "group": "group", "plural": "resource", "namespace": "namespace", "name": "name"}
        found = {key: text(attributes, attribute) for key, attribute in keys.items()}
        return self.rights.allows(Attempt(**found, subresource=text(attributes, "subresource")))
