"""Lists in pages, which are a snapshot of the moment in which the first was read; and the field selectors that a real server
takes."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

from arpcheck.lab.api_objects import Key, Resource, Store, Stored, View
from arpcheck.lab.apiserver import HttpResponse, RefusedError, chosen, field_terms, list_answer, refused, status_answer

KEPT = 100
"""Views that are kept for their next page; an older one has expired."""

EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)

_EVERY = {"metadata.name", "metadata.namespace"}
FIELDS = {
    "services": {"spec.clusterIP", "spec.type"},
    "nodes": {"spec.unschedulable"},
    "jobs.batch": {"status.successful"},
    "namespaces": {"status.phase"},
    "pods": {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"},
    "events": {
        *(f"involvedObject.{f}" for f in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")),
        "reason", "reportingComponent", "source", "type",
    },
}  # fmt: skip
"""Field selectors beside `_EVERY`, by resource (kubernetes/kubernetes pkg/registry/core and pkg/apis/core/v1)."""


class Pages:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._views: OrderedDict[tuple[str, str], View] = OrderedDict()
        """By resourceVersion and resource."""

    def expire(self) -> None:
        """As when etcd is compacted: every continue token is too old."""
        with self._lock:
            self._views.clear()

    def answer(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> HttpResponse:
        check_fields(resource, query)
        limit = int(query.get("limit") or 0) if (query.get("limit") or "0").isdecimal() else 0
        version, after, view = self._moment(resource, query.get("continue", ""))
        left = ((key, stored) for key, stored in view.items() if not after or key > after)
        matching = [*chosen(left, namespace, query)]
        page = matching[: limit or None]
        metadata: dict[str, Any] = {"resourceVersion": version}
        if len(page) < len(matching):
            metadata["continue"] = _token(version, page[-1][0])
            if not (query.get("labelSelector") or query.get("fieldSelector")):
                metadata["remainingItemCount"] = len(matching) - len(page)
        return list_answer(resource, metadata, [stored for _, stored in page])

    def chosen(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> dict[Key, Stored]:
        """What the selectors choose now."""
        check_fields(resource, query)
        return dict(chosen(self._store.view(resource.full_name).items(), namespace, query))

    def _moment(self, resource: Resource, token: str) -> tuple[str, Key | None, View]:
        with self._store.lock:
            version, view = str(self._store.version), self._store.view(resource.full_name)
        with self._lock:
            if not token:
                self._views[version, resource.full_name] = view
                if len(self._views) > KEPT:
                    self._views.popitem(last=False)
                return version, None, view
            begun, after = _read_token(token)
            if begun == "now":
                return version, after, view
            if (begun, resource.full_name) not in self._views:
                raise RefusedError(status_answer(410, EXPIRED, metadata={"continue": _token("now", after)}))
            return begun, after, self._views[begun, resource.full_name]


def check_fields(resource: Resource, query: Mapping[str, str]) -> None:
    """Refuses a field that the server can't select by, and a term that has no value."""
    selector = query.get("fieldSelector", "")
    known = _EVERY | FIELDS.get(resource.full_name, set())
    for term, (path, _, _) in zip(filter(None, selector.split(",")), field_terms(query), strict=True):
        if "=" not in term or path not in known:
            where = f'label selector "{query.get("labelSelector", "")}", field selector "{selector}"'
            what = f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match {where}'
            raise refused(400, f"{what}: field label not supported: {path}")


def _token(version: str, after: Key | None) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": after}).encode()).decode()


def _read_token(token: str) -> tuple[str, Key]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
        return str(found["rv"]), (str(found["start"][0]), str(found["start"][1]))
    except (ValueError, KeyError, TypeError, IndexError):
        raise refused(400, "continue key is not valid: illegal base64 data") from None
