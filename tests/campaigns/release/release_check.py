"""Runs every artefact of a release beside the wheel: the same help, the same report of a saved run, the same snapshot of an API
server, and a scene on real kernels. `scripts/release --check` starts it in a network namespace of its own.

    python tests/campaigns/release/release_check.py FOLDER"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from apiserver import ApiServer
from artefacts import Installed, installed
from cluster.cluster_world import CLUSTER
from krew_rules import broken_rules
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.reports import render

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = 11
MOST = 1.5
"""How much processor time the help of a one-file build may take, as a multiple of the wheel's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    code: int
    out: str
    err: str


def main(folder: Path) -> int:
    wrong = [
        *_sums(folder),
        *(f"arpcheck.yaml: {line}" for path in folder.glob("arpcheck.yaml") for line in broken_rules(path)),
    ]
    with tempfile.TemporaryDirectory() as place:
        away = Path(place)
        away.chmod(0o755)
        wrong += _beside_the_wheel(folder, away)
    _say("\n".join(wrong or ["every artefact does what the wheel does"]))
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _sums(folder: Path) -> Iterator[str]:
    said = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "SHA256SUMS"}
    yield from (
        f"{name}: not the checksum of SHA256SUMS"
        for name in sorted(found.keys() | said)
        if said.get(name) != found.get(name)
    )
    [statement] = folder.glob("*.provenance.json")
    for subject in json.loads(statement.read_text(encoding="utf-8"))["subject"]:
        if subject["digest"]["sha256"] != found.get(subject["name"]):
            yield f"{subject['name']}: not the checksum of {statement.name}"


def _beside_the_wheel(folder: Path, away: Path) -> Iterator[str]:
    (away / "run.json").write_text(_saved_run(), encoding="utf-8")
    with ApiServer(CLUSTER) as server:
        server.kubeconfig(away / "kubeconfig")
        artefacts = installed(folder, away)
        wheel = next(artefacts)
        expected = [_told(wheel, words, away) for words in _questions(away)]
        yield from (f"wheel: `{words[0]}` ended with {told.code}\n{told.err}" for words, told in zip(_questions(away), expected, strict=True)
                    if told.code not in (0, 1))  # fmt: skip
        for one in artefacts:
            ratio = _ratio(wheel, one)
            _say(f"{one.name:24} help in {ratio:.2f} of the wheel's time")
            if ratio > MOST:
                yield f"{one.name}: its help takes {ratio:.2f} of the wheel's time, at most {MOST} is right"
            for words, known in zip(_questions(away), expected, strict=True):
                told = _told(one, words, away)
                if (told.code, told.out) != (known.code, known.out):
                    yield f"{one.name}: `{words[0]}` ended with {told.code}, the wheel's with {known.code}, or differs\n{told.err}"


def _questions(away: Path) -> tuple[Sequence[str], ...]:
    return (
        ("--help",),
        ("probe", "--help"),
        ("report", str(away / "run.json"), "-o", "json"),
        ("report", str(away / "run.json"), "-o", "html"),
        ("explain", "non-strict"),
        ("snapshot", "--kubeconfig", str(away / "kubeconfig")),
        ("demo", "healthy"),
    )


def _told(one: Installed, words: Sequence[str], away: Path) -> Told:
    environment = {"PATH": os.environ["PATH"], "HOME": str(away), "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
    done = subprocess.run((*one.command, *words), capture_output=True, text=True, cwd=away, env=environment, check=False)
    return Told(code=done.returncode, out=_steady(words[0], done.stdout), err=done.stderr)


def _steady(command: str, out: str) -> str:
    """What is the same in two runs."""
    match command:
        case "snapshot" if out:
            return str(sorted(str(item) for item in json.loads(out)["items"]))
        case "--help" | "probe":  # which says `kubectl arpcheck` as a plug-in
            return " ".join(out.replace("kubectl arpcheck", "arpcheck").split())
        case "demo":
            return out.splitlines()[-1] if out else ""
        case _:
            return out


def _ratio(wheel: Installed, one: Installed) -> float:
    """Processor time of the help of both, in turn, as if the same Python ran them: how long one starts is not arpcheck's."""
    commands = ((*wheel.command, "--help"), _bare(wheel), (*one.command, "--help"), _bare(one))
    ours, ours_bare, theirs, theirs_bare = map(median, zip(*(map(_time, commands) for _ in range(RUNS)), strict=True))
    return theirs / (ours - ours_bare + theirs_bare)


def _bare(one: Installed) -> Sequence[str]:
    return one.python, "-I", "-c", ""


def _time(command: Sequence[str]) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _saved_run() -> str:
    scene = scene_file.load("all-non-strict")
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )
    return render(pipeline.conclude(evidence), "json")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
