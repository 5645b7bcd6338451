"""The same probe again and again: `python tests/campaigns/soak/soak.py [RUNS [WATCH_MINUTES]]`. Nothing is left behind, nothing grows.

After each run of the lab: no process, no namespace and no interface of it; in this process, which judges in between, no
more descriptors and threads than before, and no more memory than it took when it had warmed up."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, run, scene_file
from arpcheck.reports import FORMATS, render

sys.path.append(str(Path(__file__).parents[2]))
from simulated.wire import SimulatedWire, scene_host

SCENES = ("healthy", "two-non-strict", "split-brain", "foreign-host", "silent")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOST_GROWTH = 16 << 10
"""KiB after the first tenth of the runs."""


def main(runs: int = 1000, minutes: int = 20) -> int:
    faults: list[str] = []
    before = links()
    descriptors, threads, warm = open_files(), threading.active_count(), 0
    for number in range(1, runs + 1):
        name = SCENES[number % len(SCENES)]
        judge(name)
        result = run.run(name, ["-o", "json", "--rounds", "1", "--rate", "100", "--wait", "0.2"])
        expected = result.report["summary"]["exitCode"]
        if result.exit_code != expected:
            faults.append(f"run {number}, {name}: exit code {result.exit_code}, report {expected}")
        faults += [f"run {number}: {line}" for line in left(before, descriptors, threads)]
        if number == max(5, runs // 10):
            warm = memory()
        if number % 50 == 0 or number == runs:
            say(f"{number} runs, {len(faults)} faults, {memory() >> 10} MiB, {open_files()} descriptors")
    if warm and memory() - warm > MOST_GROWTH:
        faults.append(f"memory grew from {warm} to {memory()} KiB")
    if minutes:
        faults += watched(minutes)
    faults += [f"at the end: {line}" for line in left(before, descriptors, threads)]
    for fault in faults:
        say(fault)
    return 1 if faults else 0


def judge(name: str) -> None:
    scene = scene_file.load(name)
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces), objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW,
    )  # fmt: skip
    for form in FORMATS:
        render(pipeline.conclude(evidence), form)


def watched(minutes: int) -> list[str]:
    """`watch` for so long, by its own process: its memory and its descriptors at the start and at the end."""
    program = [sys.executable, str(Path(__file__).with_name("watched.py")), str(minutes)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=minutes * 60 + 120, check=False)
    say(done.stdout.strip())
    return [] if done.returncode == 0 else [f"watch: {done.stdout}{done.stderr}"]


def left(before: frozenset[str], descriptors: int, threads: int) -> list[str]:
    gc.collect()
    found = [f"interface {link} is left" for link in sorted(links() - before)]
    found += [f"process {child} is left" for child in children()]
    if open_files() > descriptors:
        found.append(f"{open_files()} descriptors, {descriptors} before")
    if threading.active_count() > threads:
        found.append(f"{threading.active_count()} threads, {threads} before")
    return found


def links() -> frozenset[str]:
    named = {path.name for path in Path("/sys/class/net").iterdir()}
    spaces = Path("/run/netns")
    return frozenset(named | ({f"netns {path.name}" for path in spaces.iterdir()} if spaces.is_dir() else set()))


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def memory() -> int:
    """KiB at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
