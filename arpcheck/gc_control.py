"""Python's collector of cycles, held back while nothing makes any. Knows nothing of what is done meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back(*, for_good: bool = False) -> Iterator[None]:
    """For work that leaves no cycles behind: a look through all objects of a cluster takes longer than what it is done
    beside, loses frames, and finds nothing. `for_good`: the process ends soon, and what there is by then is never looked
    through."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if for_good:
            gc.freeze()
        if was:
            gc.enable()
