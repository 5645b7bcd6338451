"""What a real API server does beyond the lab's: tokens, rights and reviews, pages, logs and writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from apiserver.pages import Pages
from apiserver.requests import Request
from apiserver.rights import Rights
from apiserver.store import Store
from apiserver.writes import Write, write
from arpcheck.lab import apiserver
from arpcheck.lab.api_objects import Object, Resource
from arpcheck.lab.apiserver import Attempt, HttpResponse, json_answer, refused, text_answer, unknown_path
from arpcheck.objects import at, text

LOG = "lab.arpcheck/log"
"""The annotation of a Pod that holds its log."""


class Api(apiserver.Api):
    def __init__(
        self,
        store: Store,
        *,
        version: str,
        rights: Rights,
        preferred: Mapping[str, str],
        token: str | None,
        logs: Mapping[str, str],
        on_write: Callable[[Store, Object, Object], None] | None,
    ) -> None:
        super().__init__(store, version=version)
        self.store: Store = store
        self._preferred = preferred
        self.lists = Pages(store)
        self._rights = rights
        self._token = token
        self._logs = logs
        self._on_write = on_write

    def answer_or_refuse(self, call: Request) -> HttpResponse:
        if call.path in ("/healthz", "/livez", "/readyz"):
            return text_answer("ok")
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if self._token is not None and (scheme.lower() != "bearer" or token != self._token):
            raise refused(401, "Unauthorized")
        parts = [part for part in call.path.split("/") if part]
        if parts[:2] == ["apis", "authorization.k8s.io"] and call.method == "POST" and len(parts) == 4:
            return self._review(parts[3], call)
        return super().answer_or_refuse(call)

    def group(self, name: str) -> dict[str, Any]:
        found = super().group(name)
        preferred = [version for version in found["versions"] if version["version"] == self._preferred.get(name)]
        return {**found, "preferredVersion": preferred[0]} if preferred else found

    def authorize(self, attempt: Attempt, call: Request) -> None:
        user = call.headers.get("impersonate-user")
        if user:
            self._rights.check(Attempt(verb="impersonate", group="", plural="users", namespace="", name=user))
        self._rights.check(attempt, user)

    def act(self, attempt: Attempt, resource: Resource, call: Request) -> HttpResponse:
        match call.method, attempt.name, attempt.subresource:
            case "GET", "", "":
                if call.query.get("watch") in ("true", "1"):
                    raise refused(405, "the lab's server has no watch")
                return self.lists.answer(resource, attempt.namespace, call.query)
            case "GET", _, "log" if resource.full_name == "pods":
                return self._log(attempt, resource, call.query)
            case "PATCH" | "PUT", name, "" if name:
                return self._write(attempt, resource, call)
        return super().act(attempt, resource, call)

    def _log(self, attempt: Attempt, resource: Resource, query: Mapping[str, str]) -> HttpResponse:
        pod = self.found(attempt, resource)
        log = self._logs.get(f"{attempt.namespace}/{attempt.name}", text(pod, "metadata", "annotations", LOG))
        lines = log.splitlines(keepends=True)
        if (tail := query.get("tailLines", "")).isdecimal():
            lines = lines[len(lines) - min(int(tail), len(lines)) :]
        return text_answer("".join(lines))

    def _write(self, attempt: Attempt, resource: Resource, call: Request) -> HttpResponse:
        agent = call.headers.get("user-agent", "").partition("/")[0]
        old, new, stored = write(
            self.store,
            Write(
                method=call.method, resource=resource, namespace=attempt.namespace, name=attempt.name, body=call.body,
                content_type=call.headers.get("content-type", "").partition(";")[0].strip(), query=call.query,
                manager=call.query.get("fieldManager") or agent or "unknown",
            ),
        )  # fmt: skip
        if stored and self._on_write:
            self._on_write(self.store, old, new)
        return json_answer(new)

    def _review(self, plural: str, call: Request) -> HttpResponse:
        try:
            body = json.loads(call.body)
        except ValueError:
            raise refused(400, "the object provided is unrecognized (must be of type Object)") from None
        namespace = text(body, "spec", "namespace") or "default"
        match plural:
            case "selfsubjectrulesreviews":
                rules = self._rights.review(namespace, self.store.resources)
                status: dict[str, Any] = {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}
                return json_answer({**body, "status": status}, 201)
            case "selfsubjectaccessreviews":
                return json_answer({**body, "status": {"allowed": self._may(at(body, "spec", "resourceAttributes"))}}, 201)
        raise unknown_path()

    def _may(self, attributes: Any) -> bool:
        keys = {"verb": "verb", "group": "group", "plural": "resource", "namespace": "namespace", "name": "name"}
        found = {key: text(attributes, attribute) for key, attribute in keys.items()}
        return self._rights.allows(Attempt(**found, subresource=text(attributes, "subresource")))
