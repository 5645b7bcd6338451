"""Runs mutants in forks of one pytest that has collected everything: what a mutant costs is the tests that run its line.

First every test is run once, and the lines that it runs are noted. Then, for each mutant, a fork puts the changed
functions in the place of the good ones and runs those tests, the quickest first, until one fails."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import _lru_cache_wrapper, lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from mutants import Mutant, functions_changed

PATIENCE = 60
"""Seconds for the tests of one mutant. One that makes them endless is killed by that; on a busy machine also one that does
not, so these are counted apart."""
TOO_LATE = "its patience"


class Seen(NamedTuple):
    """What a test needs, and which lines of which file it runs."""

    seconds: float
    lines: frozenset[tuple[str, int]]


class Fate(NamedTuple):
    file: Path
    mutant: Mutant
    killer: str | None
    """The test that failed."""
    tests: int
    """How many run its lines."""


class Calm:
    """The same examples every time, none kept, none made smaller: only whether a test fails is wanted."""

    def pytest_collection_modifyitems(self) -> None:
        from hypothesis import HealthCheck, Phase, settings

        ways: dict[str, Any] = {"phases": (Phase.explicit, Phase.generate), "suppress_health_check": list(HealthCheck)}
        settings.register_profile("mutants", derandomize=True, database=None, deadline=None, **ways)
        settings.load_profile("mutants")


class Trials(Calm):
    """The pytest plug-in. `at_import` kills what is changed at the import, which a fork can't change any more."""

    def __init__(
        self,
        found: Sequence[tuple[Path, Mutant]],
        seconds: float,
        at_import: Callable[[Path, Mutant, list[str]], str | None],
    ):
        self.found, self.end, self.at_import = found, time.monotonic() + seconds, at_import
        self.fates: list[Fate] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        files = {str(file) for file, _ in self.found}
        import_all()
        functions = [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__.co_filename in files]
        clear_caches()  # and knows them, before the first fork
        seen = forked(lambda: _seen(session.items, files), 3600)
        good = {str(file): compile(file.read_text(), str(file), "exec") for file, _ in self.found}
        for file, mutant in self.found:
            if time.monotonic() > self.end:
                break
            tests = _tests_of(session.items, seen, file, mutant)
            changed = functions_changed(good[str(file)], compile(mutant.tree, str(file), "exec"))
            if changed is None:
                killer = self.at_import(file, mutant, [item.nodeid for item in tests])
            else:
                killer = forked(lambda tests=tests, changed=changed: _killer(tests, changed, functions), PATIENCE, TOO_LATE)
            self.fates.append(Fate(file, mutant, killer, len(tests)))
            print("." if killer else f"\nalive: {file.name}:{mutant.what}", end="", file=sys.stderr, flush=True)  # noqa: T201
        return True


def import_all() -> None:
    """What a test would import when it runs would be imported in every fork, and without the change."""
    import arpcheck

    for module in walk_packages(arpcheck.__path__, "arpcheck."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def forked(work: Callable[[], Any], seconds: int, too_late: Any = None) -> Any:
    """What `work` gives in a process of its own, or `too_late`."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        with open(os.devnull, "r+") as nothing, open(writer, "wb") as out:
            for number in range(3):
                os.dup2(nothing.fileno(), number)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            try:
                pickle.dump(work(), out)
                out.flush()
            finally:
                os._exit(0)  # whatever came of it, this process must not go on as if it were the other one
    os.close(writer)
    with open(reader, "rb") as answer:
        content = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else too_late  # noqa: S301 - from our own fork


def run(items: Sequence[Any]) -> Iterator[tuple[Any, bool]]:
    """Every test with whether it passed."""
    for item, following in zip(items, (*items[1:], None), strict=False):  # of none, none
        reports = runtestprotocol(item, log=False, nextitem=following)
        yield item, all(report.outcome != "failed" for report in reports)


def _seen(items: Sequence[Any], files: set[str]) -> dict[str, Seen]:
    """Of the tests that pass."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    found, began = {}, time.monotonic()
    clear_caches()
    sys.settrace(trace)
    for item, passed in run(items):
        if passed:
            found[item.nodeid] = Seen(time.monotonic() - began, frozenset(lines))
        lines.clear()
        clear_caches()
        sys.settrace(trace)  # a test that goes as deep as Python lets it ends the trace, and no later one would be seen
        began = time.monotonic()
    return found


def _tests_of(items: Sequence[Any], seen: dict[str, Seen], file: Path, mutant: Mutant) -> list[Any]:
    """The quickest first. What is run at the import is what every test of the file runs."""
    wanted = {(str(file), line) for line in mutant.lines}
    known = [item for item in items if item.nodeid in seen]
    hit = [item for item in known if wanted & seen[item.nodeid].lines]
    hit = hit or [item for item in known if any(name == str(file) for name, _ in seen[item.nodeid].lines)]
    return sorted(hit, key=lambda item: seen[item.nodeid].seconds)


def _killer(tests: Sequence[Any], changed: Sequence[CodeType], functions: Sequence[FunctionType]) -> str | None:
    for code in changed:
        alive = [function for function in functions if _is_that(function.__code__, code)]
        for function in alive:
            function.__code__ = code
        if not alive:
            return "NOT IN PLACE"
    clear_caches()
    return next((item.nodeid for item, passed in run(tests) if not passed), None)


def _is_that(old: CodeType, new: CodeType) -> bool:
    def where(code: CodeType) -> tuple[Any, ...]:
        return code.co_filename, code.co_firstlineno, code.co_qualname, code.co_freevars

    return where(old) == where(new)


def clear_caches() -> None:
    """What was remembered before the change, or by the test before."""
    for one in _caches(len(sys.modules)):
        one.cache_clear()


@lru_cache(1)
def _caches(modules: int) -> list[Any]:
    """As long as no further module is imported."""
    caches = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
    return [one for one in caches if str(getattr(one, "__module__", "")).startswith("arpcheck")]
