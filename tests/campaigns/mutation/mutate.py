"""Which small faults the tests would not see: `python tests/campaigns/mutation/mutate.py [--sample N] [--seconds S] FILE…`.

Prints the survivors and the score. Nothing is written: a mutant lives in a process of its own."""

from __future__ import annotations

import argparse
import ast
import random
import subprocess
import sys
from collections import Counter
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from mutants import Mutant, mutants
from trials import PATIENCE, TOO_LATE, Calm, Fate, Trials, run

ROOT = Path(__file__).parents[3]
TESTS = (
    *("judge", "mac_owners", "loadbalancers", "campaigns/model", "kubeproxy", "pools", "reports", "runs", "watch"),
    *("test_targets.py", "test_asks.py", "test_manifests.py", "lab/test_scenes_pure.py"),
)
"""The pure ones. Which of them run a line, and so can kill what is changed there, is found out."""
OPTIONS = ("-p", "no:xdist", "-m", "not lab")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, help="only so many of all, drawn by chance")
    parser.add_argument("--seconds", type=float, default=36000.0, help="no new mutant after that")
    parser.add_argument("--only", nargs="*", default=TESTS, help="of the tests, by their place in tests")
    parser.add_argument("--line", help="of one mutant, which is put in place before anything is imported")
    parser.add_argument("--tests", nargs="*", default=[])
    chosen = parser.parse_args(arguments)
    files = sorted(file.resolve() for path in chosen.files for file in (path.rglob("*.py") if path.is_dir() else [path]))
    found = [(file, mutant) for file in files for mutant in mutants(file.read_text())]
    if chosen.line:
        return alone(files[0], next(mutant for _, mutant in found if mutant.what == chosen.line), chosen.tests)
    if chosen.sample:
        found = random.Random(1).sample(found, min(chosen.sample, len(found)))  # noqa: S311 - a draw, not a secret
    trials = Trials(found, chosen.seconds, at_import)
    pytest.main([*OPTIONS, *(str(ROOT / "tests" / name) for name in chosen.only)], plugins=[trials])
    return told(trials.fates, len(found))


def told(fates: list[Fate], drawn: int) -> int:
    alive = [fate for fate in fates if not fate.killer]
    for fate in alive:
        print(f"{fate.file.relative_to(ROOT)}:{fate.mutant.what} ({fate.tests} tests run it)")  # noqa: T201
    tried, killed = (
        Counter(fate.file.relative_to(ROOT).parts[1] for fate in some) for some in (fates, set(fates) - set(alive))
    )
    for part in sorted(tried):
        print(f"{part}: {killed[part]} of {tried[part]} killed, {killed[part] / tried[part]:.1%}")  # noqa: T201
    late = sum(fate.killer == TOO_LATE for fate in fates)
    print(  # noqa: T201
        f"{len(fates)} of {drawn} mutants tried, {len(fates) - len(alive)} killed, {late} by their time, {len(alive)} alive"
    )
    return 1 if alive or not fates else 0


def at_import(file: Path, mutant: Mutant, tests: list[str]) -> str | None:
    command = [sys.executable, __file__, str(file), "--line", mutant.what, "--tests", *tests[:200]]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return TOO_LATE
    return None if done.returncode == 0 else "at the import"


def alone(file: Path, mutant: Mutant, tests: list[str]) -> int:
    """Whether the tests pass with the mutant in the place of the module."""
    sys.meta_path.insert(0, _Finder(file, mutant.tree))
    plugin = _Stopping()
    status = pytest.main([*OPTIONS, *tests], plugins=[plugin])
    return 1 if plugin.failed or status not in (0, 5) else 0


class _Stopping(Calm):
    failed = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.failed = bool(session.testsfailed) or any(not passed for _, passed in run(session.items))
        return True


class _Finder(MetaPathFinder):
    def __init__(self, file: Path, tree: ast.Module) -> None:
        self.file, self.tree = file, tree
        parts = file.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        places = [str(self.file.parent)] if self.file.stem == "__init__" else None
        return spec_from_file_location(
            fullname, self.file, loader=_Loader(fullname, str(self.file), self.tree), submodule_search_locations=places
        )


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, tree: ast.Module) -> None:
        super().__init__(fullname, path)
        self.tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
