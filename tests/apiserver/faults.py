"""Failures on request: which answers fail, and how. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from arpcheck.lab.apiserver import HttpResponse, json_answer, status_answer

_ABSENT: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the requests that fit. Several of the ways may be combined."""

    path: str = "*"
    """A shell pattern on the path, or on path, `?` and decoded query: `*continue=*` is any page but the first."""
    method: str = "*"
    skip: int = 0
    """Requests that fit and are answered well before it begins."""
    times: int | None = None
    """Requests that fail; None: all from then on."""
    status: int | None = None
    """Answered with this status, and the Status object that goes with it where there is no `body` or `json`."""
    body: str | None = None
    json: Any = _ABSENT
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before anything is answered."""
    hang: bool = False
    """Nothing is ever answered."""
    drip: float | None = None
    """Seconds between two octets of the body."""
    cut: int | None = None
    """The connection ends after this many octets of the body."""
    close: bool = False
    """The connection ends without an answer."""
    die: bool = False
    """The server ends, with all its connections."""

    def fits(self, method: str, path: str, target: str) -> bool:
        fits_path = fnmatchcase(path, self.path) or fnmatchcase(target, self.path)
        return fits_path and fnmatchcase(method, self.method)

    def answer(self, usual: HttpResponse) -> HttpResponse:
        """What is sent in place of the usual answer."""
        found = usual
        if self.json is not _ABSENT:
            found = json_answer(self.json, self.status or 200)
        elif self.body is not None:
            found = HttpResponse(status=self.status or 200, body=self.body.encode(), content_type="text/html; charset=utf-8")
        elif self.status is not None:
            found = status_answer(self.status, f"the lab answers {self.status}")
        content_type = self.content_type or found.content_type
        return replace(found, content_type=content_type, headers={**found.headers, **self.headers})


@dataclass(slots=True)
class Faults:
    """The faults of a server, each with the number of requests that it has fitted so far."""

    seen: list[tuple[Fault, int]]

    def next(self, method: str, path: str, target: str) -> Fault | None:
        """The first that is due for this request, which all that fit count."""
        due = [f for f, n in self.seen if f.fits(method, path, target) and n >= f.skip and n - f.skip < (f.times or n + 1)]
        self.seen = [(f, n + f.fits(method, path, target)) for f, n in self.seen]
        return due[0] if due else None
