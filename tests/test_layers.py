"""The tower stands: imports go downwards only and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("configs", "structures", "workflows", "analysis", "hpc")
MODULES = {path.relative_to(ROOT).with_suffix("").parts: path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}


def _imports(parts: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Modules of the package that a module imports anywhere, functions included."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[parts].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = parts[: len(parts) - node.level]
            target = package + tuple((node.module or "").split(".")) if node.module else package
            found |= {target} if target in MODULES else {(*target, alias.name) for alias in node.names if (*target, alias.name) in MODULES}
    return found


GRAPH = {parts: _imports(parts) for parts in MODULES}


def test_there_is_something_to_check() -> None:
    assert sum(map(len, GRAPH.values())) > 50


@pytest.mark.parametrize("parts", sorted(MODULES), ids=".".join)
def test_imports_go_downwards(parts: tuple[str, ...]) -> None:
    rank = FOLDERS.index(parts[0])
    upward = [".".join(target) for target in GRAPH[parts] if FOLDERS.index(target[0]) > rank]
    assert not upward


@pytest.mark.parametrize("parts", sorted(MODULES), ids=".".join)
def test_the_package_imports_itself_relatively(parts: tuple[str, ...]) -> None:
    absolute = [
        node
        for node in ast.walk(ast.parse(MODULES[parts].read_text()))
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "catholyte")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "catholyte" for alias in node.names))
    ]
    assert not absolute


def test_no_circle() -> None:
    graph = networkx.DiGraph([(a, b) for a, targets in GRAPH.items() for b in targets])
    assert list(networkx.simple_cycles(graph)) == []


def test_analysis_sees_no_maker() -> None:
    allowed = {("workflows", "documents"), ("workflows", "interface_documents"), ("workflows", "vasp_output")}  # the schemas, and the reader of output files
    seen = {target for parts, targets in GRAPH.items() if parts[0] == "analysis" for target in targets if target[0] == "workflows"}
    assert seen <= allowed
