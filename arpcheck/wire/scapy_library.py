"""scapy, loaded once, and with nobody's files.

On its import scapy reads a cache of tables from the user's folders, or writes it and makes the folders; a console's startup
files lie there too. Whoever may write there would have a say in a process that still has a privilege, so this is called
when none is left, and those folders are hidden all the same: a run reads and leaves nothing there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import ModuleType

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
