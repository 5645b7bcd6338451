"""What comes in and what goes back: a request, an answer, and the Status objects and messages of kube-apiserver.

Source of the messages: k8s.io/apimachinery/pkg/api/errors and k8s.io/apiserver/pkg/endpoints/handlers/responsewriters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a request is about to do, as RBAC sees it."""

    verb: str
    group: str
    version: str = ""
    plural: str
    namespace: str
    """Empty: at the cluster scope."""
    name: str = ""
    subresource: str = ""

    @property
    def resource(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    @property
    def names(self) -> tuple[str, ...]:
        """As a rule may name the resource: `leases`, and `leases.coordination.k8s.io`."""
        return (self.resource, f"{self.plural}.{self.group}") if self.group else (self.resource,)


class RefusedError(Exception):
    """A Status that ends the request."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(answer.status)
        self.answer = answer


_REASON = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def json_answer(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def text_answer(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=text.encode(), content_type="text/plain; charset=utf-8")


def status_answer(
    code: int, message: str, details: Mapping[str, str] | None = None, *, metadata: Mapping[str, str] | None = None
) -> HttpResponse:
    """`details`: name, group and kind (which is the plural) of what it speaks of."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": dict(metadata or {}), "status": "Failure"}
    status |= {"message": message, "reason": _REASON.get(code, "Unknown"), "code": code}
    if details:
        status["details"] = {key: value for key, value in details.items() if value}
    return json_answer(status, code)


def refused(code: int, message: str, **details: str) -> RefusedError:
    return RefusedError(status_answer(code, message, details))


def not_found(plural: str, group: str, name: str) -> RefusedError:
    return refused(404, f'{qualified(plural, group)} "{name}" not found', name=name, group=group, kind=plural)


def forbidden(attempt: Attempt, user: str) -> RefusedError:
    """In the words of RBAC (responsewriters/errors.go, forbiddenMessage)."""
    scope = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    what = qualified(attempt.plural, attempt.group)
    subject = f'{what} "{attempt.name}"' if attempt.name else what
    message = (
        f'{subject} is forbidden: User "{user}" cannot {attempt.verb} resource "{attempt.resource}" '
        f'in API group "{attempt.group}" {scope}'
    )
    return refused(403, message, name=attempt.name, group=attempt.group, kind=attempt.plural)


def unknown_path() -> RefusedError:
    """An unknown group or version: plain text, unlike an unknown object."""
    return RefusedError(text_answer("404 page not found\n", 404))


def qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural
