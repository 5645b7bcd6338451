"""A packet socket on each interface, with the kernel's count of lost frames.

AF_PACKET is used only when a `LiveWire` is opened, through Python's own sockets, so that nothing else is loaded while the
process has privileges. CAP_NET_RAW is enough; CAP_NET_ADMIN allows a larger receive buffer."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from arpcheck.errors import WireError
from arpcheck.wire.families import kernel_filter
from arpcheck.wire.neighbour_discovery import ETHERTYPE_IPV6
from arpcheck.wire.packets import ETHERTYPE_ARP, Arrival, Filter, LinkLostError, TakenFor

_log = logging.getLogger(__name__)

RECEIVE_BUFFER = 32 << 20
"""Bytes requested for the receive buffer; net.core.rmem_max limits it without CAP_NET_ADMIN."""

SEND_BUFFER = 64 << 10
"""Bytes that may wait in an interface's queue: a few hundred frames, so that a stalled queue is noticed."""

MOST_AT_ONCE = 512
"""Maximum frames per receive, so that a flood can't keep the loop from sending and from checking the time."""

SEND_TRIES = 50
LOOK = 0.1
"""Seconds between two checks of the interfaces: a socket does not report a lost carrier or a changed MAC address."""

HELD = 0.5
"""Seconds after which a driver has long returned a sent frame."""

SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
MSG_DONTWAIT = 0x40
SIOCGIFFLAGS, IFF_UP, IFF_RUNNING = 0x8913, 0x1, 0x40
SIOCOUTQ = 0x5411


