"""What it costs to read a large cluster from an API server, beside a bare HTTP client that asks for the same pages and
parses them: `python tests/campaigns/bench/api.py`. The server is a process of its own, so that its work is nobody's.

Each measurement runs in a process of its own, with everything imported: one for the time, and one for each peak."""

from __future__ import annotations

import gc
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]
SERVICES = 10_000
NODES = 1000
TIMES = 7
MOST = 2.0
"""Times the CPU time of the bare client. 1.9 was measured: of the 35 µs more for each object, 16 cut it down to what is needed,
14 weigh what is kept of it, and 6 look for texts that are too long. Without these a server could fill the memory."""
MOST_MEMORY = 0.5
"""Of what all the pages take, parsed, beside what is kept."""


def measured() -> dict[str, Any]:
    """Seconds, medians of TIMES; MB by tracemalloc, and at the peak of the process."""
    with server(SERVICES, NODES) as kubeconfig:
        found = in_a_process("time", kubeconfig)
        paths = found.pop("paths")
        memory = {"arpcheck": in_a_process("memory", kubeconfig), "bare": in_a_process("memory", kubeconfig, *paths)}
    return {"services": SERVICES, "nodes": NODES, "times": TIMES, **found, "memory": memory}


def table(result: dict[str, Any]) -> str:
    ours, bare = result["arpcheck"], result["bare"]
    head = ("who", "wall", "CPU", "held at the end", "at the peak", "process")
    rows = [
        (
            name, f"{took['wall']:.2f} s", f"{took['cpu']:.2f} s", f"{memory['kept']:.0f} MB", f"{memory['peak']:.0f} MB",
            f"{memory['process']} MB",
        )
        for name, took, memory in (
            ("arpcheck", ours, result["memory"]["arpcheck"]),
            ("a bare client that keeps all", bare, result["memory"]["bare"]),
        )
    ]  # fmt: skip
    lines = [f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *rows)]
    said = f"{result['services']:,} Services and {result['nodes']:,} nodes in {result['requests']} answers, {result['megabytes']:.0f} MB."
    ratios = f"arpcheck / bare: CPU {result['ratio']:.2f} (at most {MOST:g}), wall {result['wallRatio']:.2f}."
    beside = f"Held for a time beside that: {_beside(result):.2f} of what all pages take (at most {MOST_MEMORY:g})."
    return "\n".join((*lines, "", said, ratios, f"{beside}\n"))


def _beside(result: dict[str, Any]) -> float:
    """What was held for a time, by what all pages take: 1 where there was a copy of all of them."""
    ours = result["memory"]["arpcheck"]
    return float((ours["peak"] - ours["kept"]) / result["memory"]["bare"]["kept"])


@contextmanager
def server(services: int, nodes: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        from large import objects

        world = Path(folder, "objects.json")
        world.write_text(json.dumps([*objects(services, nodes)]))
        program = ("-m", "apiserver", "--objects", str(world), "--kubeconfig", f"{folder}/kubeconfig")
        with subprocess.Popen([sys.executable, *program], cwd=TESTS, stdout=subprocess.PIPE, text=True) as server:
            try:
                _ = server.stdout and server.stdout.readline()  # it listens
                yield f"{folder}/kubeconfig"
            finally:
                server.terminate()


def in_a_process(*arguments: str, program: str = __file__) -> dict[str, Any]:
    done = subprocess.run([sys.executable, program, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ------------------------------------------------------------------------------------------------ within that process


def _reader(kubeconfig: str) -> Callable[[], Any]:
    from arpcheck import pipeline
    from arpcheck.cluster import ClusterSource, read
    from arpcheck.gc_control import run_less_often

    run_less_often()
    source = ClusterSource(kubeconfig=kubeconfig, request_timeout=300)
    return lambda: read(source, pipeline.NEEDS)


class _Asked(logging.Handler):
    """The questions that arpcheck asks, from its own log."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("%s %s: %d") and isinstance(record.args, tuple) and record.args[2] == 200:
            self.paths.append(str(record.args[1]))


def asked(read: Callable[[], Any]) -> list[str]:
    heard, log = _Asked(), logging.getLogger("arpcheck.cluster.session")
    log.setLevel(logging.INFO)
    log.addHandler(heard)
    read()
    log.removeHandler(heard)
    log.setLevel(logging.NOTSET)
    return heard.paths


def _bare(kubeconfig: str, paths: Sequence[str]) -> Iterator[tuple[int, Any]]:
    """Octets and document of each answer."""
    import urllib3

    server = json.loads(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
    with urllib3.PoolManager(headers={"Accept": "application/json", "Accept-Encoding": "gzip"}) as pool:
        for path in paths:
            body = pool.request("GET", server + path).data
            yield len(body), json.loads(body)


def _time(kubeconfig: str) -> dict[str, Any]:
    read = _reader(kubeconfig)
    paths = asked(read)
    octets = sum(size for size, _ in _bare(kubeconfig, paths))
    works = {"arpcheck": read, "bare": lambda: sum(1 for _ in _bare(kubeconfig, paths))}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(TIMES):
        for name, work in works.items():
            found[name].append(took(work))
    medians = {
        name: dict(zip(("cpu", "wall"), map(statistics.median, zip(*took, strict=True)), strict=True)) for name, took in found.items()
    }  # fmt: skip
    ratios = {key: medians["arpcheck"][of] / medians["bare"][of] for key, of in (("ratio", "cpu"), ("wallRatio", "wall"))}
    return {"paths": paths, "requests": len(paths), "megabytes": octets / 1e6, **medians, **ratios}


def took(work: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _memory(kubeconfig: str, *paths: str) -> dict[str, Any]:
    """Read twice: once to be told by the system what the process took, once to be told by Python."""
    read = _reader(kubeconfig)
    work = read if not paths else lambda: [document for _, document in _bare(kubeconfig, paths)]
    kept = work()
    status = Path("/proc/self/status").read_text()  # a process begins with its parent's ru_maxrss
    process = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    del kept
    gc.collect()
    tracemalloc.start()
    kept = work()
    peak = tracemalloc.get_traced_memory()[1]
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    del kept
    return {"process": process, "peak": peak / 1e6, "kept": held / 1e6}


def main(arguments: list[str]) -> int:
    if arguments:
        print(json.dumps({"time": _time, "memory": _memory}[arguments[0]](*arguments[1:])))  # noqa: T201
        return 0
    result = measured()
    print(table(result))  # noqa: T201
    return 0 if result["ratio"] <= MOST and _beside(result) <= MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
