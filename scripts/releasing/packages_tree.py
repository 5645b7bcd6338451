"""The packages that arpcheck needs, installed from wheels into one folder and pruned by scripts/releasing/pruned.toml.

python scripts/releasing/packages_tree.py prune FOLDER    prunes a folder that pip filled, as the image does"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from email import message_from_string
from email.message import Message
from fnmatch import fnmatch
from pathlib import Path

from locked_packages import ReleaseError

PRUNED = Path(__file__).parent / "pruned.toml"
_OF_INSTALLATION = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
"""Metadata that says how it was installed, other for each version of Python."""


def merged(wheels: Iterable[Path], into: Path) -> None:
    """Unpacks wheels for several versions of Python into one folder. Extension modules have the version in their names; all
    else must be the same in all of them."""
    for wheel in wheels:
        with tempfile.TemporaryDirectory() as place:
            shutil.unpack_archive(wheel, place, "zip")
            for file in sorted(path for path in Path(place).rglob("*") if path.is_file()):
                name = file.relative_to(place)
                if name.parts[0].endswith(".data"):
                    continue  # programs, which name their own Python
                target = into / name
                if target.exists() and (is_of_installation(name) or is_bill(name)):
                    continue
                if target.exists() and target.read_bytes() != file.read_bytes():
                    raise ReleaseError(f"{name} of {wheel.name} is not that of another version of Python")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)


def is_of_installation(name: Path) -> bool:
    return name.name in _OF_INSTALLATION and name.parts[0].endswith(".dist-info")


def is_bill(name: Path) -> bool:
    """A bill of materials of what is compiled into a package (PEP 770); it has the time of its making."""
    return name.parts[0].endswith(".dist-info") and name.parts[1] == "sboms"


def prune(folder: Path) -> None:
    """Removes what is not shipped."""
    rules = tomllib.loads(PRUNED.read_text(encoding="utf-8"))
    for name in _unneeded(folder, rules["packages"]):
        _remove_package(folder, name)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        kept = rules["only"].get(path.relative_to(folder).parent.as_posix())
        if path.is_file() and ((kept and path.name not in kept) or any(fnmatch(name, one) for one in rules["files"])):
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _unneeded(folder: Path, dropped: Mapping[str, str]) -> set[str]:
    """The packages that are dropped and those that only they need."""
    needs = {normal(one["Name"]): _needs(one) for one in distributions(folder)}
    gone = {normal(name) for name in dropped}
    if missing := gone - needs.keys():
        raise ReleaseError(f"scripts/releasing/pruned.toml names packages that are not there: {', '.join(sorted(missing))}")
    kept: set[str] = set()
    todo = needs["arpcheck"]
    while todo:
        one = todo.pop()
        if one in needs and one not in gone and one not in kept:
            kept.add(one)
            todo += needs[one]
    return needs.keys() - kept - {"arpcheck"}


def _needs(metadata: Message) -> list[str]:
    """The names of what it needs, whatever the marker says; extras are not needed."""
    lines = [str(line) for line in metadata.get_all("Requires-Dist") or ()]
    return [normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines if "extra ==" not in line]


def distributions(folder: Path) -> list[Message]:
    """The metadata of every package in a folder, by name."""
    found = [message_from_string(path.read_text(encoding="utf-8")) for path in folder.glob("*.dist-info/METADATA")]
    return sorted(found, key=lambda one: normal(one["Name"]))


def normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _remove_package(folder: Path, name: str) -> None:
    [info] = [path for path in folder.glob("*.dist-info") if normal(path.name.split("-")[0]) == name]
    for top in _top_names(info):
        if (folder / top).is_dir():
            shutil.rmtree(folder / top)
        else:
            (folder / top).unlink(missing_ok=True)
    shutil.rmtree(info)


def _top_names(info: Path) -> set[str]:
    """What lies beside the metadata, as the RECORD says."""
    files = [line.split(",")[0] for line in (info / "RECORD").read_text(encoding="utf-8").splitlines()]
    return {file.split("/")[0] for file in files} - {info.name, "..", "__pycache__"}


if __name__ == "__main__":
    prune(Path(sys.argv[2]))
