"""Reads captures of tcpdump and Wireshark: classic pcap or pcapng, optionally compressed with gzip or zstd.

Returns frames with their times, or raises InputError with the position of the fault. A file that ends within a frame, as
after a killed recording, gives its complete frames and the position of the cut (draft-ietf-opsawg-pcap). The file is
streamed, so it may be a pipe, and its uncompressed size is limited."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, Protocol

from arpcheck.errors import InputError

# --------------------------------------------------------------------------------------------------------- Packed recordings

# Reads a file that was compressed with gzip or zstd, as a stream and with a limit on what comes out.

MOST_UNPACKED = 1 << 30
"""Bytes; a few compressed kilobytes can hold more than there is time to read."""

CHUNK = 1 << 16
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW = 31
"""zlib's largest window, with a gzip header and trailer."""


class Unpacked:
    """Reads like a file. `begin`: the bytes that were already read from it."""

    def __init__(self, file: IO[bytes], begin: bytes, where: str, most: int = MOST_UNPACKED) -> None:
        kind = next(magic for magic in KINDS if begin.startswith(magic))
        self._where, self._most = where, most
        self._parts = KINDS[kind](_Rest(file, begin), self)
        self._held = b""
        self.cut = False
        """The file ended within the compressed data; the complete part was read."""

    def read(self, size: int) -> bytes:
        """Returns `size` bytes, fewer at the end. Raises InputError for damaged or too large data."""
        parts, length = [self._held], len(self._held)
        while length < size and (part := self._next()) is not None:
            parts.append(part)
            length += len(part)
        found = b"".join(parts)
        self._held = found[size:]
        return found[:size]

    def _next(self) -> bytes | None:
        try:
            part = next(self._parts, None)
        except _damages():
            hint = "The file was cut or changed; copy it again"
            raise InputError(f"{self._where}: the compressed data is damaged", hint) from None
        self._most -= len(part or b"")
        if self._most < 0:
            hint = "Extract what it needs: tcpdump -r FILE -w NEW 'arp or icmp6'"
            raise InputError(f"{self._where}: larger than {MOST_UNPACKED >> 30} GiB when uncompressed", hint)
        return part


