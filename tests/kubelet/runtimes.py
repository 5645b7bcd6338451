"""What runs containers: processes in the network namespaces of a scene's nodes, or functions of a test."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kubelet.container import ContainerSpec
from kubelet.container_log import ContainerLog, pipe
from kubelet.zygote import Started, Zygote


class Processes:
    """Containers as processes. The zygote has to be there before this process has threads."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote

    def start(self, spec: ContainerSpec, log: ContainerLog, ended: Callable[[int], None]) -> Started:
        readers, writers = zip(pipe(), pipe(), strict=True)
        try:
            started = self._zygote.start(spec, *writers)
        finally:
            for writer in writers:
                os.close(writer)
        copiers = [
            threading.Thread(target=log.copy, args=(stream, reader), daemon=True)
            for stream, reader in zip(("stdout", "stderr"), readers, strict=True)
        ]
        for copier in copiers:
            copier.start()

        def wait() -> None:
            code = started.wait()
            for copier in copiers:
                copier.join()
            ended(code)

        threading.Thread(target=wait, daemon=True).start()
        return started

    def signal(self, handle: Started, number: int) -> None:
        if handle.pid:
            try:
                os.kill(handle.pid, number)
            except ProcessLookupError:
                return  # it ended by itself


@dataclass(slots=True)
class Played:
    """A container that a test plays: `lines` in its log, and its end once it is let go."""

    spec: ContainerSpec
    signals: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class Plays:
    """Containers as generators, each in a thread: what they yield is a line of the log, what they return is the exit code. They
    look at `played.over`, which a signal sets."""

    def __init__(self, play: Callable[[Played], Iterator[str]]) -> None:
        self._play = play

    def start(self, spec: ContainerSpec, log: ContainerLog, ended: Callable[[int], None]) -> Played:
        played = Played(spec)

        def run() -> None:
            code = yielded(self._play(played), log)
            ended(-played.signals[-1] if played.signals else code)

        threading.Thread(target=run, daemon=True).start()
        return played

    def signal(self, handle: Played, number: int) -> None:
        handle.signals.append(number)
        handle.over.set()


def yielded(lines: Iterator[str], log: ContainerLog) -> int:
    while True:
        try:
            log.write("stdout", next(lines).encode(), whole=True)
        except StopIteration as end:
            return int(end.value or 0)
