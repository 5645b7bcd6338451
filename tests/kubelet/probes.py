"""Startup, readiness and liveness of a container by HTTP, as the kubelet asks for them: a thread for each container that has any."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from arpcheck.objects import at, items, text

Asks = Callable[[str, str, int, str, float], bool]
"""Whether an HTTP request in the network of a node succeeds: node, address, port, path, time limit in seconds."""


def asks(address: str, port: int, path: str, limit: float) -> bool:
    """A status from 200 to 399 (pkg/probe/http)."""
    try:
        with closing(http.client.HTTPConnection(address, port, timeout=limit)) as connection:
            connection.request("GET", path)
            with connection.getresponse() as response:
                response.read()
                return 200 <= response.status < 400
    except (OSError, http.client.HTTPException):
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    port: int
    path: str
    limit: float
    period: float
    failures: int

    @classmethod
    def read(cls, container: Any, kind: str) -> Probe | None:
        found = at(container, kind)
        if found is None:
            return None
        port = at(found, "httpGet", "port")
        if isinstance(port, str):
            port = next(at(one, "containerPort") for one in items(container, "ports") if text(one, "name") == port)
        return cls(
            port=int(port), path=text(found, "httpGet", "path") or "/", limit=float(at(found, "timeoutSeconds") or 1),
            period=float(at(found, "periodSeconds") or 10), failures=int(at(found, "failureThreshold") or 3),
        )  # fmt: skip


class Watched:
    """`changed(ready)` is called when readiness changes, `unhealthy(kind)` once when the container is to be ended."""

    def __init__(
        self, container: Any, ask: Callable[[Probe], bool], changed: Callable[[bool], None], unhealthy: Callable[[str], None]
    ) -> None:
        self._probes = {kind: Probe.read(container, f"{kind}Probe") for kind in ("startup", "liveness", "readiness")}
        self._ask = ask
        self._changed = changed
        self._unhealthy = unhealthy
        self._over = threading.Event()
        self.has_any = any(self._probes.values())

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def _run(self) -> None:
        if (startup := self._probes["startup"]) and not self._started(startup):
            return
        due = {kind: 0.0 for kind in ("liveness", "readiness") if self._probes[kind]}
        failed, ready = dict.fromkeys(due, 0), False
        if "readiness" not in due:
            self._changed(True)
        while due and not self._over.is_set():
            kind = min(due, key=lambda one: due[one])
            if self._over.wait(max(0.0, due[kind] - time.monotonic())):
                return
            probe = self._probes[kind]
            assert probe
            failed[kind] = 0 if self._ask(probe) else failed[kind] + 1
            due[kind] = time.monotonic() + probe.period
            if kind == "readiness" and (now := failed[kind] == 0 or (ready and failed[kind] < probe.failures)) != ready:
                ready = now
                self._changed(ready)
            if kind == "liveness" and failed[kind] >= probe.failures:
                self._unhealthy(kind)
                return

    def _started(self, probe: Probe) -> bool:
        for _ in range(probe.failures):
            if self._ask(probe):
                return True
            if self._over.wait(min(probe.period, 0.2)):
                return False
        self._unhealthy("startup")
        return False
