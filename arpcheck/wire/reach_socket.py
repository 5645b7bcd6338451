"""The packet sockets and the TCP ports of `--reach`.

Each socket receives on every interface of this host, because a node may reply to another of its NICs. Its filter lets
nothing through until the ports are known. It is opened before privileges are dropped, and used after."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import random
import select
import socket
import struct
import time
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol

from arpcheck.errors import WireError
from arpcheck.wire.packet_socket import PACKET_STATISTICS, SO_ATTACH_FILTER, SOL_PACKET
from arpcheck.wire.packets import LinkLostError
from arpcheck.wire.reach_packets import NOTHING, SNAPLEN, Program, either, only_replies

_log = logging.getLogger(__name__)

_IPV4 = 0x0800
_MSG_DONTWAIT = 0x40
MOST_AT_ONCE = 64
SEND_TRIES = 10

FIRST_PORT, LAST_PORT = 61000, 65535
"""Above Linux's default range of ephemeral ports (net.ipv4.ip_local_port_range)."""
BLOCKS = 64
"""Places that are tried for a block of free ports."""


class ReachArrival(NamedTuple):
    """A received frame."""

    interface: str
    """The interface that received it, any of this host's."""
    at: float
    frame: bytes


class SendFailedError(WireError):
    """The kernel did not accept a frame for an interface that is up."""


class ReachWire(Protocol):
    """What the tries run on; the lab simulates it."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def ports(self, interface: str, own: IPv4Address, most: int) -> range:
        """Reserves a contiguous block of TCP ports on an own address, and receives from now on what is sent to them. Fewer
        than `most` if there are not so many; empty if there are none."""

    def send(self, interface: str, frame: bytes) -> None:
        """Raises LinkLostError or SendFailedError."""

    def receive(self, until: float) -> Sequence[ReachArrival]:
        """Returns received frames, waiting for a first one until `until` at the latest. May be empty."""

    def lost(self) -> int:
        """Frames that this host's kernel dropped since the last call."""


class LiveReachWire:
    """A `ReachWire` on real interfaces; a context manager."""

    def __init__(self, interfaces: Sequence[str]) -> None:
        self._interfaces = tuple(interfaces)
        self._sockets: dict[str, socket.socket] = {}
        self._held: list[socket.socket] = []
        self._filters: dict[str, list[Program]] = {}
        """By interface, one for each own address there."""

    def __enter__(self) -> LiveReachWire:
        """Opens the sockets. Raises WireError if one can't be opened."""
        try:
            for interface in self._interfaces:
                self._sockets[interface] = _open(interface)
        except WireError:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for opened in (*self._sockets.values(), *self._held):
            opened.close()
        self._held.clear()

    now = staticmethod(time.monotonic)

    def ports(self, interface: str, own: IPv4Address, most: int) -> range:
        """The ports are bound and do not listen: the kernel still ends what comes back for them with an RST, and no other
        program of this host gets them."""
        held, found = _block(own, most)
        self._held += held
        if found:
            filters = self._filters.setdefault(interface, [])
            filters.append(only_replies(own, found[0], found[-1]))
            attach(self._sockets[interface], either(filters))
            _log.info("%s: TCP ports %d to %d of %s are reserved", interface, found[0], found[-1], own)
        return found

    def send(self, interface: str, frame: bytes) -> None:
        for _ in range(SEND_TRIES):
            try:
                self._sockets[interface].sendto(frame, _MSG_DONTWAIT, (interface, _IPV4))
                return
            except OSError as error:
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    raise LinkLostError(interface, error.strerror or str(error)) from None
                time.sleep(0.002)
        raise SendFailedError(f"{interface}: the kernel accepts no frame")

    def receive(self, until: float) -> Sequence[ReachArrival]:
        arrivals: list[ReachArrival] = []
        waits = max(0.0, until - time.monotonic())
        for sock in select.select(tuple(self._sockets.values()), (), (), waits)[0]:
            _drain(sock, arrivals)
        return arrivals

    def lost(self) -> int:
        lost = 0
        for sock in self._sockets.values():
            _, drops = struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            lost += drops
        return lost


def _drain(sock: socket.socket, arrivals: list[ReachArrival]) -> None:
    try:
        for _ in range(MOST_AT_ONCE):
            frame, (interface, _, kind, *_) = sock.recvfrom(SNAPLEN, _MSG_DONTWAIT)
            if kind == socket.PACKET_HOST:
                arrivals.append(ReachArrival(interface, time.monotonic(), frame))
    except BlockingIOError:
        return
    except OSError as error:
        if error.errno not in (errno.ENETDOWN, errno.ENODEV):  # some interface of this host went down
            raise WireError(f"packet socket: {error.strerror}") from None


def _open(interface: str) -> socket.socket:
    """Without a protocol it receives nothing until the filter is attached (packet(7))."""
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        hint = "It needs CAP_NET_RAW: run arpcheck with sudo, or in a pod with NET_RAW"
        raise WireError("no permission to open a packet socket", hint) from None
    try:
        attach(opened, NOTHING)
        _bind_everywhere(opened)
    except OSError as error:
        opened.close()
        raise WireError(f"interface {interface}: {error.strerror or error}") from None
    _log.info("%s: socket for --reach open", interface)
    return opened


def _bind_everywhere(sock: socket.socket) -> None:
    """To every interface, which Python's own `bind` can't say: it looks the name up. Raises OSError."""
    place = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(_IPV4), 0, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).bind(sock.fileno(), place, len(place)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def attach(sock: socket.socket, program: Program) -> None:
    octets = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(octets)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer)))


def _block(own: IPv4Address, most: int) -> tuple[list[socket.socket], range]:
    """The longest of some contiguous blocks of free ports, bound."""
    best: tuple[list[socket.socket], range] = ([], range(0))
    for _ in range(BLOCKS):
        first = random.randint(FIRST_PORT, LAST_PORT - most + 1)  # noqa: S311 - no secret
        held: list[socket.socket] = []
        for port in range(first, first + most):
            if (bound := _bound(own, port)) is None:
                break
            held.append(bound)
        worse = held if len(held) <= len(best[0]) else best[0]
        if worse is not held:
            best = held, range(first, first + len(held))
        for sock in worse:
            sock.close()
        if len(best[0]) == most:
            break
    return best


def _bound(own: IPv4Address, port: int) -> socket.socket | None:
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError:  # no more open files
        return None
    try:
        made.bind((str(own), port))
    except OSError:
        made.close()
        return None
    return made
