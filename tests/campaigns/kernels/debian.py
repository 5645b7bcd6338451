"""Kernels as Debian ships them: the image package of a release, fetched with apt into a cache folder and unpacked there.

apt keeps lists and packages of its own below that folder, so that the release of this host does not matter, and no root is
needed. What is in the cache is not fetched again; `fresh` asks for what is newest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

RELEASES = {"12": "bookworm", "13": "trixie"}
META_PACKAGE = "linux-image-cloud-amd64"
"""It depends on the image of the newest version. The cloud flavour is a third of the size of the other, and has all that
scenes need."""
ARCHIVE = os.environ.get("DEBIAN_ARCHIVE", "http://deb.debian.org")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LONGEST = 300.0
"""Seconds for one program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    release: str
    """As `12`."""
    image: Path
    """Its vmlinuz."""
    modules: Path
    """Its lib/modules/VERSION, with the files of depmod."""

    @property
    def version(self) -> str:
        return self.modules.name


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "arpcheck-kernels"


def kernel(release: str, *, fresh: bool = False) -> Kernel:
    """Raises RuntimeError with what a program said where it is not to be had."""
    folder = cache() / release
    folder.mkdir(parents=True, exist_ok=True)
    packages = sorted(folder.glob("linux-image-*.deb"))
    if fresh or not packages:
        packages = [_downloaded(RELEASES[release], folder)]
    unpacked = folder / packages[-1].stem
    if not unpacked.is_dir():
        _unpack(packages[-1], unpacked)
    found = next(
        path for path in (unpacked / "usr/lib/modules", unpacked / "lib/modules") if path.is_dir() and any(path.iterdir())
    )
    modules = next(found.iterdir())
    return Kernel(release=release, image=unpacked / f"boot/vmlinuz-{modules.name}", modules=modules)


def _downloaded(suite: str, folder: Path) -> Path:
    apt = folder / "apt"
    for needed in ("lists/partial", "cache/archives/partial"):
        (apt / needed).mkdir(parents=True, exist_ok=True)
    sources = apt / "sources.list"
    lines = [
        f"deb [signed-by={KEYRING}] {ARCHIVE}/debian {suite} main",
        f"deb [signed-by={KEYRING}] {ARCHIVE}/debian-security {suite}-security main",
    ]
    sources.write_text("\n".join([*lines, ""]))
    options = {
        "APT::Architecture": "amd64", "APT::Sandbox::User": "", "Acquire::Languages": "none", "Acquire::Retries": "2",
        "Dir::Cache": apt / "cache", "Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null", "Dir::State::lists": apt / "lists",
        "Dir::State::status": "/dev/null", "Debug::NoLocking": "true",
    }  # fmt: skip
    words = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    _run("apt-get", *words, "-qq", "update", folder=folder)
    told = _run("apt-cache", *words, "depends", META_PACKAGE, folder=folder)
    if not (named := re.search(r"Depends: (linux-image-\S+)", told)):
        raise RuntimeError(f"{META_PACKAGE} of {suite} names no image: {told}")
    for older in folder.glob("linux-image-*.deb"):
        older.unlink()
    _run("apt-get", *words, "-qq", "download", named[1], folder=folder)
    return next(folder.glob("linux-image-*.deb"))


def _unpack(package: Path, to: Path) -> None:
    """In a folder beside it first: an unpacking that was interrupted is not taken for one that is done."""
    half = to.with_name(f"{to.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    _run("dpkg-deb", "-x", str(package), str(half), folder=to.parent)
    base = next(
        path for path in (half / "usr", half) if (path / "lib/modules").is_dir() and any((path / "lib/modules").iterdir())
    )
    version = next((base / "lib/modules").iterdir()).name
    _run(shutil.which("depmod") or "/sbin/depmod", "-b", str(base), version, folder=to.parent)
    half.rename(to)


def _run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1])} {command[-1]}: {done.stderr.strip()[-800:]}")
    return done.stdout
