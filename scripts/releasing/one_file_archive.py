"""The one-file build: a zip that Python runs, with all packages and their code compiled for each version of Python.

shiv and pex unpack into a cache of the user, which must not happen under sudo: see scripts/releasing/one_file."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from locked_packages import ReleaseError, Target
from packages_tree import is_of_installation

FIRST_LINE = b"#!/usr/bin/env -S python3 -I\n"
"""Isolated: no module of the folder, of the user or of PYTHONPATH, since it may run as root."""
BOOT = Path(__file__).parent / "one_file"


def interpreters(versions: tuple[str, ...]) -> Mapping[str, str]:
    """The Python of each version that is here: PYTHON3_11 and so on name one, else it is searched in PATH."""
    found = {}
    for version in versions:
        name = os.environ.get(f"PYTHON{version.replace('.', '_')}") or f"python{version}"
        path = shutil.which(name)
        if path and _release_of(path).startswith(f"{version}."):
            found[version] = path
    return found


def _release_of(path: str) -> str:
    words = (path, "-I", "-c", "import platform; print(platform.python_version())")
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def release_of(path: str) -> str:
    """`3.13.0`"""
    if not (said := _release_of(path)):
        raise ReleaseError(f"{path} does not run")
    return said


def compile_for(tree: Path, pythons: Mapping[str, str], into: Path) -> Mapping[str, Path]:
    """A folder of compiled code for each Python."""
    made = {}
    for version, python in pythons.items():
        tag = f"cpython-{version.replace('.', '')}"
        made[tag] = into / tag
        made[tag].mkdir()
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
        command = (python, str(Path(__file__).parent / "compile_tree.py"), str(tree), str(made[tag]))
        subprocess.run(command, check=True, env=environment)
    return made


def write(target: Path, tree: Path, compiled: Mapping[str, Path], targets: tuple[Target, ...], epoch: int) -> None:
    """Writes the archive; every byte follows from the arguments."""
    suffixes = [f".cpython-{one.version.replace('.', '')}-{one.architecture}-linux-gnu.so" for one in targets]
    members = {path.relative_to(tree): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}
    content = {str(name): text for name, text in members.items() if _is_used(name)}
    content |= {name: (BOOT / name).read_bytes() for name in ("__main__.py", "_one_file.py")}
    content["one_file/suffixes"] = "\n".join((*suffixes, "")).encode()
    content |= {
        f"one_file/{tag}/{path.name}": path.read_bytes() for tag, folder in compiled.items() for path in folder.iterdir()
    }
    with target.open("wb") as file:
        file.write(FIRST_LINE)
        with zipfile.ZipFile(file, "w") as archive:
            for name in sorted(content):
                archive.writestr(_member(name, epoch), content[name], compresslevel=9)
    target.chmod(0o755)


def _is_used(name: Path) -> bool:
    """Python reads the whole list of members at each start."""
    return name.suffix != ".pyi" and name.name != "py.typed" and not is_of_installation(name)


def _member(name: str, epoch: int) -> zipfile.ZipInfo:
    """Compiled code is compressed module by module, and read at each start."""
    member = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
    member.create_system = 3
    member.external_attr = 0o100644 << 16
    member.compress_type = zipfile.ZIP_STORED if name.startswith("one_file/") else zipfile.ZIP_DEFLATED
    return member
