"""How complete and how fast in IPv6, as `wire` in IPv4: neighbour solicitations beyond multicast make most of the frames.

Where several nodes have an address the floor asks the same questions: by multicast, of all nodes, and of each NIC."""

from __future__ import annotations

from collections.abc import Iterator

from cases import CASES6
from tools import ARPCHECK, FLOOR
from wire import Result, completeness, contests, costs, found_all, ratio

MOST = 1.7
"""Times the floor."""


def measured(runs: int = 3) -> Result:
    """An error of the lab where it can't be had."""
    return contests(CASES6, runs)


def table(result: Result) -> str:
    """Markdown, as `wire.table`."""
    return f"{short(result)}\n\n" + "\n".join(promises(result))


def short(result: Result) -> str:
    """For `arpcheck/docs/benchmarks.md`."""
    return "\n".join((*completeness(result), *(line for case in result["cases"] for line in ("", *costs(result, case)))))


def promises(result: Result) -> Iterator[str]:
    """What arpcheck says of itself, each with what was measured."""
    yield "| promise | at most or at least | measured |"
    yield "|---|---|---|"
    yield from found_all(result)
    for name, case in result["cases"].items():
        yield f"| whole command / the floor, {name} | {MOST} | {ratio(case['tools'][ARPCHECK], case['tools'][FLOOR]):.2f} |"
