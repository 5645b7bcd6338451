"""Every attack for its full time: `python tests/campaigns/flood/flood_campaign.py [RATE [SECONDS]]`; a table, and 1 if a promise broke."""

from __future__ import annotations

import sys

from flood_promises import broken
from flooded import ATTACKS, ATTACKS6, IPV6, under

POOL = [f"--ip=10.0.0.{number}" for number in range(100, 250)]
POOL6 = [f"--ip=2001:db8:10::{number}" for number in range(100, 250)]


def main(rate: int = 50_000, seconds: int = 20) -> int:
    failed = 0
    print(f"{'attack':15} {'sent':>9} {'per s':>7} {'ended':>7} {'memory':>7}  verdict, what was counted")  # noqa: T201
    for attack in (*ATTACKS, *ATTACKS6):
        crowd = attack.removeprefix(IPV6) in ("crowd", "crowd_of_new")
        pool = (POOL6 if attack.startswith(IPV6) else POOL) if crowd else []
        result = under(attack, rate, seconds, "--rate", "20", "--rounds", "3" if pool else str(max(1, seconds - 2)), *pool)
        failed += len(lines := broken(attack, result))
        for line in lines:
            print(f"{attack}: {line}")  # noqa: T201
        if report := result["report"]:
            shown = next(t for t in report["targets"] if t["kind"] == "load-balancer")
            counted = {**report["run"]["ignored"], "received": report["run"]["received"], "lost": report["run"]["lost"]}
            print(  # noqa: T201
                f"{attack:15} {result['sent']:9,} {result['perSecond']:7,} {result['seconds']:5.1f} s"
                f" {result['megabytes']:4.0f} MB  {shown['verdict']}, {counted}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
