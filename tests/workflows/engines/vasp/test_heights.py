"""The height of a stack from three relaxations: exact for a parabola, searched further where the middle is not lowest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import CalculationError
from catholyte.workflows.engines.vasp.heights import FIRST, at_height, best_height, further_height

CELL = Structure(
    Lattice([[4.0, 0.1, 0.0], [0.3, 5.0, 0.0], [0.7, -0.4, 20.0]]), ["Li+", "Cl-"], [[0, 0, 0], [0.2, 0.4, 0.6]]
)


@given(factor=st.floats(0.8, 1.2))
def test_only_the_height_changes(factor: float) -> None:
    taller = at_height(CELL, factor)
    assert taller.volume == pytest.approx(factor * CELL.volume)
    np.testing.assert_allclose(taller.lattice.matrix[:2], CELL.lattice.matrix[:2])
    np.testing.assert_allclose(taller.lattice.matrix[2, :2], CELL.lattice.matrix[2, :2])
    np.testing.assert_allclose(taller.frac_coords, CELL.frac_coords)


@given(at=st.floats(0.912, 1.088), stiffness=st.floats(1.0, 500.0), floor=st.floats(-1e3, 0.0))
def test_the_lowest_point_of_a_parabola_is_found_wherever_it_lies(at: float, stiffness: float, floor: float) -> None:
    energies = {height: floor + stiffness * (height - at) ** 2 for height in FIRST}
    for _ in range(10):
        following = further_height(energies, "stack")
        if following is None:
            break
        assert following not in energies
        energies[following] = floor + stiffness * (following - at) ** 2
    assert best_height(energies) == pytest.approx(at, abs=1e-4)
    assert len(energies) <= 8


def test_parts_that_push_each_other_away_are_refused_by_name() -> None:
    energies = {height: -height for height in (*FIRST, 1.04, 1.06, 1.08)}
    assert further_height(energies, "stack") == pytest.approx(1.1)
    with pytest.raises(CalculationError, match="stack: the energy has no minimum within 10 % of the given height"):
        further_height({**energies, 1.1: -1.1}, "stack")
