"""What `arpcheck cluster` asks of a cluster and takes: three segments on the kernel, where the Jobs run as processes in the
nodes' namespaces, and larger ones on a simulated wire, which takes no time: there all seconds are arpcheck's and the
simulated cluster's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]
ON_STAGE = TESTS / "kubelet/cluster_on_stage.py"
LARGE = TESTS / "campaigns/clusters/large.py"
SIZES = ((3, 50, 40), (20, 25, 100))
"""Segments, and the nodes and addresses of each."""
PATIENCE = 900


def measured() -> dict[str, Any]:
    """An error of the lab where it can't be had, of the bench where a cluster was left with anything."""
    from arpcheck.lab import network

    network.require()
    sys.path.insert(0, str(TESTS))
    from kubelet import segments

    sys.stderr.write("bench: arpcheck cluster on the kernel\n")
    staged = _json(network.command([sys.executable, str(ON_STAGE), "healthy"]))
    run = json.loads(staged["out"])["run"]
    kernel = {
        "segments": segments.SEGMENTS, "nodes": segments.SEGMENTS * segments.NODES, "code": staged["code"],
        "addresses": segments.SEGMENTS * segments.ADDRESSES, "requests": staged["requests"], "seconds": staged["seconds"],
        "frames": run["sent"], "left": staged["left"],
    }  # fmt: skip
    found = [kernel]
    for size in SIZES:
        sys.stderr.write(f"bench: arpcheck cluster, {size[0]} segments of {size[1]} nodes\n")
        large = _json([sys.executable, str(LARGE), *map(str, size)])
        large["requests"] = sum(large["requests"].values())
        found.append({"segments": size[0], **large})
    if wrong := [row for row in found if row["left"] or row["code"] != 1]:
        raise RuntimeError(f"not as it is with faults in two segments: {wrong[0]}")
    return {"rows": found}


def _json(command: list[str]) -> Any:
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True).stdout)


def table(result: Mapping[str, Any]) -> str:
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield "| segments | nodes | addresses | API requests | wall | wire |"
    yield "|---|---|---|---|---|---|"
    for row in result["rows"]:
        wire = f"{row['frames']:,} frames at 100/s" if "frames" in row else "simulated, no time"
        figures = (
            row["segments"],
            row["nodes"],
            f"{row['addresses']:,}",
            f"{row['requests']:,}",
            f"{row['seconds']:.0f} s",
            wire,
        )
        yield f"| {' | '.join(map(str, figures))} |"
