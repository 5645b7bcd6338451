"""A report held against what the scene says must come out. Reads the JSON form, since that is what users' scripts read.

A MAC is named by the station that sends it: `?printer` is a responder that the report gives to no node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from arpcheck.lab.scene import Expectation, Heard, Scene
from arpcheck.model import CauseId


def differences(scene: Scene, report: Mapping[str, Any]) -> tuple[str, ...]:
    """One line each: what, what was expected, what came. Empty: it is as it must be, or the scene expects nothing."""
    expected = scene.expect
    return tuple(_differences(expected, scene, report)) if expected else ()


def _differences(expected: Expectation, scene: Scene, report: Mapping[str, Any]) -> Iterator[str]:
    yield from _differ("exit code", expected.exit_code, report["summary"]["exitCode"])
    targets = {_key(target): target for target in report["targets"]}
    verdicts = {key: target["verdict"] for key, target in targets.items() if target["verdict"]}
    yield from _all_differ("verdict of", {key: verdict.value for key, verdict in expected.verdicts.items()}, verdicts)
    names = _stations(scene)
    for key in sorted({*expected.responders, *expected.verdicts, *expected.also}):
        heard = expected.responders.get(key, ())
        found = targets[key]["responders"] if key in targets else []
        yield from _differ(f"responders of {key}", _wanted(heard), _named(found, names, heard))
        if key in expected.also:
            also = sorted(entry["id"] for entry in targets[key]["also"]) if key in targets else []
            yield from _differ(f"also of {key}", [one.value for one in expected.also[key]], also)
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
    """By MAC: the station that answers with it."""
    own = {str(nic.mac): station.name for station in scene.stations for nic in station.nics}
    return own | {str(announcer.mac): announcer.station for announcer in scene.announcers if announcer.mac}


def _wanted(heard: tuple[Heard, ...]) -> list[str]:
    return sorted(_entry(one.station, one.rounds) for one in heard)


def _named(responders: list[Mapping[str, Any]], names: Mapping[str, str], heard: tuple[Heard, ...]) -> list[str]:
    """As `_wanted` gives them; with rounds where the scene names those of this responder."""
    rounds = {one.station for one in heard if one.rounds is not None}
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
