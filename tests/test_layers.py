"""The tower stands: imports go downwards only, between folders and between the rooms of a folder, and never in a
circle."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[1]
#: rooms and loose modules of each folder, from the ground up; what stands in one line may not import from its
#: neighbours
RANKS: dict[str, tuple[str, ...]] = {
    "": ("configs", "structures", "workflows", "analysis", "hpc"),
    "configs": (
        "errors homes arrays constants database",
        "units harmless ions",
        "models",
        "committee",
        "claims steps",
        "recipe",
        "load",
        "cluster trust phase_set_files",
    ),
    "structures": ("crystals trajectories", "surfaces defects", "by_name interfaces"),
    "workflows": (
        "roles signature",
        "documents interface_documents comparison_documents",
        "band_documents strain_documents",
        "vasp_output",
        "engines",
        "identity",
        "flows",
        "phases",
        "plan",
        "preflight imports",
    ),
    "workflows.engines": (
        "cores tasks bands",
        "backend",
        "registry",
        "acceptance",
        "ase gpaw engine",
        "vasp",
        "rehearsal",
    ),
    "analysis": (
        "words gibbs",
        "thermodynamics states trajectories cells layers former_labels",
        "campaigns phase_sets",
        "oxygen motion records training_set",
        "transport",
        "figures",
        "report",
    ),
    "analysis.report": (
        "content",
        "columns case rendering quantity",
        "chapter committee",
        "quantities",
        "chapters",
        "claims comparison",
        "claims_section first_screen event_members",
        "page",
    ),
    "hpc": ("store rehearsal", "run proposal", "queue board", "commands", "notebook"),
    "hpc.commands": (
        "options answers",
        "output",
        "command",
        "structures thermodynamics campaigns results",
        "catalog",
        "contract",
        "app",
    ),
}
#: modules in one room at most, and lines of one module
MOST_MODULES, MOST_LINES = 18, 400
FOLDERS = RANKS[""]
Graph = dict[tuple[str, ...], set[tuple[str, ...]]]
MODULES = {
    path.relative_to(ROOT).with_suffix("").parts: path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
}


def _imports(parts: tuple[str, ...], tree: ast.Module) -> set[tuple[str, ...]]:
    """Modules of the package that a module imports anywhere, functions included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = parts[: len(parts) - node.level]
            target = package + tuple((node.module or "").split(".")) if node.module else package
            found |= (
                {target}
                if target in MODULES
                else {(*target, a.name) for a in node.names if (*target, a.name) in MODULES}
            )
    return found


@pytest.fixture(scope="module")
def trees() -> dict[tuple[str, ...], ast.Module]:
    """Modules, parsed."""
    return {parts: ast.parse(path.read_text(encoding="utf-8")) for parts, path in MODULES.items()}


@pytest.fixture(scope="module")
def graph(trees: dict[tuple[str, ...], ast.Module]) -> Graph:
    """Module to the modules of the package that it imports."""
    return {parts: _imports(parts, tree) for parts, tree in trees.items()}


def _rank(place: str, name: str) -> int:
    return next((i for i, line in enumerate(RANKS[place]) if name in line.split()), -1)


def test_there_is_something_to_check(graph: Graph) -> None:
    assert sum(map(len, graph.values())) > 50


@pytest.mark.parametrize("place", RANKS, ids=lambda place: place or "package")
def test_every_room_has_a_rank(place: str) -> None:
    prefix = tuple(place.split(".")) if place else ()
    inside = {parts[len(prefix)] for parts in MODULES if parts[: len(prefix)] == prefix and len(parts) > len(prefix)}
    assert inside - {"__init__"} == {name for line in RANKS[place] for name in line.split()}


