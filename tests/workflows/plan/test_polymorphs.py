"""The step polymorphs of an oxide of several metals: cells of one ratio, and what cannot hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.workflows.plan.build import build_plan

RECIPE = """\
name: phases
title: structures of NCM111
source: a test
hubbard_u: {Ni: 6.7 eV, Mn: 4.2 eV, Co: 4.91 eV}
polymorphs:
  arrangements: 1
  systems:
    - material: NCM111
      contents: [0.3333, 1]
      supercell: [3, 1, 1]
      primitive: true
      rock_salt: NiO
      rock_salt_supercell: [3, 1, 1]
"""


def test_every_structure_has_the_metals_in_one_ratio(tmp_path: Path) -> None:
    (tmp_path / "phases.yaml").write_text(RECIPE)
    jobs = build_plan(*load_recipe(str(tmp_path / "phases.yaml")), only="polymorphs").jobs
    assert [job.formula for job in jobs] == [
        "Li1Mn1Co1Ni1O6",
        "Li3Mn1Co1Ni1O6",
        "Mn4Co4Ni4O12",
        "Li3Mn3Co3Ni3O12",
        "Li6Mn2Co2Ni2O12",
    ]
    assert {job.kind for job in jobs} == {"relax"}


@pytest.mark.parametrize(
    ("written", "mistake", "told"),
    [
        ("rock_salt_supercell: [3, 1, 1]", "rock_salt_supercell: [1, 1, 1]", "give another rock_salt_supercell"),
        ("rock_salt: NiO", "rock_salt: NiO2", "is no NiO, whose rock salt is asked for"),
        ("rock_salt: NiO", "spinel: Co3O4\n      rock_salt: NiO", "give another spinel_supercell"),
        ("[0.3333, 1]", "[0.5, 1]", "give another share or supercell"),
    ],
)
def test_what_cannot_hold_them_is_told_with_its_place(tmp_path: Path, written: str, mistake: str, told: str) -> None:
    (tmp_path / "phases.yaml").write_text(RECIPE.replace(written, mistake))
    with pytest.raises(InputError, match=rf"phases\.yaml:\d+.*{told}"):
        build_plan(*load_recipe(str(tmp_path / "phases.yaml")), only="polymorphs")
