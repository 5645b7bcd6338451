"""The scenes that a test of all of them tries: half of them, and all where ARPCHECK_SCENES=all, as `scripts/scenes --all` has it."""

import os
from collections.abc import Iterable
from zlib import crc32


def sampled(names: Iterable[str]) -> list[str]:
    """By the name alone: a new scene does not change which others are tried, nor does the place of the checkout."""
    every = list(names)
    if os.environ.get("ARPCHECK_SCENES") == "all":
        return every
    return [name for name in every if crc32(name.rpartition("/")[2].encode()) % 2]
