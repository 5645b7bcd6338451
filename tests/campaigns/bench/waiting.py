"""What a user waits for, from Enter to the report: 1, 40 and 500 addresses on a healthy LAN, read from an API server, with
every option at its default. `python waiting.py ADDRESSES RUNS`, in an enclosure, measures one of these.

The floor beside it asks the same questions at the same rate from a bare socket, waits as long at the end, and judges nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median
from typing import Any

from tools import ADDRESSES, BUFFER, FLOOR, HERE, ONLY_NET_RAW

SIZES = (1, 40, 500)
NODES = tuple(f"worker-{number}" for number in range(1, 6))
FIRST = IPv4Address("10.0.16.1")
PATIENCE = 900
REPORT, ERRORS = Path("/run/report"), Path("/run/errors")


def measured(runs: int = 3) -> dict[str, Any]:
    """By number of addresses: the runs of arpcheck and the floor. An error of the lab where it can't be had."""
    from arpcheck.lab import network

    network.require()
    found = {}
    for size in SIZES:
        sys.stderr.write(f"bench: what a user waits for, {size} addresses\n")
        command = network.command([sys.executable, __file__, str(size), str(runs)])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE * runs, check=True)
        found[str(size)] = json.loads(done.stdout)
    return {"sizes": found, "runs": runs}


def table(result: Mapping[str, Any]) -> str:
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"| addresses | requests | arpcheck | {FLOOR} | more | CPU |"
    yield "|---|---|---|---|---|---|"
    for size, runs in result["sizes"].items():
        ours, floor = (median(run[who]["wall"] for run in runs) for who in ("arpcheck", "floor"))
        questions, cpu = median(run["questions"] for run in runs), median(run["arpcheck"]["cpu"] for run in runs)
        more = median(run["arpcheck"]["wall"] - run["floor"]["wall"] for run in runs)
        yield f"| {size} | {questions:,.0f} | {ours:.1f} s | {floor:.1f} s | {more:.1f} s | {cpu:.1f} s |"


# ------------------------------------------------------------------------------------------------ within the enclosure


def scene_text(size: int) -> str:
    """Five nodes with strict ARP; MetalLB's records name the node that announces each address, and it does."""
    placed = [(str(FIRST + number), NODES[number % len(NODES)]) for number in range(size)]
    nodes = "".join(f'{name} = {{ ipvs = "strict" }}\n' for name in NODES)
    services = "".join(
        f'[[services]]\nname = "web/s{number}"\nips = "{ip}"\nl2_status = "{node}"\n'
        for number, (ip, node) in enumerate(placed)
    )
    announcers = "".join(
        f'[[announcers]]\nat = "{node}"\nips = {found!r}\n'
        for node in NODES
        if (found := [ip for ip, at in placed if at == node])
    )
    head = f'title = "{size} addresses"\nabout = "A healthy LAN."\nlans.lan = "10.0.0.0/16"\n'
    return f"{head}[nodes]\n{nodes}{services}{announcers}"


def main(size: str, runs: str) -> None:
    from arpcheck.lab import scene_file
    from arpcheck.lab.fixture import stage

    with stage(scene_file.parse(scene_text(int(size)), "waiting")) as standing:
        json.dump([once(standing) for _ in range(int(runs))], sys.stdout)


def once(standing: Any) -> dict[str, Any]:
    """Raises RuntimeError where the LAN is not found healthy: then it was not what a user waits for."""
    from arpcheck.lab.fixture import KUBECONFIG
    from arpcheck.model.constants import RATE

    probe = [sys.executable, "-m", "arpcheck", "probe", "--iface", "eth0", "--kubeconfig", str(KUBECONFIG), "-o", "json"]
    ours = timed(standing, probe, REPORT)
    report = json.loads(REPORT.read_text() or "{}")
    if not report or report["summary"]["exitCode"]:
        raise RuntimeError(f"{report.get('summary')} {ERRORS.read_text()}")
    asked = [row[3] for row in report["evidence"]["questions"]]
    Path(ADDRESSES).write_text("".join(f"{ip}\n" for ip in asked))
    run = report["run"]
    bare = [sys.executable, str(HERE / "floor.py"), "eth0", ADDRESSES, str(RATE), str(run["wait"]), str(BUFFER)]
    return {"arpcheck": ours, "floor": timed(standing, bare, REPORT), "questions": run["sent"]}


def timed(standing: Any, program: list[str], out: Path) -> dict[str, float]:
    """Wall and processor, in seconds."""
    took = Path("/run/took")
    start = time.monotonic()
    with out.open("w") as found, ERRORS.open("w") as told:
        measured = [*ONLY_NET_RAW, "time", "-q", "-o", str(took), "-f", "%U %S", *program]
        standing.start(standing.scene.prober.station, measured, stdout=found, stderr=told).wait(PATIENCE)
    user, system = map(float, took.read_text().split()[-2:])
    return {"wall": time.monotonic() - start, "cpu": user + system}


if __name__ == "__main__":
    main(*sys.argv[1:])
