"""The wheel in a virtual environment of its own, with nothing beside it but what it declares: no package of the tests, no file of
the checkout. What it declares is copied from this environment, which is quicker than to fetch and compile it anew."""

import errno
import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def build(folder: Path) -> Path:
    """The wheel of the checkout."""
    words = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(CHECKOUT),
    ]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *words], check=True, cwd=folder)
    [wheel] = folder.glob("arpcheck-*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Its `bin`."""
    venv.create(folder, with_pip=False, symlinks=True)
    [packages] = folder.glob("lib/python3*/site-packages")
    words = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", *words], check=True, cwd=folder
    )
    [installed] = Distribution.discover(name="arpcheck", path=[str(packages)])
    for one in needed(installed):
        copy(one, packages)
    return folder / "bin"


def needed(of: Distribution) -> list[Distribution]:
    """What it declares, and what that declares in turn, as this environment has it. PackageNotFoundError where it does not."""
    found: dict[str, Distribution] = {}
    left: list[tuple[Distribution, frozenset[str]]] = [(of, frozenset())]
    done = set()
    while left:
        one, extras = left.pop()
        for line in one.requires or ():
            need = Requirement(line)
            if need.marker and not any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                continue
            wanted = (need.name, frozenset(need.extras))
            if wanted not in done:
                done.add(wanted)
                found[need.name] = distribution(need.name)
                left.append((found[need.name], wanted[1]))
    return list(found.values())


def copy(one: Distribution, packages: Path) -> None:
    """Its modules, compiled ones with them, and metadata; no script of its own, which names this environment's Python."""
    here = str(one.locate_file(""))
    listed = [str(file) for file in one.files or () if ".." not in file.parts]
    made = set()
    for name in (*listed, *(cache_from_source(name) for name in listed if name.endswith(".py"))):
        source, target = os.path.join(here, name), os.path.join(packages, name)
        if os.path.isfile(source) and not os.path.exists(target):
            if (folder := os.path.dirname(target)) not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            link(source, target)


def link(source: str, target: str) -> None:
    """A copy that takes a tenth of the time, as nobody writes into a file that is installed; a real one on another disk."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target)


def environment() -> dict[str, str]:
    """As a login's: nothing that names another place for modules. One width for what is wrapped."""
    return {key: os.environ[key] for key in ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR") if key in os.environ} | {
        "COLUMNS": "100"
    }
