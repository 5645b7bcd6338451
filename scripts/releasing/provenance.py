"""States what the artefacts were made from, as an in-toto statement with a SLSA provenance predicate.

It has no time and no host, so that two builds give one statement; the release workflow adds a signed one of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

BUILD_TYPE = "urn:arpcheck:scripts-release:1"
"""What is done with the parameters: this folder says it."""


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def statement(
    artefacts: Iterable[Path], wheels: Iterable[Path], pythons: Mapping[str, str], *, version: str, commit: str, epoch: int
) -> str:
    """https://slsa.dev/spec/v1.0/provenance. `pythons`: release by version."""
    made: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(artefacts)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": version, "command": "scripts/release"},
                "internalParameters": {"SOURCE_DATE_EPOCH": epoch, "compiledFor": dict(sorted(pythons.items()))},
                "resolvedDependencies": [
                    {"name": "arpcheck", "digest": {"gitCommit": commit}},
                    *({"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(set(wheels))),
                ],
            },
            "runDetails": {"builder": {"id": "urn:arpcheck:scripts-release"}},
        },
    }
    return json.dumps(made, indent=2) + "\n"
