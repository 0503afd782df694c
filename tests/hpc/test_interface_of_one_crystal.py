"""A crystal joined with itself, through the whole campaign: no interface energy, and twice the surface energy as work of adhesion."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from command_line import Run

from catholyte.configs.load import CONFIGS, MATERIALS_VARIABLE

RECIPE = """\
name: lco-lco
title: LiCoO2 joined with itself
source: a check
hubbard_u: {}
interface:
  engine: chgnet
  relaxation: {engine: chgnet, max_force: 0.02 eV/Å, max_steps: 1000}
  systems:
    - {name: LCO|LCO, a: "LCO:104", b: "LCOb:104", max_atoms: 64, thickness: [8 Å, 8 Å], kpoints: [2, 2, 1]}
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_lco_on_lco_is_lco(catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """CHGNet at its forces' tolerance: what is left of γ are the last hundredths of an eV/Å, below 2 % of the work of adhesion."""
    (tmp_path / "own").mkdir()
    library = (CONFIGS / "materials" / "LCO.yaml").read_text()
    (tmp_path / "own" / "LCOb.yaml").write_text(
        "".join(line for line in library.replace("name: LCO\n", "name: LCOb\n").splitlines(True) if "aliases" not in line)
    )
    (tmp_path / "self.yaml").write_text(RECIPE)
    monkeypatch.setenv(MATERIALS_VARIABLE, str(tmp_path / "own"))
    store = tmp_path / "store"
    assert catholyte("run", tmp_path / "self.yaml", "--only", "interface", "--store", store)[0] == 0
    assert catholyte("report", "--store", store, "--out", tmp_path / "report")[0] == 0
    tables = tmp_path / "report" / "tables"
    (energy,) = rows(tables / "interface_energies.csv")
    gamma, adhesion = float(energy["γ (J/m²)"]), float(energy["W (J/m²)"])
    stack, *crystals, slab, _, _, _ = sorted(
        rows(tables / "interface_references.csv"), key=lambda row: ["stack", "strained crystal", "strained slab", "free crystal"].index(row["role"])
    )
    area = float(rows(tables / "interface_cells.csv")[0]["area (Å²)"])
    surface = (float(slab["energy (eV/atom)"]) - float(crystals[0]["energy (eV/atom)"])) * float(slab["atoms"]) / (2 * area) * 16.0218  # eV/Å² in J/m²
    with capsys.disabled():
        print(f"\nLCO(104)|LCO(104), {stack['atoms']} atoms, CHGNet: γ {gamma:.4f} J/m², W {adhesion:.4f} J/m², 2 γ of the surface {2 * surface:.4f} J/m²")
    assert adhesion == pytest.approx(2 * surface - gamma, rel=1e-6)
    assert abs(gamma) < 0.02 * adhesion
