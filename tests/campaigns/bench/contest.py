"""One case on the kernel, every tool after the other, as often as told: `python contest.py CASE RUNS [TOOL]…`.

Runs in an enclosure. Prints JSON: each tool's runs. What was sent is counted where it was sent, at the NICs of all who answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cases import CASES, CHATTER, SMALL, Case, owners
from tools import ADDRESSES, CLUSTER, TOOLS, Tool

from arpcheck.lab import cluster_objects
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import Fixture, stage

PATIENCE = 180.0
"""Seconds that a tool may take; more is an error of the bench."""

TOOK, SAID, TOLD = Path("/run/took"), Path("/run/said"), Path("/run/told")


def main(name: str, runs: str, *tools: str) -> None:
    case = next(case for case in (*CASES, SMALL) if case.name == name)
    chosen = [tool for tool in TOOLS if tool.name in (tools or (tool.name,)) and tool.only in (None, name)]
    scene = case.scene()
    there = {str(ip): macs for ip, macs in owners(scene).items()}
    with stage(scene) as standing, busy(standing, case) as foreign:
        provide(standing, case)
        found: dict[str, list[dict[str, object]]] = {}
        for _ in range(int(runs)):
            for tool in chosen:
                found.setdefault(tool.name, []).append(once(standing, case, tool, there))
        json.dump({"foreignPerSecond": foreign(), "tools": found}, sys.stdout)


def provide(standing: Fixture, case: Case) -> None:
    """The two files that the tools read."""
    Path(ADDRESSES).write_text("".join(f"{ip}\n" for ip in case.ips))
    objects = cluster_objects.resources(standing.scene, datetime.now(UTC)).values()
    items = [obj for found in objects for obj in found]
    Path(CLUSTER).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def once(standing: Fixture, case: Case, tool: Tool, there: dict[str, frozenset[str]]) -> dict[str, object]:
    asked = [str(ip) for ip in case.ips[: tool.sample]]
    before, start = sent(standing), time.monotonic()
    with SAID.open("w") as out, TOLD.open("w") as err:
        measured = ["time", "-q", "-o", str(TOOK), "-f", "%U %S %M", *tool.program]
        process = standing.start(standing.scene.prober.station, measured, stdout=out, stderr=err, start_new_session=True)
        wait(process)
    wall = time.monotonic() - start
    time.sleep(case.late + 0.1)
    user, system, kilobytes = map(float, TOOK.read_text().split()[-3:])
    try:
        said = tool.read(SAID.read_text())
    except ValueError:
        raise RuntimeError(f"{tool.name}: {TOLD.read_text().strip() or 'it said nothing'}") from None
    true = {(ip, mac) for ip in asked for mac in there.get(ip, ())}
    silent = said.silent if said.silent is not None else set(asked) - {ip for ip, _ in said.pairs}
    return {
        "replies": said.replies, "sent": sent(standing) - before,
        "owners": len(said.pairs & true), "ownersThere": len(true), "silent": len(silent & {ip for ip, _ in true}),
        "wall": wall, "cpu": user + system, "megabytes": kilobytes / 1024, "asked": len(asked),
        **(said.more or {}),
    }  # fmt: skip


def wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"{process.args} took longer than {PATIENCE:g} s") from None


def sent(standing: Fixture) -> int:
    """Frames that the nodes' NICs have sent; they send nothing but answers."""
    nodes = [s.name for s in standing.scene.stations if s.name not in (standing.scene.prober.station, CHATTER)]
    return sum(transmitted(node) for node in nodes)


def transmitted(station: str) -> int:
    """Of eth0, by /proc/net/dev: the tenth figure after the name."""
    text = inside(station, lambda: Path("/proc/thread-self/net/dev").read_text())
    return next(int(line.split()[10]) for line in text.splitlines() if line.strip().startswith("eth0:"))


@contextmanager
def busy(standing: Fixture, case: Case):
    """The LAN's other hosts. Yields how many frames a second they came to."""
    if not case.foreign:
        yield lambda: 0
        return
    program = [sys.executable, str(Path(__file__).with_name("chatter.py")), "eth0", str(case.foreign)]
    since, before = time.monotonic(), transmitted(CHATTER)
    chatter = standing.start(CHATTER, program)
    try:
        yield lambda: round((transmitted(CHATTER) - before) / (time.monotonic() - since))
    finally:
        chatter.kill()
        chatter.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
