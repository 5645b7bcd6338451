"""Lists: selectors, and pages that are a snapshot of the moment in which the first was read."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from threading import Lock
from typing import Any

from arpcheck.lab.apiserver.answers import JSON, Answer, RefusedError, refused, status_answer
from arpcheck.lab.apiserver.store import Key, Resource, Store, Stored, View
from arpcheck.objects import at, labels_of, selects

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
    "pods": {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"},
    "events": {
        *(f"involvedObject.{f}" for f in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")),
        "reason", "reportingComponent", "source", "type",
    },
}  # fmt: skip
"""Field selectors beside `_EVERY`, by resource (kubernetes/kubernetes pkg/registry/core and pkg/apis/core/v1)."""


class Lists:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._views: OrderedDict[tuple[str, str], View] = OrderedDict()
        """By resourceVersion and resource."""

    def expire(self) -> None:
        """As when etcd is compacted: every continue token is too old."""
        with self._lock:
            self._views.clear()

    def answer(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> Answer:
        chosen = _Chosen(resource, namespace, query)
        limit = int(query.get("limit") or 0) if (query.get("limit") or "0").isdecimal() else 0
        version, after, view = self._moment(resource, query.get("continue", ""))
        left = ((key, stored) for key, stored in view.items() if not after or key > after)
        matching = [(key, stored) for key, stored in left if chosen.takes(key, stored)]
        page = list(islice(matching, limit or None))
        metadata: dict[str, Any] = {"resourceVersion": version}
        if len(page) < len(matching):
            metadata["continue"] = _token(version, page[-1][0])
            metadata |= {} if chosen.selects else {"remainingItemCount": len(matching) - len(page)}
        return _encoded(resource, metadata, [stored for _, stored in page])

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


class _Chosen:
    """The selectors of one request. 400 where one of them is none, or none that the server knows."""

    def __init__(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._labels = query.get("labelSelector", "")
        self._fields = tuple(self._parse(resource, query))
        self.selects = bool(self._labels or self._fields)
        try:
            selects(self._labels, {})
        except ValueError:
            raise refused(400, f"unable to parse requirement: {self._labels}") from None

    def _parse(self, resource: Resource, query: Mapping[str, str]) -> list[tuple[str, bool, str]]:
        terms = []
        for term in filter(None, query.get("fieldSelector", "").split(",")):
            path, equals, value = term.partition("=")
            wanted = not path.endswith("!")
            if not equals or path.rstrip("!") not in _EVERY | FIELDS.get(resource.full_name, set()):
                where = f'label selector "{self._labels}", field selector "{query["fieldSelector"]}"'
                what = f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match {where}'
                raise refused(400, f"{what}: field label not supported: {path}")
            terms.append((path.rstrip("!"), wanted, value.removeprefix("=")))
        return terms

    def takes(self, key: Key, stored: Stored) -> bool:
        if self._namespace and key[0] != self._namespace:
            return False
        if not self.selects:
            return True
        fields = ((at(stored.obj, *path.split(".")), wanted, value) for path, wanted, value in self._fields)
        return selects(self._labels, labels_of(stored.obj)) and all(((f or "") == v) == wanted for f, wanted, v in fields)


def _token(version: str, after: Key | None) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": after}).encode()).decode()


def _read_token(token: str) -> tuple[str, Key]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
        return str(found["rv"]), (str(found["start"][0]), str(found["start"][1]))
    except (ValueError, KeyError, TypeError, IndexError):
        raise refused(400, "continue key is not valid: illegal base64 data") from None


def _encoded(resource: Resource, metadata: Mapping[str, Any], page: list[Stored]) -> Answer:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
    entries = b",".join(stored.encoded(typed=resource.is_typed) for stored in page)
    return Answer(status=200, body=json.dumps(head)[:-1].encode() + b', "items": [' + entries + b"]}\n", content_type=JSON)
