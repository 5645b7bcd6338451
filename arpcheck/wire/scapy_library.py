"""Loads scapy without any user files, looks up MAC vendors, and writes pcap files.

On import scapy reads or writes a cache in the user's directories, and startup files lie there too. Whoever may write there
could influence a privileged process. So scapy is loaded after privileges are dropped, and those directories are hidden: a
run reads and writes nothing there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from types import ModuleType
from typing import IO

from arpcheck.model import Mac

NOWHERE = "/dev/null/nowhere"
"""A path that can be neither read nor created: scapy then works without it (scapy/main.py, _probe_xdg_folder)."""

_HIDDEN: Mapping[str, str] = {
    "XDG_CACHE_HOME": NOWHERE,  # ~/.cache/scapy/*.pickle, which 2.6 and 2.7 would load
    "XDG_CONFIG_HOME": NOWHERE,  # ~/.config/scapy/prestart.py and startup.py
    "XDG_DATA_HOME": NOWHERE,
    "BASH_COMPLETION_USER_DIR": NOWHERE,
    "SCAPY_HISTFILE": os.devnull,
    "SCAPY_USE_LIBPCAP": "",  # it would run compilers to find the library
}

_TABLE = "scapy.libs.manuf"
"""The vendor table. Without its cache scapy needs 0.2 s to parse it on import."""


@cache
def load() -> None:
    """Call it before any import of scapy; other threads must not start programs meanwhile."""
    with _environment(_HIDDEN), _without_manufacturers():
        from scapy.config import conf

        # The routing table is not needed, and reading it on import takes seconds on a host with 100,000 routes
        # (secdev/scapy#3577).
        conf.route_autoload = False
        conf.route6_autoload = False
        import scapy.layers.l2
        import scapy.utils  # noqa: F401


def manufacturer_lines() -> Iterator[str]:
    """Lines of Wireshark's manuf as scapy ships it: prefix, short name, long name, separated by white space."""
    load()
    from scapy.libs.manuf import DATA

    return iter(DATA.splitlines())


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_manufacturers() -> Iterator[None]:
    empty = ModuleType(_TABLE)
    empty.DATA = ""  # type: ignore[attr-defined]
    if _TABLE in sys.modules:
        yield
        return
    sys.modules[_TABLE] = empty
    try:
        yield
    finally:
        if sys.modules.get(_TABLE) is empty:
            del sys.modules[_TABLE]


# ------------------------------------------------------------------------------------------------------------------ Vendors


def manufacturers(macs: Iterable[Mac]) -> Mapping[str, str]:
    """The rows of Wireshark's manuf that may match the MAC addresses, by prefix (`8C:1F:64`, `8C:1F:64:A0/28`)."""
    wanted = {prefix for mac in macs if not mac.is_local for prefix in _prefixes(mac.upper())}
    if not wanted:
        return {}
    found = {}
    for line in manufacturer_lines():
        prefix, *names = line.split(None, 2) or [""]
        if prefix in wanted and names:
            found[prefix] = names[-1].strip()  # the long name, else the short one
    return dict(sorted(found.items()))


def _prefixes(text: str) -> tuple[str, ...]:
    return text[:8], f"{text[:10]}0/28", f"{text[:13]}0/36"


# ------------------------------------------------------------------------------------------------------ Writing a pcap file

ETHERNET = 1
"""LINKTYPE_ETHERNET (pcap-linktype(7))."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Recorder:
    """Writes frames to a pcap file as they pass, so that a flood uses disk and not memory. The caller opens and closes the
    file."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises OSError if the file header can't be written."""
        load()
        from scapy.utils import RawPcapWriter

        self._fault: OSError | None = None
        self._writer = RawPcapWriter(file, linktype=ETHERNET, endianness="<")
        self._writer.write_header(None)

    def __call__(self, moment: datetime, frame: bytes) -> None:
        """Writes one frame."""
        if self._fault is not None:
            return
        seconds, microseconds = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
        try:
            self._writer.write_packet(frame, sec=seconds, usec=microseconds)
        except OSError as error:
            self._fault = error

    def check(self) -> None:
        """Raises the OSError that stopped the writing."""
        if self._fault is not None:
            raise self._fault
