"""The level of theory of the phase sets: pymatgen's sets of the Materials Project as referee."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.sets import MPRelaxSet

from catholyte.configs.load import load_recipe, material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.inputs import incar_tags
from catholyte.workflows.engines.vasp.stages import final_static
from catholyte.workflows.phases.corrections import mp2020_correction
from catholyte.workflows.phases.scale import SETTINGS, scale_method
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.preflight.run import planned_runs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RECIPE = """\
name: scale
title: CoO at the scale of the phase sets
source: a test
hubbard_u: {Co: 3.9 eV}
vasp: {relax: [CoO, Li2O], cutoff: 500 eV, mesh: [2, 2, 2], settings: {dispersion: d3-bj, centring: monkhorst-pack}}
deciding_phases: {materials: [CoO]}
"""


def _bare(structure: Structure) -> Structure:
    bare = structure.copy()
    bare.remove_oxidation_states()
    return bare


@pytest.mark.parametrize("name", ["LCO", "CoO", "LPSCl", "Li2CO3", "NCM811", "LGPS"])
def test_u_cutoff_and_mesh_are_the_materials_projects(name: str) -> None:
    cell = calculation_cell(material(name))
    mine, theirs = scale_method(cell), MPRelaxSet(_bare(cell), user_potcar_functional="PBE_54")
    incar = dict(theirs.incar) if cell.composition.remove_charges().elements else {}
    symbols = [one.symbol for one in theirs.poscar.structure.composition.elements]
    u = dict(zip(theirs.poscar.site_symbols, incar.get("LDAUU", [0.0] * len(symbols)), strict=True))
    assert {e: v for e, v in mine.hubbard_u.items() if v} == {e: float(v) for e, v in u.items() if v}
    assert mine.cutoff == incar["ENCUT"]
    assert mine.smearing == incar["SIGMA"]
    points = int(np.prod(theirs.kpoints.kpts[0]))
    assert points * 0.5 <= np.prod(mine.kpoints) <= points * 2  # their cell is the sorted one, with the same axes
    assert mine.kpoints == tuple(int(n) for n in theirs.kpoints.kpts[0])


def test_the_final_static_run_has_their_tags() -> None:
    cell = calculation_cell(material("CoO"))
    backend = load_backend("vasp", {"potcar_spec": True, **SETTINGS})
    tags = incar_tags(vasp_cell(cell), final_static(Relax(method=scale_method(cell))), backend.settings)
    theirs = dict(MPRelaxSet(_bare(cell), user_potcar_functional="PBE_54").incar)
    for tag in ("ENCUT", "LASPH", "LDAU", "LDAUTYPE", "LDAUU", "LDAUJ", "ISPIN", "PREC", "SIGMA"):
        assert tags[tag] == theirs[tag], tag
    assert tags["EDIFF"] <= theirs["EDIFF"]
    assert tags["IVDW"] == 0
    assert [shell for shell, u in zip(tags["LDAUL"], tags["LDAUU"], strict=True) if u] == [2]


def test_the_correction_of_an_oxide_is_that_of_the_paper() -> None:
    """Wang et al. (2021): oxide −0.687 eV an oxygen, cobalt of an oxide with U −1.638 eV."""
    assert mp2020_correction(calculation_cell(material("CoO")))[0] == pytest.approx((-0.687 - 1.638) / 2, abs=1e-3)


def test_the_step_runs_with_vasp_alone_and_leaves_other_jobs_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "scale.yaml").write_text(RECIPE)
    (tmp_path / "bare.yaml").write_text(RECIPE.replace("deciding_phases: {materials: [CoO]}\n", ""))
    recipe, bare = (load_recipe(str(tmp_path / name)) for name in ("scale.yaml", "bare.yaml"))
    whole = build_plan(*recipe, "vasp", full=True)
    assert {job.uuid for job in build_plan(*bare, "vasp", full=True).jobs} < {job.uuid for job in whole.jobs}
    (mine,) = build_plan(*recipe, "vasp", "deciding_phases").jobs
    assert (mine.name, mine.step, mine.kind) == ("CoO vasp relax (scale of the phase sets)", "deciding_phases", "relax")
    (run,) = [one for one in planned_runs(whole, {"potcar_spec": True}) if one.key == mine.key]
    assert (run.settings.dispersion, run.settings.centring) == ("none", "gamma")
    assert run.task.method is not None
    assert run.task.method.hubbard_u == {"Co": 3.32}
    laptop = build_plan(*recipe, full=True)
    assert "step deciding_phases: the scale of the phase sets is VASP's: --engine vasp runs it" in laptop.skipped