class _Rest:
    """The file from its beginning, including the bytes that were already read."""

    def __init__(self, file: IO[bytes], begin: bytes) -> None:
        self._file, self._begin = file, begin

    def read(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin or self._file.read(CHUNK)


def _gunzipped(rest: _Rest, reader: Unpacked) -> Iterator[bytes]:
    """Decompresses one member after another, as gzip does; zeros at the end are padding."""
    data = rest.read()
    while data:
        member = zlib.decompressobj(_GZIP_WINDOW)
        while data and not member.eof:
            yield member.decompress(data, CHUNK)
            data = member.unconsumed_tail or (b"" if member.eof else rest.read())
        if not member.eof:
            yield member.flush()
            reader.cut = True
            return
        data = (member.unused_data or rest.read()).lstrip(b"\0")


def _unzstd(rest: _Rest, reader: Unpacked) -> Iterator[bytes]:
    """Decompresses one zstd frame after another."""
    data = rest.read()
    while data:
        frame = _zstd().ZstdDecompressor()
        while not frame.eof:
            yield frame.decompress(data, CHUNK)
            data = rest.read() if frame.needs_input and not frame.eof else b""
            if frame.needs_input and not frame.eof and not data:
                reader.cut = True
                return
        data = frame.unused_data or rest.read()


KINDS: Mapping[bytes, Callable[[_Rest, Unpacked], Iterator[bytes]]] = {GZIP: _gunzipped, ZSTD: _unzstd}
"""Decompressors by the first bytes of the file."""


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _damages() -> tuple[type[Exception], ...]:
    """The exceptions of the decompressors; zstd's only if it was loaded, because gzip does not need it."""
    loaded = sys.modules.get("compression.zstd") or sys.modules.get("backports.zstd")
    return (zlib.error, loaded.ZstdError) if loaded else (zlib.error,)


# -------------------------------------------------------------------------------------------------------------- Classic pcap

LONGEST = 262_144
"""Maximum bytes of one frame; tcpdump's MAXIMUM_SNAPLEN."""

ETHERNET = 1
LINK_TYPES = {
    0: "BSD loopback", 101: "raw IP", 105: "Wi-Fi", 113: "Linux cooked", 127: "Wi-Fi with radiotap", 276: "Linux cooked",
}  # fmt: skip
"""Link types that are often recorded by mistake (tcpdump.org/linktypes.html)."""

PCAPNG = 0x0A0D0D0A
_MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""Magic numbers, with the nanoseconds of one unit of the fractional time."""
_OTHER_FORMATS = {
    b"snoo": ("a snoop file", "Convert it: editcap -F pcap FILE NEW"),
    b"\xa1\xb2\xcd\x34": ("a modified pcap file", "Convert it: tcpdump -r FILE -w NEW"),
    b"\x34\xcd\xb2\xa1": ("a modified pcap file", "Convert it: tcpdump -r FILE -w NEW"),
}
"""Other formats that Wireshark reads, with the way to convert them."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Returns `size` bytes, fewer only at the end."""


class Recorded(NamedTuple):
    at: int
    """Nanoseconds since 1970, UTC."""
    frame: bytes
    """The recorded part of the frame."""


class Cut(NamedTuple):
    """The file ends within this frame. It is the last entry."""

    number: int


class Dropped(NamedTuple):
    """Frames that were lost during the recording, as the file records it."""

    frames: int


Entry = Recorded | Cut | Dropped


def entries(file: IO[bytes], where: str) -> Iterator[Entry]:
    """All entries of the file in order, uncompressed if necessary. `where` names it in an InputError."""
    magic = file.read(4)
    if not any(magic.startswith(kind) for kind in KINDS):
        return _packets(file, magic, where)
    return _unpacked(Unpacked(file, magic, where), where)


def _unpacked(file: Unpacked, where: str) -> Iterator[Entry]:
    last: Entry | None = None
    number = 1
    for last in _packets(file, file.read(4), where):
        number += isinstance(last, Recorded)
        yield last
    if file.cut and not isinstance(last, Cut):
        yield Cut(number)


def _packets(file: Readable, magic: bytes, where: str) -> Iterator[Entry]:
    if int.from_bytes(magic, "big") == PCAPNG:
        return _Blocks(file, where).entries()
    for order in ("<", ">"):
        if len(magic) == 4 and (unit := _MAGICS.get(struct.unpack(f"{order}I", magic)[0])):
            return _classic(file, where, order, unit)
    if magic in _OTHER_FORMATS:
        what, hint = _OTHER_FORMATS[magic]
        raise InputError(f"{where}: {what}", hint)
    raise InputError(f"{where}: not a pcap or pcapng file", "Record one with `tcpdump -i IFACE -w FILE 'arp or icmp6'`")


def _classic(file: Readable, where: str, order: str, unit: int) -> Iterator[Entry]:
    head = file.read(20)
    if len(head) < 20:
        raise InputError(f"{where}: the file ends within its header", "The file is damaged; record it again")
    major, _, _, _, _, network = struct.unpack(f"{order}HHiIII", head)
    if major != 2:
        raise InputError(f"{where}: unsupported pcap version {major}", "Convert it: tcpdump -r FILE -w NEW")
    _check_link(network & 0xFFFF, where)
    return _frames(file, where, struct.Struct(f"{order}IIII"), unit)


def _frames(file: Readable, where: str, head: struct.Struct, unit: int) -> Iterator[Entry]:
    number = 0
    while read := file.read(head.size):
        number += 1
        if len(read) < head.size:
            yield Cut(number)
            return
        seconds, fraction, length, _ = head.unpack(read)
        if length > LONGEST or fraction * unit >= 1_000_000_000:
            raise InputError(f"{where}: frame {number} is damaged", "The file was cut or changed; record it again")
        frame = file.read(length)
        if len(frame) < length:
            yield Cut(number)
            return
        yield Recorded(seconds * 1_000_000_000 + fraction * unit, frame)


def _check_link(link: int, where: str) -> None:
    """Raises InputError for frames that are not Ethernet, whose source and destination are unknown."""
    if link != ETHERNET:
        name = f"link type {link}" + (f" ({LINK_TYPES[link]})" if link in LINK_TYPES else "")
        raise InputError(f"{where}: {name}, not Ethernet", "Record on one interface with `tcpdump -i IFACE`, not `-i any`")


# --------------------------------------------------------------------------------------------------------------- pcapng

MOST_INTERFACES = 4096
LONGEST_BLOCK = 16 << 20
"""Bytes. Wireshark's blocks with names and secrets are longer than any frame."""

_INTERFACE, _PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
_IF_TSRESOL, _IF_TSOFFSET, _ISB_IFDROP, _ISB_OSDROP = 9, 14, 5, 7
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    link: int
    per_second: int
    """Time units per second."""
    offset: int
    """Seconds."""

    def nanoseconds(self, units: int) -> int:
        return self.offset * 1_000_000_000 + units * 1_000_000_000 // self.per_second


class _Blocks:
    """Reads the parts of pcapng that frames and times need: sections, interfaces, Enhanced Packet Blocks and statistics
    (draft-ietf-opsawg-pcapng). Other blocks are skipped; packets without a time are refused."""

    def __init__(self, file: Readable, where: str) -> None:
        self._file, self._where = file, where
        self._order = ""
        self._interfaces: list[_Interface] = []
        self._frames = 0
        self._sections = 0
        self._dropped: dict[tuple[int, int], int] = {}
        """Lost frames by section and interface; the last statistics count."""

    def entries(self) -> Iterator[Entry]:
        """Starts after the four bytes of the first block's type."""
        kind: int | None = PCAPNG
        while kind is not None:
            if (body := self._body(kind)) is None:
                yield Cut(self._frames + 1)
                break
            if kind == _ENHANCED:
                yield self._frame(body)
            elif kind in (_PACKET, _SIMPLE):
                raise InputError(f"{self._where}: the packets have no time", "Convert it: tcpdump -r FILE -w NEW.pcap")
            else:
                self._note(kind, body)
            kind = self._kind()
        if lost := sum(self._dropped.values()):
            yield Dropped(lost)

    def _kind(self) -> int | None:
        read = self._file.read(4)
        return int(struct.unpack(f"{self._order}I", read)[0]) if len(read) == 4 else None

    def _body(self, kind: int) -> bytes | None:
        """The body of the block whose type was read; None if the file ends within it."""
        head = self._file.read(8 if kind == PCAPNG else 4)
        if len(head) < (8 if kind == PCAPNG else 4):
            return None
        if kind == PCAPNG:
            self._order = _BYTE_ORDERS.get(head[4:], "")
            self._interfaces = []
            self._sections += 1
            if not self._order:
                raise self._damaged()
        length = struct.unpack(f"{self._order}I", head[:4])[0]
        rest = length - 4 - len(head)
        if length % 4 or rest < 4 or length > LONGEST_BLOCK:
            raise self._damaged()
        body = self._file.read(rest)
        if len(body) < rest:
            return None
        if body[-4:] != head[:4]:
            raise self._damaged()
        return body[:-4]

    def _frame(self, body: bytes) -> Recorded:
        self._frames += 1
        if len(body) < 20:
            raise self._damaged()
        number, high, low, captured, _ = struct.unpack_from(f"{self._order}IIIII", body)
        if number >= len(self._interfaces) or captured > min(len(body) - 20, LONGEST):
            raise self._damaged()
        interface = self._interfaces[number]
        _check_link(interface.link, self._where)
        return Recorded(interface.nanoseconds(high << 32 | low), body[20 : 20 + captured])

    def _note(self, kind: int, body: bytes) -> None:
        if kind == _INTERFACE:
            if len(body) < 8 or len(self._interfaces) == MOST_INTERFACES:
                raise self._damaged()
            self._interfaces.append(self._interface(body))
        elif kind == _STATISTICS and len(body) >= 12:
            options = self._options(body[12:])
            counts = (options.get(code, b"") for code in (_ISB_IFDROP, _ISB_OSDROP))
            lost = sum(struct.unpack(f"{self._order}Q", count)[0] for count in counts if len(count) == 8)
            self._dropped[self._sections, struct.unpack_from(f"{self._order}I", body)[0]] = lost

    def _interface(self, body: bytes) -> _Interface:
        options = self._options(body[8:])
        resolution = options.get(_IF_TSRESOL, b"\x06")[:1] or b"\x06"
        base, exponent = (2, resolution[0] & 0x7F) if resolution[0] & 0x80 else (10, resolution[0])
        offset = options.get(_IF_TSOFFSET, b"")
        return _Interface(
            link=struct.unpack_from(f"{self._order}H", body)[0],
            per_second=base**exponent,
            offset=struct.unpack(f"{self._order}q", offset)[0] if len(offset) == 8 else 0,
        )

    def _options(self, data: bytes) -> dict[int, bytes]:
        """The first option of each kind; truncated options are left out."""
        found: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(f"{self._order}HH", data, at)
            if code == 0 or at + 4 + length > len(data):
                break
            found.setdefault(code, data[at + 4 : at + 4 + length])
            at += 4 + (length + 3) // 4 * 4
        return found

    def _damaged(self) -> InputError:
        return InputError(
            f"{self._where}: damaged after frame {self._frames}", "The file was cut or changed; record it again"
        )
