"""scapy, loaded once, and with nobody's files.

On its import scapy reads a cache of tables from the user's folders, or writes it and makes the folders; a console's startup
files lie there too. Whoever may write there would have a say in a process that still has a privilege, so this is called
when none is left, and those folders are hidden all the same: a run reads and leaves nothing there."""

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
"""A folder that can be neither read nor made: scapy then goes without (scapy/main.py, _probe_xdg_folder)."""

_HIDDEN: Mapping[str, str] = {
    "XDG_CACHE_HOME": NOWHERE,  # ~/.cache/scapy/*.pickle, which 2.6 and 2.7 would run
    "XDG_CONFIG_HOME": NOWHERE,  # ~/.config/scapy/prestart.py and startup.py
    "XDG_DATA_HOME": NOWHERE,
    "BASH_COMPLETION_USER_DIR": NOWHERE,
    "SCAPY_HISTFILE": os.devnull,
    "SCAPY_USE_LIBPCAP": "",  # it would start compilers to look for the library
}

_TABLE = "scapy.libs.manuf"
"""The manufacturers. Without its cache scapy takes a fifth of a second to go through them on its import."""


@cache
def load() -> None:
    """To be called before anything of scapy is imported; other threads must not start programs meanwhile."""
    with _environment(_HIDDEN), _without_manufacturers():
        from scapy.config import conf

        # The routing table is of no use here, and reading it on import takes seconds on a host with 100,000 routes
        # (secdev/scapy#3577).
        conf.route_autoload = False
        conf.route6_autoload = False
        import scapy.layers.l2
        import scapy.utils  # noqa: F401


def manufacturer_lines() -> Iterator[str]:
    """Wireshark's manuf as scapy carries it, a line each: prefix, short name, long name, with white space between them."""
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


# ------------------------------------------ The manufacturers of the MACs that were heard, from the table that scapy carries


def manufacturers(macs: Iterable[Mac]) -> Mapping[str, str]:
    """The rows of Wireshark's manuf that could be a MAC's, by prefix (`8C:1F:64`, `8C:1F:64:A0/28`)."""
    wanted = {prefix for mac in macs if not mac.is_local for prefix in _prefixes(mac.upper())}
    if not wanted:
        return {}
    found = {}
    for line in manufacturer_lines():
        prefix, *names = line.split(None, 2) or [""]
        if prefix in wanted and names:
            found[prefix] = names[-1].strip()  # the long name, and where there is none the short one
    return dict(sorted(found.items()))


def _prefixes(text: str) -> tuple[str, ...]:
    return text[:8], f"{text[:10]}0/28", f"{text[:13]}0/36"


# --------------------- The frames of a run as a pcap file, written while they pass, so that a flood costs disk and no memory

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
