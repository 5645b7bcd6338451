"""What a real API server does beyond the lab's: tokens, rights and reviews, pages, logs, creates, writes and deletes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from apiserver import creates, deletes, logs
from apiserver.accounts import Account, rights, service_account
from apiserver.pages import Pages
from apiserver.requests import Request
from apiserver.rights import Rights
from apiserver.store import Store
from apiserver.writes import Write, write
from arpcheck.lab import apiserver
from arpcheck.lab.api_objects import Object, Resource
from arpcheck.lab.apiserver import Attempt, HttpResponse, json_answer, list_answer, refused, text_answer, unknown_path
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
        pod_security: str,
    ) -> None:
        super().__init__(store, version=version)
        self.store: Store = store
        self._preferred = preferred
        self.lists = Pages(store)
        self._rights = rights
        self._token = token
        self._logs = logs
        self._on_write = on_write
        self._pod_security = pod_security
        self.accounts: dict[str, Account] = {}
        """By token."""
        self.read_log: Callable[[Object, Mapping[str, str]], str] | None = None
        """Of a pod that a kubelet runs, with the query; it refuses as the kubelet does."""

    def answer_or_refuse(self, call: Request) -> HttpResponse:
        if call.path in ("/healthz", "/livez", "/readyz"):
            return text_answer("ok")
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        account = self.accounts.get(token)
        if account and not service_account(self.store, account.namespace, account.name):
            raise refused(401, "Unauthorized")
        if not account and self._token is not None and (scheme.lower() != "bearer" or token != self._token):
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
        user, allowed = call.headers.get("impersonate-user"), self._rights_of(call)
        if user:
            allowed.check(Attempt(verb="impersonate", group="", plural="users", namespace="", name=user))
        allowed.check(attempt, user)

    def _rights_of(self, call: Request) -> Rights:
        account = self.accounts.get(call.headers.get("authorization", "").partition(" ")[2])
        return rights(self.store, account) if account else self._rights

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
            case "POST", "", "" if attempt.namespace or not resource.namespaced:
                return self._create(attempt, resource, call)
            case "DELETE", name, "" if name:
                how = deletes.Deletion.read(call.body, call.query)
                return json_answer(deletes.delete(self.store, resource, attempt.namespace, name, how))
            case "DELETE", "", "" if attempt.namespace and resource.full_name != "services":
                return self._delete_all(attempt, resource, call)
        return super().act(attempt, resource, call)

    def _log(self, attempt: Attempt, resource: Resource, query: Mapping[str, str]) -> HttpResponse:
        pod = self.found(attempt, resource)
        log = self._logs.get(f"{attempt.namespace}/{attempt.name}", text(pod, "metadata", "annotations", LOG))
        if not log and self.read_log:
            log = self.read_log(pod, query)
        return text_answer(logs.cut(log, query))

    def _create(self, attempt: Attempt, resource: Resource, call: Request) -> HttpResponse:
        what = creates.Create(
            resource=resource, namespace=attempt.namespace, body=call.body, query=call.query, manager=manager(call),
            default_level=self._pod_security,
        )  # fmt: skip
        new, stored = creates.create(self.store, what)
        if stored and self._on_write:
            self._on_write(self.store, {}, new)
        return json_answer(new, 201)

    def _delete_all(self, attempt: Attempt, resource: Resource, call: Request) -> HttpResponse:
        how = deletes.Deletion.read(call.body, call.query)
        with self.store.lock:
            chosen = self.lists.chosen(resource, attempt.namespace, call.query)
            for _, called in chosen:
                deletes.delete(self.store, resource, attempt.namespace, called, how)
        return list_answer(resource, {"resourceVersion": str(self.store.version)}, [*chosen.values()])

    def _write(self, attempt: Attempt, resource: Resource, call: Request) -> HttpResponse:
        old, new, stored = write(
            self.store,
            Write(
                method=call.method, resource=resource, namespace=attempt.namespace, name=attempt.name, body=call.body,
                content_type=call.headers.get("content-type", "").partition(";")[0].strip(), query=call.query,
                manager=manager(call),
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
                rules = self._rights_of(call).review(namespace, self.store.resources)
                status: dict[str, Any] = {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}
                return json_answer({**body, "status": status}, 201)
            case "selfsubjectaccessreviews":
                return json_answer(
                    {**body, "status": {"allowed": self._may(call, at(body, "spec", "resourceAttributes"))}}, 201
                )
        raise unknown_path()

    def _may(self, call: Request, attributes: Any) -> bool:
        keys = {"verb": "verb", "group": "group", "plural": "resource", "namespace": "namespace", "name": "name"}
        found = {key: text(attributes, attribute) for key, attribute in keys.items()}
        return self._rights_of(call).allows(Attempt(**found, subresource=text(attributes, "subresource")))


def manager(call: Request) -> str:
    """Who is written down as the one that wrote a field."""
    return call.query.get("fieldManager") or call.headers.get("user-agent", "").partition("/")[0] or "unknown"
