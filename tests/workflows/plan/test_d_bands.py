"""The step d_bands: a relaxation by a potential and a density of states for each lithium content."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe, material
from catholyte.configs.models import OrderedCell
from catholyte.structures.defects.delithiated import delithiated_cells
from catholyte.workflows.plan.build import build_plan

RECIPE = """\
name: bands
title: d bands
source: a test
hubbard_u: {Co: 3.9 eV}
d_bands:
  cutoff: 400 eV
  systems: [{material: LCO, supercell: [1, 1, 1], contents: [1, 0.6667], kpoints: [4, 4, 1]}]
"""


def test_each_content_is_relaxed_and_its_states_are_computed(tmp_path: Path) -> None:
    (tmp_path / "bands.yaml").write_text(RECIPE)
    jobs = build_plan(*load_recipe(str(tmp_path / "bands.yaml")), only="d_bands").jobs
    assert sorted((job.formula, job.kind, job.engine) for job in jobs) == [
        ("Li2Co3O6", "dos", "gpaw"),
        ("Li2Co3O6", "relax", "chgnet"),
        ("Li3Co3O6", "dos", "gpaw"),
        ("Li3Co3O6", "relax", "chgnet"),
    ]
    keys = {(job.formula, job.kind): job for job in jobs}
    assert keys["Li2Co3O6", "dos"].depends_on == [keys["Li2Co3O6", "relax"].key]
    (tmp_path / "bands.yaml").write_text(RECIPE.replace("0.6667", "0.5"))
    with pytest.raises(InputError, match=r"bands.yaml:.*give another share or supercell"):
        build_plan(*load_recipe(str(tmp_path / "bands.yaml")), only="d_bands")


def test_metals_stay_where_they_are_and_nickel_pays() -> None:
    contents = (1.0, 0.6667, 0.3333)
    cells = delithiated_cells(material("NCM111"), OrderedCell(supercell=(3, 1, 1), primitive=True), contents)
    assert list(cells) == pytest.approx(contents, abs=1e-3)
    places, states = [], []
    for (cell,) in cells.values():
        metals = {site.specie.symbol: site for site in cell if site.specie.is_transition_metal}
        places.append([metals[element].frac_coords.tolist() for element in ("Mn", "Co", "Ni")])
        states.append({element: site.specie.oxi_state for element, site in metals.items()})
    assert places[0] == places[1] == places[2]
    assert states == [{"Mn": 4, "Co": 3, "Ni": nickel} for nickel in (2, 3, 4)]
