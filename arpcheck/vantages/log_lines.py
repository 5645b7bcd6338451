"""A document as lines of a container's log, and back: compressed, in lines that no runtime splits, each with a checksum.

A log may lose its beginning (the kubelet rotates at 10 MiB), its end (an eviction), or have lines of others in between. Each
line says which Job wrote it and which part it is, and the last line has the digest of all. What is not complete is an error
with its cause, never a shorter document.

    arpcheck/1 JOB 3/17 CHECKSUM DATA
    arpcheck/1 JOB end 17 DIGEST"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, assert_never

LINE = 8 << 10
"""Maximum bytes of a line. containerd and CRI-O split at 16 KiB (cri: internal/cri/io/logger.go, `maxLogLineSize`)."""
LOG = 5 << 20
"""Maximum bytes of all lines of a Job. The kubelet rotates at 10 MiB (containerLogMaxSize)."""
DOCUMENT = 256 << 20
"""Maximum bytes of a document before it is compressed: a log that unpacks to more is not one of ours."""

_MARK = "arpcheck/1"
_DATA = LINE - 200
_PART = re.compile(rf"{re.escape(_MARK)} (?P<job>[a-z0-9.-]{{1,100}}) (?P<rest>.*)", re.ASCII | re.DOTALL)
_CHUNK = re.compile(r"(?P<number>[0-9]{1,6})/(?P<total>[0-9]{1,6}) (?P<checksum>[0-9a-f]{8}) (?P<data>\S+)", re.ASCII)
_END = re.compile(r"end (?P<total>[0-9]{1,6}) (?P<digest>[0-9a-f]{64})", re.ASCII)


class LogFault(StrEnum):
    """Why a log does not hold its document."""

    NOTHING = "nothing"
    CUT = "cut"
    ROTATED = "rotated"
    PARTS_MISSING = "parts-missing"
    DAMAGED = "damaged"
    MIXED = "mixed"
    TOO_LARGE = "too-large"

    @property
    def words(self) -> str:
        match self:
            case LogFault.NOTHING:
                return "its log has no evidence"
            case LogFault.CUT:
                return "its log was cut: the end of the evidence is missing"
            case LogFault.ROTATED:
                return "its log was rotated: the beginning of the evidence is missing"
            case LogFault.PARTS_MISSING:
                return "parts of the evidence are missing in its log"
            case LogFault.DAMAGED:
                return "the evidence in its log is damaged: a checksum is wrong"
            case LogFault.MIXED:
                return "its log has evidence of another Job"
            case LogFault.TOO_LARGE:
                return f"its evidence is larger than {LOG >> 20} MiB"
            case _:
                assert_never(self)


class LogError(Exception):
    """The log does not hold its document."""

    def __init__(self, fault: LogFault) -> None:
        super().__init__(fault.words)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """A log taken apart."""

    document: Any
    """The JSON value that was written."""
    others: tuple[str, ...]
    """The lines that are not of the document, in their order: what the process said otherwise."""


def lines(document: Any, job: str) -> Iterator[str]:
    """The lines of a JSON value, each with its newline. `job`: lower-case letters, digits, dashes and dots. Raises LogError
    if it is too large."""
    packed = pack(document)
    parts = [packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES)]
    if len(parts) * LINE > LOG:
        raise LogError(LogFault.TOO_LARGE)
    for number, part in enumerate(parts, 1):
        data = base64.b85encode(part).decode()
        yield f"{_MARK} {job} {number}/{len(parts)} {zlib.crc32(data.encode()):08x} {data}\n"
    yield f"{_MARK} {job} end {len(parts)} {sha256(packed).hexdigest()}\n"


_BYTES = _DATA // 5 * 4
"""Bytes in a line: base85 makes five characters of four bytes, without a space, a quote or a backslash."""


def read_log(text: str, job: str) -> ReadLog:
    """The document of this Job. Raises LogError where any of it is missing, damaged or of another Job."""
    found, others, foreign = dict[int, bytes](), list[str](), False
    totals, digests = set[int](), set[str]()
    *whole, last = text.split("\n")
    for line in [*whole, *([] if last.startswith(_MARK) else [last])]:  # a line of ours without an end was cut
        part = _PART.fullmatch(line.rstrip("\r"))
        if part is None:
            others += [line] if line.strip() else []
        elif part["job"] != job:
            foreign = True
        elif end := _END.fullmatch(part["rest"]):
            totals.add(int(end["total"]))
            digests.add(end["digest"])
        else:
            number, total, data = _chunk(part["rest"])
            if found.setdefault(number, data) != data:
                raise LogError(LogFault.DAMAGED)
            totals.add(total)
    if foreign:
        raise LogError(LogFault.MIXED)
    if not found and not digests:
        raise LogError(LogFault.NOTHING)
    if len(totals) > 1 or len(digests) > 1:
        raise LogError(LogFault.DAMAGED)
    packed = _joined(found, totals.pop(), closed=bool(digests))
    if sha256(packed).hexdigest() not in digests:
        raise LogError(LogFault.DAMAGED)
    return ReadLog(document=unpack(packed), others=tuple(others))


def _chunk(rest: str) -> tuple[int, int, bytes]:
    chunk = _CHUNK.fullmatch(rest)
    if chunk is None or f"{zlib.crc32(chunk['data'].encode()):08x}" != chunk["checksum"]:
        raise LogError(LogFault.DAMAGED)
    try:
        return int(chunk["number"]), int(chunk["total"]), base64.b85decode(chunk["data"])
    except ValueError:
        raise LogError(LogFault.DAMAGED) from None


def _joined(found: dict[int, bytes], total: int, *, closed: bool) -> bytes:
    if missing := set(range(1, total + 1)) - found.keys():
        last = max(found, default=0)
        if not closed and min(missing) > last:
            raise LogError(LogFault.CUT)
        raise LogError(LogFault.ROTATED if found and max(missing) < min(found) else LogFault.PARTS_MISSING)
    if not closed:
        raise LogError(LogFault.CUT)
    return b"".join(found[number] for number in range(1, total + 1) if number in found)


# ------------------------------------------------------------------------------------------------------ Compressed documents


def pack(document: Any) -> bytes:
    """A JSON value, compressed. Evidence shrinks to a tenth."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpack(packed: bytes) -> Any:
    """The value that `pack` was given. Raises LogError for anything else, and for what unpacks to more than DOCUMENT."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, DOCUMENT)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise LogError(LogFault.DAMAGED)
        return json.loads(text)
    except (zlib.error, ValueError, RecursionError):
        raise LogError(LogFault.DAMAGED) from None
