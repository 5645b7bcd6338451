"""The real wire: a packet socket on each interface, opened by scapy, and the kernel's own count of what was lost.

AF_PACKET is touched only when a `LiveWire` is opened. CAP_NET_RAW is enough; with CAP_NET_ADMIN too the receive buffer
is made larger than the host's limit. Knows no question and no answer."""

from __future__ import annotations

import ctypes
import errno
import logging
import select
import socket
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from arpcheck.errors import WireError
from arpcheck.wire.frames import ETHERTYPE_ARP
from arpcheck.wire.seam import Arrival, LinkLostError

_log = logging.getLogger(__name__)

RECEIVE_BUFFER = 32 << 20
"""Bytes asked for; net.core.rmem_max bounds it where the process may not force it."""

MOST_AT_ONCE = 512
"""Frames taken in one go, so that a flood can't keep the loop from sending and from looking at the clock."""

SNAPLEN = 128
SEND_TRIES = 50
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
PACKET_OTHERHOST = 3

# Classic BPF (linux/filter.h): everything but a whole ARP request passes. Requests are nearly all of a LAN's ARP, and
# none of them can be an answer; what is too short to have an operation passes, so that it is counted as truncated.
_LOAD_LENGTH, _LOAD_HALF, _IF_GREATER_EQUAL, _IF_EQUAL, _RETURN = 0x80, 0x28, 0x35, 0x15, 0x06
_NO_REQUESTS = (
    (_LOAD_LENGTH, 0, 0, 0),
    (_IF_GREATER_EQUAL, 0, 2, 22),  # shorter than an operation field: pass
    (_LOAD_HALF, 0, 0, 20),
    (_IF_EQUAL, 1, 0, 1),  # operation 1, request: drop
    (_RETURN, 0, 0, 0xFFFFFFFF),
    (_RETURN, 0, 0, 0),
)


class LiveWire:
    """`Wire` on real interfaces. Use it as a context manager; frames are lost to nobody else while it is open."""

    def __init__(self, interfaces: Sequence[str]) -> None:
        """Raises WireError, with the cure, where a socket can't be had."""
        self._sockets: dict[str, Any] = {}
        self._links: dict[socket.socket, str] = {}
        for interface in interfaces:
            scapy_socket = _open(interface)
            self._sockets[interface] = scapy_socket
            self._links[scapy_socket.ins] = interface

    def __enter__(self) -> LiveWire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for scapy_socket in self._sockets.values():
            scapy_socket.close()
        self._links.clear()

    def keep(self, interfaces: Sequence[str]) -> None:
        """Closes the sockets of all others."""
        for interface in self._sockets.keys() - set(interfaces):
            closed = self._sockets.pop(interface)
            self._links.pop(closed.ins, None)
            closed.close()

    def now(self) -> float:
        return time.monotonic()

    def send(self, interface: str, frame: bytes) -> None:
        sock = self._sockets[interface].outs
        for _ in range(SEND_TRIES):
            try:
                sock.send(frame)
                return
            except OSError as error:
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    self._drop(interface, error)
                select.select((), (sock,), (), 0.002)
        self._drop(interface, OSError(errno.ENOBUFS, "its transmit queue stayed full"))

    def receive(self, until: float) -> Sequence[Arrival]:
        ready, _, _ = select.select(tuple(self._links), (), (), max(0.0, until - self.now()))
        arrivals: list[Arrival] = []
        for sock in ready:
            arrivals.extend(self._drain(sock, self._links[sock]))
        return arrivals

    def lost(self) -> Mapping[str, int]:
        # packet(7): reading the statistics sets them to zero; tp_drops is what the full buffer turned away.
        lost = {}
        for sock, interface in self._links.items():
            _, drops = struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            lost[interface] = drops
        return lost

    def _drain(self, sock: socket.socket, interface: str) -> list[Arrival]:
        arrivals = []
        for _ in range(MOST_AT_ONCE):
            try:
                frame, address = sock.recvfrom(SNAPLEN, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                self._drop(interface, error)
            arrivals.append(Arrival(interface, time.monotonic(), frame, address[2] != PACKET_OTHERHOST))
        return arrivals

    def _drop(self, interface: str, error: OSError) -> None:
        self._links.pop(self._sockets[interface].ins, None)
        match error.errno:
            case errno.ENETDOWN:
                why = "the interface went down"
            case errno.ENXIO | errno.ENODEV:
                why = "the interface is gone"
            case _:
                why = str(error)
        raise LinkLostError(interface, why) from None


def _open(interface: str) -> Any:
    """scapy's layer-2 socket, for ARP alone: by default it takes all protocols, is promiscuous and has a 64 KiB buffer."""
    if not hasattr(socket, "AF_PACKET"):
        raise WireError(
            f"this system ({sys.platform}) has no AF_PACKET",
            "Probe from Linux; report, compare, snapshot and strict-arp work here too",
        )
    try:
        scapy_socket = _layer_2()(iface=interface, type=ETHERTYPE_ARP, promisc=False, nofilter=1)
    except PermissionError:
        raise WireError(
            "no privilege to open a packet socket", "It takes CAP_NET_RAW: run it with sudo, or in a pod with NET_RAW"
        ) from None
    except OSError as error:
        raise WireError(f"interface {interface}: {error.strerror or error}", "`ip link` lists the interfaces") from None
    _attach_filter(scapy_socket.ins)
    _enlarge_buffer(scapy_socket.ins)
    _log.info(
        "%s: socket open, room for %d KiB", interface, scapy_socket.ins.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >> 10
    )
    return scapy_socket


def _layer_2() -> Any:
    # The routing table is of no use here, and reading it on import takes seconds on a host with 100,000 routes
    # (secdev/scapy#3577).
    from scapy.config import conf

    conf.route_autoload = False
    conf.route6_autoload = False
    import scapy.layers.l2  # noqa: F401 - without it the socket warns that it can't guess its type
    from scapy.arch.linux import L2Socket

    return L2Socket


def _attach_filter(sock: socket.socket) -> None:
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _NO_REQUESTS)
    buffer = ctypes.create_string_buffer(program)
    sock.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(_NO_REQUESTS), ctypes.addressof(buffer))
    )


def _enlarge_buffer(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # needs CAP_NET_ADMIN; without it as far as net.core.rmem_max allows
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
