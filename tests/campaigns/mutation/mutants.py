"""The mutants of a module: one small change each, of the kind that a slip of the hand makes. Pure."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

COMPARED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
CALLED = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}


class Mutant(NamedTuple):
    what: str
    lines: range
    """Of the statement that is changed, or of its head where it has a body. The first is the place of the change."""
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """In the order of the lines; annotations and texts are left alone."""
    tree = ast.parse(source)
    heads = dict(_heads(tree))
    for number, node in sorted(enumerate(_places(tree)), key=lambda place: place[1].lineno):
        for way, what in enumerate(_ways(node)):
            changed = copy.deepcopy(tree)
            _change(_places(changed)[number], way)
            yield Mutant(
                f"{node.lineno}:{node.col_offset + 1}: {what}: {ast.unparse(node)[:80]}",
                heads[node],
                ast.fix_missing_locations(changed),
            )


def functions_changed(before: CodeType, after: CodeType) -> list[CodeType] | None:
    """The functions of `after` that are others than those of `before`; None where what runs at the import is."""
    found = []
    for old, new in zip(_inner(before), _inner(after), strict=True):
        if old.co_flags & 0x2:  # CO_NEWLOCALS: a function, no class
            found += [new] if old != new else []
        elif (within := functions_changed(old, new)) is None:
            return None
        else:
            found += within
    return found if _bare(before) == _bare(after) else None


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _bare(code: CodeType) -> CodeType:
    return code.replace(co_consts=tuple(None if isinstance(one, CodeType) else one for one in code.co_consts))


def _places(tree: ast.AST) -> list[ast.AST]:
    left = set(_annotations(tree))
    return [node for node in ast.walk(tree) if hasattr(node, "lineno") and node not in left]


def _heads(tree: ast.AST) -> Iterator[tuple[ast.AST, range]]:
    """Every node with the lines of its innermost statement, without those of a body."""
    for node in ast.walk(tree):  # from the outside in, so that the innermost comes last
        if isinstance(node, (ast.stmt, ast.match_case, ast.ExceptHandler)):
            body = getattr(node, "body", None)
            first = getattr(node, "lineno", None) or node.pattern.lineno  # type: ignore[attr-defined]
            last = max(first, body[0].lineno - 1) if body else node.end_lineno  # type: ignore[attr-defined]
            for inner in ast.walk(node):
                yield inner, range(first, last + 1)


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        found = [getattr(node, name, None) for name in ("annotation", "returns")]
        for annotation in filter(None, found):
            yield from ast.walk(annotation)


def _ways(node: ast.AST) -> list[str]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            return [f"{type(op).__name__} to {COMPARED[type(op)].__name__}"]
        case ast.BoolOp(op=op, values=values):
            return [f"{type(op).__name__} the other way", *(f"without part {n}" for n in range(1, len(values) + 1))]
        case ast.UnaryOp(op=ast.Not()):
            return ["without not"]
        case ast.BinOp(op=op) if type(op) in COUNTED:
            return [f"{type(op).__name__} to {COUNTED[type(op)].__name__}"]
        case ast.Constant(value=bool() as value):
            return [f"{value} to {not value}"]
        case ast.Constant(value=int() as value):
            return [f"{value} to {value + 1}"]
        case ast.IfExp():
            return ["always the first", "always the second"]
        case ast.If():
            return ["if True", "if False"]
        case ast.comprehension(ifs=[_, *_]):
            return ["without its condition"]
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            return [f"{name} to {CALLED[name]}"]
    return []


def _change(node: ast.AST, way: int) -> None:
    match node:
        case ast.Compare():
            node.ops = [COMPARED[type(node.ops[0])]()]
        case ast.BoolOp() if way == 0:
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.BoolOp():
            node.values[way - 1 : way] = []
            node.values.insert(0, ast.Constant(value=isinstance(node.op, ast.And)))  # one value alone is no BoolOp
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(op=ast.Not(), operand=node.operand)
        case ast.BinOp():
            node.op = COUNTED[type(node.op)]()
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant():
            node.value = node.value + 1
        case ast.IfExp() | ast.If():
            node.test = ast.Constant(value=way == 0)
        case ast.comprehension():
            node.ifs = []
        case ast.Call():
            node.func = ast.Name(id=CALLED[node.func.id], ctx=ast.Load())
