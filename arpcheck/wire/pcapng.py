"""pcapng, as far as frames with their times are in it: sections, interfaces, Enhanced Packet Blocks, statistics
(draft-ietf-opsawg-pcapng). Everything else is passed over; packets without a time are refused."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from arpcheck.errors import InputError
from arpcheck.wire.pcap import LONGEST, PCAPNG, Cut, Dropped, Entry, Readable, Recorded, check_link

MOST_INTERFACES = 4096
LONGEST_BLOCK = 16 << 20
"""Octets. Names and secrets that Wireshark adds are longer than any frame."""

_INTERFACE, _PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
_IF_TSRESOL, _IF_TSOFFSET, _ISB_IFDROP, _ISB_OSDROP = 9, 14, 5, 7
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    link: int
    per_second: int
    """Units of its times."""
    offset: int
    """Seconds."""

    def nanoseconds(self, units: int) -> int:
        return self.offset * 1_000_000_000 + units * 1_000_000_000 // self.per_second


def entries(file: Readable, where: str) -> Iterator[Entry]:
    """After the four octets of the first block's type."""
    return _Reader(file, where).entries()


class _Reader:
    def __init__(self, file: Readable, where: str) -> None:
        self._file, self._where = file, where
        self._order = ""
        self._interfaces: list[_Interface] = []
        self._frames = 0
        self._sections = 0
        self._dropped: dict[tuple[int, int], int] = {}
        """By section and interface; the last statistics count."""

    def entries(self) -> Iterator[Entry]:
        kind: int | None = PCAPNG
        while kind is not None:
            if (body := self._body(kind)) is None:
                yield Cut(self._frames + 1)
                break
            if kind == _ENHANCED:
                yield self._frame(body)
            elif kind in (_PACKET, _SIMPLE):
                raise InputError(f"{self._where}: packets without a time", "Convert it: tcpdump -r FILE -w NEW.pcap")
            else:
                self._note(kind, body)
            kind = self._kind()
        if lost := sum(self._dropped.values()):
            yield Dropped(lost)

    def _kind(self) -> int | None:
        read = self._file.read(4)
        return int(struct.unpack(f"{self._order}I", read)[0]) if len(read) == 4 else None

    def _body(self, kind: int) -> bytes | None:
        """Of the block whose type was read; None where the file ends within it."""
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
        check_link(interface.link, self._where)
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
        """The first of each kind; what is cut off is left out."""
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
