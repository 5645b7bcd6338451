"""Other network namespaces, from inside this process: a thread enters one, and what it opens there stays there.

For Linux alone; `setns` by ctypes, since Python has it from 3.12 on. Names are those of `ip netns`."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from arpcheck.errors import LabError

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000

Made = TypeVar("Made")


def inside(name: str, make: Callable[[], Made]) -> Made:
    """`make()`, called by a thread of its own in that namespace. A socket that it opens belongs to the namespace for
    good (socket(7)); so does a file of /proc/thread-self/net and of /proc/sys/net."""
    found: list[Made] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            _setns(name)
            found.append(make())
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, and raised there
            failed.append(error)

    thread = threading.Thread(target=enter, name=f"in {name}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _setns(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LabError(f"no network namespace {name!r}") from None
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            raise LabError(f"network namespace {name!r}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)
