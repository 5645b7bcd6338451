"""Runs a scene on the kernel in a new enclosure, for `arpcheck demo`, for `python -m arpcheck.lab` and for tests.

The module `fixture` is the first process in the enclosure. `differences` compares a report with what the scene expects."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from arpcheck.errors import LabError
from arpcheck.lab import network, scene_file
from arpcheck.lab.scene import Expectation, ExpectedResponder, Scene
from arpcheck.model import CauseId
from arpcheck.text import PROSE_LIMIT, plain

DEMO = ("two-non-strict", "ipv6-wrong-in-ipv6-alone")
"""Three nodes, an announcer and a LAN host: two nodes without strict ARP, and then two announcers of an IPv6 address."""

MEANINGS: Mapping[int, str] = {
    0: "no problem found",
    1: "a fault is proven",
    2: "arpcheck could not run",
    3: "inconclusive: no fault is proven, but missing data could hide one",
    130: "interrupted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The exit code and the output of a run of `arpcheck probe`."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Mapping[str, Any]:
        """The report of a run with `-o json`. Raises ValueError if it printed none."""
        return json.loads(self.stdout)  # type: ignore[no-any-return]


def run(name: str, options: Sequence[str] = (), *, patience: float = 300.0) -> Result:
    """Runs a scene by its name or path, with further options of `arpcheck probe`, and returns its output.

    Raises LabError if the machine does not allow it, and subprocess.TimeoutExpired after `patience` seconds, when all its
    processes have ended."""
    network.require()
    done = subprocess.run(_in_enclosure(name, options), capture_output=True, text=True, timeout=patience, check=False)
    try:
        code = network.ended(done.returncode, "the lab")
    except LabError:
        sys.stderr.write(done.stderr)
        raise
    return Result(exit_code=code, stdout=done.stdout, stderr=done.stderr)


def show(name: str, options: Sequence[str] = ()) -> int:
    """Runs a scene with the output of `arpcheck probe` on the terminal; returns the exit code."""
    scene = scene_file.load(name)
    network.require()
    sys.stderr.write(f"{plain(scene.title)}. {plain(scene.about, PROSE_LIMIT)}\n\n")
    sys.stderr.flush()
    with _left_to_the_child():
        return network.ended(subprocess.Popen(_in_enclosure(name, options)).wait(), "the lab")


def demo(scene: str | None = None, *, list_scenes: bool = False) -> int:
    """`arpcheck demo [SCENE] [--list]`: shows the report of a scene, and what its exit code means; without one those of
    `DEMO`, up to the first that did not run to its end. Returns the last exit code.

    Raises InputError for an unknown scene, and LabError if the machine does not allow a lab."""
    if list_scenes:
        sys.stdout.write(listing())
        return 0
    first, *others = (scene,) if scene else DEMO
    code = _shown(first)
    for name in others:
        if code in (2, 130):
            break
        sys.stderr.write("\n")
        code = _shown(name)
    return code


def _shown(name: str) -> int:
    code = show(name)
    sys.stderr.write(f"\nexit code {code}: {MEANINGS.get(code, 'not an exit code of arpcheck')}\n")
    return code


def listing() -> str:
    """The scenes of the package, each with its title and description."""
    scenes = [scene_file.load(name) for name in scene_file.names()]
    width = max(len(scene.name) for scene in scenes)
    return "".join(f"{scene.name:{width}}  {scene.title}\n{'':{width}}  {scene.about}\n" for scene in scenes)


def _in_enclosure(name: str, options: Sequence[str]) -> list[str]:
    return network.command(network.python("arpcheck.lab.fixture", name, *options, past=network.PAST))


@contextmanager
def _left_to_the_child() -> Iterator[None]:
    """Ctrl-C reaches the probe too, which then prints its report. This process must not end before."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# ---------------------------------------------------------------------------- comparing a report with what a scene expects


def differences(scene: Scene, report: Mapping[str, Any]) -> tuple[str, ...]:
    """A line for each difference. Empty if the report is as expected, or the scene expects nothing."""
    expected = scene.expect
    if not expected:
        return ()
    return tuple(_differences_by_chance(expected, report) if expected.by_chance else _differences(expected, scene, report))


