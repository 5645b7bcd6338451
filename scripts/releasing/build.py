"""Makes everything that a release consists of, without a network, from the current commit and the fetched wheels.

python scripts/releasing/build.py --wheels FOLDER [--homepage URL] TARGET-FOLDER"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bill_of_materials
import krew
import licences
import one_file_archive
import provenance
from locked_packages import ARCHITECTURES, RUNTIME, TARGETS, VERSIONS, ReleaseError, Target, download
from packages_tree import distributions, merged, normal, prune
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]

_PYTHONS = [
    {"python_version": one, "python_full_version": f"{one}.0", "sys_platform": "linux", "extra": ""} for one in VERSIONS
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What is released."""

    name: str
    epoch: int
    version: str
    source: Path
    """Its files, without what is not committed."""


def main() -> int:
    options = argparse.ArgumentParser(prog="scripts/release")
    options.add_argument("folder", type=Path)
    options.add_argument("--wheels", type=Path, required=True)
    options.add_argument("--packages", action="store_true", help="only the wheel and the sdist")
    options.add_argument("--homepage", help="the address of the repository, for krew's manifest")
    given = options.parse_args()
    os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory() as place:
            commit, made = _commit(Path(place) / "source"), Path(place) / "made"
            made.mkdir()
            own = _packages(commit, made)
            if not given.packages:
                _add_the_rest(commit, own, given.wheels.resolve(), given.homepage, Path(place))
            _deliver(made, given.folder)
    except ReleaseError as error:
        _say(str(error))
        return 2
    for path in sorted(given.folder.iterdir()):
        print(f"{path.stat().st_size:>10} {path.name}")
    return 0


def _say(line: str) -> None:
    print(f"scripts/release: {line}", file=sys.stderr, flush=True)


