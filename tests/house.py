"""The shape of the package: one name for one thing, no circle between files, no crumbs. `scripts/check` runs it."""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "arpcheck"
MOST_FILES = 5
"""In which one private function name may stand."""
LEAST_LINES = 40
"""Of a file that is no plug-in and no package's `__init__`."""
PLUGINS = ("loadbalancers", "mac_owners", "reports", "commands")
"""Packages in which a file may be as small as what it does."""

Trees = Mapping[str, tuple[Path, ast.Module]]


def main() -> int:
    trees = {_name(path): (path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(PACKAGE.rglob("*.py"))}
    wrong = [*_classes(trees), *_private_functions(trees), *_circles(trees), *_crumbs(trees)]
    print("\n".join([*wrong, _counts(trees)]))  # noqa: T201
    return 1 if wrong else 0


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _classes(trees: Trees) -> Iterator[str]:
    """Classes at the top of a file: two of one name are found by one search, and taken for each other."""
    found = defaultdict(list)
    for module, (_, tree) in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    for name, modules in sorted(found.items()):
        if len(modules) > 1:
            yield f"class {name} is in {', '.join(modules)}"


def _private_functions(trees: Trees) -> Iterator[str]:
    """Functions at the top of a file and methods."""
    found = defaultdict(set)
    for module, (_, tree) in trees.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name.startswith("_")
                and not node.name.endswith("__")
            ):
                found[node.name].add(module)
    for name, modules in sorted(found.items()):
        if len(modules) > MOST_FILES:
            yield f"{name}() is in {len(modules)} files: {', '.join(sorted(modules))}"


def _circles(trees: Trees) -> Iterator[str]:
    """Files that import each other when they run, wherever in the file."""
    needs = {module: set(_imports(module, tree, trees)) for module, (_, tree) in trees.items()}
    known: set[str] = set()
    for module in needs:
        reached, todo = set(), [*needs[module]]
        while todo:
            if (one := todo.pop()) not in reached:
                reached.add(one)
                todo += needs[one]
        if module in reached and module not in known:
            circle = {other for other in reached if module in _reached(other, needs)}
            known |= circle
            yield f"these import each other: {', '.join(sorted(circle))}"


def _reached(module: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [*needs[module]]
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += needs[one]
    return found


def _imports(module: str, tree: ast.Module, trees: Trees) -> Iterable[str]:
    typing = {
        node
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
    }
    for node in ast.walk(tree):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in trees else node.module for a in node.names]
        else:
            continue
        yield from (name for name in names if name in trees and name != module)


def _crumbs(trees: Trees) -> Iterator[str]:
    for module, (path, _) in trees.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        package = module.split(".")[1] if "." in module else ""
        if lines < LEAST_LINES and path.name not in ("__init__.py", "__main__.py") and package not in PLUGINS:
            yield f"{module} has {lines} lines: a part of what uses it, or of what is beside it"


def _counts(trees: Trees) -> str:
    lines = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path, _ in trees.values())
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for _, tree in trees.values() for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )  # fmt: skip
    names = Counter(node.name for _, tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef))
    return (
        f"{len(lines)} files, {sum(lines)} lines, median {lines[len(lines) // 2]} a file, {sum(x > 350 for x in lines)} above 350; "
        f"{len(lengths)} functions, median {lengths[len(lengths) // 2]} lines; {len(names)} classes"
    )


if __name__ == "__main__":
    sys.exit(main())
