"""Reads a file that was compressed with gzip or zstd, as a stream and with a limit on what comes out."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from arpcheck.errors import InputError

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
            hint = "Extract the ARP frames: tcpdump -r FILE -w NEW arp"
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
