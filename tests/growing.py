"""How the work for a text grows with its length: a ratio of two runs of one process, so that no machine is too slow for it."""

from __future__ import annotations

import time
from collections.abc import Callable


def growth(work: Callable[[str], object], piece: str, tail: str = "", *, pieces: int = 5_000, times: int = 8) -> float:
    """The work for `times` as many pieces in units of that for `pieces`: about `times` where it is linear, its square
    where every piece looks at every other."""

    def spent(number: int) -> float:
        text = piece * number + tail
        began = time.process_time()
        work(text)
        return time.process_time() - began

    spent(pieces)  # what is made once
    return spent(pieces * times) / max(min(spent(pieces) for _ in range(3)), 1e-4)
