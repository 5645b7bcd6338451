"""Python's collector of cycles, held back while nothing makes any. Knows nothing of what is done meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """For work that leaves no cycles behind: a look through all objects of a cluster takes longer than what it is done
    beside, loses frames, and finds nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
