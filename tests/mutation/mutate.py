"""Which small faults the tests would not see: `python tests/mutation/mutate.py [--sample N] [--seconds S] FILE…`.

Each mutant lives in a copy of the checkout, and the pure tests that speak of it run there until one fails. Prints the
survivors and the score. Never touches the checkout."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from mutants import Mutant, mutants

ROOT = Path(__file__).parent.parent.parent
OF = {
    "judge": ("tests/judge", "tests/lab/test_scenes_pure.py", "tests/model", "tests/reports"),
    "targets": ("tests/test_targets.py", "tests/test_asks.py", "tests/lab/test_scenes_pure.py"),
    "identities": ("tests/identities", "tests/lab/test_scenes_pure.py"),
    "loadbalancers": ("tests/loadbalancers", "tests/lab/test_scenes_pure.py"),
}
"""The tests that kill, by the first part of the path in the package; anything else is run against all pure ones."""
PATIENCE = 120


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, help="only so many of all, drawn by chance")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no new mutant after that")
    chosen = parser.parse_args(arguments)
    files = sorted(file for path in chosen.files for file in (path.rglob("*.py") if path.is_dir() else [path]))
    found = [(file.resolve().relative_to(ROOT), mutant) for file in files for mutant in mutants(file.read_text())]
    if chosen.sample:
        found = random.Random(1).sample(found, min(chosen.sample, len(found)))  # noqa: S311 - a draw, not a secret
    end = time.monotonic() + chosen.seconds
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        copies: Queue[Path] = Queue()
        for number in range(2):
            copies.put(copied(Path(folder) / str(number)))
        fates = list(pool.map(lambda one: fate(copies, *one) if time.monotonic() < end else None, found))
    survivors = [one for one, killed in zip(found, fates, strict=True) if killed is False]
    for file, mutant in survivors:
        print(f"{file}:{mutant.line}: {mutant.what}")  # noqa: T201
    tried = sum(killed is not None for killed in fates)
    print(f"{tried} of {len(found)} mutants tried, {tried - len(survivors)} killed, {len(survivors)} alive")  # noqa: T201
    return 1 if survivors else 0


def copied(place: Path) -> Path:
    place.mkdir()
    for part in ("arpcheck", "tests"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, place)
    return place


def fate(copies: Queue[Path], file: Path, mutant: Mutant) -> bool:
    """Killed."""
    place = copies.get()
    good = (place / file).read_text()
    try:
        (place / file).write_text(mutant.source)
        tests = OF.get(file.with_suffix("").parts[1], ("tests",))
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:xdist", "-m", "not lab", *tests]
        environment = os.environ | {"PYTHONPATH": str(place)}
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        (place / file).write_text(good)
        copies.put(place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
