"""What VASP is asked in the oxygen-loss step: every job of the plan, and every job that its flow adds, at the settings
of the recipe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core.structure import Structure
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from ruamel.yaml import YAML

from catholyte.configs.load import load_recipe
from catholyte.hpc.commands.campaigns.inputs import inputs
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

#: stated by the source of nmc532-lgps
U = {"Ni": 6.7, "Mn": 4.2, "Co": 4.91}


def shortened(folder: Path, recipe: str, **ladder: Any) -> Path:
    """A shipped recipe with a ranking of two orderings, one of them kept, and a short ladder."""
    _, source = load_recipe(recipe)
    data: Any = source.data
    (system,) = data["oxygen_loss"]["systems"]
    system["orderings"] |= {"n": 2, "keep": 1}
    system["ladder"] |= ladder
    path = folder / f"{recipe}.yaml"
    YAML().dump(data, path)
    return path


def counted(names: Iterable[str]) -> Counter[str]:
    """Names of jobs without the numbers of their oxygen atoms."""
    return Counter(re.sub(r"O-\d+", "O", name) for name in names)


def tags(folder: str) -> tuple[Incar, Structure]:
    return Incar.from_file(Path(folder) / "INCAR"), Poscar.from_file(
        Path(folder) / "POSCAR", check_for_potcar=False
    ).structure


def u_of(incar: Incar, cell: Structure) -> dict[str, float]:
    elements = list(dict.fromkeys(site.specie.symbol for site in cell))
    return {element: u for element, u in zip(elements, incar["LDAUU"], strict=True) if u}


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The shipped recipe, as VASP would run it."""
    return build_plan(*load_recipe("nmc532-lgps"), "vasp", "oxygen_loss")


@pytest.mark.slow
def test_the_plan_of_the_shipped_recipe_ranks_thirty_orderings_and_says_what_follows(plan: Plan):
    engines = Counter((job.engine, job.tier) for job in plan.jobs)
    assert engines == {
        ("chgnet", "chgnet"): 30,
        ("vasp", "vasp"): 3,
    }  # orderings; Li, O2 and what follows from energies
    assert {job.n_atoms for job in plan.jobs if job.material == "NCM532"} == {120}
    assert {job.formula for job in plan.jobs if job.engine == "chgnet"} == {"Li30Mn9Co6Ni15O60"}
    choice = next(job for job in plan.jobs if job.variant == "choice of orderings")
    assert len(choice.depends_on) == 30
    assert any("takes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 Li out" in note for note in plan.notes)


def test_the_plan_carries_the_settings_of_the_source(plan: Plan):
    for job in plan.flow.jobs:
        if isinstance(job.maker, CalculationMaker) and job.maker.engine.name == "vasp":
            method = job.maker.task["method"]
            assert (method["functional"], method["cutoff"]) == ("PBE", 500)
    choice = next(job for job in plan.flow.jobs if job.name == "NCM532 choice of orderings")
    level = choice.function_args[4][0]
    assert (level.method["functional"], level.method["cutoff"], tuple(level.method["kpoints"])) == (
        "PBE",
        500,
        (2, 2, 2),
    )
    assert level.method["hubbard_u"] == U


@pytest.mark.slow
def test_every_job_of_the_ladder_is_written_with_the_settings_of_the_source(tmp_path: Path):
    recipe = shortened(tmp_path, "nmc532-lgps", lithium_vacancies=[0, 1], candidates=1, samples=1, max_sites=2)
    document = inputs(str(recipe), tmp_path / "in", only="oxygen_loss")
    jobs = {job["name"]: job for job in document["jobs"]}
    assert counted(jobs) == {
        "Li vasp relax": 1,
        "O2 vasp relax": 1,
        "NCM532 host 1 vasp relax": 1,
        "NCM532 Li-0 1 O vasp relax": 2,
        "NCM532 Li-1 1 vasp relax": 1,
        "NCM532 Li-1 1 O vasp relax": 2,
    }
    assert {name for name, job in jobs.items() if job["first_stage"]} == {"Li vasp relax", "O2 vasp relax"}
    for name, job in jobs.items():
        for folder in job["directories"]:
            incar, cell = tags(folder)
            cell_moves = incar.get("ISIF") == 3 or ((Path(folder).parent / "canonical").is_dir() and incar["NSW"] == 0)
            cutoff = 649 if cell_moves and Path(folder).name != "canonical" else 500  # 1.3 × ENMAX of Li_sv
            assert (incar["ENCUT"], incar["EDIFF"], incar.get("GGA", "PE").upper()) == (cutoff, 1e-5, "PE"), name
            mesh = Kpoints.from_file(Path(folder) / "KPOINTS")
            assert (Path(folder) / "POTCAR.spec").is_file()
            if name.startswith("NCM532"):
                assert u_of(incar, cell) == U, name
                assert mesh.kpts == [(2, 2, 2)], name
                assert mesh.style.name == "Monkhorst"
                assert len(incar["MAGMOM"]) == len(cell)
                missing = ("Li-1" in name) + (" O-" in name)
                assert len(cell) == 120 - missing, name
    assert incar["IBRION"] == 2
    assert tags(jobs["O2 vasp relax"]["directories"][0])[0]["MAGMOM"] == [1.0, 1.0]


@pytest.mark.slow
def test_the_ion_of_a_substitution_is_written_with_its_u(tmp_path: Path):
    recipe = shortened(tmp_path, "li-rich", lithium_vacancies=[0], candidates=1, samples=1, max_sites=1)
    document = inputs(str(recipe), tmp_path / "in", only="oxygen_loss")
    jobs = {job["name"]: job for job in document["jobs"]}
    told = counted(jobs)
    assert (told["LRMO W-Mn 1 vasp relax"], told["LRMO W-Li 1 vasp relax"]) == (1, 1)
    assert 2 <= told["LRMO W-Mn 1 O vasp relax"] <= 4
    assert told["LRMO W-0 1 O vasp relax"] >= 2
    assert {name for name in told if name.endswith("dos")} == {
        "LRMO W-0 1 vasp dos",
        "LRMO W-Mn 1 vasp dos",
        "LRMO W-Li 1 vasp dos",
    }
    incar, cell = tags(jobs["LRMO W-Mn 1 vasp relax"]["directories"][-1])
    assert u_of(incar, cell) == {"Mn": 3.9, "Co": 3.32, "Ni": 6.2, "W": 6.2}
    assert cell.composition.element_composition["W"] == 1
    assert all(check["ok"] or not check["refuses"] for check in document["checks"])
