"""Fetches what scripts/releasing/locked names, by hash, into a folder of wheels: the one step that needs a network.

What is there already is not fetched again.

    python scripts/releasing/locked_packages.py FOLDER"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LOCKED = Path(__file__).parent / "locked"
BUILD, RUNTIME = LOCKED / "build.txt", LOCKED / "runtime.txt"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""Of Python, for which the one-file build is made."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""As the kernel calls them, and as Go, Docker and krew do."""
GLIBC = (28, 17, 12, 5)
"""The second number of the newest glibc 2.x that a wheel may need, and of older ones (PEP 600)."""
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A Python for which wheels are chosen."""

    version: str
    architecture: str

    @property
    def options(self) -> tuple[str, ...]:
        """What pip needs to choose wheels for it, whatever Python pip itself runs in."""
        names = [f"manylinux_2_{number}_{self.architecture}" for number in GLIBC]
        names += [f"{old}_{self.architecture}" for old in _OLD_NAMES.values()]
        return ("--only-binary=:all:", "--implementation=cp", f"--python-version={self.version}",
                *(f"--platform={name}" for name in names))  # fmt: skip


TARGETS = tuple(Target(version=version, architecture=one) for one in ARCHITECTURES for version in VERSIONS)


class ReleaseError(Exception):
    """The release could not be made; the text says why and what to do."""


def pip(*words: str, python: str = sys.executable) -> None:
    """Runs pip. ReleaseError with what it says where it fails."""
    command = (python, "-m", "pip", "--disable-pip-version-check", "--quiet", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"pip {words[0]} failed:\n{done.stdout}{done.stderr}".rstrip())


def requirements(locked: Path, version: str) -> str:
    """The lines of a lock file whose marker holds on Linux with this version of Python, as another lock file.

    Needs no package, since it runs before any is installed; uv writes no other markers for these packages."""
    text = []
    for entry in locked.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        head, _, marker = entry.partition("--hash")[0].partition(";")
        if entry.strip() and not entry.startswith("#") and _holds(marker.strip(), version):
            text.append(head.strip() + " " + " ".join(word for word in entry.split() if word.startswith("--hash=")))
    return "\n".join((*text, ""))


def _holds(marker: str, version: str) -> bool:
    words = marker.replace("'", "").split()
    match words:
        case []:
            return True
        case ["sys_platform", "==", platform]:
            return platform == "linux"
        case ["python_full_version", "<", bound]:
            return _numbers(version) < _numbers(bound)
        case ["python_full_version", ">=", bound]:
            return _numbers(version) >= _numbers(bound)
        case _:
            raise ReleaseError(
                f"scripts/releasing/locked has a marker that is not known here: {marker}. Add it to {__file__}"
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def fetch(folder: Path) -> None:
    """All wheels of the lock files, and for the build those of this Python."""
    folder.mkdir(parents=True, exist_ok=True)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for locked, version, options in (
        (BUILD, here, ("--only-binary=:all:",)),
        *((RUNTIME, target.version, target.options) for target in TARGETS),
    ):
        try:
            download(folder, folder, locked, version, options)
        except ReleaseError:
            download(folder, folder, locked, version, options, from_here=False)


def download(
    into: Path, wheels: Path, locked: Path, version: str, options: tuple[str, ...], *, from_here: bool = True
) -> None:
    """Puts the wheels of a lock file into a folder: out of another folder, or also from the index of pip."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        chosen.write(requirements(locked, version))
        chosen.flush()
        words = ("--no-deps", "--require-hashes", *options, "--requirement", chosen.name)
        pip("download", *(("--no-index",) if from_here else ()), f"--find-links={wheels}", f"--dest={into}", *words)


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[1]))
    except ReleaseError as error:
        sys.exit(f"scripts/release: {error}")
