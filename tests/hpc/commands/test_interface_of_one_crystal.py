"""A crystal joined with itself, through the whole campaign: no interface energy, and twice the surface energy as work
of adhesion."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catholyte.configs.load import CONFIGS, MATERIALS_VARIABLE
from catholyte.tests.support.command_line import Run

RECIPE = """\
name: one-crystal
title: A crystal joined with itself
source: a check
hubbard_u: {{}}
interface:
  engine: chgnet
  relaxation: {{engine: chgnet, max_force: 0.02 eV/Å, max_steps: 1000}}
  systems:
    - {{name: twice, a: "{name}:{facet}", b: "{name}b:{facet}", max_atoms: 64, thickness: [8 Å, 8 Å], kpoints: [2, 2, 1]}}
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "facet", "share"), [("CoO", "100", 0.002), ("LCO", "104", 0.02)])
def test_joined_with_itself_it_is_the_crystal(
    name: str,
    facet: str,
    share: float,
    catholyte: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By CHGNet: γ vanishes where a lattice vector lies along the normal.

    None does in LCO(104): closing eight planes along the normal shears them by 1.00°, which at a shear modulus of 60
    GPa and 16.3 Å costs 0.007 J/m² on each of the two interfaces, 1 % of the work of adhesion.
    """
    (tmp_path / "own").mkdir()
    library = (CONFIGS / "materials" / f"{name}.yaml").read_text().replace(f"name: {name}\n", f"name: {name}b\n")
    (tmp_path / "own" / f"{name}b.yaml").write_text(
        "".join(line for line in library.splitlines(True) if "aliases" not in line)
    )
    (tmp_path / "twice.yaml").write_text(RECIPE.format(name=name, facet=facet))
    monkeypatch.setenv(MATERIALS_VARIABLE, str(tmp_path / "own"))
    store = tmp_path / "store"
    assert catholyte("run", tmp_path / "twice.yaml", "--only", "interface", "--store", store)[0] == 0
    assert catholyte("report", "--store", store, "--out", tmp_path / "report")[0] == 0
    tables = tmp_path / "report" / "tables"
    (energy,) = rows(tables / "interface_energies.csv")
    gamma, adhesion = float(energy["γ (J/m²)"]), float(energy["W (J/m²)"])
    references = rows(tables / "interface_references.csv")
    slab, crystal = (
        next(row for row in references if row["role"] == role) for role in ("strained slab", "strained crystal")
    )
    area = float(rows(tables / "interface_cells.csv")[0]["area (Å²)"])
    surface = (
        (float(slab["energy (eV/atom)"]) - float(crystal["energy (eV/atom)"]))
        * float(slab["atoms"])
        / (2 * area)
        * 16.0218
    )  # eV/Å² in J/m²
    with capsys.disabled():
        print(
            f"\n{name}({facet}) on itself, CHGNet: γ {gamma:.4f} J/m², W {adhesion:.4f} J/m², 2 γ of the surface "
            f"{2 * surface:.4f} J/m²"
        )
    assert adhesion == pytest.approx(2 * surface - gamma, rel=1e-5)
    assert abs(gamma) < share * adhesion
