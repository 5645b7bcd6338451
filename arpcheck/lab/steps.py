"""What a scene changes while it runs, on the kernel: at its time since the first question, by a thread.

For a rollout node by node. When it starts is told by the wire, so that the prober may take its time to begin."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from functools import partial
from types import TracebackType

from arpcheck.lab import arp
from arpcheck.lab.namespaces import inside
from arpcheck.lab.network import write_sysctl
from arpcheck.lab.scene import Scene


class Steps:
    """A context: inside it they are taken. An error of the thread is raised when it ends."""

    def __init__(self, scene: Scene) -> None:
        """Opens an ear on the LAN, so that the first question is not missed."""
        self._then = sorted(scene.then, key=lambda step: step.after)
        self._wake, self._waker = os.pipe()
        self._ear = inside(scene.then[0].station, partial(_opened, scene)) if scene.then else None
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="steps", daemon=True)

    def __enter__(self) -> Steps:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.write(self._waker, b"\0")
        self._thread.join()
        if self._ear:
            self._ear.close()
        os.close(self._wake)
        os.close(self._waker)
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            self._take()
        except Exception as error:  # noqa: BLE001 - raised by __exit__, in the thread that can do something about it
            self._failed.append(error)

    def _take(self) -> None:
        if not self._ear or not self._asked(self._ear):
            return
        first = time.monotonic()
        for step in self._then:
            if select.select([self._wake], (), (), max(0.0, first + step.after - time.monotonic()))[0]:
                return
            for key, value in step.sysctl.items():
                write_sysctl(step.station, "all", key, value)

    def _asked(self, ear: socket.socket) -> bool:
        """Waits for a question; False where it ends before."""
        while self._wake not in select.select([self._wake, ear.fileno()], (), ())[0]:
            heard = arp.decode(ear.recv(2048))
            if heard and heard.operation == arp.REQUEST:
                return True
        return False


def _opened(scene: Scene) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.bind((scene.station(scene.then[0].station).nics[0].name, arp.ETHERTYPE))
    return opened
