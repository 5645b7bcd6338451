"""Python's collector of reference cycles, tuned for a run: a cluster is a million objects that all stay, and the collector
would look through them again and again, which loses frames and takes a quarter of the run's own time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""New objects until the collector looks through the youngest of three generations; Python's default is 700."""
COLLECTIONS = 10
"""Of one generation until the next older one is looked through, as in Python before 3.14."""


def run_less_often() -> None:
    """For the whole process, from its start.

    It is not switched off: what a library leaves behind in cycles is still freed."""
    gc.set_threshold(NEW_OBJECTS, COLLECTIONS, COLLECTIONS)


@contextmanager
def held_back(*, for_good: bool = False) -> Iterator[None]:
    """The collector does not run in the block: a full collection stalls the receive loop and drops frames.

    For code that leaves no cycles. `for_good`: the process ends soon after the block, and the objects that exist then are
    never looked through."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if for_good:
            leave_the_rest()
        if was:
            gc.enable()


def leave_the_rest() -> None:
    """The objects that exist now are never looked through again. At the end of a process Python would do so twice."""
    gc.freeze()
