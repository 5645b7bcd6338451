"""What comes in and what goes back: a request, an answer, and the Status objects and messages of kube-apiserver.

Source of the messages: k8s.io/apimachinery/pkg/api/errors and k8s.io/apiserver/pkg/endpoints/handlers/responsewriters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        """Path and decoded query."""
        return f"{self.path}?{'&'.join(f'{k}={v}' for k, v in self.query.items())}" if self.query else self.path


class RefusedError(Exception):
    """A Status that ends the request."""

    def __init__(self, answer: Answer) -> None:
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


def json_answer(value: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def text_answer(text: str, status: int = 200) -> Answer:
    return Answer(status=status, body=text.encode(), content_type="text/plain; charset=utf-8")


def status_answer(
    code: int, message: str, details: Mapping[str, str] | None = None, *, metadata: Mapping[str, str] | None = None
) -> Answer:
    """`details`: name, group and kind (which is the plural) of what it speaks of."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": dict(metadata or {}), "status": "Failure"}
    status |= {"message": message, "reason": _REASON.get(code, "Unknown"), "code": code}
    if details:
        status["details"] = {key: value for key, value in details.items() if value}
    return json_answer(status, code)


def refused(code: int, message: str, **details: str) -> RefusedError:
    return RefusedError(status_answer(code, message, details))


def not_found(plural: str, group: str, name: str) -> RefusedError:
    return refused(404, f'{_qualified(plural, group)} "{name}" not found', name=name, group=group, kind=plural)


def conflict(plural: str, group: str, name: str) -> RefusedError:
    message = (
        f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return refused(409, message, name=name, group=group, kind=plural)


def unknown_path() -> RefusedError:
    """An unknown group or version: plain text, unlike an unknown object."""
    return RefusedError(text_answer("404 page not found\n", 404))


def _qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural
