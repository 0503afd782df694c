"""Roles take the place of labels: those of former documents are derived in one module, and nothing else reads a
label."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.former_labels import former_role, planned_role
from catholyte.analysis.records import in_campaign
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.tests.support.former.identity_cases import direct_jobs, fix_versions
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.roles import (
    Arrangement,
    Candidate,
    Chunk,
    Control,
    Delithiated,
    Exchanged,
    HopEnd,
    Host,
    Main,
    Ordering,
    OxygenVacancy,
    PolymorphCell,
    Reference,
    Role,
    Stack,
    StackHost,
    Strained,
    Substituted,
    Vacancy,
    Variation,
    read_role,
)

ROOT = Path(__file__).parents[2]
ARRANGEMENT = Arrangement(of="LRMO", n_lithium_vacancies=3, number=2)
TUNGSTEN = Substituted(of="LRMO", element="W", site="Mn", number=2)
WITHOUT = Substituted(of="LRMO", element="W", site=None, number=1)


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("LCO", Main(of="LCO")),
        ("LRMO ordering 12", Ordering(of="LRMO", number=12)),
        ("LRMO host 1", Host(of="LRMO", number=1)),
        ("LRMO Li-3 2", ARRANGEMENT),
        ("LRMO Li-3 2 O-17", OxygenVacancy(of="LRMO", parent=ARRANGEMENT, origin=17)),
        ("LRMO W-Mn 2", TUNGSTEN),
        ("LRMO W-Mn 2 O-5", OxygenVacancy(of="LRMO", parent=TUNGSTEN, origin=5)),
        ("LRMO W-0 1 O-5", OxygenVacancy(of="LRMO", parent=WITHOUT, origin=5)),
        ("LCO|LPSCl candidate 2", Candidate(of="LCO|LPSCl", number=2)),
        ("LCO|LPSCl cell 1 bulk LCO", Reference(of="LCO|LPSCl", what="bulk", material="LCO", cell=1)),
        ("LCO|LPSCl bulk LCO", Reference(of="LCO|LPSCl", what="bulk", material="LCO")),
        ("LCO|LPSCl slab LPSCl", Reference(of="LCO|LPSCl", what="slab", material="LPSCl")),
        ("LPSCl control", Control(of="LPSCl")),
    ],
)
def test_a_former_label_tells_its_role(label: str, role: Role) -> None:
    assert former_role(label) == role


@pytest.mark.parametrize(
    ("step", "material", "variant", "role"),
    [
        ("bulk", "LCO", "main", None),
        ("electronic", "LCO", "cutoff 500 eV", Variation(of="LCO")),
        ("dynamics", "LCO", "chunk 3", Chunk(of="LCO", replica=1, number=3)),
        ("interface", "LCO|LPSCl", "replica 12, chunk 1", Chunk(of="LCO|LPSCl", replica=12, number=1)),
        ("interface", "LPSCl control", "chunk 2", Chunk(of="LPSCl", replica=1, number=2, control=True)),
        ("interface", "LPSCl control", "relaxed", None),
        ("interface", "LCO|LPSCl", "dos stack", Stack(of="LCO|LPSCl")),
        ("interface", "LCO", "free", Reference(of="LCO", what="free", material="LCO")),
        ("oxygen_loss", "Li", "reference", Reference(of="Li", what="lithium", material="Li")),
        ("oxygen_loss", "O2", "reference", Reference(of="O2", what="molecule", material="O2")),
        ("oxygen_loss", "LCO", "ordering 3 chgnet relax", Ordering(of="LCO", number=3)),
        ("oxygen_loss", "LCO", "choice of orderings", None),
    ],
)
def test_a_former_plan_tells_what_labels_do_not(step: str, material: str, variant: str, role: Role | None) -> None:
    assert planned_role({"step": step, "material": material, "variant": variant}) == role


def entry(**plan: Any) -> Entry:
    return Entry({"step": "interface", "material": "LCO", "variant": "free", **plan}, "done", {})


def test_the_campaign_says_what_a_document_is_for() -> None:
    """A shared document bears the role of the campaign that asked first."""
    document = made_document("LCO", role=Main(of="LCO"))
    free = Reference(of="LCO|LPSCl", what="free", material="LCO")
    assert in_campaign(entry(role=free.model_dump()), document).role == free
    assert in_campaign(entry(variant="added"), document).role == Main(of="LCO")
    assert in_campaign(entry(variant="added"), document.model_copy(update={"role": None})).role == Main(of="LCO")


def test_labels_and_roles_of_new_jobs_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the flows write is what former documents are read as, so both give the same chapters."""
    fix_versions(monkeypatch)
    jobs = [job for job in direct_jobs().values() if isinstance(job.maker, CalculationMaker)]
    told = [(job.function_args[1], read_role(job.function_kwargs.get("role"))) for job in jobs]
    later = (
        Delithiated,
        Exchanged,
        HopEnd,
        PolymorphCell,
        StackHost,
        Strained,
        Vacancy,
    )  # kinds that no former document has
    placed = [(label, role) for label, role in told if role is not None and not isinstance(role, (Chunk, *later))]
    assert [(label, role) for label, role in placed if former_role(label) != role] == []
    kinds = {type(role) for _, role in placed}
    assert {Ordering, Host, Arrangement, OxygenVacancy, Substituted, Candidate, Reference} <= kinds


#: methods and functions that take a text apart
_TAKES_APART = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "split", "rsplit", "partition", "rpartition"),
    *("match", "fullmatch", "search", "findall", "finditer"),
}


def _is_name(node: ast.AST) -> bool:
    """Whether an expression is a label or a variant: a variable, an attribute or a key of that name."""
    if isinstance(node, ast.Call):
        return any(map(_is_name, node.args)) and isinstance(node.func, ast.Name)
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value in ("label", "variant", "material")
    return (isinstance(node, ast.Name) and node.id in ("label", "variant", "prefix")) or (
        isinstance(node, ast.Attribute) and node.attr in ("label", "variant")
    )


def test_nothing_else_takes_a_label_apart() -> None:
    found = []
    for path in (path for folder in ("analysis", "hpc", "workflows") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in _TAKES_APART and any(map(_is_name, [node.func.value, *node.args])):
                found.append(path.relative_to(ROOT).as_posix())
    assert set(found) == {"analysis/former_labels.py"}
