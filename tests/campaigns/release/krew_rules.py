"""The rules that krew's `validate-krew-manifest` and its naming guide hold for a manifest, as far as they can be checked without a
download (krew, internal/index/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_API = "krew.googlecontainertools.github.com/v1alpha2"
_SEMVER = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_NAME = re.compile(r"[\w-]+", re.ASCII)
_SUM = re.compile(r"[0-9a-f]{64}")


def broken_rules(path: Path) -> Iterator[str]:
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec, name = made["spec"], made["metadata"]["name"]
    rules = {
        f"apiVersion is not {_API}": made["apiVersion"] == _API,
        "kind is not Plugin": made["kind"] == "Plugin",
        "the file is not called as the plug-in": path.stem == name,
        "the name has other characters than letters, digits, - and _": bool(_NAME.fullmatch(name)),
        "the name begins with kube": not name.startswith("kube"),
        "the version is not vMAJOR.MINOR.PATCH": bool(_SEMVER.fullmatch(spec["version"])),
        "shortDescription is missing or longer than 50 characters": 0 < len(spec["shortDescription"]) <= 50,
        "shortDescription has more than a line or ends with a stop": not re.search(r"\n|\.$", spec["shortDescription"]),
        "description is missing": bool(spec["description"].strip()),
        "homepage is not https": spec["homepage"].startswith("https://"),
        "no platform": bool(spec["platforms"]),
    }
    yield from (rule for rule, holds in rules.items() if not holds)
    for platform in spec["platforms"]:
        yield from _broken_of_platform(platform)
    selected = [str(platform["selector"]) for platform in spec["platforms"]]
    if len(set(selected)) != len(selected):
        yield "two platforms have one selector"


def _broken_of_platform(platform: Mapping[str, Any]) -> Iterator[str]:
    labels = platform["selector"]["matchLabels"]
    rules = {
        "a selector has other labels than os and arch": labels.keys() <= {"os", "arch"} and bool(labels),
        "a uri is not an https address of a .tar.gz or .zip": bool(
            re.fullmatch(r"https://\S+\.(tar\.gz|zip)", platform["uri"])
        ),
        "a sha256 is not 64 hexadecimal digits": bool(_SUM.fullmatch(platform["sha256"])),
        "bin is absolute or leaves the archive": not platform["bin"].startswith("/") and ".." not in platform["bin"],
    }
    yield from (rule for rule, holds in rules.items() if not holds)
