"""Code asks what an engine can do and what its numbers are worth: no engine is told by its name but where engines are
made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from catholyte.workflows.engines.registry import ENGINES

ROOT = Path(__file__).parents[1]
FOLDERS = ("configs", "structures", "workflows", "analysis", "hpc")
#: methods of strings, mappings and lists that decide by what they are given
DECIDING = {"get", "startswith", "endswith", "removeprefix", "removesuffix", "count", "index", "find", "pop"}
MODULES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if (ROOT / "workflows" / "engines") not in path.parents
)


def _names(node: ast.AST | None) -> list[ast.Constant]:
    """Names of engines in an operand: itself, or a member of a tuple, list, set or table."""
    if isinstance(node, ast.Constant):
        return [node] if node.value in ENGINES else []
    members = (
        node.elts
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        else node.keys
        if isinstance(node, ast.Dict)
        else []
    )
    return [name for member in members for name in _names(member)]


def deciding_names(text: str) -> Iterator[ast.Constant]:
    """Names of engines that a module compares, matches, looks up, or keeps a table of."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare):
            for operand in (node.left, *node.comparators):
                yield from _names(operand)
        elif isinstance(node, ast.MatchValue):
            yield from _names(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in DECIDING:
            for argument in node.args:
                yield from _names(argument)
        elif isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            found = _names(node)
            yield from found if len(found) > 1 else []


def test_no_engine_is_told_by_its_name() -> None:
    assert len(MODULES) > 200
    told = [
        f"{path.relative_to(ROOT)}: line {name.lineno}: {name.value!r}"
        for path in MODULES
        for name in deciding_names(path.read_text(encoding="utf-8"))
    ]
    assert told == []


@pytest.mark.parametrize(
    "text",
    [
        'tier == "chgnet"',
        '"vasp" != engine',
        'tier in ("", "chgnet")',
        'found.get(tier, "gpaw")',
        'found.get("rehearsal")',
        'next(t for t in ("rehearsal", "chgnet") if t in label)',
        'TABLE = {"vasp": 1, "gpaw": 2}',
        'match tier:\n    case "gpaw" | "vasp":\n        pass',
        'label.startswith("vasp")',
    ],
)
def test_a_comparison_is_seen(text: str) -> None:
    assert list(deciding_names(text))


@pytest.mark.parametrize("text", ['Engine("chgnet")', 'engine: str = "gpaw"', '{"vasp": version}', 'x == "ewald"'])
def test_a_default_or_a_key_is_no_comparison(text: str) -> None:
    assert not list(deciding_names(text))
