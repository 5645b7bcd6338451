"""The log of a container as containerd writes it and the kubelet reads it (the CRI format).

    2026-03-01T12:00:00.000000000Z stdout F a line
    2026-03-01T12:00:00.000000000Z stdout P the first 16 KiB of a longer one

Two streams share the file, so what one writes may come between the parts of a line of the other. A file that grew too large is
renamed, and only the newest is read: the beginning is lost then (containerLogMaxSize)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

SPLIT = 16 << 10
"""Octets from which a line is split (containerd, pkg/cri/io/logger.go, defaultBufSize)."""
MOST = 10 << 20
"""Octets of a file, as kubelets are by default; unlike theirs the check is at each line, not every ten seconds."""


class ContainerLog:
    def __init__(self, path: Path, most: int = MOST) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        self._file = path.open("ab")

    def write(self, stream: str, line: bytes, *, whole: bool) -> None:
        """`whole`: the line ends here. Without the newline."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
        with self._lock:
            self._file.write(f"{moment} {stream} {'F' if whole else 'P'} ".encode() + line + b"\n")
            self._file.flush()
            if self._file.tell() > self._most:
                self._file.close()
                self._path.rename(f"{self._path}.{time.monotonic_ns()}")
                self._file = self._path.open("ab")

    def copy(self, stream: str, descriptor: int) -> None:
        """All that comes on a descriptor, which is closed at its end."""
        with open(descriptor, "rb", buffering=SPLIT) as source:
            while line := source.readline(SPLIT):
                self.write(stream, line.removesuffix(b"\n"), whole=line.endswith(b"\n") or len(line) < SPLIT)

    def close(self) -> None:
        with self._lock:
            self._file.close()


def read(path: Path, query: Mapping[str, str]) -> str:
    """As the kubelet answers: `tailLines` counts lines of the file, `sinceTime`, `sinceSeconds` and `timestamps` as the API has
    them (pkg/kubelet/kuberuntime/logs). No file: FileNotFoundError."""
    lines = path.read_bytes().splitlines(keepends=True)
    if (tail := query.get("tailLines", "")).isdecimal():
        lines = lines[len(lines) - min(int(tail), len(lines)) :]
    since, found = _since(query), []
    for line in lines:
        moment, _, tag, content = line.split(b" ", 3)
        if moment.decode() >= since:
            shown = moment + b" " if query.get("timestamps") == "true" else b""
            found.append(shown + (content if tag == b"F" else content.removesuffix(b"\n")))
    return b"".join(found).decode(errors="replace")


def _since(query: Mapping[str, str]) -> str:
    if (seconds := query.get("sinceSeconds", "")).isdecimal():
        return (datetime.now(UTC) - timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return query.get("sinceTime", "").removesuffix("Z")


def pipe() -> tuple[int, int]:
    """Both ends, neither inherited by an exec."""
    return os.pipe2(os.O_CLOEXEC)
