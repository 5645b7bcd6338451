"""A recorded file of frames, read as the file says: classic pcap here, pcapng in `pcapng`.

Bounded and strict: whatever the file holds, it gives frames with their times or an InputError with the place. A file
that ends within a frame, as a recording that was killed does, gives what is whole and says where it was cut
(draft-ietf-opsawg-pcap). Knows no ARP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple, Protocol

from arpcheck.errors import InputError
from arpcheck.wire.packed import KINDS, Unpacked

LONGEST = 262_144
"""Octets of one frame; tcpdump's MAXIMUM_SNAPLEN."""

ETHERNET = 1
LINK_TYPES = {
    0: "BSD loopback", 101: "raw IP", 105: "Wi-Fi", 113: "Linux cooked", 127: "Wi-Fi with radiotap", 276: "Linux cooked",
}  # fmt: skip
"""Those that people record by mistake (tcpdump.org/linktypes.html)."""

PCAPNG = 0x0A0D0D0A
_MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""Nanoseconds in the second half of a time."""
_OTHER_FORMATS = {
    b"snoo": ("a snoop file", "Convert it: editcap -F pcap FILE NEW"),
    b"\xa1\xb2\xcd\x34": ("a modified pcap file", "Convert it: tcpdump -r FILE -w NEW"),
    b"\x34\xcd\xb2\xa1": ("a modified pcap file", "Convert it: tcpdump -r FILE -w NEW"),
}
"""What Wireshark reads beside these two."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """So many octets, fewer only at the end."""


class Recorded(NamedTuple):
    at: int
    """Nanoseconds since 1970, UTC."""
    frame: bytes
    """As much as was recorded of it."""


class Cut(NamedTuple):
    """The file ends within this frame; it comes last."""

    number: int


class Dropped(NamedTuple):
    """What the file itself says was lost while it was recorded."""

    frames: int


Entry = Recorded | Cut | Dropped


def entries(file: IO[bytes], where: str) -> Iterator[Entry]:
    """Everything in the file, in its order, packed or not. `where` names it in an InputError."""
    magic = file.read(4)
    if not any(magic.startswith(kind) for kind in KINDS):
        return _entries(file, magic, where)
    return _unpacked(Unpacked(file, magic, where), where)


def _unpacked(file: Unpacked, where: str) -> Iterator[Entry]:
    last: Entry | None = None
    number = 1
    for last in _entries(file, file.read(4), where):
        number += isinstance(last, Recorded)
        yield last
    if file.cut and not isinstance(last, Cut):
        yield Cut(number)


def _entries(file: Readable, magic: bytes, where: str) -> Iterator[Entry]:
    if int.from_bytes(magic, "big") == PCAPNG:
        from arpcheck.wire.pcapng import entries as of_pcapng

        return of_pcapng(file, where)
    for order in ("<", ">"):
        if len(magic) == 4 and (unit := _MAGICS.get(struct.unpack(f"{order}I", magic)[0])):
            return _classic(file, where, order, unit)
    if magic in _OTHER_FORMATS:
        what, hint = _OTHER_FORMATS[magic]
        raise InputError(f"{where}: {what}", hint)
    raise InputError(f"{where}: no pcap and no pcapng file", "Record one with `tcpdump -i IFACE -w FILE arp`")


def _classic(file: Readable, where: str, order: str, unit: int) -> Iterator[Entry]:
    head = file.read(20)
    if len(head) < 20:
        raise InputError(f"{where}: the file ends within its head", "It was not written by tcpdump")
    major, _, _, _, _, network = struct.unpack(f"{order}HHiIII", head)
    if major != 2:
        raise InputError(f"{where}: pcap version {major}, which this arpcheck does not know")
    check_link(network & 0xFFFF, where)
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


def check_link(link: int, where: str) -> None:
    """Raises InputError for frames that are no Ethernet frames: of these it is not known who sent them to whom."""
    if link != ETHERNET:
        name = f"link type {link}" + (f" ({LINK_TYPES[link]})" if link in LINK_TYPES else "")
        raise InputError(f"{where}: {name}, not Ethernet", "Record on one interface: tcpdump -i IFACE, not -i any")