def _differences_by_chance(expected: Expectation, report: Mapping[str, Any]) -> Iterator[str]:
    if (code := report["summary"]["exitCode"]) not in expected.by_chance:
        yield f"exit code: expected one of {', '.join(map(str, expected.by_chance))}, found {code}"
    verdicts = {_key(target): target["verdict"] for target in report["targets"]}
    for key, verdict in expected.verdicts.items():
        yield from _differ(f"verdict of {key}", verdict.value, verdicts.get(key))
    arp = {node["name"]: node["arp"] for node in report["nodes"]}
    for node, state in expected.arp.items():
        yield from _differ(f"arp of {node}", state.value, arp.get(node))


def _differences(expected: Expectation, scene: Scene, report: Mapping[str, Any]) -> Iterator[str]:
    yield from _differ("exit code", expected.exit_code, report["summary"]["exitCode"])
    targets = {_key(target): target for target in report["targets"]}
    verdicts = {key: target["verdict"] for key, target in targets.items() if target["verdict"]}
    yield from _all_differ("verdict of", {key: verdict.value for key, verdict in expected.verdicts.items()}, verdicts)
    names = _stations(scene)
    for key in sorted({*expected.responders, *expected.verdicts, *expected.also}):
        replied = expected.responders.get(key, ())
        found = targets[key]["responders"] if key in targets else []
        yield from _differ(f"responders of {key}", _wanted(replied), _named(found, names, replied))
        if key in expected.also:
            also = sorted(entry["id"] for entry in targets[key]["also"]) if key in targets else []
            yield from _differ(f"also of {key}", [one.value for one in expected.also[key]], also)
    for key, wanted in expected.reasons.items():
        given = [reason["id"] for reason in targets[key]["reasons"]] if key in targets else []
        yield from _differ(f"first reason of {key}", wanted and wanted.value, given[0] if given else None)
    arp = {node["name"]: node["arp"] for node in report["nodes"]}
    yield from _all_differ("arp of", {node: state.value for node, state in expected.arp.items()}, arp)
    yield from _differ("findings", list(expected.findings), sorted(finding["id"] for finding in report["findings"]))
    yield from _differ("gaps", list(expected.gaps), sorted(gap["what"] for gap in report["gaps"]))
    if expected.causes is not None:
        yield from _causes_differ(expected.causes, report["causes"])


def _causes_differ(expected: Mapping[CauseId, str], causes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    texts = {CauseId(cause["id"]): str(cause["text"]) for cause in causes}
    yield from _differ("causes", sorted(map(str, expected)), sorted(map(str, texts)))
    for key in sorted(expected.keys() & texts.keys()):
        if expected[key] not in texts[key]:
            yield f"cause {key}: expected {expected[key]!r} in it, found {texts[key]}"


def _key(target: Mapping[str, Any]) -> str:
    return str(target["ip"] or ", ".join(target["services"]))


def _stations(scene: Scene) -> Mapping[str, str]:
    """By MAC address: the station that replies with it."""
    own = {str(nic.mac): station.name for station in scene.stations for nic in station.nics}
    return own | {str(announcer.mac): announcer.station for announcer in scene.announcers if announcer.mac}


def _wanted(replied: tuple[ExpectedResponder, ...]) -> list[str]:
    return sorted(_entry(one.station, one.rounds) for one in replied)


def _named(
    responders: list[Mapping[str, Any]], names: Mapping[str, str], replied: tuple[ExpectedResponder, ...]
) -> list[str]:
    """In the form of `_wanted`; with rounds only for a responder whose rounds the scene names."""
    rounds = {one.station for one in replied if one.rounds is not None}
    found = []
    for responder in responders:
        mac = responder["macs"][0]
        name = responder["node"] or f"?{names.get(mac, mac)}"
        found.append(_entry(name, tuple(responder["rounds"]) if name in rounds else None))
    return sorted(found)


def _entry(name: str, rounds: tuple[int, ...] | None) -> str:
    return name if rounds is None else f"{name} in {', '.join(map(str, rounds))}"


def _all_differ(what: str, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for key in sorted({*expected, *found}):
        yield from _differ(f"{what} {key}", expected.get(key), found.get(key))


def _differ(what: str, expected: object, found: object) -> Iterator[str]:
    if expected != found:
        yield f"{what}: expected {expected}, found {found}"