@pytest.mark.parametrize("place", RANKS, ids=lambda place: place or "package")
def test_imports_go_downwards(place: str, graph: Graph) -> None:
    prefix = tuple(place.split(".")) if place else ()
    depth = len(prefix)
    upward = []
    for parts, targets in graph.items():
        for target in targets:
            if parts[:depth] == target[:depth] == prefix and parts[depth] != target[depth]:
                own, other = _rank(place, parts[depth]), _rank(place, target[depth])
                if other >= own:
                    upward.append(f"{'.'.join(parts)} imports {'.'.join(target)}")
    assert not upward


def test_the_package_imports_itself_relatively(trees: dict[tuple[str, ...], ast.Module]) -> None:
    absolute = [
        f"{'.'.join(parts)}: line {node.lineno}"
        for parts, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "catholyte")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "catholyte" for alias in node.names))
    ]
    assert not absolute


def test_no_circle(graph: Graph) -> None:
    arrows = networkx.DiGraph([(a, b) for a, targets in graph.items() for b in targets])
    assert list(networkx.simple_cycles(arrows)) == []


def test_no_room_is_a_warehouse() -> None:
    rooms = {path.parent for path in MODULES.values()}
    crowded = {
        str(room.relative_to(ROOT)): n
        for room in rooms
        if (n := sum(p.name != "__init__.py" for p in room.glob("*.py"))) > MOST_MODULES
    }
    assert not crowded


def test_every_room_says_what_it_is_for() -> None:
    signs = {
        path.parent: ast.get_docstring(ast.parse(path.read_text()))
        for path in MODULES.values()
        if path.name == "__init__.py"
    }
    assert {path.parent for path in MODULES.values()} == set(signs)
    assert [str(room) for room, sign in signs.items() if not sign] == []


def test_no_module_is_long() -> None:
    assert {
        str(path.relative_to(ROOT)): n for path in MODULES.values() if (n := path.read_text().count("\n")) > MOST_LINES
    } == {}


#: a reference of a docstring to a module or to a name: ``.frames.Frames``, ``..crystals.redox``, ``finish``
REFERENCE = re.compile(r":(?:mod|func|class|meth|attr|data):`([^`]+)`")


def _is_defined(parts: tuple[str, ...], target: str) -> bool:
    """Whether the docstrings' reference `target` of a module leads to a module, or to a module and a name in it."""
    path = target.lstrip("~.")
    up, names = target.count(".", 0, len(target) - len(path)), tuple(path.split("."))
    place = names[1:] if names[0] == "catholyte" else parts[: len(parts) - up] + names
    if place in MODULES or (*place, "__init__") in MODULES:
        return True
    home = next((place[:n] for n in range(len(place) - 1, 0, -1) if place[:n] in MODULES), None)
    if home is None:
        return False
    text = MODULES[home].read_text()
    line = r"^ *(?:(?:def|class) {0}\b|{0}(?:,$|:? )|from .* import .*\b{0}\b)"
    return all(re.search(line.format(name), text, re.M) for name in place[len(home) :])


def test_references_of_docstrings_lead_somewhere() -> None:
    lost = {
        f"{'.'.join(parts)}: {target}"
        for parts, path in MODULES.items()
        for target in REFERENCE.findall(path.read_text())
        if not _is_defined(parts, target)
    }
    assert lost == set()


def test_analysis_sees_no_maker(graph: Graph) -> None:
    # the schemas, and the reader of output files
    allowed = {
        ("workflows", name)
        for name in (
            "band_documents",
            "comparison_documents",
            "documents",
            "interface_documents",
            "roles",
            "strain_documents",
            "vasp_output",
        )
    }
    seen = {
        target[:2]
        for parts, targets in graph.items()
        if parts[0] == "analysis"
        for target in targets
        if target[0] == "workflows"
    }
    # what it means to be on the scale of a phase set
    scale = {("workflows", "phases", name) for name in ("corrections", "scale")}
    phases = {
        target[:3]
        for parts, targets in graph.items()
        if parts[0] == "analysis"
        for target in targets
        if target[:2] == ("workflows", "phases")
    }
    assert phases <= scale
    assert seen <= allowed | {("workflows", "phases")}
