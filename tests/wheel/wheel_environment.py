"""The wheel in a virtual environment of its own, with nothing beside it but what it declares: no package of the tests, no file of
the checkout. What it declares is copied from this environment, which is quicker than to fetch and compile it anew."""

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
    from_here = Path(str(one.locate_file("")))
    for file in one.files or ():
        source = from_here / file
        compiled = [Path(cache_from_source(str(source)))] if source.suffix == ".py" else []
        for path in (source, *compiled) if ".." not in file.parts else ():
            if path.is_file():
                target = packages / path.relative_to(from_here)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)


def environment() -> dict[str, str]:
    """As a login's: nothing that names another place for modules. One width for what is wrapped."""
    return {key: os.environ[key] for key in ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR") if key in os.environ} | {
        "COLUMNS": "100"
    }
