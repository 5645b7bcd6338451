"""What a start costs, and what it loads: `python tests/campaigns/bench/start.py`. Beside `import typer`, without which there is no
command line; and a probe on a host with 100,000 routes beside one with two, each in a network namespace of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TIMES = 15
MOST = 1.3
"""Times what `import typer` takes."""
ROUTES = 100_000
PROBES = 7
MOST_BY_ROUTES = 1.2
"""Times what it takes without them. scapy alone takes a minute for them."""

LOADED = """import json, sys
from arpcheck.__main__ import main
main(sys.argv[2:])
routes = sys.modules["scapy.config"].conf.route.routes if "scapy.config" in sys.modules else []
with open(sys.argv[1], "w") as file:
    json.dump({"modules": [*sys.modules], "routes": len(routes)}, file)
"""
"""Runs a command line, and writes down which modules it loaded, and how many routes scapy read."""
PROBE = (
    "probe",
    "--iface",
    "v0",
    "--ip",
    "10.0.0.9",
    "--rounds",
    "1",
    "--wait",
    "0.1",
    "--rate",
    "0",
    "--quiet",
    "--cluster-file",
)
HEAVY = ("scapy", "kubernetes")

CLUSTER = {
    "apiVersion": "v1", "kind": "List",
    "items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.1"}}],
}  # fmt: skip


def measured() -> dict[str, Any]:
    """Seconds of the processor, medians."""
    from arpcheck.lab import network

    starts = {
        "arpcheck --help": [sys.executable, "-m", "arpcheck", "--help"],
        "import typer": [sys.executable, "-c", "import typer"],
    }
    found = _medians(starts, TIMES)
    done = subprocess.run(
        network.command([sys.executable, __file__, "inside"]), stdout=subprocess.PIPE, check=True, timeout=600
    )
    return {
        "times": TIMES, "seconds": found, "ratio": found["arpcheck --help"] / found["import typer"], "report": _heavy(_loaded_by_report()),
        "routes": ROUTES, **json.loads(done.stdout),
    }  # fmt: skip


def table(result: dict[str, Any]) -> str:
    head = ("start", "CPU", "ratio", "goal")
    took, probes = result["seconds"], result["probes"]
    rows = [
        ("`python -c 'import typer'`", f"{took['import typer']:.3f} s", "", ""),
        ("`arpcheck --help`", f"{took['arpcheck --help']:.3f} s", f"{result['ratio']:.2f}", f"at most {MOST:g}"),
        ("`arpcheck probe` of one address, two routes", f"{probes['few']:.3f} s", "", ""),
        (f"the same with {result['routes']:,} routes", f"{probes['many']:.3f} s", f"{_by_routes(result):.2f}", f"at most {MOST_BY_ROUTES:g}"),
    ]  # fmt: skip
    lines = [f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *rows)]
    loads = f"`arpcheck report` loads of {' and '.join(HEAVY)}: {', '.join(result['report']) or 'nothing'}."
    layers = f"`arpcheck probe` loads of scapy's layers: {', '.join(result['layers'])}."
    return "\n".join((*lines, "", loads, layers + "\n"))


def _by_routes(result: dict[str, Any]) -> float:
    return float(result["probes"]["many"] / result["probes"]["few"])


def _medians(commands: Mapping[str, Sequence[str]], times: int) -> dict[str, float]:
    """Of user and system, one after the other, so that what else goes on meets all alike."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            took[name].append(used.ru_utime + used.ru_stime)
    return {name: statistics.median(found) for name, found in took.items()}


def _loaded(arguments: Sequence[str], run: Sequence[str] = ()) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("r") as file:
        command = [*run, sys.executable, "-c", LOADED, file.name, *arguments]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=120)
        found: dict[str, Any] = json.load(file)
        return found


def _heavy(modules: Sequence[str]) -> list[str]:
    return [name for name in modules if name.partition(".")[0] in HEAVY]


def _loaded_by_report() -> list[str]:
    from crowds import evidence

    from arpcheck import pipeline
    from arpcheck.reports import render

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(render(pipeline.conclude(evidence(4, 4)), "json"))
        file.flush()
        modules: list[str] = _loaded(["report", file.name])["modules"]
        return modules


# ------------------------------------------------------------------------------------------------ within the enclosure


def _inside() -> dict[str, Any]:
    """Two hosts, each with a network of its own."""
    hosts = {name: _host(name) for name in ("few", "many")}
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        routes = Path(folder, "routes")
        routes.write_text(
            "".join(f"route add 172.{16 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32 dev v0\n" for n in range(ROUTES))
        )
        _ip("-n", "many", "-batch", str(routes))
        probe = (*PROBE, _cluster(folder))
        probes = _medians({name: [*run, sys.executable, "-m", "arpcheck", *probe] for name, run in hosts.items()}, PROBES)
    return {"probes": probes, **_loads()}


def _loads() -> dict[str, Any]:
    """What a probe on a host loads of scapy that is no more than its own ground."""
    run = _host("one")
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        found = _loaded((*PROBE, _cluster(folder)), run)
    layers = [name for name in found["modules"] if name.startswith(("scapy.layers.", "scapy.contrib.", "scapy.all"))]
    return {
        "layers": layers,
        "routesRead": found["routes"],
        "needless": sorted({"kubernetes", "rich"} & {*found["modules"]}),
    }


def _host(name: str) -> tuple[str, ...]:
    """What a command begins with that is run there."""
    _ip("netns", "add", name)
    _ip("-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    for end in ("v0", "v1"):
        _ip("-n", name, "link", "set", end, "up")
    _ip("-n", name, "address", "add", "10.0.0.5/24", "dev", "v0")
    return ("ip", "netns", "exec", name)


def _cluster(folder: str) -> str:
    path = Path(folder, "cluster.json")
    path.write_text(json.dumps(CLUSTER))
    return str(path)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=300)


def main(arguments: list[str]) -> int:
    if arguments:
        print(json.dumps({"inside": _inside, "loads": _loads}[arguments[0]]()))  # noqa: T201
        return 0
    result = measured()
    print(table(result))  # noqa: T201
    return 0 if result["ratio"] <= MOST and _by_routes(result) <= MOST_BY_ROUTES and not result["report"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
