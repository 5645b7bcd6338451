"""What `arpcheck snapshot` of a large cluster costs, beside a bare client that fetches the same lists side by side and
parses each once: `python tests/campaigns/bench/snapshot.py`.

Both run in a process of their own, with everything imported. The server is a process of its own too; on two cores it takes
part of them from both alike."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import api

SERVICES = 5_000
NODES = 500
TIMES = 7
WORKERS = 8
MOST = 1.7
"""Times the wall time of the bare client. 1.4 to 1.6 were measured; what the rest is for, `api` says."""


def measured() -> dict[str, Any]:
    """Seconds, medians of TIMES, the two in turns; MB at the peak of a process that ran it once."""
    with api.server(SERVICES, NODES) as kubeconfig:
        found = api.in_a_process("time", kubeconfig, program=__file__)
        paths = found.pop("paths")
        memory = {name: api.in_a_process("memory", kubeconfig, *given, program=__file__)["process"]
                  for name, given in (("arpcheck", ()), ("bare", paths))}  # fmt: skip
    return {"services": SERVICES, "nodes": NODES, **found, "memory": memory}


def table(result: dict[str, Any]) -> str:
    head = ("who", "wall", "CPU", "memory")
    rows = [
        (label, f"{result[name]['wall']:.2f} s", f"{result[name]['cpu']:.2f} s", f"{result['memory'][name]} MB")
        for label, name in (("arpcheck snapshot", "arpcheck"), ("the same lists, bare, side by side", "bare"))
    ]
    lines = [f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *rows)]
    said = f"{result['services']:,} Services and {result['nodes']:,} nodes in {result['requests']} answers."
    ratios = f"snapshot / bare: wall {result['wallRatio']:.2f} (at most {MOST:g}), CPU {result['ratio']:.2f}."
    return "\n".join((*lines, "", said, f"{ratios}\n"))


# -------------------------------------------------------------------------------------------------- within that process


def _snapshot(kubeconfig: str) -> Callable[[], None]:
    """The command itself; what it prints is kept, as a pipe would."""
    from arpcheck import pipeline
    from arpcheck.cluster import ClusterSource, read
    from arpcheck.cluster.files import pieces
    from arpcheck.gc_control import run_less_often

    run_less_often()
    source = ClusterSource(kubeconfig=kubeconfig, request_timeout=300)

    def work() -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            out.writelines(pieces(read(source, pipeline.NEEDS)))

    return work


def _lists(paths: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Each list once: the pages after the first are found by their tokens."""
    found = []
    for path in paths:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        if "continue" not in query:
            found.append((parts.path, query))
    return found


def _bare(kubeconfig: str, paths: Sequence[str]) -> Callable[[], list[Any]]:
    import urllib3

    server = json.loads(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
    lists = _lists(paths)

    def work() -> list[Any]:
        with (
            urllib3.PoolManager(headers={"Accept": "application/json", "Accept-Encoding": "gzip"}, maxsize=WORKERS) as pool,
            ThreadPoolExecutor(WORKERS) as workers,
        ):

            def fetch(one: tuple[str, dict[str, str]]) -> list[Any]:
                path, query = one
                pages, token = [], ""
                while True:
                    asked = urlencode({**query, "continue": token} if token else query)
                    body = pool.request("GET", f"{server}{path}?{asked}" if asked else server + path).data
                    pages.append(json.loads(body))
                    token = pages[-1].get("metadata", {}).get("continue", "") if isinstance(pages[-1], dict) else ""
                    if not token:
                        return pages

            return list(workers.map(fetch, lists))

    return work


def _time(kubeconfig: str) -> dict[str, Any]:
    snapshot = _snapshot(kubeconfig)
    paths = api.asked(snapshot)
    bare = _bare(kubeconfig, paths)
    works: dict[str, Callable[[], Any]] = {"arpcheck": snapshot, "bare": bare}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(TIMES):
        for name, work in works.items():
            found[name].append(api.took(work))
    medians = {
        name: dict(zip(("cpu", "wall"), map(statistics.median, zip(*times, strict=True)), strict=True))
        for name, times in found.items()
    }
    ratios = {key: medians["arpcheck"][of] / medians["bare"][of] for key, of in (("ratio", "cpu"), ("wallRatio", "wall"))}
    return {"paths": paths, "requests": len(paths), **medians, **ratios}


def _memory(kubeconfig: str, *paths: str) -> dict[str, Any]:
    work = _bare(kubeconfig, paths) if paths else _snapshot(kubeconfig)
    kept = work()
    status = Path("/proc/self/status").read_text()
    del kept
    return {"process": int(status.partition("VmHWM:")[2].split()[0]) // 1024}


def main(arguments: list[str]) -> int:
    if arguments:
        print(json.dumps({"time": _time, "memory": _memory}[arguments[0]](*arguments[1:])))  # noqa: T201
        return 0
    result = measured()
    print(table(result))  # noqa: T201
    return 0 if result["wallRatio"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
