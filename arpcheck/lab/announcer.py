"""Runs the announcers of a scene on the kernel: one loop for all of them, with sockets in every network namespace.

The packet sockets receive only ARP or only IPv6, and have the default size, like those of mdlayher/packet: a burst of more
than 256 frames loses some, and a station does not receive its own requests. `answering` makes the replies to ARP,
`advertising` those to neighbour solicitations."""

from __future__ import annotations

import ctypes
import errno
import heapq
import itertools
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from arpcheck.errors import LabError
from arpcheck.lab.advertising import ETHERTYPE6, Advertiser, groups
from arpcheck.lab.answering import ETHERTYPE, DueFrame, Speaker
from arpcheck.lab.scene import Announcer, Scene, SceneNic

_AT_ONCE = 64
"""Frames that are read from one socket before the next socket is read."""

_MEMBERSHIPS = 64

_Receive = Callable[[bytes, float], Iterable[DueFrame]]
"""What is to be sent for a frame that was received at a time in seconds."""


class BackgroundThread:
    """A context in which a thread works until `_wake` can be read. Its error is raised at the end."""

    def __init__(self, name: str) -> None:
        self._wake, self._waker = os.pipe()
        self._sockets: list[socket.socket] = []
        """They are closed at the end."""
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.write(self._waker, b"\0")
        self._thread.join()
        for opened in self._sockets:
            opened.close()
        os.close(self._wake)
        os.close(self._waker)
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - raised by __exit__ in the caller's thread
            self._failed.append(error)

    def _work(self) -> None:
        raise NotImplementedError


class Announcers(BackgroundThread):
    """A context in which the announcers reply."""

    def __init__(self, scene: Scene) -> None:
        """Opens the sockets, so that no later request is missed."""
        super().__init__("announcers")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._pending: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = itertools.count()
        for announcer in scene.announcers:
            for nic in scene.station(announcer.station).nics:
                if not announcer.nics or nic.name in announcer.nics:
                    self._open(announcer, nic)

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        finally:
            self._selector.close()

    def _open(self, announcer: Announcer, nic: SceneNic) -> None:
        if announcer.ips4 is not None:
            speaker = Speaker(announcer, nic.mac)
            self._register(
                announcer.station, nic.name, ETHERTYPE, lambda frame, at: filter(None, [speaker.receive(frame, at)])
            )
        if announcer.ips6 is not None and nic.ipv6:
            advertiser = Advertiser(announcer, nic)
            self._register(announcer.station, nic.name, ETHERTYPE6, advertiser.receive)
            self._sockets += inside(announcer.station, partial(_members, nic.name, groups(announcer)))

    def _register(self, station: str, nic: str, ethertype: int, receive: _Receive) -> None:
        opened = inside(station, partial(_packet_socket, nic, ethertype))
        self._sockets.append(opened)
        self._selector.register(opened, selectors.EVENT_READ, receive)

    def _work(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """One turn of the loop; False at its end."""
        patience = max(0.0, self._pending[0][0] - time.monotonic()) if self._pending else None
        for key, _ in self._selector.select(patience):
            if key.fd == self._wake:
                return False
            assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - for mypy: only sockets are registered
            self._receive(key.fileobj, key.data)
        while self._pending and self._pending[0][0] <= time.monotonic():
            _, _, opened, frame = heapq.heappop(self._pending)
            _send(opened, frame)
        return True

    def _receive(self, opened: socket.socket, receive: _Receive) -> None:
        for _ in range(_AT_ONCE):
            try:
                frame = opened.recv(2048)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    return
                raise
            now = time.monotonic()
            for due in receive(frame, now):
                if due.at <= now:
                    _send(opened, due.frame)
                else:
                    heapq.heappush(self._pending, (due.at, next(self._order), opened, due.frame))


def _members(nic: str, joined: Sequence[IPv6Address]) -> list[socket.socket]:
    """Sockets that are only members of these groups, so that the kernel reports them to the switch. One takes as many as
    net.core.optmem_max allows."""
    opened, index = [], socket.if_nametoindex(nic)
    for number, group in enumerate(joined):
        if number % _MEMBERSHIPS == 0:
            opened.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        opened[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("@I", index))
    return opened


def _packet_socket(nic: str, ethertype: int) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # with a protocol it would read from all NICs until bound
    opened.bind((nic, ethertype))
    opened.setblocking(False)
    return opened


def _send(opened: socket.socket, frame: bytes) -> None:
    """Ignores a link that is down, as MetalLB does, which logs the error and continues."""
    try:
        opened.send(frame)
    except OSError as error:
        if error.errno != errno.ENETDOWN:
            raise


# ------------------------------------------------------------------------------ other network namespaces, from this process

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000

Made = TypeVar("Made")


def inside(name: str, make: Callable[[], Made]) -> Made:
    """Calls `make` in a new thread in the network namespace `name`, and returns its result. A socket that it opens stays in
    that namespace, and so does an open file in /proc/thread-self/net or /proc/sys/net."""
    found: list[Made] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            _setns(name)
            found.append(make())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=enter, name=f"in {name}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _setns(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LabError(f"there is no network namespace {name!r}") from None
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            raise LabError(f"network namespace {name!r}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)
