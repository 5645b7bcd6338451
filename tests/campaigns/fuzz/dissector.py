"""`python tests/campaigns/fuzz/dissector.py [FRAMES]`: valid frames of neighbour discovery at random, which scapy's dissector
and ours must read alike. The test of the codec runs a few hundred."""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "wire"))


def main(frames: str = "100000") -> int:
    from discovery_frames import agrees_with_scapy, at_random

    dice = random.Random(1)  # noqa: S311 - a draw, not a secret
    found = Counter(agrees_with_scapy(at_random(dice)) for _ in range(int(frames)))
    print(", ".join(f"{number:,} {kind}" for kind, number in sorted(found.items())))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
