"""A recipe for materials of one's own: what `new` writes is planned at once, and what cannot be chosen is said."""

from __future__ import annotations

import io
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.sets import MPRelaxSet

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from catholyte.configs.errors import FileNote
from catholyte.configs.load import load_recipe, material
from catholyte.configs.recipe import Recipe
from catholyte.hpc.proposal.chosen import choose
from catholyte.hpc.proposal.values import atom_budget, best_facet, control_cell, divisions, hubbard_table
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import slabs
from catholyte.tests.support.cases import case
from catholyte.tests.support.command_line import Run, answer
from catholyte.workflows.plan.build import build_plan


def written(path: Path) -> Recipe:
    return load_recipe(str(path))[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_library_names(catholyte: Run, folder: Path) -> None:
    told = answer(catholyte("new", "--cathode", "LCO", "--electrolyte", "LPSCl", "--coating", "Li2CO3", "--json"))
    assert (told["file"], told["next"][0]) == ("LCO-LPSCl.yaml", "catholyte plan ./LCO-LPSCl.yaml")
    recipe = written(folder / told["file"])
    assert recipe.hubbard_u == {"Co": 3.32}
    assert recipe.bulk is not None
    assert recipe.bulk.materials == ("LCO", "LPSCl", "Li2CO3")
    assert recipe.reactions is not None
    assert recipe.reactions.pairs == (("LCO", "LPSCl"), ("LCO", "Li2CO3"), ("Li2CO3", "LPSCl"))
    assert recipe.screen is not None
    assert recipe.screen.coatings == ("Li2CO3",)
    assert recipe.interface is not None
    assert [(s.a, s.b) for s in recipe.interface.systems] == [("LCO:104", "LPSCl:100"), ("Li2CO3:110", "LPSCl:100")]
    plan = answer(catholyte("plan", "./LCO-LPSCl.yaml", "--json"))
    assert [job["name"] for job in plan["jobs"]] == [f"{name} chgnet relax" for name in recipe.bulk.materials]
    assert plan["totals"] == told["totals"]
    ran = answer(catholyte("run", "./LCO-LPSCl.yaml", "--only", "reactions", "--json"))
    assert (ran["completed"], ran["failed"]) == ([], [])


def test_comments_of_a_recipe_with_files_are_no_wider_than_its_lines(catholyte: Run, folder: Path) -> None:
    shutil.copy(case("13") / "LCNO.cif", folder / "lcno.cif")
    told = answer(catholyte("new", "r.yaml", "--cathode", "lcno.cif", "--electrolyte", "AlF3", "--json"))
    text = (folder / told["file"]).read_text()
    assert "makes others." in text
    assert max(len(line) for line in text.splitlines() if line.startswith("#")) <= 120
    assert not any("all 1 arrangements" in note for note in told["notes"])


def test_claims_and_densities_of_states_are_one_uncommenting_away(catholyte: Run, folder: Path) -> None:
    path = folder / "mine.yaml"
    assert catholyte("new", path, "--cathode", "LCO", "--electrolyte", "LPSCl")[0] == 0
    before, _, asleep = path.read_text().partition("# electronic:\n")
    claim = re.sub("^# (claims:|  - text:|    holds:)", r"\1", before, flags=re.MULTILINE)
    path.write_text(claim + "electronic:\n" + "".join(line[2:] for line in asleep.splitlines(keepends=True)))
    recipe, source = load_recipe(str(path))
    (expected,) = recipe.claims
    assert expected.text == "LCO is stable against LPSCl"
    assert expected.holds == "mutual(LCO, LPSCl) > -0.05 eV/atom"
    assert recipe.electronic is not None
    assert recipe.electronic.materials == ("LCO",)
    assert {job.kind for job in build_plan(recipe, source).jobs} == {"relax", "dos"}


def test_a_crystal_of_ones_own(catholyte: Run, folder: Path) -> None:
    shutil.copy(case("27") / "FeS2.cif", folder / "pyrite.cif")
    (folder / "recipes").mkdir()
    call = ("new", "recipes/mine.yaml", "--cathode", "./pyrite.cif", "--electrolyte", "Li6PS5Cl", "--name", "own")
    told = answer(catholyte(*call, "--json"))
    assert told["materials"][0] == {"part": "cathode", "name": "pyrite", "formula": "FeS2", "crystal": "../pyrite.cif"}
    recipe = written(folder / "recipes" / "mine.yaml")
    assert (recipe.name, recipe.hubbard_u) == ("own", {"Fe": 5.3})
    assert recipe.bulk is not None
    assert recipe.bulk.materials == ("../pyrite.cif", "LPSCl")
    assert recipe.reactions is not None
    assert recipe.reactions.pairs == (("FeS2", "LPSCl"),)
    jobs = answer(catholyte("plan", "recipes/mine.yaml", "--json"))["jobs"]
    assert {job["material"] for job in jobs} == {"pyrite", "LPSCl"}


def test_a_cluster_runs_what_the_laptop_does(catholyte: Run, folder: Path) -> None:
    """Relaxations of every crystal, and states of oxides alone: for both VASP wants a mesh of each cell."""
    shutil.copy(case("13") / "LCNO.cif", folder / "lcno.cif")
    assert catholyte("new", "r.yaml", "--cathode", "lcno.cif", "--electrolyte", "LPSCl", "--coating", "Li2CO3")[0] == 0
    recipe, source = load_recipe("r.yaml")
    jobs = build_plan(recipe, source, engine="vasp").jobs
    assert {(job.material, job.kind) for job in jobs} == {
        *((name, "relax") for name in ("lcno", "LPSCl", "Li2CO3")),
        *((name, "dos") for name in ("lcno", "Li2CO3")),
    }
    (relaxed,) = (job for job in jobs if (job.material, job.kind) == ("LPSCl", "relax"))
    assert recipe.vasp is not None
    assert recipe.vasp.kpoints["LPSCl"] == divisions(calculation_cell(material("LPSCl"))) == (3, 3, 3)
    assert relaxed.n_atoms == 13


#: R-3m, rounded: nickel and manganese share a site
LAYERED = """data_layered
_symmetry_space_group_name_H-M 'R -3 m'
_symmetry_Int_Tables_number 166
_cell_length_a 2.89
_cell_length_b 2.89
_cell_length_c 14.3
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li 0 0 0.5 1
Ni1 Ni 0 0 0 0.5
Mn1 Mn 0 0 0 0.5
O1 O 0 0 0.258 1
"""


def test_partial_occupancies_go_by_one_formula_unit_and_the_choice_is_told(folder: Path) -> None:
    (folder / "mine.cif").write_text(LAYERED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FileNote)
        found = choose("cathode", "./mine.cif", load_phase_set(DEFAULT_PHASE_SET), folder)
    # by hand: two formula units, one nickel and one manganese on two sites
    assert (found.substance, found.formula, found.label) == ("LiMn0.5Ni0.5O2", "LiMn0.5Ni0.5O2", "mine")
    assert "one ordered cell, Li2MnNiO4: of all 2 arrangements that of lowest electrostatic energy" in found.ordered


def test_a_formula_that_is_an_energy_alone(catholyte: Run, folder: Path) -> None:
    told = answer(catholyte("new", "--cathode", "LCO", "--electrolyte", "LPSCl", "--coating", "AlF3", "--json"))
    assert told["materials"][2]["crystal"] is None
    assert any("AlF3 is known by its energy alone" in note for note in told["notes"])
    recipe = written(folder / told["file"])
    assert recipe.bulk is not None
    assert recipe.bulk.materials == ("LCO", "LPSCl")
    assert recipe.reactions is not None
    assert ("AlF3", "LPSCl") in recipe.reactions.pairs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("--cathode", "LCOO", "--electrolyte", "LPSCl"), ("'LCOO' is no material", "catholyte materials")),
        (("--cathode", "LCO", "--electrolyte", "Li3Xx"), ("'Li3Xx' is no material", "CIF")),
        (("--cathode", "LCO", "--electrolyte", "Li3GaS3"), ("Ga, outside the phase set", "phases fetch")),
        (
            ("--cathode", "LCO", "--electrolyte", "Li17P3S16"),
            ("neither the library nor the phase set", "CIF or POSCAR"),
        ),
        (
            ("--cathode", "LiNi0.85Co0.1Mn0.05O2", "--electrolyte", "LPSCl"),
            ("of the same elements the library holds NCM811 (LiNi0.8Mn0.1Co0.1O2)", "CIF or POSCAR"),
        ),
        (("--cathode", "LiCo02", "--electrolyte", "LPSCl"), ("did you mean LiCoO2",)),
        (("--cathode", "LCO", "--electrolyte", "."), (". is a folder", "name the CIF")),
        (("--cathode", "LCO", "--electrolyte", "./none.cif"), ("none.cif: there is no such file",)),
        (("--cathode", "LCO", "--electrolyte", "odd.cif"), ("no usual oxidation states", "--states")),
        (("--cathode", "LCO"), ("which electrolyte?", "--electrolyte ./mine.cif")),
        (("--cathode", "LCO", "--electrolyte", "LiCoO2"), ("LCO is named twice", "leave it out as electrolyte")),
        (("there.yaml", "--cathode", "LCO", "--electrolyte", "LPSCl"), ("there.yaml exists", "--overwrite")),
        (("mine.txt", "--cathode", "LCO", "--electrolyte", "LPSCl"), ("ends in .yaml", "mine.txt.yaml")),
        (("no/mine.yaml", "--cathode", "CoO", "--electrolyte", "AlF3"), ("cannot be written",)),
        (("--cathode", "CoO", "--electrolyte", "LPSCl", "--name", "a b"), ("name", "pattern")),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence_with_the_way_out(
    catholyte: Run, folder: Path, given: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    (folder / "there.yaml").write_text("mine\n")
    lattice = "".join(f"_cell_length_{axis} 4\n" for axis in "abc")
    lattice += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    loop = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    (folder / "odd.cif").write_text(f"data_x\n{lattice}{loop}Li1 0 0 0\nLi2 0.5 0 0\nCl1 0.5 0.5 0.5\n")
    status, out, err = catholyte("new", *given)
    assert (status, out) == (2, ""), err
    assert all(text in err for text in expected), err
    assert "Traceback" not in err
    assert (folder / "there.yaml").read_text() == "mine\n"
    assert {path.name for path in folder.iterdir()} == {"there.yaml", "odd.cif"}


def test_it_asks_on_a_terminal_until_the_answer_fits(
    catholyte: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("LCOO\nLCO\n'unclosed\nLi6PS5Cl\n\n"))
    told = answer(catholyte("new", "asked.yaml", "--json"))
    assert [one["name"] for one in told["materials"]] == ["LCO", "LPSCl"]
    assert written(folder / "asked.yaml").screen is None


#: cathode, electrolyte, coatings: layered, spinel, disordered; sulfides, halides, oxides; molecules of ions
PAIRS = [
    pytest.param("LNMO", "LYC", ("Li3PO4",), marks=pytest.mark.slow),
    pytest.param("LFP", "LPS", (), marks=pytest.mark.slow),
    ("LiMn2O4", "LZC", ("Al2O3",)),
    pytest.param("LiNiO2", "Li7P3S11", ("LiNbO3",), marks=pytest.mark.slow),
    pytest.param("LiCoPO4", "LIC", (), marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize(("cathode", "electrolyte", "coatings"), PAIRS)
def test_every_pair_of_the_library_is_planned_in_every_step(
    catholyte: Run, folder: Path, cathode: str, electrolyte: str, coatings: tuple[str, ...]
) -> None:
    layers = [text for name in coatings for text in ("--coating", name)]
    told = answer(catholyte("new", "--cathode", cathode, "--electrolyte", electrolyte, *layers, "--json"))
    recipe, source = load_recipe(str(folder / told["file"]))
    metals = {
        e.symbol
        for n in (cathode, electrolyte, *coatings)
        for e in calculation_cell(material(n)).elements
        if e.is_transition_metal
    }
    assert metals == set(recipe.hubbard_u)
    for step in ("bulk", "reactions", "windows", "volumes", *(["interface"] if recipe.interface else [])):
        build_plan(recipe, source, only=step)
    whole = build_plan(recipe, source, full=True)
    assert {job.step for job in whole.jobs} == {"bulk", *(["interface"] if recipe.interface else [])}


def test_u_is_the_published_table_and_zero_elsewhere() -> None:
    from pymatgen.core.composition import Composition

    found = hubbard_table([Composition("LiNi0.5Mn1.5O4"), Composition("Li6.4La3Zr1.4Ta0.6O12"), Composition("LiNbO3")])
    published: dict[str, float] = MPRelaxSet.CONFIG["INCAR"]["LDAUU"]["O"]
    assert {found[metal] for metal in ("Mn", "Ni")} == {3.9, 6.2} == {published["Mn"], published["Ni"]}
    assert [found[metal] for metal in ("Zr", "Nb", "Ta")] == [0, 0, 0]
    assert "O" not in found


def test_meshes_and_controls_follow_from_the_cell() -> None:
    cube = Structure([[4, 0, 0], [0, 8, 0], [0, 0, 20]], ["Li"], [[0, 0, 0]])
    # 2π/4/0.45 = 3.49, 2π/8/0.45 = 1.75, 2π/20/0.45 = 0.70
    assert divisions(cube) == (4, 2, 1)
    assert control_cell(cube) == (3, 2, 1)


@pytest.mark.parametrize("name", ["LiNbO3", "CoO", "Li3PO4"])
def test_a_facet_repeats_no_dipole_where_there_is_one(name: str) -> None:
    found = best_facet(material(name))
    assert not slabs(source_cell(material(name)), found.miller)[0].polar
    assert best_facet(material("CoO")).miller == (1, 0, 0)


def test_the_budget_holds_the_smallest_cell(catholyte: Run) -> None:
    lower, upper = (material("LCO"), (1, 0, 4)), (material("CoO"), (1, 0, 0))
    budget = atom_budget(lower, upper, "b")
    assert budget is not None
    call: tuple[Any, ...] = (
        "interfaces",
        "LCO:104",
        "CoO:100",
        "--form",
        "periodic",
        "--strain-on",
        "b",
        "--max-atoms",
    )
    smallest = answer(catholyte(*call, budget, "--json"))["interfaces"][0]["n_atoms"]
    assert smallest <= budget <= 1.1 * smallest + 10
    status, _, err = catholyte(*call, smallest - 1)
    assert status == 2
    assert f"the smallest has {smallest} atoms" in err


@pytest.mark.parametrize(
    ("call", "command"),
    [
        (("status",), "`catholyte run RECIPE`"),
        (("plan", "gsir"), "`catholyte new`"),
        (("materials", "LCOO"), "`catholyte materials`"),
    ],
)
def test_errors_of_a_first_hour_name_the_next_command(
    catholyte: Run, folder: Path, call: tuple[str, ...], command: str
) -> None:
    status, _, err = catholyte(*call)
    assert status == 2
    assert command in err.splitlines()[-1]
