"""Lists the licences of what is shipped, with their texts, and refuses those that licences.toml does not allow."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from bill_of_materials import compiled_in
from boolean import ParseError
from license_expression import AND, OR, ExpressionError, get_spdx_licensing
from locked_packages import ReleaseError
from packages_tree import distributions, normal

POLICY = Path(__file__).parent / "licences.toml"

_CLASSIFIERS: Mapping[str, str] = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Of trove classifiers that name one licence; `BSD License` is checked by the text that is shipped with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licensed:
    """A package and its licence."""

    name: str
    version: str
    expression: str
    """SPDX."""
    is_separate: bool
    """Under a licence that is not compatible with one work under Apache-2.0."""
    texts: tuple[str, ...]


def licences(tree: Path) -> tuple[Licensed, ...]:
    """ReleaseError that names every package that may not be shipped."""
    policy = tomllib.loads(POLICY.read_text(encoding="utf-8"))
    found = [_licensed(one, tree, policy) for one in distributions(tree)]
    return tuple(_checked(found, tree, policy["compatible"]))


def _licensed(metadata: Message, tree: Path, policy: Mapping[str, Mapping[str, str]]) -> Licensed:
    name = normal(metadata["Name"])
    expression = (
        policy["said"].get(name) or metadata["License-Expression"] or _by_classifier(metadata) or metadata["License"]
    )
    [info] = [path for path in tree.glob("*.dist-info") if normal(path.name.split("-")[0]) == name]
    files = [path for path in sorted(info.rglob("*")) if path.is_file() and _is_licence(path)]
    return Licensed(
        name=metadata["Name"], version=metadata["Version"], expression=expression or "",
        is_separate=policy["separate"].get(name) == expression,
        texts=tuple(path.read_text(encoding="utf-8", errors="replace") for path in files),
    )  # fmt: skip


def _by_classifier(metadata: Message) -> str | None:
    lines = [str(line) for line in metadata.get_all("Classifier") or () if str(line).startswith("License ::")]
    found = {_CLASSIFIERS[last] for line in lines if (last := line.rpartition(" :: ")[2]) in _CLASSIFIERS}
    return " AND ".join(sorted(found)) or None


def _is_licence(path: Path) -> bool:
    return path.parent.name == "licenses" or path.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS"))


def _checked(found: Iterable[Licensed], tree: Path, compatible: Collection[str]) -> Iterator[Licensed]:
    wrong = []
    for one in found:
        inside = [(f"{each['name']} in {one.name}", _expression(each)) for each in compiled_in(tree, one.name)]
        parts = [*(() if one.is_separate else ((one.name, one.expression),)), *inside]
        wrong += [
            f"{name}: {expression or 'no licence'}" for name, expression in parts if not _allows(expression, compatible)
        ]
        if not one.texts:
            wrong.append(f"{one.name}: its wheel has no licence text")
        yield one
    if wrong:
        raise ReleaseError("scripts/releasing/licences.toml does not allow these:\n  " + "\n  ".join(wrong))


def _expression(component: Mapping[str, Any]) -> str:
    """Of an entry of a bill of materials."""
    return " AND ".join(f"({one['expression']})" for one in component.get("licenses", ()) if "expression" in one)


def _allows(expression: str, compatible: Collection[str]) -> bool:
    """Whether an SPDX expression leaves a choice of compatible licences. False for what is not an expression."""
    try:
        return _chosen(get_spdx_licensing().parse(expression, validate=True), compatible)
    except (ExpressionError, ParseError):
        return False


def _chosen(part: Any, compatible: Collection[str]) -> bool:
    match part:
        case OR():
            return any(_chosen(one, compatible) for one in part.args)
        case AND():
            return all(_chosen(one, compatible) for one in part.args)
        case _:
            return str(part) in compatible


def page(found: Iterable[Licensed], version: str) -> str:
    """A text file with a table and every licence word for word."""
    rows = [f"{one.name:28} {one.version:14} {one.expression}" + (" (separate)" if one.is_separate else "") for one in found]
    parts = [
        f"Licences of what the one-file build and the image of arpcheck {version} contain.",
        "A package marked separate is a work of its own under its own licence, with its source, unchanged but for files\n"
        "that were left out. It may not be passed on as a part of one work under Apache-2.0.",
        "\n".join(rows),
    ]
    for one in found:
        parts += [f"{'=' * 100}\n{one.name} {one.version}", *(text.strip() for text in one.texts)]
    return "\n\n".join(parts) + "\n"
