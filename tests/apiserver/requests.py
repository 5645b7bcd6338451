"""A request with all that a test looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

from arpcheck.lab import apiserver


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(apiserver.HttpRequest):
    body: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        """Path and decoded query."""
        return f"{self.path}?{'&'.join(f'{k}={v}' for k, v in self.query.items())}" if self.query else self.path
