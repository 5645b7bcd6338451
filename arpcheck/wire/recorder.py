"""The frames of a run as a pcap file, written while they pass, so that a flood costs disk and no memory.

scapy writes the format. A disk that is full ends the recording, never the run: it is told when the report is out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import IO

from arpcheck.wire.scapy_library import load

ETHERNET = 1
"""LINKTYPE_ETHERNET (pcap-linktype(7))."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Recorder:
    """Writes into a file that the caller opened and will close."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises OSError where not even the head of the file can be written."""
        load()
        from scapy.utils import RawPcapWriter

        self._fault: OSError | None = None
        self._writer = RawPcapWriter(file, linktype=ETHERNET, endianness="<")
        self._writer.write_header(None)

    def __call__(self, moment: datetime, frame: bytes) -> None:
        """Takes one frame."""
        if self._fault is not None:
            return
        seconds, microseconds = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
        try:
            self._writer.write_packet(frame, sec=seconds, usec=microseconds)
        except OSError as error:
            self._fault = error

    def check(self) -> None:
        """Raises the OSError at which it stopped."""
        if self._fault is not None:
            raise self._fault
