"""Runs a scene on the kernel, each in an enclosure of its own: for tests, for `arpcheck demo`, for a person.

Nothing here touches the network; that is done by `inside`, in there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from arpcheck.errors import LabError
from arpcheck.lab import enclosure, scene_file
from arpcheck.text import PROSE_LIMIT, plain

DEMO = "two-non-strict"
"""Three nodes, an announcer, two nodes without strict ARP, a LAN host."""

MEANINGS: Mapping[int, str] = {
    0: "everything that was asked is as it should be",
    1: "something is proven to be wrong",
    2: "arpcheck could not run",
    3: "nothing is proven to be wrong, and something could not be told",
    130: "interrupted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of `arpcheck probe` left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Mapping[str, Any]:
        """Of a run with `-o json`. A ValueError where it printed none."""
        return json.loads(self.stdout)  # type: ignore[no-any-return]


def run(name: str, options: Sequence[str] = (), *, patience: float = 300.0) -> Result:
    """Runs a scene by its name or path, with further options of `arpcheck probe`, and keeps what it printed.

    LabError where this machine does not allow it; subprocess.TimeoutExpired after `patience` seconds, when all of it
    has been ended."""
    enclosure.require()
    done = subprocess.run(_inside(name, options), capture_output=True, text=True, timeout=patience, check=False)
    try:
        code = enclosure.ended(done.returncode, "the lab")
    except LabError:
        sys.stderr.write(done.stderr)
        raise
    return Result(exit_code=code, stdout=done.stdout, stderr=done.stderr)


def show(name: str, options: Sequence[str] = ()) -> int:
    """Runs a scene in sight of the user, as `arpcheck probe` prints it; returns its exit code."""
    scene = scene_file.load(name)
    enclosure.require()
    sys.stderr.write(f"{plain(scene.title)}. {plain(scene.about, PROSE_LIMIT)}\n\n")
    sys.stderr.flush()
    with _left_to_the_child():
        return enclosure.ended(subprocess.Popen(_inside(name, options)).wait(), "the lab")


def demo(scene: str | None = None, *, list_scenes: bool = False) -> int:
    """`arpcheck demo [SCENE] [--list]`: the report that a user would see, and what its exit code means.

    InputError where there is no such scene, LabError where this machine does not allow a lab."""
    if list_scenes:
        sys.stdout.write(listing())
        return 0
    code = show(scene or DEMO)
    sys.stderr.write(f"\nexit code {code}: {MEANINGS.get(code, 'none of arpcheck')}\n")
    return code


def listing() -> str:
    """The scenes of the package, each with what it is about."""
    scenes = [scene_file.load(name) for name in scene_file.names()]
    width = max(len(scene.name) for scene in scenes)
    return "".join(f"{scene.name:{width}}  {scene.title}\n{'':{width}}  {scene.about}\n" for scene in scenes)


def _inside(name: str, options: Sequence[str]) -> list[str]:
    return enclosure.command(enclosure.python("arpcheck.lab.inside", name, *options, past=enclosure.PAST))


@contextmanager
def _left_to_the_child() -> Iterator[None]:
    """Ctrl-C reaches the probe as well, which then prints what it has; nobody before it may die of it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
