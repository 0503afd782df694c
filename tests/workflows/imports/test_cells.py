"""Cells found again: in any order of sites, shifted, strained a little, on other axes, with moments where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import from_space_group
from catholyte.workflows.imports.cells import match_cell, mesh_along

NAMES = ("CoO", "LCO", "Li2O", "Li3PO4")


def moved(
    cell: Structure, seed: int, axes: np.ndarray | None = None, noise: float = 0.0
) -> tuple[Structure, list[int]]:
    """The cell with its sites in another order, shifted as a whole, on other axes; and the order."""
    rng = np.random.default_rng(seed)
    order = [int(i) for i in rng.permutation(len(cell))]
    basis = np.eye(3) if axes is None else axes.astype(float)
    made = Structure(
        basis @ cell.lattice.matrix,
        [cell[i].specie.symbol for i in order],
        (cell.frac_coords[order] + rng.uniform(size=3)) @ np.linalg.inv(basis),
    )
    if noise:
        made.perturb(noise)
    return made, order


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_reordered_and_shifted_cell_lies_on_itself(name: str, seed: int) -> None:
    cell = calculation_cell(material(name))
    ran, _ = moved(cell, seed)
    found = match_cell(cell, ran)
    assert found is not None
    assert found.is_plain
    assert (found.away, found.strain) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert [ran[i].specie.symbol for i in found.sites] == [site.specie.symbol for site in cell]
    # the sites of the run at the asked places have the asked distances: brute force over all pairs
    np.testing.assert_allclose(ran.distance_matrix[np.ix_(found.sites, found.sites)], cell.distance_matrix, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), turn=st.sampled_from(["120", "201", "-1-02", "shear"]))
def test_other_axes_of_the_lattice_are_found(name: str, seed: int, turn: str) -> None:
    cell = calculation_cell(material(name))
    axes = {
        "120": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        "201": np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        "-1-02": np.array([[0, -1, 0], [-1, 0, 0], [0, 0, -1]]),
        "shear": np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]),
    }[turn]
    ran, _ = moved(cell, seed, axes)
    found = match_cell(cell, ran)
    assert found is not None
    basis = np.array(found.basis)
    np.testing.assert_allclose(np.linalg.norm(basis @ ran.lattice.matrix, axis=1), cell.lattice.abc, rtol=1e-6)
    np.testing.assert_allclose(ran.distance_matrix[np.ix_(found.sites, found.sites)], cell.distance_matrix, atol=1e-5)


def test_a_mesh_follows_its_axes() -> None:
    """Orthorhombic axes a < b < c of Li3PO4: the run's 5 7 11 along c a b are 7 11 5 along a b c."""
    cell = calculation_cell(material("Li3PO4"))
    ran, _ = moved(cell, 1, np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    found = match_cell(cell, ran)
    assert found is not None
    assert mesh_along(found, (5, 7, 11)) == (7, 11, 5)
    plain = match_cell(cell, cell.copy())
    assert plain is not None
    assert mesh_along(plain, (5, 7, 11)) == (5, 7, 11)


def test_another_crystal_and_another_size_are_none() -> None:
    cell = calculation_cell(material("CoO"))
    bare = cell.copy()
    bare.remove_oxidation_states()
    assert match_cell(cell, bare * (2, 1, 1)) is None
    other = bare.copy()
    other.replace(0, "Ni")
    assert match_cell(cell, other) is None
    # zinc blende at the rock salt's lattice: the right atoms at wrong places
    salt = from_space_group("Fm-3m", np.eye(3) * 4.26, ["Co", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    blende = from_space_group("F-43m", np.eye(3) * 4.26, ["Co", "O"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    assert match_cell(salt, blende) is None


def test_moments_decide_among_equal_places() -> None:
    """CoO's four places of cobalt and its shift by half a cell are one crystal, and two magnetic ones."""
    cell = calculation_cell(material("CoO"))
    asked = [float(m) for m in cell.site_properties["magmom"]]
    assert {np.sign(m) for m in asked if abs(m) > 0.3} == {-1.0, 1.0}
    for seed in range(5):
        ran, order = moved(cell, seed)
        given_moments = [asked[i] for i in order]
        found = match_cell(cell, ran, given_moments)
        assert found is not None
        assert found.same_order
        there = np.sign([given_moments[i] for i in found.sites])
        assert there.tolist() in (np.sign(asked).tolist(), (-np.sign(asked)).tolist())
        parallel = match_cell(cell, ran, [abs(m) for m in given_moments])
        assert parallel is not None
        assert not parallel.same_order


def test_a_thermal_cell_is_told_how_far_it_lies() -> None:
    cell = calculation_cell(material("LCO"))
    ran, _ = moved(cell, 3)
    ran.translate_sites([0], [0.1, 0.0, 0.0], frac_coords=False)
    ran.apply_strain(0.01)
    found = match_cell(cell, ran)
    assert found is not None
    # 0.1 Å of one of n atoms, less the common shift
    assert found.away == pytest.approx(0.1 * (1 - 1 / len(cell)), rel=0.03)
    assert found.strain == pytest.approx(0.01, rel=1e-6)
