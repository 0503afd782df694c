"""Strains: as many as symmetry tells apart, and their images span all six kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.structures.crystals.crystal import from_space_group
from catholyte.structures.crystals.strains import deformations, deformed, point_rotations

CUBIC = from_space_group("Fm-3m", Lattice.cubic(4.2), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
HEXAGONAL = from_space_group("P6_3/mmc", Lattice.hexagonal(3.2, 5.2), ["Mg"], [[1 / 3, 2 / 3, 0.25]])
LOW = Structure(
    Lattice.from_parameters(3.1, 4.3, 5.2, 81, 97, 103), ["Li", "O", "F"], [[0, 0, 0], [0.3, 0.4, 0.2], [0.7, 0.1, 0.6]]
)


@pytest.mark.parametrize(
    ("crystal", "rotations", "strains"), [(CUBIC, 48, 3), (HEXAGONAL, 24, 9), (LOW, 1, 12)], ids=["cubic", "hcp", "P1"]
)
def test_symmetry_leaves_so_many_strains(crystal: Structure, rotations: int, strains: int) -> None:
    assert len(point_rotations(crystal)) == rotations
    # cubic: xx with both signs, one shear; hexagonal: xx, yy, zz with both signs, three shears of one sign each
    assert len(deformations(crystal, [0.01])) == strains


@pytest.mark.parametrize("crystal", [CUBIC, CUBIC.get_primitive_structure(), HEXAGONAL, LOW])
def test_images_of_the_strains_span_all_six_kinds(crystal: Structure) -> None:
    turns, found = point_rotations(crystal), deformations(crystal, [0.01])
    strains = (found.transpose(0, 2, 1) @ found - np.eye(3)) / 2
    images = (turns[:, None] @ strains @ turns[:, None].transpose(0, 1, 3, 2)).reshape(-1, 9)
    assert np.linalg.matrix_rank(images, tol=1e-6) == 6
    assert np.abs(strains).max() == pytest.approx(0.01)


@given(st.integers(0, 10**6))
def test_rotations_map_the_crystal_on_itself(seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    cell = Structure(CUBIC.lattice.matrix @ turn.T, CUBIC.species, CUBIC.frac_coords)
    found = point_rotations(cell)
    assert len(found) == 48
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-9)


def test_a_strained_cell_has_the_metric_of_the_strain() -> None:
    strain = np.array([[0.01, 0.002, 0], [0.002, -0.004, 0.003], [0, 0.003, 0.005]])
    gradient = np.linalg.cholesky(2 * strain + np.eye(3)).T
    cell = deformed(LOW, gradient)
    way = cell.lattice.matrix - 0
    np.testing.assert_allclose(way @ way.T - LOW.lattice.matrix @ LOW.lattice.matrix.T,
                               2 * LOW.lattice.matrix @ strain @ LOW.lattice.matrix.T, atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(cell.frac_coords, LOW.frac_coords)