class LiveWire:
    """A `Wire` on real interfaces; a context manager. Other programs still receive every frame."""

    def __init__(self, interfaces: Sequence[str], *, requests: bool = False, ipv6: Collection[str] = ()) -> None:
        """`requests`: also receive other hosts' ARP requests. `ipv6`: those of the interfaces that neighbour discovery is
        used on too. Raises WireError if a socket can't be opened."""
        self._sockets: dict[_Place, socket.socket] = {}
        self._links: dict[socket.socket, str] = {}
        self._first: dict[str, _State] = {}
        self._sent: dict[str, float] = {}
        self._next_look = 0.0
        self._failed: list[LinkLostError] = []
        self._indexes: dict[str, int] = {}
        places = [
            *((interface, ETHERTYPE_ARP) for interface in interfaces),
            *((interface, ETHERTYPE_IPV6) for interface in interfaces if interface in ipv6),
        ]
        for interface, ethertype in places:
            opened = _open(interface, ethertype, kernel_filter(ethertype, requests=requests))
            self._sockets[interface, ethertype] = opened
            self._links[opened] = interface
            self._first.setdefault(interface, _state(opened))
            self._indexes[interface] = socket.if_nametoindex(interface)
        self._intake = Intake()  # only after systems without packet sockets were refused

    def __enter__(self) -> LiveWire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for opened in self._sockets.values():
            opened.close()
        self._links.clear()

    def keep(self, interfaces: Collection[str], *, ipv6: Collection[str] = ()) -> None:
        """Closes the sockets of all other interfaces, and those for neighbour discovery of all that are not in `ipv6`."""
        kept = {ETHERTYPE_ARP: interfaces, ETHERTYPE_IPV6: ipv6}
        for place in [place for place in self._sockets if place[0] not in kept[place[1]]]:
            closed = self._sockets.pop(place)
            self._links.pop(closed, None)
            closed.close()

    now = staticmethod(time.monotonic)

    def send(self, interface: str, frame: bytes) -> None:
        tries = SEND_TRIES
        while True:
            try:
                # A stalled queue would block a waiting send forever.
                # The socket of the frame's own protocol, because bridges and filters look at that of the socket.
                self._sockets[interface, int.from_bytes(frame[12:14])].send(frame, MSG_DONTWAIT)
                self._sent[interface] = time.monotonic()
                return
            except OSError as error:
                tries -= 1
                if not tries or error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    raise self._gone(interface, error) from None
                time.sleep(0.002)  # with a full queue the socket stays writable, so select would not wait

    def receive(self, until: float) -> Sequence[Arrival]:
        now = time.monotonic()
        if now >= self._next_look:
            self._look(now)
        if self._failed:
            raise self._failed.pop(0)
        arrivals: list[Arrival] = []
        if until <= now:
            for sock, interface in tuple(self._links.items()):
                self._drain(sock, interface, arrivals)
            return arrivals
        for sock in select.select(tuple(self._links), (), (), until - now)[0]:
            if (found := self._links.get(sock)) is not None:  # not lost with the one before
                self._drain(sock, found, arrivals)
        return arrivals

    def lost(self) -> Mapping[str, int]:
        # packet(7): reading the statistics resets them; tp_drops counts frames lost to a full buffer.
        lost: dict[str, int] = {}
        for sock, interface in self._links.items():
            _, drops = struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            lost[interface] = lost.get(interface, 0) + drops
        return lost

    def _drain(self, sock: socket.socket, interface: str, arrivals: list[Arrival]) -> None:
        take, descriptor, index = self._intake.take, sock.fileno(), self._indexes[interface]
        try:
            for _ in range(MOST_AT_ONCE // AT_ONCE):
                if take(descriptor, interface, index, arrivals) < AT_ONCE:
                    return
        except OSError as error:
            self._failed.append(self._gone(interface, error))  # raised after the frames before it were processed

    def _look(self, now: float) -> None:
        """A link without carrier accepts frames and sends none; replies to a changed MAC address never arrive."""
        self._next_look = now + LOOK
        for sock, interface in tuple(self._links.items()):
            if sock not in self._links:  # dropped together with the interface's other socket
                continue
            # The socket's pending error comes first: a link that went down and came up again looks healthy.
            noted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            waits = now - self._sent.get(interface, now) > HELD and _unsent(sock)
            why = _why(noted) if noted else _changed(self._first[interface], sock)
            if why := why or ("frames are stuck in its transmit queue" if waits else None):
                self._drop(interface)
                self._failed.append(LinkLostError(interface, why))

    def _gone(self, interface: str, error: OSError) -> LinkLostError:
        self._drop(interface)
        return LinkLostError(interface, _why(error.errno) if error.errno else str(error))

    def _drop(self, interface: str) -> None:
        """Receives nothing more on an interface; what was received stays."""
        self._links = {sock: name for sock, name in self._links.items() if name != interface}


def _why(number: int) -> str:
    match number:
        case errno.ENETDOWN:
            return "the interface went down"
        case errno.ENXIO | errno.ENODEV:
            return "the interface was removed"
        case errno.ENOBUFS | errno.EAGAIN:
            return "its transmit queue stayed full"
        case _:
            return os.strerror(number)


class _State(NamedTuple):
    name: str
    mac: bytes
    up: bool
    carrier: bool


def _state(sock: socket.socket) -> _State:
    """The interface's current state (packet(7), packet_getname). Raises OSError if it was removed."""
    name, _, _, _, mac = sock.getsockname()
    request = struct.pack("16sH14x", name.encode(), 0)
    flags = struct.unpack_from("H", fcntl.ioctl(sock, SIOCGIFFLAGS, request), 16)[0]
    return _State(name, mac, up=bool(flags & IFF_UP), carrier=bool(flags & IFF_RUNNING))


def _changed(first: _State, sock: socket.socket) -> str | None:
    try:
        name, mac, up, carrier = _state(sock)
    except OSError:
        return "the interface was removed"
    if not up:
        return "the interface went down"
    if name != first.name:
        return f"the interface was renamed to {name}"
    if mac != first.mac:
        return f"its MAC address changed to {mac.hex(':')}"
    return "it lost its carrier" if first.carrier and not carrier else None


def _unsent(sock: socket.socket) -> bool:
    """Whether sent frames still wait in the queue of the interface or its driver."""
    return any(fcntl.ioctl(sock, SIOCOUTQ, bytes(4)))


_Place = tuple[str, int]
"""An interface and an Ethernet type."""


def _open(interface: str, ethertype: int, program: Filter | None) -> socket.socket:
    """Opens a socket for one protocol, not promiscuous: replies are unicast, or to the group of all nodes, which every host
    is in. Before the bind it has no protocol and receives nothing, so that no frame bypasses the filter (packet(7))."""
    if not hasattr(socket, "AF_PACKET"):
        raise WireError(
            f"this system ({sys.platform}) has no AF_PACKET",
            "Probe from a Linux host; report, compare, snapshot and strict-arp work here too",
        )
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise WireError(
            "no permission to open a packet socket", "It needs CAP_NET_RAW: run arpcheck with sudo, or in a pod with NET_RAW"
        ) from None
    except OSError as error:
        raise _refused(interface, error) from None
    try:
        if program is not None:
            _attach_filter(opened, program)
        _enlarge_buffer(opened)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        opened.bind((interface, ethertype))
    except OSError as error:
        opened.close()
        raise _refused(interface, error) from None
    room = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >> 10
    _log.info("%s: socket open, room for %d KiB", interface, room)
    return opened


def _refused(interface: str, error: OSError) -> WireError:
    return WireError(f"interface {interface}: {error.strerror or error}", "`ip link` lists the interfaces")


def _attach_filter(sock: socket.socket, program: Filter) -> None:
    buffer = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer)))


