"""How complete and how fast, beside what people would use instead: `measured` runs all cases, `table` prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cases import CASES, EVERY, Case
from tools import ARP_SCAN, ARPCHECK, FLOOR, PACED, PACED_RATE, RATE, WAIT

from arpcheck.lab import network

BIG = "4,096 × 3"
PATIENCE = 3600
SHORT = 5
"""So much more often the loop is run by itself, since it takes a second."""
HERE = Path(__file__).parent

Result = Mapping[str, Any]
Runs = Sequence[Mapping[str, float]]


def measured(runs: int = 5) -> Result:
    """Every case with every tool, so many times, and the loop by itself. An error of the lab where it can't be had."""
    found = contests(CASES, runs)
    sys.stderr.write("bench: the loop by itself\n")
    return {**found, "loop": _inside("loop.py", str(SHORT * runs))}


def contests(chosen: Iterable[Case], runs: int) -> Result:
    """Every one of these cases with every tool, so many times."""
    network.require()
    cases = {}
    for case in chosen:
        sys.stderr.write(f"bench: {case.name}: {case.about}\n")
        cases[case.name] = {"about": case.about, **_inside("contest.py", case.name, str(runs))}
    return {"cases": cases, "runs": runs}


def _inside(program: str, *arguments: str) -> Any:
    command = network.command([sys.executable, str(HERE / program), *arguments])
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)


# --------------------------------------------------------------------------------------------------------- the tables


def table(result: Result) -> str:
    """Markdown: what was found in each case, what it took in the big one, and what arpcheck promises of itself."""
    return f"{short(result)}\n\n" + "\n".join(promises(result))


def short(result: Result) -> str:
    """For `arpcheck/docs/benchmarks.md`."""
    return "\n".join((*completeness(result), "", *costs(result, BIG)))


def completeness(result: Result) -> Iterator[str]:
    """Rows are tools, columns are cases: replies told of / replies sent, and what is said wrongly."""
    cases = result["cases"]
    yield "Replies found / replies sent:"
    yield ""
    yield f"| | {' | '.join(cases)} |"
    yield f"|---|{'---|' * len(cases)}"
    for tool in dict.fromkeys(name for case in cases.values() for name in case["tools"]):
        if tool != PACED:
            yield f"| {tool} | {' | '.join(_found(case['tools'][tool]) for case in cases.values())} |"


def _found(runs: Runs) -> str:
    told = f"{_median(runs, 'replies'):,.0f} / {_median(runs, 'sent'):,.0f}"
    silent = _median(runs, "silent")
    return f"{told}, **{silent:,.0f} called silent**" if silent else told


def costs(result: Result, case: str) -> Iterator[str]:
    yield f"Seconds, seconds of CPU, MB at the most, {case}:"
    yield ""
    yield "| | owners found | wall | CPU | memory |"
    yield "|---|---|---|---|---|"
    for tool, runs in result["cases"][case]["tools"].items():
        asked = _median(runs, "asked")
        sample = f" ({asked:,.0f} addresses only)" if asked < EVERY[case].addresses else ""
        owners = f"{_median(runs, 'owners'):,.0f} of {_median(runs, 'ownersThere'):,.0f}"
        figures = f"{_median(runs, 'wall'):.1f} s | {_median(runs, 'cpu'):.1f} s | {_median(runs, 'megabytes'):.0f} MB"
        yield f"| {tool}{sample} | {owners} | {figures} |"


def promises(result: Result) -> Iterator[str]:
    """What arpcheck says of itself, each with what was measured."""
    tools = result["cases"][BIG]["tools"]
    ours, floor, scan = tools[ARPCHECK], tools[FLOOR], tools[ARP_SCAN]
    yield "| promise | at most or at least | measured |"
    yield "|---|---|---|"
    yield from found_all(result)
    yield f"| whole command / the floor | 1.5 | {ratio(ours, floor):.2f} |"
    yield f"| whole command / (arp-scan at the same rate + {WAIT:g} s) | 2 | {ratio(ours, scan, WAIT):.2f} |"
    yield f"| the loop alone, uncapped: frames a second / a bare socket's | 0.8 | {loop_ratio(result['loop']):.2f} |"
    yield f"| the sweep at {RATE:,}/s / (questions / rate + wait) | 1.03 | {_paced(ours):.3f} |"
    yield f"| the sweep at {PACED_RATE:,}/s / (questions / rate + wait) | 1.03 | {_paced(tools[PACED]):.3f} |"


def found_all(result: Result) -> Iterator[str]:
    worst = min(run["replies"] / run["sent"] for case in result["cases"].values() for run in case["tools"][ARPCHECK])
    yield f"| replies found, of those sent, in the worst run of all | 1 | {worst:.4f} |"
    wrong = max(run["silent"] for case in result["cases"].values() for run in case["tools"][ARPCHECK])
    yield f"| addresses called silent that are not, in the worst run | 0 | {wrong} |"


def loop_ratio(loop: Sequence[Mapping[str, Mapping[str, float]]]) -> float:
    """Median frames a second of arpcheck's loop, of the bare socket's."""

    def speed(who: str) -> float:
        return median((run[who]["sent"] + run[who]["replies"]) / run[who]["seconds"] for run in loop)

    return speed("arpcheck") / speed("floor")


def ratio(ours: Runs, theirs: Runs, more: float = 0.0) -> float:
    """Of runs that followed each other, since a machine is not always equally busy."""
    return median(our["wall"] / (their["wall"] + more) for our, their in zip(ours, theirs, strict=True))


def _paced(runs: Runs) -> float:
    return median(run["seconds"] / run["planned"] for run in runs)


def _median(runs: Runs, key: str) -> float:
    return median(run[key] for run in runs)
