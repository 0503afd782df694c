"""The page of calibration says what its rows say, and the rows are put on one scale by the scheme's own values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.load import material
from catholyte.docs.pages.calibration import DATA, PAGE, calibration_page, figures
from catholyte.docs.pages.calibration_data import POTENTIALS, correction_of, voltage
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.engines.registry import load_backend


def rows() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def test_the_page_is_up_to_date() -> None:
    told = PAGE.read_text(encoding="utf-8")
    assert told == calibration_page(rows(), load_phase_set("solidstate")), "python -m catholyte.docs.pages.calibration"
    for stem in figures(rows(), load_phase_set("solidstate")):
        assert f"images/{stem}.png" in told
        assert (PAGE.parent / "images" / f"{stem}.png").is_file()


def test_rows_say_which_crystal_engine_and_job_they_are() -> None:
    for row in rows()["crystals"]:
        assert row["tier"] in POTENTIALS
        assert len(row["job"]) > 30
        assert row["lattice"]["V/f.u."][1] == pytest.approx(row["lattice"]["V/f.u."][0], rel=0.35)
    assert set(rows()["signatures"]) == set(POTENTIALS)


#: eV per atom that the scheme corrects: pymatgen's MP2020Compatibility.yaml
@pytest.mark.parametrize(
    ("name", "per_cell"),
    [
        ("Li2O", {"O": -0.687}),
        ("Li2O2", {"O": -0.465}),
        ("LCO", {"O": -0.687, "Co": -1.638}),
        ("LPSCl", {"S": -0.503, "Cl": -0.614}),
        ("Li2SO4", {"O": -0.687}),
        ("NiS", {"S": -0.503}),
        ("TiC", {}),
        ("Li", {}),
    ],
)
def test_uncorrected_energies_are_corrected_by_what_their_atoms_are(name: str, per_cell: dict[str, float]) -> None:
    cell = calculation_cell(material(name))
    given = {"tier": "sevennet", "signature": load_backend("sevennet", {}).signature()}
    amounts = cell.composition.element_composition
    expected = sum(value * amounts[symbol] for symbol, value in per_cell.items()) / len(cell)
    assert correction_of(toy_document(name, cell, **given)) == pytest.approx(expected, abs=1e-6)


def test_corrected_energies_stay_and_other_scales_have_no_correction() -> None:
    cell = calculation_cell(material("Li2O"))
    for tier, expected in (("chgnet", 0.0), ("chgnet-r2scan", None)):
        document = toy_document("Li2O", cell, tier=tier, signature=load_backend(tier, {}).signature())
        assert correction_of(document) == expected


def test_a_voltage_is_the_energy_of_the_lithium_that_leaves() -> None:
    """LiCoO2 at -20 eV, Li0.5CoO2 at -17 eV a formula unit, lithium at -2 eV: 4 V."""
    tiers = {"LiCoO2": {"formula": "LiCoO2", "energy": -5.0}, "Li(CoO2)2": {"formula": "Li(CoO2)2", "energy": -34 / 7}}
    assert voltage(tiers, ("LiCoO2", "Li(CoO2)2"), -2.0) == pytest.approx(4.0)