def _enlarge_buffer(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # needs CAP_NET_ADMIN; without it, net.core.rmem_max is the limit
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


# -------------------------------------------------------------------------------------- Receiving many frames with one call

SNAPLEN = 1536
"""Bytes of a frame that are read, more than Ethernet's largest: hosts take an advertisement whatever options follow, and
those of SEND (RFC 3971) alone are some 400 bytes."""
AT_ONCE = 64
"""Frames per call."""

_NAME = 48
"""Bytes for a sockaddr_ll (packet(7)): 12, plus a hardware address of at most 32."""
_INDEX_AT, _PACKET_TYPE_AT = 4, 10
_MSG_DONTWAIT, _PACKET_OTHERHOST = 0x40, 3
_US = TakenFor.US


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("length", ctypes.c_uint32))


class Intake:
    """Receive buffers that all sockets of a wire share."""

    def __init__(self) -> None:
        frames, names = bytearray(AT_ONCE * SNAPLEN), bytearray(AT_ONCE * _NAME)
        messages = bytearray(AT_ONCE * ctypes.sizeof(_Mmsghdr))
        self._messages = (_Mmsghdr * AT_ONCE).from_buffer(messages)
        self._vectors = (_Iovec * AT_ONCE)()
        frames_at, names_at = (ctypes.addressof(ctypes.c_char.from_buffer(held)) for held in (frames, names))
        for slot, (message, vector) in enumerate(zip(self._messages, self._vectors, strict=True)):
            vector.base, vector.length = frames_at + slot * SNAPLEN, SNAPLEN
            header = message.header
            header.name, header.namelen = names_at + slot * _NAME, _NAME
            header.iov, header.iovlen = ctypes.pointer(vector), 1
        self._octets = memoryview(frames)  # keeps the buffer alive at its address
        self._indexes = memoryview(names).cast("I")[_INDEX_AT // 4 :: _NAME // 4]
        self._types = memoryview(names)[_PACKET_TYPE_AT::_NAME]
        self._lengths = memoryview(messages).cast("I")[_Mmsghdr.length.offset // 4 :: ctypes.sizeof(_Mmsghdr) // 4]
        # It never blocks, so the interpreter's lock need not be released.
        self._recvmmsg: Any = ctypes.PyDLL(None, use_errno=True).recvmmsg

    def take(self, descriptor: int, interface: str, index: int, arrivals: list[Arrival]) -> int:
        """Appends the frames that wait at this socket, at most AT_ONCE, and returns their number. `index`: the interface's
        index. Raises OSError from recvmmsg; an error that follows frames is raised by the next call."""
        taken: int = self._recvmmsg(descriptor, self._messages, AT_ONCE, _MSG_DONTWAIT, None)
        if taken < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(number, os.strerror(number))
        now, new, put, octets = time.monotonic(), tuple.__new__, arrivals.append, self._octets
        lengths, indexes, types = self._lengths, self._indexes, self._types
        for slot in range(taken):
            whose = _US
            if indexes[slot] != index:
                whose = TakenFor.OTHER_INTERFACE
            elif types[slot] == _PACKET_OTHERHOST:
                whose = TakenFor.OTHER_HOST
            at = slot * SNAPLEN
            put(new(Arrival, (interface, now, bytes(octets[at : at + lengths[slot]]), whose)))  # 0.32 µs, Arrival(…) 0.56
        return taken
