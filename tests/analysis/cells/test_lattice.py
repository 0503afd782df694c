"""Relaxed lattice parameters in the conventional cell: exact under any strain, setting, supercell and orientation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from catholyte.analysis.cells.lattice import conventional_lattice, lattice_table
from catholyte.configs.errors import StructureError
from catholyte.configs.load import load_materials, material
from catholyte.structures.crystals.crystal import conventional
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document, strained
from catholyte.tests.support.referees.evidence import Referee

strains = st.lists(st.floats(-0.02, 0.02), min_size=9, max_size=9).map(
    lambda values: np.eye(3) + np.reshape(values, (3, 3))
)


def _deviations(name: str, cell: Structure, initial: Structure | None = None) -> dict[str, float]:
    return {row.parameter: row.deviation for row in lattice_table(made_document(name, cell, initial), material(name))}


def test_hexagonal_cell_by_hand() -> None:
    """a + 1 % and c - 1 % of the hexagonal cell are found from the rhombohedral one; nothing else is listed."""
    cell = cell_of("LCO").copy()
    found = _deviations("LCO", strained(cell, np.diag([1.01, 1.01, 0.99])))
    assert found == pytest.approx({"a": 1.0, "c": -1.0, "V/f.u.": 100 * (1.01**2 * 0.99 - 1)}, abs=1e-6)


def test_volume_is_that_of_one_formula_unit() -> None:
    rows = lattice_table(made_document("LCO"), material("LCO"))
    hexagonal = 2.816**2 * np.sqrt(3) / 2 * 14.054
    assert rows[-1].parameter == "V/f.u."
    assert rows[-1].experimental == pytest.approx(hexagonal / 3)
    assert rows[-1].tier == "chgnet"


def test_broken_cubic_symmetry_is_listed() -> None:
    """The doubled magnetic cell of CoO, sheared in x-y: the angle between a and b is listed, and the axes that
    differ."""
    shear = np.array([[1.0, 0.02, 0.0], [0.02, 1.0, 0.0], [0.0, 0.0, 1.01]])
    found = _deviations("CoO", strained(cell_of("CoO"), shear))
    assert set(found) == {"a", "c", "γ", "V/f.u."}
    assert found["c"] == pytest.approx(1.0)
    assert found["a"] == pytest.approx(100 * (np.hypot(1, 0.02) - 1))
    assert found["γ"] == pytest.approx(100 * (np.degrees(np.arccos(0.04 / (1 + 0.02**2))) / 90 - 1))


@pytest.mark.parametrize("name", ["LCO", "CoO", "Li2CO3", "LPSCl"])
@settings(max_examples=30, deadline=None)
@given(strain=strains)
def test_any_strain_is_recovered(name: str, strain: np.ndarray, refereed: Referee) -> None:
    crystal = conventional(material(name))
    document = made_document(name, strained(cell_of(name), strain))
    found = conventional_lattice(document, material(name))
    away, by = np.abs(found.matrix - crystal.lattice.matrix @ strain).max(), "the strain that was put in"
    refereed(
        "conventional lattice of a strained cell",
        away,
        1e-7,
        of="analysis.cells.lattice.conventional_lattice",
        by=by,
        unit="Å",
    )


@settings(max_examples=30, deadline=None)
@given(strain=strains)
def test_supercells_give_the_average_cell(strain: np.ndarray) -> None:
    large = cell_of("LCO").copy().make_supercell([[2, 1, 0], [0, 3, 0], [0, 0, 1]], in_place=False)
    small = _deviations("LCO", strained(cell_of("LCO").copy(), strain))
    assert _deviations("LCO", strained(large, strain), large) == pytest.approx(small, abs=1e-6)


@pytest.mark.parametrize("name", ["LCO", "CoO", "Li2CO3"])
@pytest.mark.parametrize("angle", [17.0, 90.0, 143.0])
def test_another_orientation_makes_no_difference(name: str, angle: float) -> None:
    cell = cell_of(name)
    relaxed = strained(cell, np.diag([1.01, 1.01, 1.01]))
    turn = SymmOp.from_axis_angle_and_translation([1, 2, 3], angle)
    turned = [s.copy().apply_operation(turn) for s in (relaxed, cell)]
    assert _deviations(name, *turned) == pytest.approx(_deviations(name, relaxed), abs=1e-4)


def test_engine_that_turns_the_cell_makes_no_difference() -> None:
    cell = cell_of("LCO").copy()
    turn = SymmOp.from_axis_angle_and_translation([1, 2, 3], 40)
    assert max(map(abs, _deviations("LCO", cell.copy().apply_operation(turn)).values())) < 1e-6


def test_another_crystal_is_refused() -> None:
    with pytest.raises(
        StructureError, match=r"LCO: the cell that was relaxed .* is not a cell of the library's crystal"
    ):
        lattice_table(made_document("CoO"), material("LCO"))


def test_missing_atoms_are_refused() -> None:
    cell = cell_of("LCO").copy()
    cell.remove_sites([0])
    with pytest.raises(StructureError, match=r"holds 9\.00 atoms of the relaxed cell, and 12\.00 in the library"):
        lattice_table(made_document("LCO", cell, cell), material("LCO"))


def test_molecular_solids_are_flagged() -> None:
    flagged = {
        name: {bool(row.note) for row in lattice_table(made_document(name), material(name))} for name in ("S", "LCO")
    }
    assert flagged == {"S": {True}, "LCO": {False}}


@pytest.mark.slow
def test_every_material_of_the_library() -> None:
    """An unrelaxed cell deviates by nothing, whatever its setting, order or supercell."""
    for name, found in load_materials().items():
        rows = lattice_table(made_document(name), found)
        assert rows[-1].parameter == "V/f.u."
        assert max(abs(row.deviation) for row in rows) < 1e-6, name
