"""How much of a container's log an answer holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from arpcheck.lab.apiserver import refused


def cut(log: str, query: Mapping[str, str]) -> str:
    """The last `tailLines` of it, of those the first `limitBytes`."""
    lines = log.splitlines(keepends=True)
    if (tail := query.get("tailLines", "")).isdecimal():
        log = "".join(lines[len(lines) - min(int(tail), len(lines)) :])
    if limit := query.get("limitBytes"):
        if not limit.isdecimal() or int(limit) < 1:
            raise refused(422, f'PodLogOptions "" is invalid: limitBytes: Invalid value: {limit}: must be greater than 0')
        log = log.encode()[: int(limit)].decode(errors="ignore")
    return log
