"""The bill of materials, in CycloneDX: which packages an artefact contains or needs, with licence, hash and what needs what.

Made by cyclonedx-py; the hashes are those of the wheels that were fetched."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from locked_packages import ReleaseError
from packages_tree import normal


def bill(tree: Path, pyproject: Path, wheels: Iterable[Path], version: str) -> str:
    """Of the packages in a folder. `version` is arpcheck's, which pyproject.toml does not name."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=False, symlinks=True)
        [packages] = Path(place).glob("lib/python3*/site-packages")
        (packages / "tree.pth").write_text(f"{tree}\n", encoding="utf-8")
        command = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--spec-version=1.6",
                   f"--pyproject={pyproject}", "--mc-type=application", str(Path(place) / "bin" / "python"))  # fmt: skip
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    made["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/arpcheck@{version}"}
    hashes = _hashes(wheels)
    for component in made.get("components", ()):
        component["hashes"] = [{"alg": "SHA-256", "content": one} for one in hashes.get(normal(component["name"]), ())]
        if inside := compiled_in(tree, component["name"]):
            component["components"] = inside
    text = json.dumps(made, indent=2, sort_keys=True) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ReleaseError(f"the bill of materials breaks CycloneDX's schema: {fault}")
    return text


def compiled_in(tree: Path, name: str) -> list[dict[str, Any]]:
    """What is compiled into the extension modules of a package, as its wheel says (PEP 770)."""
    files = [path for path in tree.glob("*.dist-info/sboms/*.json") if normal(path.parts[-3].split("-")[0]) == normal(name)]
    said = [one for path in sorted(files) for one in json.loads(path.read_text(encoding="utf-8")).get("components", ())]
    kept = ("type", "name", "version", "licenses", "purl", "hashes")
    return [{key: one[key] for key in kept if key in one} for one in said]


def _hashes(wheels: Iterable[Path]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for wheel in sorted(wheels):
        name = normal(wheel.name.partition("-")[0])
        found.setdefault(name, []).append(sha256(wheel.read_bytes()).hexdigest())
    return found
