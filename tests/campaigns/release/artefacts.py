"""Installs every artefact of a release by itself, without a network, and says by which command it runs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
WHEELS = CHECKOUT / "build" / "wheels"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An artefact in a place of its own."""

    name: str
    command: tuple[str, ...]
    python: str
    """The Python that runs it."""


def installed(release: Path, away: Path) -> Iterator[Installed]:
    """The wheel first: the others are compared with it."""
    [wheel], [sdist] = release.glob("arpcheck-*.whl"), release.glob("arpcheck-*.tar.gz")
    here = ARCHITECTURES[platform.machine()]
    [program] = release.glob(f"arpcheck-*-linux-{here}.pyz")
    [packed] = release.glob(f"kubectl-arpcheck-*-linux-{here}.tar.gz")
    for name, package in (("wheel", wheel), ("sdist", sdist)):
        programs = _from_wheels(package, away / name)
        yield Installed(name=name, command=(str(programs / "arpcheck"),), python=str(programs / "python"))
    for version, python in pythons().items():
        yield Installed(name=f"one file, Python {version}", command=(python, "-I", str(program)), python=python)
    with tarfile.open(packed) as archive:
        archive.extractall(away / "krew", filter="data")
    plugin = str(away / "krew" / "kubectl-arpcheck")
    yield Installed(name="krew's archive", command=(sys.executable, "-I", plugin), python=sys.executable)


def pythons() -> Mapping[str, str]:
    """Those that the one-file build was made for and that are here, as scripts/release finds them. This Python is one of them, by
    an environment without packages."""
    named = {version: os.environ.get(f"PYTHON{version.replace('.', '_')}", f"python{version}") for version in VERSIONS}
    found = {version: path for version, name in named.items() if (path := shutil.which(name)) and _runs(path, version)}
    return found | {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}


def _runs(path: str, version: str) -> bool:
    said = subprocess.run((path, "--version"), capture_output=True, text=True, check=False).stdout
    return said.startswith(f"Python {version}.")


def _from_wheels(package: Path, place: Path) -> Path:
    """The `bin` of an environment in which pip installed it from the fetched wheels. An sdist is built there first."""
    venv.create(place, with_pip=False, symlinks=True)
    offline = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = (sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet", str(package))
    subprocess.run(command, check=True, env=offline)
    return place / "bin"
