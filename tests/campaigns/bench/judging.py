"""What it costs to judge and to render a crowd of answers, beside `json.dumps` of the same evidence in the same process:
`python tests/campaigns/bench/judging.py`. Each size runs in processes of its own: in one for the time, in one for the memory.

One round: 100,000 replies are 1,000 addresses that 100 nodes answer, so every reply is a responder of its own.

As `probe` does it: with the collector held back, and after the records of the addresses were looked up, which a probe does
while it waits for late replies; that is a column of its own. A saved run is judged with that time on top."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arpcheck.evidence import Evidence

ADDRESSES = {"ipv4": (10, 100, 1000), "ipv6": (1000,)}
FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}
LARGEST = 1000, "ipv4"
NODES = 100
TIMES = 7
MOST = 5.0
"""Times what `json.dumps` takes. 4.0 to 4.7 were measured, and 4.4 to 4.9 in IPv6, with Python 3.11: of the 6.2 µs for each reply, 2.4
are its JSON, which has three numbers of it where `json.dumps` has two, and 3.8 are its part in a verdict, of which no step takes more
than 0.8. In IPv6 several nodes that answer are a duplicate, of which the records are asked why."""
MEMORY = 300
"""MB at the most."""

FORMATS = ("table", "wide", "matrix", "markdown", "html")


def measured() -> dict[str, Any]:
    """Seconds of the processor, medians of TIMES; MB at the peak."""
    sizes = [
        {"family": family} | _in_a_process("time", size, family) | _in_a_process("memory", size, family)
        for family, found in ADDRESSES.items()
        for size in found
    ]
    formats = _in_a_process("formats", *LARGEST)
    return {"nodes": NODES, "rounds": 1, "times": TIMES, "sizes": sizes, "formats": formats}


def table(result: dict[str, Any]) -> str:
    head = ("replies", "json.dumps", "records", "judging", "JSON", "judging and JSON / json.dumps", "memory")
    rows = [
        (
            f"{size['replies']:,}, {FAMILIES[size['family']]}",
            *(f"{size[name]:.3f} s" for name in ("dumps", "records", "judging", "rendering")),
            f"{size['ratio']:.1f}" + (f" (at most {MOST:g})" if _is_largest(size) else ""), f"{size['megabytes']} MB",
        )
        for size in result["sizes"]
    ]  # fmt: skip
    formats = ", ".join(f"{name} {took:.2f} s" for name, took in result["formats"].items())
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\nThe largest in other formats: {formats}.\n"


def _is_largest(size: dict[str, Any]) -> bool:
    return int(size["replies"]) >= LARGEST[0] * NODES


def _in_a_process(what: str, size: int, family: str) -> dict[str, Any]:
    program = [sys.executable, __file__, what, str(size), family]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ------------------------------------------------------------------------------------------------ within that process


def _ready() -> None:
    """As the command does it, and with everything imported."""
    from crowds import evidence

    from arpcheck import pipeline
    from arpcheck.gc_control import run_less_often
    from arpcheck.reports import render

    run_less_often()
    render(pipeline.conclude(evidence(2, 2)), "json")


def _evidence(size: int, family: str) -> Evidence:
    from crowds import evidence

    from arpcheck.model import Families

    return evidence(size, NODES, family=Families(family))


def _time(size: int, family: str) -> dict[str, Any]:
    from arpcheck import pipeline
    from arpcheck.evidence_json import to_json
    from arpcheck.gc_control import held_back
    from arpcheck.pipeline.planning import targets_of
    from arpcheck.pipeline.records import prepared
    from arpcheck.reports import render

    found: dict[str, list[float]] = {"dumps": [], "records": [], "judging": [], "rendering": []}
    document = to_json(_evidence(size, family))
    for _ in range(TIMES):
        fresh = _evidence(size, family)  # nothing is known of it from the time before
        targets = targets_of(fresh.options, fresh.objects, fresh.host, fresh.questions)
        with held_back():
            found["dumps"].append(_seconds(lambda: json.dumps(document))[0])
            found["records"].append(_seconds(lambda fresh=fresh, targets=targets: list(prepared(targets, fresh)))[0])
            took, report = _seconds(lambda fresh=fresh: pipeline.conclude(fresh))
            found["judging"].append(took)
            found["rendering"].append(_seconds(lambda report=report: render(report, "json"))[0])
    medians = {name: statistics.median(times) for name, times in found.items()}
    return {
        "replies": size * NODES, "bytes": len(json.dumps(document)), **medians,
        "ratio": (medians["judging"] + medians["rendering"]) / medians["dumps"],
    }  # fmt: skip


def _memory(size: int, family: str) -> dict[str, Any]:
    from arpcheck import pipeline
    from arpcheck.reports import render

    render(pipeline.conclude(_evidence(size, family)), "json")
    return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _formats(size: int, family: str) -> dict[str, float]:
    from arpcheck import pipeline
    from arpcheck.reports import render

    report = pipeline.conclude(_evidence(size, family))
    return {name: _seconds(lambda name=name: render(report, name))[0] for name in FORMATS}


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    since = time.process_time()
    made = work()
    return time.process_time() - since, made


def main(arguments: list[str]) -> int:
    if arguments:
        _ready()
        what, size, family = arguments
        print(json.dumps({"time": _time, "memory": _memory, "formats": _formats}[what](int(size), family)))  # noqa: T201
        return 0
    result = measured()
    print(table(result))  # noqa: T201
    largest = [size for size in result["sizes"] if _is_largest(size)]
    fine = all(size["ratio"] <= MOST and size["megabytes"] < MEMORY for size in largest)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