def _git(*words: str) -> str:
    done = subprocess.run(("git", "-C", str(CHECKOUT), *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {words[0]} failed: {done.stderr.strip()}. A release is made from a git checkout")
    return done.stdout.strip()


def _commit(source: Path) -> Commit:
    """Writes the files of the commit into the folder."""
    name = _git("rev-parse", "HEAD")
    source.mkdir()
    archive = subprocess.Popen(("git", "-C", str(CHECKOUT), "archive", name), stdout=subprocess.PIPE)
    subprocess.run(("tar", "-x", "-C", str(source)), stdin=archive.stdout, check=True)
    if archive.wait():
        raise ReleaseError(f"git archive {name} failed")
    found = re.search(r'^__version__ = "(.+)"$', (source / "arpcheck/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    version = found[1] if found else ""
    tags = _git("tag", "--points-at", "HEAD", "--list", "v*").split()
    if tags and f"v{version}" not in tags:
        raise ReleaseError(f"the commit's tag is {tags[0]}, but arpcheck/__init__.py says {version}")
    if not tags:
        _say(f"the commit has no tag, so this is not a release of {version}")
    if _git("status", "--porcelain"):
        _say("what is not committed is left out")
    return Commit(name=name, epoch=int(_git("log", "-1", "--format=%ct")), version=version, source=source)


def _add_the_rest(commit: Commit, own: Path, wheels: Path, homepage: str | None, place: Path) -> None:
    """What is made from the wheel and those of the packages that it needs."""
    made, name = own.parent, f"arpcheck-{commit.version}"
    used = {own}
    trees: dict[str, Path] = {}
    for architecture in ARCHITECTURES:
        targets = tuple(target for target in TARGETS if target.architecture == architecture)
        chosen = {wheel for target in targets for wheel in _chosen(target, wheels, place)}
        used |= chosen
        trees[architecture] = place / architecture
        merged((own, *sorted(chosen)), trees[architecture])
        if missing := _unmet(trees[architecture]):
            raise ReleaseError(
                f"scripts/releasing/locked/runtime.txt does not have {', '.join(missing)}. Run scripts/lock and commit it"
            )
    _say("bills of materials and licences")
    any_tree = next(iter(trees.values()))
    pyproject = commit.source / "pyproject.toml"
    _write(made / f"{name}.whl.cdx.json", bill_of_materials.bill(any_tree, pyproject, used, commit.version))
    for tree in trees.values():
        prune(tree)
    _write(made / f"{name}.pyz.cdx.json", bill_of_materials.bill(any_tree, pyproject, used, commit.version))
    _write(made / f"{name}-licences.txt", licences.page(licences.licences(any_tree), commit.version))
    pythons = one_file_archive.interpreters(VERSIONS)
    _say(f"one-file builds, compiled for Python {', '.join(pythons)}")
    if missing := sorted(set(VERSIONS) - set(pythons)):
        _say(f"Python {', '.join(missing)} is not here: there the one-file build compiles itself at each start")
    (place / "compiled").mkdir()
    compiled = one_file_archive.compile_for(any_tree, pythons, place / "compiled")
    archives = {}
    for architecture, tree in trees.items():
        targets = tuple(target for target in TARGETS if target.architecture == architecture)
        program = made / f"{name}-linux-{ARCHITECTURES[architecture]}.pyz"
        one_file_archive.write(program, tree, compiled, targets, commit.epoch)
        archives[ARCHITECTURES[architecture]] = (
            made / f"{krew.PROGRAM}-{commit.version}-linux-{ARCHITECTURES[architecture]}.tar.gz"
        )
        krew.archive(archives[ARCHITECTURES[architecture]], program, commit.source / "LICENSE", commit.epoch)
    if homepage:
        downloads = f"{homepage}/releases/download/v{commit.version}"
        _write(made / "arpcheck.yaml", krew.manifest(archives, commit.version, homepage, downloads))
    else:
        _say("without --homepage there is no manifest for krew")
    releases = {version: one_file_archive.release_of(python) for version, python in pythons.items()}
    _finish(made, name, used - {own}, releases, commit)


def _packages(commit: Commit, made: Path) -> Path:
    """The wheel; the sdist is beside it."""
    _say("wheel and sdist")
    command = (sys.executable, "-m", "hatchling", "build", "-d", str(made))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(commit.epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=commit.source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"hatchling failed:\n{done.stdout}{done.stderr}")
    [wheel] = made.glob("*.whl")
    return wheel


def _chosen(target: Target, wheels: Path, place: Path) -> set[Path]:
    """The wheels that a Python needs."""
    folder = place / "chosen" / f"{target.architecture}-{target.version}"
    folder.mkdir(parents=True)
    download(folder, wheels, RUNTIME, target.version, target.options)
    return {wheels / path.name for path in folder.iterdir()}


def _unmet(tree: Path) -> list[str]:
    """What the packages of a folder demand and the folder does not have."""
    found = distributions(tree)
    have = {normal(one["Name"]): one["Version"] for one in found}
    needs = [Requirement(str(line)) for one in found for line in one.get_all("Requires-Dist") or ()]
    unmet = [need for need in needs if not need.specifier.contains(have.get(normal(need.name), "0.dev0"), prereleases=True)]
    return sorted({str(need) for need in unmet if not need.marker or any(need.marker.evaluate(one) for one in _PYTHONS)})


def _finish(made: Path, name: str, used: set[Path], releases: Mapping[str, str], commit: Commit) -> None:
    text = provenance.statement(
        made.iterdir(), used, releases, version=commit.version, commit=commit.name, epoch=commit.epoch
    )  # fmt: skip
    _write(made / f"{name}.provenance.json", text)
    sums = "".join(f"{provenance.digest(path)}  {path.name}\n" for path in sorted(made.iterdir()))
    _write(made / "SHA256SUMS", sums)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _deliver(made: Path, folder: Path) -> None:
    """Replaces what the folder held: never artefacts of two builds side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    strange = [path.name for path in folder.iterdir() if not re.match(r"(kubectl-)?arpcheck|SHA256SUMS$", path.name)]
    if strange:
        raise ReleaseError(f"{folder} has files that are not of a release: {', '.join(sorted(strange)[:3])}. Name another")
    for path in folder.iterdir():
        path.unlink()
    for path in made.iterdir():
        shutil.copy2(path, folder / path.name)


if __name__ == "__main__":
    sys.exit(main())
